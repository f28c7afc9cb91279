"""Equivalent vanilla compute over own compute, and what is known of it where either is bounded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from distilbench.errors import InputError
from distilbench.stats._curve import Equivalent

Known = Literal["=", ">=", "<=", "~"]
"""How a figure stands to the true one: as it is, at least, at most, or on either side of it."""
_TURNED: dict[Known, Known] = {"=": "=", ">=": "<=", "<=": ">=", "~": "~"}


@dataclass(frozen=True)
class Spent:
    """Own compute with its range; an end is None where nothing bounds it on that side.

    ``bound`` says how ``value`` stands to what was spent: ">=" a part is not known, so that it is
    at least this; "<=" a part may be counted too high; "~" both.
    """

    value: float
    low: float | None
    high: float | None
    bound: Known = "="


@dataclass(frozen=True)
class Gain:
    """Equivalent vanilla compute over own compute. ``bound`` as in :class:`Spent`; ``low`` and
    ``high`` are the ends of its interval, None where there is none on that side."""

    value: float
    bound: Known
    low: float | None
    high: float | None
    own: float
    level: float


def compute_equivalent_gain(
    vanilla: Equivalent, own: float, own_low: float | None = None, own_high: float | None = None
) -> Gain:
    """:func:`gain_over` of a cost that is known whole: ``own``, with its range where it is
    estimated (not given: exact)."""
    low = own if own_low is None else own_low
    high = own if own_high is None else own_high
    return gain_over(vanilla, Spent(own, low, high))


def gain_over(vanilla: Equivalent, spent: Spent) -> Gain:
    """How many times its own compute a vanilla model would need for the same score.

    The compute-equivalent gain of Davidson et al. 2023 (arXiv 2312.07413), there for enhancements
    after training. ``spent`` is the distilled model's compute on the scale of ``vanilla`` (creation
    or inference FLOPs, of one scope). The two ranges are combined end against end, which is wider
    than either level: no gain is claimed from luck in both. Where a cost is bounded on one side
    only, so is the gain, on the other. Raises InputError unless 0 < low <= value <= high.
    """
    low, own, high = spent.low, spent.value, spent.high
    ends = [end for end in (low, own, high) if end is not None]
    if ends != sorted(ends) or ends[0] <= 0:
        told = " <= ".join(f"{end:g}" for end in ends)
        raise InputError("own compute", f"0 < {told} does not hold", "give it in order")
    return Gain(
        value=vanilla.value / own,
        bound=both(vanilla.bound, _TURNED[spent.bound]),
        low=None if vanilla.low is None or high is None else vanilla.low / high,
        high=None if vanilla.high is None or low is None else vanilla.high / low,
        own=own,
        level=vanilla.level,
    )


def both(one: Known, other: Known) -> Known:
    """The bound of a product of two figures with these."""
    if "=" in (one, other):
        return other if one == "=" else one
    return one if one == other else "~"
