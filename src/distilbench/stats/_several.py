"""Several comparisons at once, and comparisons with a margin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

Decision = Literal["better", "non-inferior", "within the margin", "worse", "undecided"]


def decide(low: float, high: float, margin: float) -> Decision:
    """What an interval of a difference (first minus second model) says, with a margin above 0 that
    was stated beforehand.

    "better": wholly above 0. "worse": wholly below 0. "non-inferior": neither, but wholly above
    -margin, which is the test of non-inferiority at half of 1 - level on one side (ICH E9, 1998;
    E10, 2000). "within the margin": wholly below 0 and wholly above -margin: surely lower, and
    surely by no more than was said not to matter. Else "undecided".

    >>> decide(-0.02, 0.06, margin=0.05)
    'non-inferior'
    """
    if not margin > 0:
        raise ValueError(f"a margin above 0 is needed, not {margin}")
    if low > 0:
        return "better"
    if high < 0:
        return "within the margin" if low > -margin else "worse"
    return "non-inferior" if low > -margin else "undecided"


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """p values corrected for their number by Holm (1979): the chance of one false alarm among all
    of them stays below the level that they are held against, whatever they have to do with each
    other. One that is null (not known) is no comparison, and stays null.

    >>> holm([0.01, 0.04, None, 0.03])
    [0.03, 0.06, None, 0.06]
    """
    known = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, i) in enumerate(known):
        highest = max(highest, min(1.0, p * (len(known) - rank)))
        adjusted[i] = highest
    return adjusted
