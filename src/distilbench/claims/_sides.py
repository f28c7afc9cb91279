"""Claim (c) counted: on which side of the vanilla curves families of distilled models stand.

Six students of one teacher on one benchmark are one finding told six times, and a model measured by
two laboratories is one model. So the counting goes upwards, and at each step more than half decide:
the scores of a model on a curve, its curves on a benchmark, the models of a family on a benchmark.
What is left, a family on a benchmark, is counted twice: over families and over benchmarks.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from distilbench.claims._counts import Verdict, on_par_limits, verdict
from distilbench.claims._found import AXES, Axis, Placement

Side = Literal["above", "below", "undecided"]


@dataclass(frozen=True)
class Tally:
    """How many stand surely above the curve, surely below, and neither; and what that shows of more
    than half of all such: the Wilson interval decides, as for claim (b)."""

    above: int
    below: int
    undecided: int

    @property
    def count(self) -> int:
        return self.above + self.below + self.undecided

    @property
    def verdict(self) -> Verdict:
        return verdict(self.above, 0, self.below, self.undecided)

    @property
    def words(self) -> str:
        return f"{self.above} above, {self.below} below, {self.undecided} undecided"

    @property
    def limits(self) -> tuple[float | None, float | None]:
        """The lower Wilson limit of the share above, and the upper one of the share not below."""
        return on_par_limits(self.above, 0, self.below, self.undecided, self.count)


@dataclass(frozen=True)
class Support:
    """A vanilla curve that decided placements rest on."""

    family: str
    benchmark: str
    points: int


@dataclass(frozen=True)
class CurveVerdict:
    """Claim (c) on one axis of compute. ``verdict`` is the weaker of both tallies'. ``models`` and
    ``scores`` stand behind it; ``unknown``: models that are on a curve, but whose compute is not
    known on this axis at all. ``open``: those of which it is only known to be at least so much, so
    that they can lie below a curve and not above. ``rests_on``: the curves of what is decided."""

    axis: Axis
    families: Tally
    benchmarks: Tally
    models: int
    scores: int
    unknown: int
    open: int
    rests_on: tuple[Support, ...]

    @property
    def verdict(self) -> Verdict:
        words = {self.families.verdict, self.benchmarks.verdict}
        return words.pop() if len(words) == 1 else "undecided"


def verdicts_by_axis(placements: Sequence[Placement]) -> tuple[CurveVerdict, ...]:
    """Claim (c) on every axis: creation compute by scope, inference compute of a token and of an
    answered question."""
    return tuple(_on(axis, placements) for axis in AXES)


def cells(axis: Axis, placements: Iterable[Placement]) -> dict[tuple[str, str], Side]:
    """The side of each family of distilled models on each benchmark."""
    votes: dict[Any, list[Side]] = {}
    for one in placements:
        if axis in one.gains:
            key = (one.own_family, one.benchmark), (one.model, one.benchmark), one.curve
            votes.setdefault(key, []).append(_side(one, axis))
    scores = {key: majority(sides) for key, sides in votes.items()}
    curves = _up(scores, lambda key: key[:2])
    return _up(curves, lambda key: key[0])


def majority(sides: Sequence[Side]) -> Side:
    """The side that more than half are on."""
    for side in ("above", "below"):
        if 2 * sides.count(side) > len(sides):
            return side
    return "undecided"


def _up(votes: dict[Any, Side], to: Callable[[Any], Hashable]) -> dict[Any, Side]:
    """The majority of all votes that one key of the next step holds."""
    held: dict[Any, list[Side]] = {}
    for key, side in votes.items():
        held.setdefault(to(key), []).append(side)
    return {key: majority(sides) for key, sides in held.items()}


def _on(axis: Axis, placements: Sequence[Placement]) -> CurveVerdict:
    found = cells(axis, placements)
    families, benchmarks = _up(found, lambda key: key[0]), _up(found, lambda key: key[1])
    shown = {
        key: side for key, side in found.items() if side in (families[key[0]], benchmarks[key[1]])
    }
    known = [one for one in placements if axis in one.gains]
    models = {one.model for one in known}
    return CurveVerdict(
        axis,
        _tally(families.values()),
        _tally(benchmarks.values()),
        len(models),
        len({(one.model, *one.curve[1:], one.source, one.score) for one in known}),
        len({one.model for one in placements} - models),
        len({one.model for one in known if axis in one.own and one.own[axis].high is None}),
        tuple(_supports(axis, known, shown)),
    )


def _supports(
    axis: Axis, placements: Sequence[Placement], shown: Mapping[tuple[str, str], Side]
) -> Iterator[Support]:
    """The curves that show of a family on a benchmark what is decided of either."""
    decided = {
        (one.curve, one.curve_points)
        for one in placements
        if _side(one, axis) == shown.get((one.own_family, one.benchmark)) != "undecided"
    }
    for curve, points in sorted(decided, key=repr):
        yield Support(curve[0], curve[1], points)


def _side(one: Placement, axis: Axis) -> Side:
    gain = one.gains[axis]
    if gain.low is not None and gain.low > 1:
        return "above"
    return "below" if gain.high is not None and gain.high < 1 else "undecided"


def _tally(sides: Iterable[Side]) -> Tally:
    found = list(sides)
    above, below = found.count("above"), found.count("below")
    return Tally(above, below, len(found) - above - below)


def axis_sentence(found: CurveVerdict) -> str:
    """A verdict in one sentence, with its evidence."""
    where = AXIS_WORDS[found.axis]
    if found.verdict == "no data":
        unknown = f": of {found.unknown} models on a curve it is not known" if found.unknown else ""
        return f"No data {where}{unknown}."
    said = (
        f"{found.verdict.capitalize()} {where}: {_told(found.families, 'families', 'family')}"
        f" ({found.families.verdict}), {_told(found.benchmarks, 'benchmarks', 'benchmark')}"
        f" ({found.benchmarks.verdict}), from {found.scores} scores of {found.models} models"
    )
    more = f"; of {found.unknown} more this compute is not known" if found.unknown else ""
    least = f"; of {found.open} it is only known to be at least so much" if found.open else ""
    return f"{said}{least}{more}{_rests(found.rests_on)}."


AXIS_WORDS: dict[Axis, str] = {
    "student": "by creation compute, scope student",
    "pipeline": "by creation compute, scope pipeline",
    "amortised": "by creation compute, scope amortised",
    "lineage": "by creation compute, scope lineage",
    "token": "by inference compute of a token",
    "question": "by inference compute of an answered question",
}


def _told(tally: Tally, many: str, one: str) -> str:
    return (
        f"{tally.above} of {tally.count} {one if tally.count == 1 else many} above the curve and"
        f" {tally.below} below"
    )


def _rests(supports: Sequence[Support]) -> str:
    """What the decided ones rest on, where that is one curve."""
    if not supports:
        return ""
    if len(supports) == 1:
        (only,) = supports
        return (
            f"; all that is decided rests on one curve of {only.points} points,"
            f" {only.family} on {only.benchmark}"
        )
    return f"; what is decided rests on {len(supports)} curves of {_least(supports)} points or more"


def _least(supports: Sequence[Support]) -> int:
    return min(one.points for one in supports)


def curve_verdict(placements: Sequence[Placement]) -> str:
    """Claim (c) in words."""
    return "; ".join(
        f"{one.axis}: {one.verdict} (families: {one.families.words}; benchmarks:"
        f" {one.benchmarks.words}{_alone(one.rests_on)})"
        if one.verdict != "no data"
        else f"{one.axis}: no data"
        for one in verdicts_by_axis(placements)
    )


def _alone(supports: Sequence[Support]) -> str:
    return f"; rests on one curve of {supports[0].points} points" if len(supports) == 1 else ""
