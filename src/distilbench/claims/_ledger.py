"""The lifetime ledger: what a correct answer costs with creation shared among all that are served,
and where a distilled model and its counterpart meet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from distilbench.catalog import Card, Catalog, Kind
from distilbench.claims._made import Made, around, met, of_draws
from distilbench.claims._prices import entry_facts, priced, with_usd
from distilbench.compute import (
    SCOPES,
    Bound,
    Quantity,
    Scope,
    Unavailable,
    creation_joules,
    creation_money,
    interval,
    scope_cost,
)

if TYPE_CHECKING:
    import polars as pl

    from distilbench.stats import Limits, Meeting, PairCost

Unit = Literal["FLOPs", "joules", "US dollars"]
UNITS: dict[Unit, str] = {"FLOPs": "flops", "joules": "energy_j", "US dollars": "usd"}
"""Units in which creation and serving can be added up, with the column of an answer's."""


@dataclass(frozen=True)
class Side:
    """One model of a ledger: its creation, and what a correct answer takes; null where that is not
    known, ``why`` saying what is missing of which card or answers."""

    entry: str
    creation: Made | None
    serving: Limits | None
    why: tuple[str, ...] = ()

    @property
    def bound(self) -> Bound:
        """How a lifetime cost, creation included, stands to what is spent."""
        return self.creation.bound if self.creation and self.serving else "="

    def lifetime(self, answers: float, *, exists: bool = False) -> Limits | None:
        """What a correct answer costs if so many are served: creation / answers + serving.
        ``exists``: the model is there already, and its creation is not counted."""
        from distilbench.stats import Limits, difference_limits

        if self.serving is None or (self.creation is None and not exists):
            return None
        if exists or self.creation is None:
            return self.serving
        made = self.creation.limits
        ends = (None if end is None else -end / answers for end in (made.high, made.low))
        return difference_limits(self.serving, Limits(-made.value / answers, *ends))


@dataclass(frozen=True)
class Ledger:
    """A distilled model and a counterpart in one unit under one scope. ``made``: where their costs
    of a correct answer meet if both have to be made; ``exists``: if the counterpart is there
    already. ``known``: how the figures are known, by the weakest of them (``serving_known``: those
    of answers alone). ``notes``: what of them is not of one kind."""

    unit: Unit
    scope: Scope
    distilled: Side
    counterpart: Side
    made: Meeting
    exists: Meeting
    known: Kind
    serving_known: Kind
    notes: tuple[str, ...] = ()


def ledgers(
    names: tuple[str, str],
    cards: tuple[Card | None, Card | None],
    shared: pl.DataFrame | str,
    cells: pl.DataFrame,
    catalog: Catalog,
) -> Iterator[Ledger]:
    """The ledgers of a distilled model and its counterpart (``names`` are entries) in every unit
    and scope. ``shared``: samples of the questions of both, or why there are none."""
    for unit, column in UNITS.items():
        serving = _serving(names, shared, cells, catalog, column)
        told = "energy_known" in cells.columns
        guessed = unit == "joules" and told and "estimated" in cells["energy_known"].to_list()
        notes = _prices(names, cells, catalog) if unit == "US dollars" else ()
        for scope in SCOPES:
            sides = _sides(names, cards, serving, catalog, unit, scope)
            kinds = {side.creation.known for side in sides if side.creation}
            known: Kind = "estimated" if guessed or "estimated" in kinds else "derived"
            made, exists = (_meeting(*sides, serving, exists) for exists in (False, True))
            served: Kind = "estimated" if guessed else "derived"
            yield Ledger(unit, scope, *sides, made, exists, known, served, notes)


def _serving(
    names: tuple[str, str],
    shared: pl.DataFrame | str,
    cells: pl.DataFrame,
    catalog: Catalog,
    column: str,
) -> PairCost | tuple[str, ...]:
    from distilbench.stats import PairCost, per_correct_pair

    if isinstance(shared, str):
        return (shared,)
    samples = with_usd(shared, cells, catalog) if column == "usd" else shared
    found = per_correct_pair(samples, *names, column)
    if isinstance(found, PairCost):
        return found
    what = {"flops": "FLOPs", "energy_j": "joules", "usd": "US dollars"}[column]
    return tuple(f"{what} of an answer: {why}" for why in found)


def _sides(
    names: tuple[str, str],
    cards: tuple[Card | None, Card | None],
    serving: PairCost | tuple[str, ...],
    catalog: Catalog,
    unit: Unit,
    scope: Scope,
) -> tuple[Side, Side]:
    from distilbench.stats import PairCost

    each = (serving.one, serving.other) if isinstance(serving, PairCost) else (None, None)
    made = []
    for place, (entry, card) in enumerate(zip(names, cards, strict=True)):
        found = _creation(entry, card, catalog, unit, scope, distilled=place == 0)
        creation = None if isinstance(found, str) else found
        made.append(Side(entry, creation, each[place], (found,) if isinstance(found, str) else ()))
    return made[0], made[1]


def _creation(
    entry: str, card: Card | None, catalog: Catalog, unit: Unit, scope: Scope, *, distilled: bool
) -> Made | str:
    """Its creation, or what is missing of which card."""
    if card is None:
        return f"{entry} has no card"
    if distilled and card.lineage.recipe is None:
        return f"no recipe of {entry} on its card {card.id}"
    if unit == "US dollars":
        return _dollars(card, catalog, scope)
    if unit == "joules":
        return _made(creation_joules(card, scope))
    cost = scope_cost(card, catalog.cards, scope, catalog.accelerators)
    made = _made(cost.flops)
    if isinstance(made, str):
        return made
    return replace(made, omits=cost.omits, exceeds=cost.exceeds, at_least=cost.at_least)


def _made(found: Quantity | Unavailable) -> Made | str:
    if isinstance(found, Unavailable):
        return f"creation: {found.reason}"
    return Made(of_draws(found), found, interval(found).kind)


def _dollars(card: Card, catalog: Catalog, scope: Scope) -> Made | str:
    """Dollars that were measured, or that the makers state: those of hours that somebody else would
    pay for them are not theirs."""
    money = creation_money(card, catalog.cards, scope, catalog.accelerators)
    if money.usd is None:
        return f"{card.id}: no US dollars of its creation are stated or measured in scope {scope}"
    known: Kind = "estimated" if money.known == "estimated" else "derived"
    return Made(around(money.usd, money.usd, money.usd), None, known)


def _meeting(one: Side, other: Side, serving: PairCost | tuple[str, ...], exists: bool) -> Meeting:
    from distilbench.stats import Meeting, PairCost

    missing = [*one.why, *(() if exists else other.why)]
    if not isinstance(serving, PairCost):
        missing += serving
    if missing or one.creation is None or not isinstance(serving, PairCost):
        return Meeting("not available", why="; ".join(missing))
    return met(one.creation, None if exists else other.creation, serving.saved)


def _prices(names: tuple[str, str], cells: pl.DataFrame, catalog: Catalog) -> tuple[str, ...]:
    """What the dollars of answers are, where they are not what a machine costs, as creation's."""
    rates, hourly = priced(entry_facts(cells), catalog)
    by_price = [f"{entry} ({rates[entry].source})" for entry in names if entry in rates]
    if not by_price:
        return ()
    by_hour = [entry for entry in names if entry in hourly]
    other = f", of {by_hour[0]} by its machine's hour" if by_hour else ""
    return (
        f"Dollars of an answer of {' and '.join(by_price)} are by price, which may hold a margin"
        f"{other}; those of creation are what was spent.",
    )
