"""What the experiment scarce-data shows, in words: a distilled arm against vanilla ones, on the
same test rows and with the same seeds; and after how many students its teacher is repaid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from distilbench.compute import break_even_students
from distilbench.report.experiment._scarce_data import Cell, ScarceStudy
from distilbench.report.page import listed, si
from distilbench.stats import CrossedMean, crossed_interval

Outcome = Literal["better", "worse", "not decided", "diverged", "not at equal FLOPs"]
Against = Literal["same data", "same FLOPs", "most data", "teacher's data"]

WHAT: dict[Against, str] = {
    "same data": "vanilla on the same data",
    "same FLOPs": "vanilla on the same data with all its FLOPs (pipeline)",
    "most data": "vanilla on the most data",
    "teacher's data": "vanilla on the teacher's own rows",
}


@dataclass(frozen=True)
class Compared:
    """``gain``: the distilled less the other, above 0 where the distilled is better; null: one of
    the two diverged, or their FLOPs are not equal as they should be."""

    own: Cell
    other: Cell
    outcome: Outcome
    gain: CrossedMean | None


def compare_cells(own: Cell, other: Cell, lower_is_better: bool) -> Compared:
    """By the 95% interval of the difference, paired by seed and test row. Who diverged has lost."""
    if own.scores is None or other.scores is None:
        if other.scores is None and own.scores is not None:
            return Compared(own, other, "better", None)
        return Compared(own, other, "diverged", None)
    gain = crossed_interval((own.scores - other.scores) * (-1 if lower_is_better else 1))
    outcome: Outcome = "better" if gain.low > 0 else "worse" if gain.high < 0 else "not decided"
    return Compared(own, other, outcome, gain)


def comparisons(study: ScarceStudy, arm: str) -> dict[Against, list[Compared]]:
    """All that a distilled arm is compared with, in the order of its data."""
    found: dict[Against, list[Compared]] = {}
    sizes = [int(size) for size in study.spec["unique"]]
    most = study.cell("vanilla", sizes[-1])
    for size in sizes:
        own = study.cell(arm, size)
        others: dict[Against, Cell] = {"same data": study.cell("vanilla", size)}
        if arm == "logit" and "vanilla-equal-flops" in study.arms:
            others["same FLOPs"] = study.cell("vanilla-equal-flops", size)
        if size < most.unique and own.unique == size:
            others["most data"] = most
        ceiling = "vanilla-teacher-rows" if study.is_text else "vanilla-all-gold"
        if ceiling in study.arms and (own.unique == size or size == sizes[-1]):
            others["teacher's data"] = study.cell(ceiling, 0)
        for name, other in others.items():
            one = compare_cells(own, other, study.is_text)
            if name == "same FLOPs" and not _at_equal_flops(study, one):
                one = Compared(own, other, "not at equal FLOPs", None)
            found.setdefault(name, []).append(one)
    return found


def _at_equal_flops(study: ScarceStudy, one: Compared) -> bool:
    """Within a step of the vanilla student."""
    budget, spent = study.flops(one.own, "pipeline"), study.flops(one.other, "pipeline")
    return abs(spent - budget) <= spent / one.other.steps


def what(against: Against, is_text: bool) -> str:
    """Who the other is, in words."""
    if against == "teacher's data" and not is_text:
        return "vanilla on gold answers to all questions"
    return WHAT[against]


def said(found: Sequence[Compared], is_text: bool) -> str:
    """'better on 20 rows (+0.934 nats, +0.811 to +1.057) and 80 rows (...); not decided on 400 rows
    (...)'."""
    parts = []
    for outcome in dict.fromkeys(one.outcome for one in found):
        own = [f"{_data(one, is_text)}{_gain(one, is_text)}" for one in found]
        chosen = [text for text, one in zip(own, found, strict=True) if one.outcome == outcome]
        parts.append(f"{outcome} {listed(chosen)}")
    return "; ".join(parts)


def _data(one: Compared, is_text: bool) -> str:
    size = one.own.unique or one.other.unique
    return f"on {size:,} {'rows' if is_text else 'gold answers'}"


