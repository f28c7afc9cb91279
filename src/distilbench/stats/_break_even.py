"""Where the lifetime costs of two models meet: creation shared among the correct answers, and what
a correct answer takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from distilbench.compute import break_even_served
from distilbench.stats._limits import Limits, ratio_limits

Case = Literal[
    "pays for itself", "cheaper until", "cheaper at once", "never", "not decidable", "not available"
]


@dataclass(frozen=True)
class Meeting:
    """Where lifetime costs meet. ``case``: the new model *pays for itself* from ``answers`` on, is
    *cheaper until* then, *cheaper at once* and always, *never* cheaper; *not decidable*: an
    interval holds 0, ``answers`` being what the central values say, if they meet; *not available*.
    ``low`` and ``high``: 95%; null: not bounded. ``why`` says what is not known. ``bound``: ``>=``
    or ``<=`` where a creation cost is a bound."""

    case: Case
    answers: float | None = None
    low: float | None = None
    high: float | None = None
    why: str | None = None
    bound: Literal["=", ">=", "<="] = "="


def meeting(extra: Limits, saved: Limits) -> Meeting:
    """``extra``: creation of the new model less that of the other; ``saved``: what a correct answer
    of the other takes, less one of the new. In one unit. N = extra / saved.

    >>> meeting(Limits.exactly(60.0), Limits(3.0, 2.0, 4.0))
    Meeting(case='pays for itself', answers=20.0, low=15.0, high=30.0, why=None, bound='=')
    """
    owed, gained = extra.sign, saved.sign
    if owed is None or gained is None:
        return _undecided(extra, saved)
    if owed <= 0 and gained >= 0:
        return Meeting("cheaper at once")
    if owed >= 0 and gained <= 0:
        return Meeting("never")
    case: Case = "pays for itself" if owed > 0 else "cheaper until"
    found = ratio_limits(_turned(extra, owed), _turned(saved, gained))
    return Meeting(case, found.value, found.low, found.high)


def _undecided(extra: Limits, saved: Limits) -> Meeting:
    """The central answers, if there are any, and what they surely are not below."""
    what = [
        name
        for name, limits in (("creation cost", extra), ("cost of a correct answer", saved))
        if limits.sign is None
    ]
    why = f"95% intervals of the {' and of the '.join(what)} overlap"
    if extra.value > 0 and saved.value > 0:
        answers = break_even_served(extra.value, 0.0, saved.value)
        low = ratio_limits(extra, saved).low if extra.sign == 1 else None
        return Meeting("not decidable", answers, low, None, why)
    return Meeting("not decidable", why=why)


def _turned(limits: Limits, sign: int) -> Limits:
    if sign > 0 or limits.low is None or limits.high is None:
        return limits
    return Limits(-limits.value, -limits.high, -limits.low)
