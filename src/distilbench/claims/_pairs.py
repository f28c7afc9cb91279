"""Distilled models of a run beside their counterparts: which pairs, and what each one shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from distilbench.catalog import Card, Catalog
from distilbench.claims._ledger import Ledger, Unit, ledgers
from distilbench.compute import SCOPES, CostRatio, Scope, cost_ratio

if TYPE_CHECKING:
    import polars as pl

    from distilbench.stats import Decision

MARGIN = 0.05
"""The accuracy that a model may lose and still count as not inferior: five percentage points, a
convention that every page states beside the verdict."""
POWER = 0.8
Why = Literal["its base", "the teacher", "same family", "nearest in size", "proprietary"]


@dataclass(frozen=True)
class Entrant:
    """A model under a profile, as a run holds it; null: not said, or no card."""

    run: str | None
    entry: str
    model: str
    profile: str
    role: str | None
    card: Card | None
    parameters: float | None


@dataclass(frozen=True)
class Accuracy:
    """What the questions that both answered say of the pair: ``difference`` (distilled minus
    counterpart, a share) with its 95% interval, and the decision at ``margin``. ``needed``: the
    questions with which it would be decided with probability POWER if the difference and its
    spread stay as they are; null: decided, or more than ten million. ``visible``: the smallest
    difference that these questions show with that probability."""

    difference: float
    low: float
    high: float
    questions: int
    tasks: int
    margin: float
    decision: Decision
    needed: int | None
    visible: float


@dataclass(frozen=True)
class Creation:
    """Under one scope: the counterpart's creation cost over the distilled model's; null where there
    is no card, ``why_not`` saying of which."""

    scope: Scope
    ratio: CostRatio | None
    why_not: str | None


@dataclass(frozen=True)
class Pair:
    """A distilled model and one counterpart. ``accuracy`` null: there is none, ``no_accuracy`` says
    why. ``running``: each cost of an answer over the counterpart's, of those known of both.
    ``ledgers``: where their lifetime costs meet, in every unit and scope."""

    distilled: Entrant
    counterpart: Entrant
    why: Why
    accuracy: Accuracy | None
    no_accuracy: str | None
    running: Mapping[str, float]
    creation: tuple[Creation, ...]
    ledgers: tuple[Ledger, ...]

    def in_unit(self, unit: Unit) -> tuple[Ledger, ...]:
        """The ledgers of one unit, from the narrowest scope to the widest."""
        return tuple(one for one in self.ledgers if one.unit == unit)


def run_pairs(
    samples: pl.DataFrame, cells: pl.DataFrame, catalog: Catalog, margin: float = MARGIN
) -> tuple[Pair, ...]:
    """Every distilled model of a run beside its counterparts.

    ``samples`` and ``cells``: records with a column ``entry``. A role is the suite's, else the
    card's. The counterparts are the vanilla model it started from and its teacher, by the cards;
    where neither ran, the vanilla models of their families, else the vanilla model nearest in size;
    and every proprietary model. Under the same profile, where that ran. Accuracies are paired on
    the questions that both answered; what answered nothing has none.
    """
    entrants = _entrants(cells, catalog)
    made = []
    for one in entrants:
        if one.role == "distilled":
            made += [
                _pair(one, other, why, samples, cells, catalog, margin)
                for other, why in _counterparts(one, entrants)
            ]
    return tuple(made)


def roles(cells: pl.DataFrame, catalog: Catalog) -> dict[str, str | None]:
    """The role of each entry: the suite's, else its card's."""
    return {one.entry: one.role for one in _entrants(cells, catalog)}


def _entrants(cells: pl.DataFrame, catalog: Catalog) -> list[Entrant]:
    import polars as pl

    known = cells.group_by("entry", maintain_order=True).agg(
        pl.col("run", "model", "profile").first(),
        pl.col("role", "card").drop_nulls().first(),
        pl.col("parameters").max(),
    )
    found = []
    for row in known.iter_rows(named=True):
        card = catalog.cards.get(row["card"] or "")
        size = row["parameters"]
        if size is None and card is not None and card.parameters.total is not None:
            size = card.parameters.total.value
        role = row["role"] or (card.role if card else None)
        found.append(
            Entrant(row["run"], row["entry"], row["model"], row["profile"], role, card, size)
        )
    return found


def _counterparts(one: Entrant, entrants: list[Entrant]) -> list[tuple[Entrant, Why]]:
    """Counterparts and why they are; each model once: under the same profile where that ran, and of
    several runs that of its own."""
    others = [
        e
        for e in entrants
        if e.role in ("vanilla", "synthetic", "proprietary") and e.model != one.model
    ]

    def near(other: Entrant) -> tuple[bool, bool]:
        return other.profile == one.profile, other.run == one.run

    nearest = {e.model: max(near(o) for o in others if o.model == e.model) for e in others}
    others = [e for e in others if near(e) == nearest[e.model]]
    found: dict[str, tuple[Entrant, Why]] = {}
    for other in others:
        why = _named(one, other)
        if why:
            found.setdefault(other.model, (other, why))
    if not any(other.role == "vanilla" for other, _ in found.values()):
        found |= _nearest(one, [e for e in others if e.role == "vanilla"])
    return list(found.values())


def _named(one: Entrant, other: Entrant) -> Why | None:
    """What makes the other a counterpart by its role or by the cards."""
    if one.card and other.card:
        lineage = one.card.lineage
        if lineage.base in (other.card.id, other.card.lineage.base):
            return "its base"
        if lineage.teacher == other.card.id:
            return "the teacher"
        if one.card.family == other.card.family and other.role == "vanilla":
            return "same family"
    return "proprietary" if other.role == "proprietary" else None


def _nearest(one: Entrant, vanilla: list[Entrant]) -> dict[str, tuple[Entrant, Why]]:
    """The vanilla model nearest in size; of unknown size the first."""
    import math

    def apart(other: Entrant) -> float:
        if not one.parameters or not other.parameters:
            return math.inf
        return abs(math.log(other.parameters / one.parameters))

    near = min(vanilla, key=apart, default=None)
    return {} if near is None else {near.model: (near, "nearest in size")}


def _pair(
    one: Entrant,
    other: Entrant,
    why: Why,
    samples: pl.DataFrame,
    cells: pl.DataFrame,
    catalog: Catalog,
    margin: float,
) -> Pair:
    import polars as pl

    from distilbench.stats import unanswered

    both = samples.filter(pl.col("entry").is_in([one.entry, other.entry]))
    here = cells.filter(pl.col("entry").is_in([one.entry, other.entry]))
    silent = dict(unanswered(both, here).select("entry", "no_answer").iter_rows())
    none = [e.entry for e in (one, other) if both.filter(pl.col("entry") == e.entry).is_empty()]
    reasons = [f"{entry} answered nothing ({said})" for entry, said in silent.items()]
    reasons += [f"{entry} has no answers yet" for entry in none]
    shared = pl.DataFrame() if reasons else _shared(both)
    if not reasons and shared.is_empty():
        reasons = ["they have no question in common"]
    running = {} if shared.is_empty() else _running(one, other, shared, here)
    return Pair(
        one,
        other,
        why,
        None if reasons else _accuracy(one, other, shared, margin),
        "; ".join(reasons) or None,
        running,
        tuple(_creation(one, other, catalog)),
        tuple(
            ledgers(
                (one.entry, other.entry),
                (one.card, other.card),
                "; ".join(reasons) or shared,
                here,
                catalog,
            )
        ),
    )


def _shared(both: pl.DataFrame) -> pl.DataFrame:
    from distilbench.stats import in_common

    found = in_common(both)
    return found if found.is_empty() or found["entry"].n_unique() == 2 else found.clear()


def _accuracy(one: Entrant, other: Entrant, shared: pl.DataFrame, margin: float) -> Accuracy:
    import polars as pl

    from distilbench.stats import (
        decide,
        of_entries,
        paired_difference,
        smallest_difference,
        stdev_of_pair,
    )

    table = paired_difference(of_entries(shared), one.entry, other.entry)
    row = table.filter(pl.col("task").is_null()).row(0, named=True)
    decision = decide(row["low"], row["high"], margin)
    stdev = stdev_of_pair(row)
    return Accuracy(
        difference=row["difference"],
        low=row["low"],
        high=row["high"],
        questions=row["n_questions"],
        tasks=table.height - 1,
        margin=margin,
        decision=decision,
        needed=_needed(row, stdev, margin) if decision == "undecided" else None,
        visible=smallest_difference(stdev, max(2, row["n_questions"]), POWER),
    )


def _needed(row: Mapping[str, Any], stdev: float, margin: float) -> int | None:
    """Fewest questions to decide anything: better, worse, or not inferior."""
    from distilbench.stats import questions_needed

    difference = row["difference"]
    gaps = [abs(difference), difference + margin]
    found = [questions_needed(gap, stdev, POWER) for gap in gaps if gap > 0]
    return min((n for n in found if n is not None), default=None)


def _running(
    one: Entrant, other: Entrant, shared: pl.DataFrame, cells: pl.DataFrame
) -> dict[str, float]:
    """Each cost of an answer over the counterpart's, on the questions that took something of both,
    since those that one failed on may be the long ones."""
    import polars as pl

    from distilbench.stats import costs, spent

    took = _shared(shared.filter(spent()))
    if took.is_empty():
        return {}
    memory = cells.group_by("entry").agg(pl.col("peak_memory_bytes").max())
    both = costs(took).join(memory, on="entry", how="left")
    mine, theirs = (
        both.filter(pl.col("entry") == e.entry).to_dicts() or [{}] for e in (one, other)
    )
    names = {
        "FLOPs": "flops", "seconds": "total_s", "p95 seconds": "p95_s", "joules": "energy_j",
        "memory": "peak_memory_bytes", "output tokens": "output_tokens",
    }  # fmt: skip
    found = {}
    for name, column in names.items():
        a, b = mine[0].get(column), theirs[0].get(column)
        if a and b:
            found[name] = a / b
    return found


def _creation(one: Entrant, other: Entrant, catalog: Catalog) -> Iterator[Creation]:
    if one.card is None or one.card.lineage.recipe is None:
        yield Creation("student", None, f"no recipe of {one.model} on a card")
        return
    for scope in SCOPES:
        ratio = None
        if other.card is not None:
            ratio = cost_ratio(other.card, one.card, catalog.cards, scope, catalog.accelerators)
        yield Creation(scope, ratio, None)
