"""Training FLOPs: by 6ND, exactly from the shape, from GPU-hours, or as published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from distilbench.architecture import ModelShape
from distilbench.catalog import Card, HardwareUse
from distilbench.compute._hardware import Accelerator, training_utilisation
from distilbench.compute._quantity import Input, Quantity, Unavailable, from_figure, known, total
from distilbench.errors import InputError

Method = Literal["measured", "6nd", "exact", "published", "hardware"]
PREFERENCE: tuple[Method, ...] = ("measured", "6nd", "published", "hardware")
"""Order in which a creation cost is chosen among the estimates that exist. What distilbench
measured comes first (models made by it). 6ND is next, so
that both sides of a ratio are computed by one formula from N and D; then a published total; and
GPU-hours are last, since they need an assumed utilisation and often cover failed runs and later
stages too. The exact form is reported beside them and never chosen: reports count by 6ND."""


@dataclass(frozen=True)
class Estimate:
    """One way to know the training FLOPs of a model."""

    method: Method
    flops: Quantity | Unavailable


def training_flops_6nd(parameters: float, tokens: float) -> float:
    """FLOPs of training: 2 forward and 4 backward for each weight and token.

    ``parameters`` is the number of weights that a token passes through: all for a dense model,
    embeddings included as Hoffmann et al. do; the active ones for a mixture of experts. Source:
    Kaplan et al. 2020 (arXiv 2001.08361, section 2.1); Hoffmann et al. 2022 (arXiv 2203.15556,
    appendix F).

    >>> f"{training_flops_6nd(405e9, 15.6e12):.2e}"
    '3.79e+25'
    """
    _positive("parameters", parameters)
    _positive("tokens", tokens)
    return 6.0 * parameters * tokens


def training_flops_exact(
    shape: ModelShape, tokens: float, sequence_length: int, *, causal: bool = True
) -> float:
    """FLOPs of training from the shape: 3 forward passes for each sequence, attention included.

    The backward pass costs twice the forward pass (Kaplan et al. 2020, section 2.1). By default
    a token pays for the keys that it sees (``causal``), which is what fused attention kernels
    execute and what the inference meter counts; ``causal=False`` charges the whole square, the
    convention of Chowdhery et al. 2022 (arXiv 2204.02311, appendix B: 12 L H Q T per token). No
    activation recomputation is counted: it is work of an implementation, not of the model.
    """
    _positive("tokens", tokens)
    _positive("sequence_length", sequence_length)
    sequence = shape.forward_flops(sequence_length, causal=causal).total
    return 3.0 * sequence * tokens / sequence_length


def active_parameters(card: Card) -> Quantity | Unavailable:
    """Weights that one token passes through, from the card or, failing that, from its shape."""
    figures = card.parameters
    shape = card.architecture
    if figures.active is not None:
        return from_figure(figures.active, f"{card.id}: parameters.active")
    if shape is not None and (shape.shape.is_moe or figures.total is None):
        count = float(shape.shape.active_params)
        given = Input(
            name=f"{card.id}: parameters from shape",
            central=count,
            low=count,
            high=count,
            kind="derived",
            source=f"{shape.source}: {shape.where}",
            note="weights counted from the architecture",
        )
        return known(given)
    if figures.total is not None:
        return from_figure(figures.total, f"{card.id}: parameters.total")
    return Unavailable(f"{card.id}: the number of parameters is not published")


def training_estimates(
    card: Card, accelerators: Mapping[str, Accelerator] | None = None
) -> tuple[Estimate, ...]:
    """Every estimate of the FLOPs of the card's own training (its base's training excluded)."""
    measured = card.training.flops is not None and card.training.flops.kind == "measured"
    stated: Method = "measured" if measured else "published"
    return (
        Estimate("6nd", _by_6nd(card)),
        Estimate("exact", _exactly(card)),
        Estimate(stated, _published(card)),
        Estimate("hardware", hardware_flops(card.id, card.training.hardware, accelerators or {})),
    )


def training_flops(
    card: Card, accelerators: Mapping[str, Accelerator] | None = None
) -> Quantity | Unavailable:
    """FLOPs of the card's own training, by the first available method of :data:`PREFERENCE`."""
    found = {e.method: e.flops for e in training_estimates(card, accelerators)}
    for method in PREFERENCE:
        flops = found.get(method)
        if isinstance(flops, Quantity):
            return flops
    reasons = "; ".join(f.reason for f in found.values() if isinstance(f, Unavailable))
    return Unavailable(reasons)


def hardware_flops(
    name: str, uses: tuple[HardwareUse, ...], accelerators: Mapping[str, Accelerator]
) -> Quantity | Unavailable:
    """Hours x peak rate x utilisation, summed over ``uses``; the utilisation is assumed.

    The peak is that of dense bfloat16. One unknown utilisation is shared by all uses of ``name``.
    """
    if not uses:
        return Unavailable(f"{name}: no accelerator-hours are published")
    parts = []
    for use in uses:
        accelerator = accelerators.get(use.accelerator)
        if accelerator is None or accelerator.peak_bf16_flops is None:
            return Unavailable(f"{name}: the peak rate of {use.accelerator} is not known")
        hours = from_figure(use.hours, f"{name}: hours of {use.stage} on {use.accelerator}")
        peak = from_figure(accelerator.peak_bf16_flops, f"{use.accelerator}: peak_bf16_flops")
        parts.append(hours * 3600.0 * peak * training_utilisation(name))
    return total(parts)


def _by_6nd(card: Card) -> Quantity | Unavailable:
    parameters = active_parameters(card)
    if isinstance(parameters, Unavailable):
        return parameters
    if card.training.tokens is None:
        return Unavailable(f"{card.id}: the number of training tokens is not published")
    return 6.0 * parameters * from_figure(card.training.tokens, f"{card.id}: training.tokens")


def _exactly(card: Card) -> Quantity | Unavailable:
    if card.architecture is None:
        return Unavailable(f"{card.id}: the architecture is not on the card")
    if card.training.tokens is None or card.training.sequence_length is None:
        return Unavailable(f"{card.id}: training tokens or sequence length are not published")
    tokens = from_figure(card.training.tokens, f"{card.id}: training.tokens")
    length = int(card.training.sequence_length.value)
    per_token = training_flops_exact(card.architecture.shape, 1.0, length)
    given = Input(
        name=f"{card.id}: training FLOPs per token at {length} tokens",
        central=per_token,
        low=per_token,
        high=per_token,
        kind="derived",
        source=f"{card.architecture.source}: {card.architecture.where}",
    )
    return tokens * known(given)


def _published(card: Card) -> Quantity | Unavailable:
    if card.training.flops is None:
        return Unavailable(f"{card.id}: no total of training FLOPs is published")
    return from_figure(card.training.flops, f"{card.id}: training.flops")


def _positive(name: str, value: float) -> None:
    if not 0 < value < float("inf"):
        raise InputError(name, f"is {value}", "give a number above zero")
