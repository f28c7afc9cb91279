"""What a distilled model took: to create, under each scope, and to answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, get_args

from distilbench.catalog import Card, Catalog
from distilbench.claims._found import AXES, Axis
from distilbench.claims._lengths import Tokens
from distilbench.compute import SCOPES, Quantity, Scope, interval, scope_cost

if TYPE_CHECKING:
    from distilbench.stats import Equivalent, Gain, Spent

PER_TOKEN = 2.0
"""Inference FLOPs of a token for each active parameter, attention left out."""
assert set(SCOPES) < set(AXES) == set(get_args(Axis))


def own_costs(
    card: Card, catalog: Catalog, draws: int = 10_000, seed: int = 0
) -> dict[Scope, Spent]:
    """Creation cost of a model under each scope, with its 95% range: open above where a part of it
    is not published, below where a part may be counted too high and nothing is sure; without the
    scopes of which nothing is known."""
    found: dict[Scope, Spent] = {}
    for scope in SCOPES:
        spent = _spent(card, catalog, scope, draws, seed)
        if spent is not None:
            found[scope] = spent
    return found


def _spent(card: Card, catalog: Catalog, scope: Scope, draws: int, seed: int) -> Spent | None:
    from distilbench.stats import Spent

    cost = scope_cost(card, catalog.cards, scope, catalog.accelerators)
    sure = None if cost.at_least is None else interval(cost.at_least, draws, seed)
    if isinstance(cost.flops, Quantity) and not cost.omits:
        whole = interval(cost.flops, draws, seed)
        # a share of the teacher's training lies between none of it and what is charged
        low = None if sure is None else min(sure.p2_5, whole.central)
        bound = "<=" if cost.exceeds else "="
        return Spent(whole.central, low, max(whole.p97_5, whole.central), bound)  # type: ignore[arg-type]
    if sure is not None:
        return Spent(sure.central, min(sure.p2_5, sure.central), None, ">=")
    if isinstance(cost.flops, Quantity):
        return Spent(cost.flops.central, None, None, "~")
    return None


def creation_gains(compute: Equivalent, own: Mapping[Scope, Spent]) -> Iterator[tuple[Scope, Gain]]:
    """Compute-equivalent gain under each scope, from :func:`own_costs`."""
    from distilbench.stats import gain_over

    for scope, spent in own.items():
        yield scope, gain_over(compute, spent)


def inference_costs(active: float | None, writes: Tokens | None) -> dict[Axis, Spent]:
    """FLOPs of a token, and of an answer with the range of its length; ``active``: parameters that
    a token uses. What attention adds, and the prompt, are left out."""
    from distilbench.stats import Spent

    if not active:
        return {}
    own = PER_TOKEN * active
    found: dict[Axis, Spent] = {"token": Spent(own, own, own)}
    if writes is not None:
        found["question"] = Spent(own * writes.value, own * writes.low, own * writes.high)
    return found


def inference_gains(
    size: Equivalent, own: Mapping[Axis, Spent], family: Tokens | None
) -> Iterator[tuple[Axis, Gain]]:
    """The gain in compute of a token, and of an answer, whose length counts on both sides:
    ``family`` is the vanilla side's, ``own`` from :func:`inference_costs`. Ranges of both are
    combined end against end. ``size``: the vanilla size for the score, in active parameters."""
    from distilbench.stats import gain_over

    if "token" in own:
        token = _times(size, PER_TOKEN, PER_TOKEN, PER_TOKEN)
        yield "token", gain_over(token, own["token"])
        if "question" in own and family is not None:
            answer = _times(token, family.value, family.low, family.high)
            yield "question", gain_over(answer, own["question"])


def _times(one: Equivalent, factor: float, low: float, high: float) -> Equivalent:
    return replace(
        one,
        scale="inference_flops",
        value=one.value * factor,
        low=None if one.low is None else one.low * low,
        high=None if one.high is None else one.high * high,
    )
