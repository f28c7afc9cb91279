"""What making a model cost in money (as published or measured, or by accelerator-hours), and in
joules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from distilbench.catalog import Card, HardwareUse
from distilbench.compute._distillation import Accelerators, Cards
from distilbench.compute._quantity import Quantity, Unavailable, from_figure, total
from distilbench.compute._scopes import SCOPE_STAGES, Scope, scope_cost

_OWN: tuple[Scope, ...] = ("student", "pipeline")  # the wider ones hold what others spent


@dataclass(frozen=True)
class CreationMoney:
    """What there is to tell a model's creation cost in US dollars under one scope.

    ``usd``: as measured (``known`` "measured") or as its makers state it ("published"); null: it is
    in neither. Else money is accelerator-hours x their price: of ``hours``, which are published,
    and of ``flops``, central, of what no hours are published of; null: not known.
    """

    scope: Scope
    usd: float | None
    known: str | None
    hours: float
    flops: float | None


def creation_money(
    card: Card, cards: Cards, scope: Scope, accelerators: Accelerators | None = None
) -> CreationMoney:
    """Under ``scope``, which for a model that is not distilled is always the whole of its creation.

    Published hours stand for the stage that they cover: of a distilled model the training of the
    student, of its base and of its teacher where nobody shares that; the rest is in FLOPs.
    """
    usd, known = _stated(card, scope)
    cost = scope_cost(card, cards, scope, accelerators)
    if not isinstance(cost.flops, Quantity):
        hours = sum(_whole(card, scope))
        return CreationMoney(scope, usd, known, hours, 0.0 if hours else None)
    counted = list(_hours(card, cards, scope))
    covered = {name for name, _ in counted}
    if card.lineage.recipe is None:
        rest = 0.0 if covered else cost.flops.central
    else:
        rest = sum(
            stage.flops.central
            for stage in cost.stages
            if isinstance(stage.flops, Quantity) and stage.name not in covered
        )
    return CreationMoney(scope, usd, known, sum(hours for _, hours in counted), rest)


def creation_joules(card: Card, scope: Scope) -> Quantity | Unavailable:
    """Joules that were measured of every stage of the scope. The wider scopes hold what others
    spent, of which no card tells joules."""
    recipe = card.lineage.recipe
    if recipe is None:
        return Unavailable(f"{card.id}: a card tells no joules of a vanilla model's training")
    if scope not in _OWN:
        return Unavailable(f"{card.id}: no card tells joules of what scope {scope} adds")
    stages = [stage for stage in recipe.stages if stage.name in SCOPE_STAGES[scope]]
    if not stages:
        return Unavailable(f"{card.id}: recipe.stages has no measured stage")
    silent = [stage.name for stage in stages if stage.energy_j is None]
    if silent:
        return Unavailable(f"{card.id}: recipe.stages has no energy_j of {', '.join(silent)}")
    return total(
        from_figure(stage.energy_j, f"{card.id}: recipe.stages.{stage.name}.energy_j")
        for stage in stages
        if stage.energy_j is not None
    )


def _stated(card: Card, scope: Scope) -> tuple[float | None, str | None]:
    """Money that was measured of every stage of the scope, or that the makers state."""
    recipe = card.lineage.recipe
    if recipe is None:
        figure = card.training.cost_usd
        return (figure.value, figure.kind) if figure else (None, None)
    measured = [stage for stage in recipe.stages if stage.name in SCOPE_STAGES[scope]]
    own = scope in _OWN
    if measured and own and all(stage.usd for stage in measured):
        return sum(stage.usd.value for stage in measured if stage.usd), "measured"
    if scope == "student" and recipe.cost_usd:
        return recipe.cost_usd.value, recipe.cost_usd.kind
    return None, None


def _whole(card: Card, scope: Scope) -> Iterator[float]:
    """Published hours of a model whose FLOPs are not known: they tell its own training alone."""
    recipe = card.lineage.recipe
    if recipe is None and card.lineage.base is None:
        yield _sum(card.training.hardware)
    elif recipe is not None and scope == "student":
        yield _sum(recipe.hardware)


def _hours(card: Card, cards: Cards, scope: Scope) -> Iterator[tuple[str, float]]:
    """Stages of which accelerator-hours are published, and these."""
    recipe = card.lineage.recipe
    if recipe is None:
        if card.training.hardware and card.lineage.base is None:
            yield "training", _sum(card.training.hardware)
        return
    if recipe.hardware and not recipe.stages:
        yield "student_training", _sum(recipe.hardware)
    base = cards.get(card.lineage.base or "")
    if scope != "lineage" or base is None or card.lineage.base == card.lineage.teacher:
        return
    if base.training.hardware and base.lineage.base is None and base.lineage.recipe is None:
        yield "base_pretraining", _sum(base.training.hardware)


def _sum(uses: tuple[HardwareUse, ...]) -> float:
    return sum(use.hours.value for use in uses)
