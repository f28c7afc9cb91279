"""What each pair of a distilled model and its counterpart shows, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from distilbench.claims import Accuracy, Creation, Pair
from distilbench.compute import SCOPE_WORDS, Quantity, interval
from distilbench.report.page import (
    NOT_AVAILABLE,
    Card,
    Cell,
    Shown,
    Table,
    Tone,
    listed,
    points,
    points_range,
    rounded,
)
from distilbench.report.run._ledger_words import met_cell, paid_back

if TYPE_CHECKING:
    from distilbench.stats import Meeting

_NONE: tuple[str, Tone] = ("no verdict", "none")
_BADGES: dict[str, tuple[str, Tone]] = {
    "better": ("better", "good"),
    "non-inferior": ("non-inferior", "good"),
    "within the margin": ("lower, within the margin", "open"),
    "worse": ("worse", "bad"),
    "undecided": ("not decided", "open"),
}
_RUNNING = ("FLOPs", "seconds", "joules", "memory")
_WHY = {
    "its base": "the model it started from",
    "the teacher": "its teacher",
    "same family": "vanilla, of the same family",
    "nearest in size": "vanilla, the nearest in size",
    "proprietary": "proprietary",
}


def pair_card(pair: Pair, usd: float | None = None) -> Card:
    """A card with the verdict, the running cost and the creation cost of a pair; ``usd``: dollars
    of an answer over the counterpart's."""
    found = pair.accuracy
    badge, tone = _NONE if found is None else _BADGES[found.decision]
    title = f"{pair.distilled.entry} against {pair.counterpart.entry} ({_WHY[pair.why]})"
    return Card(title, badge, tone, tuple(pair_sentences(pair, usd)), tables=tuple(_tables(pair)))


def pair_sentences(pair: Pair, usd: float | None = None) -> Iterator[str]:
    """The verdict on accuracy, then running cost, then creation cost and break-even."""
    if pair.accuracy is None:
        yield f"No verdict: {pair.no_accuracy}."
    else:
        yield from _of_accuracy(pair, pair.accuracy)
    yield _of_running(pair, usd)
    yield _of_creation(pair)


def _of_accuracy(pair: Pair, found: Accuracy) -> Iterator[str]:
    one, other = pair.distilled.entry, pair.counterpart.entry
    margin = f"{100 * found.margin:g} percentage points"
    said = {
        "better": f"{one} is more accurate than {other}",
        "non-inferior": f"{one} is not inferior to {other} at a margin of {margin}",
        "within the margin": f"{one} is less accurate than {other}, by less than {margin}",
        "worse": f"{one} is less accurate than {other}",
        "undecided": f"It is not decided whether {one} is as accurate as {other}",
    }[found.decision]
    tasks = f", mean over {found.tasks} tasks" if found.tasks > 1 else ""
    questions = "question" if found.questions == 1 else "questions"
    yield (
        f"{said}: {points(found.difference)} percentage points"
        f" (95% interval {points_range(found.low, found.high)}) on {found.questions:,}"
        f" {questions}{tasks}."
    )
    if found.decision != "undecided":
        return
    if found.needed is None:
        yield f"Not even ten million questions would decide it at a margin of {margin}."
    else:
        yield (
            f"About {_round(found.needed):,} questions would decide it at a margin of {margin},"
            f" with a probability of 80%, if the difference stays as it is; these show a difference"
            f" of {rounded(100 * min(found.visible, 1.0))} points or more."
        )


def _of_running(pair: Pair, usd: float | None) -> str:
    ratios = {n: pair.running[n] for n in _RUNNING if n in pair.running}
    if usd is not None:
        ratios["dollars"] = usd
    if not ratios:
        return f"Running cost: {NOT_AVAILABLE} of both."
    said = [
        f"about the same {name}" if 0.95 <= ratio <= 1.05 else f"{rounded(ratio)} times the {name}"
        for name, ratio in ratios.items()
    ]
    return f"An answer of it takes {listed(said)}."


def _of_creation(pair: Pair) -> str:
    if all(one.ratio is None for one in pair.creation):
        whose = pair.distilled if pair.distilled.card is None else pair.counterpart
        why = pair.creation[0].why_not if len(pair.creation) == 1 else f"{whose.model} has no card"
        return f"Creation cost: {NOT_AVAILABLE} ({why})."
    said = creation_text(pair)
    if said is None:
        return f"Creation cost: {NOT_AVAILABLE} ({_missing(pair.creation[0])})."
    return (
        f"Creating {pair.counterpart.entry} took {said} times the FLOPs of creating it, by scope."
        f"{paid_back(pair)}"
    )


def creation_text(pair: Pair) -> str | None:
    """The counterpart's creation over its own under each scope in which it is known: 2,300
    (student) and 0.97 (lineage); null where it is in none."""
    known = [f"{_ratio(one).text} ({one.scope})" for one in pair.creation if _known(one)]
    return listed(known) if known else None


def _tables(pair: Pair) -> Iterator[Table]:
    ledgers = {one.scope: one for one in pair.in_unit("FLOPs")}
    if any(_known(one) or _met(ledgers[one.scope].exists) for one in pair.creation):
        columns = (
            Shown("scope", "scope", lambda scope: Cell(scope, title=SCOPE_WORDS[scope])),
            Shown("counterpart's creation / its own", "one", _ratio),
            Shown("pays for itself after, counterpart there", "exists", _meeting),
            Shown("after, both to be made", "made", _meeting),
        )
        rows = [{**vars(ledgers[one.scope]), "one": one} for one in pair.creation]
        yield Table.of("Creation under each scope, with ranges", rows, columns)


def _known(one: Creation) -> bool:
    found = one.ratio
    return found is not None and (isinstance(found.ratio, Quantity) or found.at_most is not None)


def _ratio(one: Creation) -> Cell:
    """The ratio with its 95% range on hover; at most so much where a part of its own cost is not
    known."""
    if one.ratio is None:
        return Cell(NOT_AVAILABLE, title="the counterpart has no card")
    found = one.ratio.ratio if isinstance(one.ratio.ratio, Quantity) else one.ratio.at_most
    if found is None:
        return Cell(NOT_AVAILABLE, title=_missing(one))
    drawn = interval(found)
    marks = {"=": "", ">=": "at least ", "<=": "at most ", "~": "about "}
    mark = marks[one.ratio.bound] if found is one.ratio.ratio else "at most "
    title = f"95% of draws: {rounded(drawn.p2_5)} to {rounded(drawn.p97_5)}"
    if one.ratio.why_bound:
        title += "; a bound: " + "; ".join(one.ratio.why_bound)
    return Cell(f"{mark}{rounded(drawn.central)}", title=title, kind=drawn.kind)


def _met(found: Meeting) -> bool:
    return found.case != "not available"


def _meeting(found: Meeting) -> Cell:
    return met_cell(found, "derived")


def _missing(one: Creation) -> str:
    reason = getattr(one.ratio.ratio, "reason", "") if one.ratio else one.why_not
    return str(reason)


def _round(count: int) -> int:
    """Two digits, upwards: a forecast has no more."""
    unit = int(10 ** max(len(str(count)) - 2, 0))
    return -(-count // unit) * unit
