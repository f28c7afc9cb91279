"""The section of a run's report on lifetime cost: when does distillation pay for itself?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from distilbench.claims import UNITS
from distilbench.compute import BOUND_MARKS, SCOPE_WORDS, SCOPES
from distilbench.report.page import (
    NOT_AVAILABLE,
    Cell,
    Chart,
    Details,
    Section,
    Shown,
    Table,
    Text,
    interval_words,
)
from distilbench.report.run._charts import THERE_ALREADY, TO_BE_MADE, lifetime_cost
from distilbench.report.run._ledger_words import (
    counted,
    meeting_cell,
    meeting_words,
    met_cell,
    not_available,
)

if TYPE_CHECKING:
    from distilbench.claims import Ledger, Made, Pair, Side, Unit
    from distilbench.report.run._data import RunData
    from distilbench.stats import Limits

_SHOWN = 3
_SUFFIX: dict[Unit, str] = {"FLOPs": "", "joules": "-joules", "US dollars": "-dollars"}
_POINTS = 61
_NOTE = (
    "What a correct answer costs with creation shared among all that are served: creation / N +"
    " cost of a correct answer, on the questions of both models. They meet at N = difference of"
    " creation / difference of the cost of a correct answer. If both have to be made, each owes its"
    " creation; if the counterpart is there already, only the distilled model does. A vanilla"
    " model's creation is the same in every scope. Intervals (95%) hold what the questions leave"
    " open and the ranges of the cards. With other numbers of answers: distilbench break-even RUN"
    " --answers N"
)


def lifetime(data: RunData) -> Section:
    """Each pair's ledger: table and chart; nothing where no distilled model has a counterpart."""
    title = "When does distillation pay for itself?"
    if not data.pairs:
        return Section(title)
    blocks: list[Any] = [Text(_NOTE)]
    for number, pair in enumerate(data.pairs[:_SHOWN], 1):
        blocks += _of_pair(pair, number)
    if rest := data.pairs[_SHOWN:]:
        more = [block for pair in rest for block in _of_pair(pair, None)]
        blocks.append(Details(f"{len(rest)} further pairs", more))
    return Section(title, blocks)


def _of_pair(pair: Pair, number: int | None) -> Iterator[Any]:
    """What is known of one pair; without a chart where it has no number."""
    names = f"{pair.distilled.entry} against {pair.counterpart.entry}"
    known = [one for one in pair.ledgers if not_available(one) is None]
    if known:
        yield Table.of(f"{names}: lifetime cost", known, _COLUMNS)
    for unit in dict.fromkeys(one.unit for one in pair.ledgers):
        if not any(one.unit == unit for one in known):
            narrowest = pair.in_unit(unit)[0]  # it lacks the least
            yield Text(f"{names}, in {unit}: {NOT_AVAILABLE} ({narrowest.exists.why}).")
    for note in dict.fromkeys(note for one in known for note in one.notes):
        yield Text(note)
    for unit in UNITS if number is not None else ():
        drawn = [one for one in pair.in_unit(unit) if one.exists.case != "not available"]
        if drawn:
            yield _chart(names, drawn, f"lifetime-{number}{_SUFFIX[unit]}")


def _made(side: Side, unit: str) -> Cell:
    made: Made | None = side.creation
    if made is None:
        return Cell(NOT_AVAILABLE, title="; ".join(side.why))
    low, high = (f"{end:.3g}" for end in (made.limits.low, made.limits.high))
    title = f"95%: {low} to {high}" if low != high else ""
    title += f"; not counted: {', '.join(made.omits)}" if made.omits else ""
    title += f"; may be counted too high: {', '.join(made.exceeds)}" if made.exceeds else ""
    text = f"{BOUND_MARKS[made.bound]}{made.limits.value:.3g}"
    return Cell(text, title=title.removeprefix("; ") or None, kind=made.known)


def _serving(limits: Limits | None, known: Any) -> Cell:
    if limits is None:
        return Cell(NOT_AVAILABLE)
    words = interval_words(limits.low, limits.high, "{:.3g}".format)
    return Cell(f"{limits.value:.3g}{words}", kind=known)


