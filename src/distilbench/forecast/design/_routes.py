"""The routes to a model that fits: each with its memory, its cost to make, its cost to run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from distilbench.architecture import ModelDescription, ModelShape
from distilbench.catalog import Card, Catalog, Figure
from distilbench.compute import (
    Footprint,
    PlannedRecipe,
    Quantity,
    Unavailable,
    active_parameters,
    assumed,
    footprint,
    plan_distillation,
    training_utilisation,
)
from distilbench.engines import EngineSettings, predict_memory
from distilbench.forecast.design._evidence import (
    Example,
    KnownScore,
    examples_of,
    known_scores,
    nearest,
)
from distilbench.forecast.design._wish import Wish

Kind = Literal["take", "quantize", "fine-tune", "distil", "prune and distil"]
KINDS: tuple[Kind, ...] = ("take", "quantize", "fine-tune", "distil", "prune and distil")
_FILES = ("F16", "Q8_0", "Q4_K_M")
"""Quantizations that are tried, the least lossy first."""
_LEAST_KEPT = 0.12
"""Share of the layers below which nobody published a pruned model (Llama 3.1 8B to 1B)."""
_SMALLER = 0.7
"""A teacher has at least 1 / 0.7 of the student's weights."""


@dataclass(frozen=True)
class Route:
    """``memory_bytes``: estimated from the shape. ``flops_per_token``: 2 N of the active weights.
    ``tokens``: what the budget pays for, at ``usd_per_token`` and ``flops_per_trained_token``;
    null where nothing is trained. ``scores`` are of the model as it is, before any training, in 16
    bits. ``unknown``: what would decide, and nobody says."""

    kind: Kind
    student: str
    teacher: str | None
    quantization: str
    memory_bytes: int
    active_parameters: float
    scores: tuple[KnownScore, ...]
    teacher_scores: tuple[KnownScore, ...]
    evidence: tuple[str, ...]
    unknown: tuple[str, ...]
    tokens: Quantity | None = None
    usd_per_token: Quantity | None = None
    flops_per_trained_token: Quantity | None = None

    @property
    def flops_per_token(self) -> float:
        return 2.0 * self.active_parameters


@dataclass(frozen=True)
class Fitting:
    """A model in the least lossy file that fits."""

    card: Card
    quantization: str
    memory_bytes: int
    active_parameters: float


def routes(wish: Wish, catalog: Catalog) -> Iterator[Route]:
    """All routes to what was wished."""
    open_cards = [card for card in catalog.cards.values() if card.role != "proprietary"]
    fitting = [found for card in open_cards if (found := fitted(card, wish)) is not None]
    for one in fitting:
        yield _existing(one, wish, catalog)
    if wish.usd == 0:
        return
    distilled, pruned = (
        examples_of(way, wish.benchmark, catalog) for way in ("distil", "prune and distil")
    )
    for one in fitting:
        yield _tuned(one, wish, catalog)
        teacher = _teacher(one.card, open_cards, wish, catalog)
        if teacher is not None:
            yield _distilled(one, teacher, wish, catalog, distilled)
    for card in open_cards:
        cut = _pruned(card, wish)
        if cut is not None:
            yield _cut(cut, card, wish, catalog, pruned)


def fitted(card: Card, wish: Wish) -> Fitting | None:
    """The card's model in the least lossy of the usual files that fits; null: none does, or its
    shape or size is not known."""
    size = active_parameters(card)
    if card.architecture is None or isinstance(size, Unavailable):
        return None
    shape = card.architecture.shape
    for kind in _FILES:
        taken = _memory(card.id, shape, kind, wish)
        if taken is not None and taken <= wish.memory_bytes:
            return Fitting(card, kind, taken, size.central)
    return None


def _memory(name: str, shape: ModelShape, kind: str, wish: Wish) -> int | None:
    ran = shape.absorbed()  # as llama.cpp runs it
    model = ModelDescription(
        where=name, format="card", parameters=ran.total_params, architecture=ran
    )
    found = predict_memory(model, EngineSettings(slots=wish.slots, context=wish.context), kind)
    return None if found is None else found.total


def _existing(one: Fitting, wish: Wish, catalog: Catalog) -> Route:
    kind: Kind = "take" if one.quantization == "F16" else "quantize"
    unknown = []
    if kind == "quantize":
        unknown.append(
            f"what {one.quantization} loses: published scores are of 16 bits (measure it: a suite"
            " with both files)"
        )
    return _route(kind, one, None, wish, catalog, unknown=unknown)


def _tuned(one: Fitting, wish: Wish, catalog: Catalog) -> Route:
    """Training on gold answers: 6 N for a token."""
    size = active_parameters(one.card)
    assert not isinstance(size, Unavailable)  # of fitted
    unknown = [
        "what training on gold answers adds: the catalog has no pair of a model before and after",
        "whether there are as many gold answers as the budget pays for",
    ]
    return _route(
        "fine-tune", one, None, wish, catalog, unknown=unknown,
        token=footprint(size * 6.0, wish.accelerator, wish.site, training_utilisation("plan")),
    )  # fmt: skip


