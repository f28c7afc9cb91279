"""What creating a model took, where that may be a bound, and where two models then meet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from distilbench.catalog import Kind
from distilbench.compute import Bound, Quantity, bound_of, interval

if TYPE_CHECKING:
    from distilbench.stats import Limits, Meeting


@dataclass(frozen=True)
class Made:
    """Creation of one model in one unit; ``omits``: parts that are not in it, so that it is a lower
    bound; ``exceeds``: why it may be more than was spent, an upper bound. ``at_least``: what was
    surely spent; null: of nothing is that known."""

    limits: Limits
    quantity: Quantity | None
    known: Kind
    omits: tuple[str, ...] = ()
    exceeds: tuple[str, ...] = ()
    at_least: Quantity | None = None

    @property
    def bound(self) -> Bound:
        return bound_of(bool(self.omits), bool(self.exceeds))

    @property
    def least(self) -> Made:
        """What was surely spent: all of it if nothing is counted too high, else ``at_least``."""
        from distilbench.stats import Limits

        if not self.exceeds:
            return self
        if self.at_least is None:
            return replace(self, limits=Limits.exactly(0.0), quantity=None)
        return replace(self, limits=of_draws(self.at_least), quantity=self.at_least)


def of_draws(found: Quantity) -> Limits:
    drawn = interval(found)
    return around(drawn.central, drawn.p2_5, drawn.p97_5)


def around(value: float, low: float, high: float) -> Limits:
    from distilbench.stats import Limits

    return Limits(value, min(low, value), max(high, value))


def met(mine: Made, theirs: Made | None, saved: Limits) -> Meeting:
    """Where a model and its counterpart meet; ``theirs`` null: that is there already. ``saved``:
    what a correct answer of the counterpart takes, less one of the model.

    What creation takes more than is known makes a later meeting, what it takes less an earlier one;
    of the counterpart's the other way round. Of two creations that are both bounded the same way
    nothing follows."""
    from distilbench.stats import Meeting, meeting

    found = meeting(_extra(mine, theirs), saved)
    less = bool(mine.exceeds or (theirs and theirs.omits))
    more = bool(mine.omits or (theirs and theirs.exceeds))
    if not (less or more):
        return found
    why = _why(mine, theirs)
    least = None if theirs and theirs.omits else meeting(_extra(mine.least, theirs), saved)
    most = None if mine.omits else meeting(_extra(mine, theirs and theirs.least), saved)
    if found.case == "not decidable":
        return replace(found, low=_end(least, found, "low"), why=f"{found.why}; {why}")
    if found.case in ("cheaper at once", "never"):
        farthest = most if found.case == "cheaper at once" else least
        sure = farthest is not None and farthest.case == found.case
        return found if sure else Meeting("not decidable", why=why)
    if less and more:
        return Meeting("not decidable", found.answers, why=why)
    farthest = most if more else least
    if more == (found.case == "pays for itself"):
        return replace(found, bound=">=", high=_end(farthest, found, "high"), why=why)
    return replace(found, bound="<=", low=_end(farthest, found, "low"), why=why)


def _extra(mine: Made, theirs: Made | None) -> Limits:
    """Creation of the model less that of the counterpart."""
    from distilbench.stats import difference_limits

    if theirs is None:
        return mine.limits
    if mine.quantity is not None and theirs.quantity is not None:
        return of_draws(mine.quantity - theirs.quantity)  # what both rest on cancels
    return difference_limits(mine.limits, theirs.limits)


def _end(farthest: Meeting | None, found: Meeting, end: Literal["low", "high"]) -> float | None:
    """An end of the interval where creation is as far from what is known as it may be; null: there
    is none, or they do not meet there."""
    if farthest is None or farthest.case != found.case:
        return None
    return farthest.low if end == "low" else farthest.high


def _why(mine: Made, theirs: Made | None) -> str:
    sides = [mine] if theirs is None else [mine, theirs]
    said = (
        ("creation is not known whole", [text for side in sides for text in side.omits]),
        ("creation may be counted too high", [text for side in sides for text in side.exceeds]),
    )
    return "; ".join(f"{what}: {', '.join(dict.fromkeys(texts))}" for what, texts in said if texts)