_COLUMNS = (
    Shown("unit", "unit"),
    Shown("scope", "scope", lambda scope: Cell(scope, title=SCOPE_WORDS[scope])),
    Shown("its creation", ("distilled", "unit"), _made),
    Shown("the counterpart's creation", ("counterpart", "unit"), _made),
    Shown(
        "its correct answer", ("distilled", "serving_known"), lambda s, k: _serving(s.serving, k)
    ),
    Shown(
        "the counterpart's correct answer",
        ("counterpart", "serving_known"),
        lambda s, k: _serving(s.serving, k),
    ),
    Shown("pays for itself after, both to be made", ("made", "known"), met_cell),
    Shown("after, the counterpart being there", ("exists", "known"), met_cell),
)


def _chart(names: str, drawn: Sequence[Ledger], name: str) -> Chart:
    most = _most(drawn)
    steps = [10 ** (most * place / (_POINTS - 1)) for place in range(_POINTS)]
    lines = [row for ledger in drawn for row in _lines(ledger, steps)]
    points = [row for ledger in drawn for row in _points(ledger)]
    said = "; ".join(f"scope {one.scope}: {meeting_cell(one.exists)}" for one in drawn)
    known = ", ".join(dict.fromkeys(one.known for one in drawn))
    caption = (
        f"{names}: {drawn[0].unit} of a correct answer, creation shared among those that are"
        f" served, with the 95% band ({known}). Dashed: the counterpart being there already."
        " Diamonds: where they meet. Dotted lines and numbers with ≤ or ≥ rest on a creation that"
        " is a bound, and are one."
    )
    scopes: list[str] = [scope for scope in SCOPES if any(one.scope == scope for one in drawn)]
    chart = lifetime_cost(lines, points, _entries(drawn), scopes, drawn[0].unit)
    said = f"{names}, in {drawn[0].unit}, meeting at: {said}."
    return Chart(name, caption, said, chart)


def _entries(drawn: Sequence[Ledger]) -> list[str]:
    return [drawn[0].distilled.entry, drawn[0].counterpart.entry]


def _most(drawn: Sequence[Ledger]) -> float:
    """Power of ten up to which lines are drawn: two beyond the last meeting, and beyond where
    creation is a hundredth of a correct answer."""
    ends = [1e6]
    for one in drawn:
        ends += [found.answers for found in (one.made, one.exists) if found.answers]
        for side in (one.distilled, one.counterpart):
            if side.creation and side.serving and side.serving.value > 0:
                ends.append(side.creation.limits.value / side.serving.value)
    return math.ceil(math.log10(max(ends))) + 2


def _lines(ledger: Ledger, steps: Sequence[float]) -> Iterator[dict[str, Any]]:
    sides = (
        (ledger.distilled, False, TO_BE_MADE[ledger.distilled.bound]),
        (ledger.counterpart, False, TO_BE_MADE[ledger.counterpart.bound]),
        (ledger.counterpart, True, THERE_ALREADY),
    )
    for side, exists, how in sides:
        for answers in steps:
            cost = side.lifetime(answers, exists=exists)
            if cost is not None and cost.value > 0:
                low = max(cost.low or 0.0, 1e-3 * cost.value)
                yield {
                    "scope": ledger.scope, "entry": side.entry, "how": how, "answers": answers,
                    "cost": cost.value, "low": low, "high": cost.high or cost.value,
                    "served": counted(answers),
                }  # fmt: skip


def _points(ledger: Ledger) -> Iterator[dict[str, Any]]:
    for found in (ledger.made, ledger.exists):
        if found.answers and found.case in ("pays for itself", "cheaper until"):
            cost = ledger.distilled.lifetime(found.answers)
            if cost is not None:
                yield {
                    "scope": ledger.scope, "answers": found.answers, "cost": cost.value,
                    "low": found.low or found.answers, "high": found.high or found.answers,
                    "words": meeting_words(found),
                    "label": f"{BOUND_MARKS[found.bound]}{counted(found.answers)}",
                }  # fmt: skip
