"""The four accounting scopes, and the ratio of two models' creation costs under each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal, get_args

from distilbench.catalog import Card
from distilbench.compute._distillation import (
    Accelerators,
    Cards,
    creation,
    distillation_stages,
    stages_excess,
)
from distilbench.compute._quantity import Quantity, Unavailable, total
from distilbench.compute._stages import Stage, StageName

Scope = Literal["student", "pipeline", "amortised", "lineage"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""From narrow to wide."""

SCOPE_WORDS: dict[Scope, str] = {
    "student": "the student's own training",
    "pipeline": "+ the teacher's inference",
    "amortised": "+ a share of the teacher's training",
    "lineage": "+ the pretraining of the student's base",
}
"""What each scope adds to the one before it, in the words of every page."""
_ADDED: dict[Scope, tuple[StageName, ...]] = {
    "student": ("student_training", "student_generation", "pruning"),
    "pipeline": ("teacher_generation", "rejection", "logit_caching"),
    "amortised": ("teacher_training",),
    "lineage": ("base_pretraining",),
}
SCOPE_STAGES: dict[Scope, tuple[StageName, ...]] = dict(
    zip(SCOPES, accumulate(_ADDED[scope] for scope in SCOPES), strict=True)
)
"""Stages that each scope counts: the one definition. Every scope holds the one before it, so that
costs of published figures are ordered: student <= pipeline <= amortised <= lineage. Of measured
stages whose outputs several students share, amortised and lineage count the share of one student,
pipeline the whole: what a student takes alone, and what it takes beside the others.

Evaluation is in no scope. It measures a model and makes none, and the cost of a vanilla model,
which stands on the other side of every ratio, does not hold it either."""
Bound = Literal["=", ">=", "<=", "~"]
"""How a figure stands to what was spent: as it is, at least, at most, or it may lie on either
side: parts are missing, and others may be counted too high."""
BOUND_MARKS: Mapping[Bound, str] = {"=": "", ">=": "≥ ", "<=": "≤ ", "~": "~ "}
"""What stands before a figure of each."""
_SHARED: tuple[Scope, ...] = ("amortised", "lineage")


@dataclass(frozen=True)
class ScopeCost:
    """Creation cost of one model under one scope.

    ``flops`` is not available as soon as one stage of the scope is not; ``at_least`` then holds
    the sum of the stages that are known and not counted too high (None: none is). ``omits`` says
    what even the known stages leave out: where it is not empty, ``flops`` is a lower bound too.
    ``exceeds`` says what they may hold too much of: where it is not empty and ``omits``
    is, ``flops`` is an upper bound;
    where neither is empty it is an estimate that may lie on either side.
    """

    card: str
    scope: Scope
    flops: Quantity | Unavailable
    at_least: Quantity | None
    omits: tuple[str, ...]
    stages: tuple[Stage, ...]
    exceeds: tuple[str, ...] = ()

    @property
    def bound(self) -> Bound:
        """How ``flops``, else ``at_least``, stands to what was spent."""
        return bound_of(bool(self.omits) or isinstance(self.flops, Unavailable), bool(self.exceeds))


@dataclass(frozen=True)
class CostRatio:
    """Creation cost of one model over that of another, under one scope.

    ``ratio`` is not available if either cost is not. ``at_most`` is an upper bound of the ratio
    where there is one: the ratio to the known part of the denominator's cost, provided that the
    numerator's cost is complete.
    """

    scope: Scope
    numerator: ScopeCost
    denominator: ScopeCost
    ratio: Quantity | Unavailable
    at_most: Quantity | None

    @property
    def bound(self) -> Bound:
        """How ``ratio``, else ``at_most``, stands to the ratio of what was spent: too much in the
        denominator makes it too small."""
        above, below = self.numerator, self.denominator
        cut = bool(below.omits) or isinstance(below.flops, Unavailable)
        return bound_of(bool(above.omits or below.exceeds), cut or bool(above.exceeds))

    @property
    def why_bound(self) -> tuple[str, ...]:
        """What ``bound`` is because of, if shares of a teacher's training make it one."""
        return tuple(dict.fromkeys((*self.numerator.exceeds, *self.denominator.exceeds)))


def bound_of(at_least: bool, at_most: bool) -> Bound:
    """How a figure stands to what was spent where parts of it may be missing (``at_least``), or
    counted too high (``at_most``)."""
    bounds: dict[tuple[bool, bool], Bound] = {
        (False, False): "=", (True, False): ">=", (False, True): "<=", (True, True): "~",
    }  # fmt: skip
    return bounds[at_least, at_most]


def scope_cost(
    card: Card, cards: Cards, scope: Scope, accelerators: Accelerators | None = None
) -> ScopeCost:
    """Creation cost of a model under a scope.

    For a model that is not distilled every scope is the whole cost of its creation: the scopes
    only differ in what a distilled model owes to others.
    """
    if card.lineage.recipe is None:
        made = creation(card, cards, accelerators)
        floor = made.flops if isinstance(made.flops, Quantity) and not made.exceeds else None
        return ScopeCost(card.id, scope, made.flops, floor, made.omits, (), made.exceeds)
    return stages_cost(card.id, scope, distillation_stages(card, cards, accelerators))


def stages_cost(name: str, scope: Scope, made_by: Iterable[Stage]) -> ScopeCost:
    """Those of the stages that made a distilled model which a scope counts, added up; see
    :class:`ScopeCost` for what is missing."""
    stages = tuple(
        stage.share if scope in _SHARED else stage
        for stage in made_by
        if stage.name in SCOPE_STAGES[scope]
    )
    found = [stage.flops for stage in stages if isinstance(stage.flops, Quantity)]
    missing = [stage for stage in stages if isinstance(stage.flops, Unavailable)]
    omits = tuple(dict.fromkeys(text for stage in stages for text in stage.omits))
    exceeds = stages_excess(stages)
    settled = any(stage.settles and not stage.exceeds for stage in stages)
    sure = [
        stage.flops
        for stage in stages
        if isinstance(stage.flops, Quantity)
        and (not stage.exceeds or (settled and stage.name == "teacher_training"))
    ]
    floor = total(sure) if sure else None
    if missing or not found:
        reasons = "; ".join(
            f"{stage.name}: {stage.flops.reason}"
            for stage in missing
            if isinstance(stage.flops, Unavailable)
        )
        unavailable = Unavailable(reasons or f"{name}: no stage is known")
        return ScopeCost(name, scope, unavailable, floor, omits, stages, exceeds)
    return ScopeCost(name, scope, total(found), floor, omits, stages, exceeds)


def scope_costs(
    card: Card, cards: Cards, accelerators: Accelerators | None = None
) -> dict[Scope, ScopeCost]:
    """Creation cost under every scope, from narrow to wide."""
    return {scope: scope_cost(card, cards, scope, accelerators) for scope in SCOPES}


def cost_ratio(
    numerator: Card,
    denominator: Card,
    cards: Cards,
    scope: Scope,
    accelerators: Accelerators | None = None,
) -> CostRatio:
    """Cost of one model over cost of the other under a scope; shared unknowns are drawn once."""
    above = scope_cost(numerator, cards, scope, accelerators)
    below = scope_cost(denominator, cards, scope, accelerators)
    if isinstance(above.flops, Unavailable):
        return CostRatio(scope, above, below, above.flops, None)
    at_most = None
    if below.at_least is not None and not above.omits:
        at_most = above.flops / below.at_least
    if isinstance(below.flops, Unavailable):
        return CostRatio(scope, above, below, below.flops, at_most)
    return CostRatio(scope, above, below, above.flops / below.flops, at_most)
