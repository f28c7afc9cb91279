"""Limits of a ratio and of a difference, from those of its two parts."""

from __future__ import annotations

import math
from typing import NamedTuple


class Limits(NamedTuple):
    """A figure with its 95% limits; an end that is null is not bounded by what was seen."""

    value: float
    low: float | None
    high: float | None

    @classmethod
    def exactly(cls, value: float) -> Limits:
        return cls(value, value, value)

    @property
    def sign(self) -> int | None:
        """Of the whole interval: -1, 0 or 1; null: it reaches to both sides, or has no end."""
        if self.low is None or self.high is None:
            return None
        if self.low == self.high == 0:
            return 0
        return 1 if self.low > 0 else -1 if self.high < 0 else None


def ratio_limits(above: Limits, below: Limits, correlation: float = 0.0) -> Limits:
    """Limits of ``above / below``, both positive, from their own (the method of variance estimates
    recovery, MOVER: Donner and Zou 2012, Stat. Methods Med. Res. 21). They stay asymmetric, and do
    not collapse where one part's do not. Without an upper end where ``below`` may be 0.

    >>> found = ratio_limits(Limits(10.0, 8.0, 12.0), Limits.exactly(2.0))
    >>> found.value, round(found.low, 9), round(found.high, 9)
    (5.0, 4.0, 6.0)
    """
    value = above.value / below.value
    if None in (*above, *below):
        return Limits(value, None, None)
    return Limits(
        value,
        _end(above.value, above.low or 0.0, below.value, below.high or 0.0, correlation, -1),
        _end(above.value, above.high or 0.0, below.value, below.low or 0.0, correlation, 1),
    )


def _end(
    a: float, a_end: float, b: float, b_end: float, correlation: float, side: int
) -> float | None:
    """The ratio q at which a - q b is as far from 0 as its limit on one side: of q^2 square - 2 q
    half + rest = 0 the smaller root (side -1) or the greater one (1)."""
    square = b_end * (2 * b - b_end)
    half = a * b - correlation * abs(a - a_end) * abs(b_end - b)
    rest = a_end * (2 * a - a_end)
    root = math.sqrt(max(half * half - square * rest, 0.0))
    if side > 0:
        return (half + root) / square if square > 0 else None
    # The same root as (half - root) / square, which is 0 / 0 where b_end is twice b.
    return max(rest / (half + root), 0.0) if half + root > 0 else 0.0


def difference_limits(one: Limits, other: Limits, correlation: float = 0.0) -> Limits:
    """Limits of ``one - other`` from their own (MOVER: Zou and Donner 2008, Stat. Med. 27).

    >>> difference_limits(Limits(5.0, 2.0, 8.0), Limits(1.0, -3.0, 5.0))
    Limits(value=4.0, low=-1.0, high=9.0)
    """

    def far(up: float | None, down: float | None) -> float | None:
        if up is None or down is None:
            return None
        square = up**2 + down**2 - 2 * correlation * up * down
        return math.sqrt(max(square, 0.0))

    def gap(end: float | None, value: float) -> float | None:
        return None if end is None else abs(end - value)

    value = one.value - other.value
    low = far(gap(one.low, one.value), gap(other.high, other.value))
    high = far(gap(one.high, one.value), gap(other.low, other.value))
    return Limits(
        value, None if low is None else value - low, None if high is None else value + high
    )