def _gain(one: Compared, is_text: bool) -> str:
    if one.gain is None:
        return f" ({why(one)})"
    if not math.isfinite(one.gain.low):
        return f" ({difference(one.gain.mean, is_text)}; one seed: no interval)"
    ends = [difference(end, is_text, unit=False) for end in (one.gain.low, one.gain.high)]
    return f" ({difference(one.gain.mean, is_text)}, 95% {ends[0]} to {ends[1]})"


def why(one: Compared) -> str:
    """Why there is no difference to tell."""
    for whose, cell in (("its", one.own), ("the other's", one.other)):
        if cell.diverged:
            return f"{cell.diverged} of {whose} {len(cell.tests)} trainings diverged"
    return "their FLOPs differ by more than a step"


def difference(value: float, is_text: bool, unit: bool = True) -> str:
    """A difference, above 0 where the distilled is better."""
    if is_text:
        return f"{value + 0.0:+.3f}{' nats a token' if unit else ''}"
    return f"{round(100 * value, 1) + 0.0:+.1f}{' points' if unit else ''}"


@dataclass(frozen=True)
class BreakEven:
    """``students``: from how many on that share the teacher's training; infinite: never; null: no
    vanilla student here is as good. ``vanilla``: the cheapest that is."""

    own: Cell
    vanilla: Cell | None
    students: float | None
    own_flops: float
    vanilla_flops: float | None
    teacher_flops: float


def break_even(study: ScarceStudy, own: Cell) -> BreakEven:
    """Against the cheapest vanilla student, on whatever data, whose mean is at least as good."""
    sign = -1 if study.is_text else 1
    teacher, cost = float(study.teacher["student_training_flops"]), study.flops(own, "pipeline")
    good = [
        cell
        for cell in study.cells
        if not cell.taught
        and own.found is not None
        and cell.found is not None
        and sign * cell.found.mean >= sign * own.found.mean
    ]
    if not good:
        return BreakEven(own, None, None, cost, None, teacher)
    other = min(good, key=lambda cell: study.flops(cell, "student"))
    spent = study.flops(other, "student")
    students = break_even_students(teacher, spent, cost)
    return BreakEven(own, other, students, cost, spent, teacher)


def break_even_words(found: BreakEven, is_text: bool) -> str:
    """From how many students on the teacher is repaid, or why never."""
    if found.own.diverged:
        return "It diverged: there is nothing to repay."
    if found.vanilla is None or found.vanilla_flops is None or found.students is None:
        return (
            "No vanilla student trained here is as good, on its data or on more: there are no"
            " FLOPs of vanilla training to set against the teacher's."
        )
    data = "rows" if is_text else "gold answers"
    reached = (
        f"The cheapest vanilla student as good (by the means) has {found.vanilla.unique:,} {data}"
        f" and takes {si(found.vanilla_flops)}FLOPs"
    )
    if math.isinf(found.students):
        return (
            f"{reached}, no more than the {si(found.own_flops)}FLOPs that this one takes beside"
            " its teacher's training: the teacher is never repaid."
        )
    saved = found.vanilla_flops - found.own_flops
    return (
        f"{reached}, {si(saved)}FLOPs more than this one: the teacher's training"
        f" ({si(found.teacher_flops)}FLOPs) is repaid from {math.ceil(found.students):,} students"
        " on."
    )


def overall(study: ScarceStudy) -> str:
    """The verdict of a study, in one sentence."""
    taught = list(dict.fromkeys(cell.arm for cell in study.cells if cell.taught))
    parts = []
    for against in ("same data", "same FLOPs", "teacher's data"):
        found = [one for arm in taught for one in comparisons(study, arm).get(against, [])]
        if found:
            parts.append(f"against {what(against, study.is_text)}: {tally(found)}")
    return f"On {study.name}, distilled students are, {'; '.join(parts)}."


def tally(found: Sequence[Compared]) -> str:
    """'better in 4 of 6 comparisons, not decided in 2'."""
    counts = {
        outcome: sum(one.outcome == outcome for one in found)
        for outcome in dict.fromkeys(one.outcome for one in found)
    }
    parts = [f"{outcome} in {count}" for outcome, count in counts.items()]
    comparisons = "comparison" if len(found) == 1 else "comparisons"
    return f"{parts[0]} of {len(found)} {comparisons}{''.join(f', {p}' for p in parts[1:])}"
