"""Compute at equal accuracy: vanilla over each distilled arm under each scope, and its words."""

from __future__ import annotations

import math
from functools import cache
from typing import Literal

from distilbench.compute import SCOPE_WORDS
from distilbench.report.experiment._data import ALONE, Experiment
from distilbench.stats import EqualAccuracy, equal_accuracy, shared_levels

TITLES: dict[str, str] = {
    **{str(scope): f"{scope}: {words}" for scope, words in SCOPE_WORDS.items()},
    "lineage": f"lineage: {SCOPE_WORDS['lineage']} (there is no base: as amortised)",
    ALONE: "amortised over one student: + the whole of the teacher's training",
}
DRAWN = ("student", "pipeline", "amortised", ALONE)  # lineage looks as amortised does
DRAWS = 2000

Compared = dict[tuple[str, str], list[EqualAccuracy]]
Outcome = Literal["cheaper", "dearer", "not decided", "not reached", "not measured"]


@cache
def compare(experiment: Experiment) -> Compared:
    """Compute of the vanilla curve over that of each distilled one, by arm and scope."""
    found: Compared = {}
    for arm in distilled_arms(experiment):
        for scope in TITLES:
            vanilla, other = (experiment.curve(name, scope) for name in ("vanilla", arm))
            levels = shared_levels(vanilla, other)
            found[arm, scope] = [equal_accuracy(vanilla, other, at, DRAWS) for at in levels]
    return found


def distilled_arms(experiment: Experiment) -> list[str]:
    return [arm for arm in experiment.arms if arm != "vanilla"]


def middle(found: list[EqualAccuracy]) -> EqualAccuracy:
    """The one half way through the common range, or the only one."""
    return found[1] if len(found) > 1 else found[0]


def outcome(found: EqualAccuracy) -> Outcome:
    """Whether the distilled students are cheaper at equal accuracy: as the 95% interval of the
    ratio lies above 1, below it, or holds it."""
    if found.bounded:
        return "not measured"
    if math.isnan(found.ratio) or found.ratio == 0 or math.isinf(found.ratio):
        return "not reached"
    if found.low > 1:
        return "cheaper"
    return "dearer" if found.high < 1 else "not decided"


def ratio_text(found: EqualAccuracy) -> str:
    """The ratio with its interval, or who did not reach the level."""
    if found.bounded:
        return "not measured"
    if math.isnan(found.ratio):
        return "not reached by either"
    if found.ratio == 0:
        return "not reached by the distilled"
    if math.isinf(found.ratio):
        return "not reached by the vanilla"
    return f"{_number(found.ratio)} ({_number(found.low)} to {_number(found.high)})"


def _number(value: float) -> str:
    if math.isnan(value):
        return "not known"
    return "∞" if math.isinf(value) else f"{value:.2f}"
