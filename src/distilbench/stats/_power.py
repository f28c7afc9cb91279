"""What a suite can see: power of a paired comparison, the smallest difference it shows, and how
many questions would decide.

All of it is the paired t test's, by the noncentral t distribution (Cohen 1988), with the two-sided
test at 1 - ``level``. ``stdev`` is the standard deviation of the difference of two models' scores
on one question: after a run ``stderr * sqrt(n_questions)`` of :func:`paired_difference`, in which
clusters and epochs are; before one :func:`stdev_of_difference`, from assumptions. Differences
and standard deviations are shares (0.05: five percentage points).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from scipy import special

from distilbench.errors import InputError

_MOST_QUESTIONS = 10_000_000


def power(difference: float, stdev: float, questions: float, level: float = 0.95) -> float:
    """Probability that the interval of a paired difference leaves out 0, if it is ``difference``.

    >>> round(power(0.05, stdev=0.4, questions=500), 3)
    0.797
    """
    _check(stdev, questions, level)
    df, shift = questions - 1, abs(difference) / stdev * math.sqrt(questions)
    reached = -special.stdtrit(df, (1 - level) / 2)
    # Beyond some 6 the other tail is below 1e-15, and SciPy has no number for it.
    other = special.nctdtr(df, shift, -reached) if shift < 6 else 0.0
    return float(1 - special.nctdtr(df, shift, reached) + other)


def smallest_difference(
    stdev: float, questions: float, wanted: float = 0.8, level: float = 0.95
) -> float:
    """The smallest true difference that is seen with probability ``wanted`` (above 1: no
    difference of two accuracies is).

    >>> round(smallest_difference(stdev=0.4, questions=500), 4)
    0.0502
    """
    _check(stdev, questions, level)
    _share("power", wanted, 1 - level)
    return _first(lambda d: power(d, stdev, questions, level) - wanted, stdev / questions)


def questions_needed(
    difference: float, stdev: float, wanted: float = 0.8, level: float = 0.95
) -> int | None:
    """The fewest questions with which ``difference`` is seen with probability ``wanted``; null:
    more than ten million.

    >>> questions_needed(0.05, stdev=0.4)
    505
    """
    _check(stdev, 2, level)
    _share("power", wanted, 1 - level)
    if power(difference, stdev, 2, level) >= wanted:
        return 2
    near = special.ndtri(wanted) - special.ndtri((1 - level) / 2)
    if abs(difference) * math.sqrt(_MOST_QUESTIONS) < near * stdev:
        return None
    found = _first(lambda n: power(difference, stdev, n, level) - wanted, 2.0)
    return math.ceil(found - 1e-9)


def discordance(accuracy_a: float, accuracy_b: float, correlation: float = 0.0) -> float:
    """Share of questions that one of two models answers right and the other wrong, as they would be
    with this correlation of their being right: a(1-b) + b(1-a) - 2 r sqrt(a(1-a) b(1-b)). Raises
    InputError where two such models cannot be so correlated.

    >>> discordance(0.5, 0.5)
    0.5
    """
    _share("accuracy_a", accuracy_a)
    _share("accuracy_b", accuracy_b)
    a, b = accuracy_a, accuracy_b
    found = a * (1 - b) + b * (1 - a) - 2 * correlation * math.sqrt(a * (1 - a) * b * (1 - b))
    least, most = abs(a - b), min(a + b, 2 - a - b)
    if not least - 1e-12 <= found <= most + 1e-12:
        raise InputError(
            "correlation",
            f"of {correlation:g} is not possible between accuracies of {a:g} and {b:g}",
            "give one nearer to 0",
        )
    return min(max(found, least), most)


def stdev_of_difference(
    discordant: float, difference: float = 0.0, epochs: int = 1, questions_alone: float = 0.0
) -> float:
    """Standard deviation of the difference on one question, right or wrong: ``sqrt(D - d^2)`` for a
    share D of discordant questions and a mean difference d (Connor 1987).

    With ``epochs`` answers to each question, ``questions_alone`` is the share of that variance that
    asking again does not lower (Miller 2024, arXiv 2411.00640, section 5: between the questions).

    >>> round(stdev_of_difference(discordance(0.5, 0.55, 0.6), 0.05), 3)
    0.446
    """
    _share("discordant", discordant)
    _share("questions_alone", questions_alone)
    if epochs < 1 or discordant < difference**2:
        raise InputError(
            "discordant",
            f"{discordant:g} questions cannot make a difference of {difference:g}",
            "give a share of at least the difference, and one epoch or more",
        )
    kept = questions_alone + (1 - questions_alone) / epochs
    return math.sqrt((discordant - difference**2) * kept)


def _first(lacks: Callable[[float], float], start: float) -> float:
    """Where a rising function that is below zero at ``start`` reaches it."""
    from scipy.optimize import brentq

    below, above = start, 2 * start
    while lacks(above) < 0:
        below, above = above, 2 * above
    return float(brentq(lacks, below, above, xtol=1e-14, rtol=1e-14))


def _check(stdev: float, questions: float, level: float) -> None:
    if not stdev > 0 or not math.isfinite(stdev):
        raise InputError("stdev", f"is {stdev}", "give a number above 0")
    if not questions >= 2:
        raise InputError("questions", f"is {questions}", "give at least 2")
    _share("level", level)


def _share(name: str, value: float, above: float = -1.0) -> None:
    if not (0 <= value <= 1 and value > above):
        raise InputError(name, f"is {value}", "give a share between 0 and 1")