def _teacher(card: Card, cards: list[Card], wish: Wish, catalog: Catalog) -> Card | None:
    """The member of the family, larger by half or more, with the best score on the task in any
    setting; the largest where none has a score."""
    if card.role in ("distilled", "proprietary"):
        return None
    own = active_parameters(card)
    benchmark = catalog.benchmarks[wish.benchmark]
    larger = []
    for other in cards:
        size = active_parameters(other)
        if other.family != card.family or isinstance(size, Unavailable):
            continue
        if not isinstance(own, Unavailable) and own.central <= _SMALLER * size.central:
            scores = known_scores(other, wish.benchmark, benchmark)
            merits = [benchmark.merit(score.value) for score in scores]
            larger.append((max(merits, default=float("-inf")), size.central, other.id, other))
    return max(larger)[3] if larger else None


def _distilled(
    one: Fitting, teacher: Card, wish: Wish, catalog: Catalog, examples: Sequence[Example]
) -> Route:
    """The teacher writes the text, of which a share is kept, and the student is trained on it
    once."""
    kept = assumed(
        "share of the teacher's samples that is kept", 0.5, 0.1, 1.0,
        because="no rate is published for most; from 0.07 (DeepSeek-R1, our estimate) to all",
    )  # fmt: skip
    recipe = PlannedRecipe(tokens=1.0, acceptance_rate=kept)
    return _route(
        "distil", one, teacher, wish, catalog,
        token=plan_distillation(one.card, teacher, recipe, wish.accelerator, wish.site).total,
        evidence=nearest(examples, one.card),
        unknown=["the score that it reaches: no law of it is known for this task"],
    )  # fmt: skip


def _pruned(card: Card, wish: Wish) -> Fitting | None:
    """The parent with as many of its layers as fit in Q4_K_M, if not all of them do."""
    size = active_parameters(card)
    if card.architecture is None or isinstance(size, Unavailable) or card.stage == "reasoning":
        return None
    shape, kind = card.architecture.shape, _FILES[-1]
    whole = _memory(card.id, shape, kind, wish)
    if shape.is_moe or whole is None or whole <= wish.memory_bytes:
        return None
    count = shape.layer_count
    for kept in range(count - 1, int(_LEAST_KEPT * count), -1):
        cut = _shortened(shape, kept / count)
        taken = _memory(card.id, cut, kind, wish)
        if taken is not None and taken <= wish.memory_bytes:
            return Fitting(_student(card, cut), kind, taken, float(cut.total_params))
    return None


def _shortened(shape: ModelShape, share: float) -> ModelShape:
    """The shape with a share of its layers of each kind."""
    layers = tuple(
        layer.model_copy(update={"count": max(1, round(layer.count * share))})
        for layer in shape.layers
    )
    return shape.model_copy(update={"layers": layers})


def _student(parent: Card, shape: ModelShape) -> Card:
    """A card of the pruned student, which has a size and no more."""
    size = Figure(
        value=float(shape.total_params), kind="derived", source="shape",
        where=f"{parent.id} with {shape.layer_count} of its layers", note="weights of that shape",
    )  # fmt: skip
    name = f"{parent.id}-{shape.layer_count}-layers"
    update = {
        "id": name, "name": f"{parent.name}, {shape.layer_count} layers", "scores": (),
        "parameters": parent.parameters.model_copy(update={"total": size, "active": None}),
    }  # fmt: skip
    return parent.model_copy(update=update)


def _cut(
    one: Fitting, parent: Card, wish: Wish, catalog: Catalog, examples: Sequence[Example]
) -> Route:
    """The parent scores given text (2 N for a token) for its pruned self, trained on it once."""
    recipe = PlannedRecipe(tokens=1.0, sampled=False, scored_epochs=1.0)
    return _route(
        "prune and distil", one, parent, wish, catalog,
        token=plan_distillation(one.card, parent, recipe, wish.accelerator, wish.site).total,
        evidence=nearest(examples, parent),
        unknown=[
            "the score that it reaches: a pruned model knows little before it is trained again",
            "the best shape of its size: layers were left out to count it; width may be better",
        ],
    )  # fmt: skip


def _route(
    kind: Kind,
    one: Fitting,
    teacher: Card | None,
    wish: Wish,
    catalog: Catalog,
    *,
    token: Footprint | None = None,
    evidence: tuple[str, ...] | None = None,
    unknown: list[str],
) -> Route:
    """``token``: what training takes for one; null: nothing is trained. ``evidence`` null: there is
    none to look for."""
    usd = token.cost_usd if token else None
    benchmark = catalog.benchmarks[wish.benchmark]
    if evidence == ():
        unknown = [*unknown, "any example: of no model made so, and what it was made from, are"
                   " there scores in one setting"]  # fmt: skip
    return Route(
        kind, one.card.id, teacher.id if teacher else None, one.quantization, one.memory_bytes,
        one.active_parameters,
        known_scores(one.card, wish.benchmark, benchmark),
        known_scores(teacher, wish.benchmark, benchmark) if teacher else (),
        evidence or (), tuple(unknown),
        None if usd is None else wish.budget / usd, usd, token.flops if token else None,
    )  # fmt: skip
