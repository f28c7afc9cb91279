"""The mean of scores over seeds and rows of a test, both drawn from many."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from distilbench.stats._clusters import t_interval

Array: TypeAlias = NDArray[np.float64]


class CrossedMean(NamedTuple):
    """``low`` and ``high``: 95%, for other seeds and other rows of the same kind."""

    mean: float
    low: float
    high: float
    seeds: int
    rows: int


def crossed_interval(scores: Array, level: float = 0.95) -> CrossedMean:
    """Mean of ``scores``, shape (seeds, rows), every seed on the same rows.

    Both the seed and the row are random effects (the two-way crossed layout without replication).
    The variance of the mean is ``var(means of seeds) / seeds + var(means of rows) / rows``; what
    seed and row have only together stands in both terms, so that it is a little too large rather
    than too small (exactly, ``MSE / (seeds x rows)`` would be taken off: Searle, Casella and
    McCulloch 1992, Variance Components, section 4.3). Degrees of freedom after Satterthwaite
    (1946): with three seeds that differ they are near 2, and Student's factor near 4.30. Infinite
    for a single seed.

    >>> found = crossed_interval(np.array([[0.4, 0.4], [0.5, 0.5], [0.6, 0.6]]))
    >>> round(found.low, 3), round(found.high, 3)  # rows do not differ: t over seeds
    (0.252, 0.748)
    """
    seeds, rows = scores.shape
    mean = float(scores.mean())
    if seeds < 2 or rows < 2:
        return CrossedMean(mean, -np.inf, np.inf, seeds, rows)
    parts = [
        (float(scores.mean(axis=1 - axis).var(ddof=1)) / count, count - 1)
        for axis, count in enumerate((seeds, rows))
    ]
    variance = sum(part for part, _ in parts)
    weights = sum(part**2 / freedom for part, freedom in parts)
    if variance < np.finfo(float).eps * max(1.0, mean**2):
        return CrossedMean(mean, mean, mean, seeds, rows)
    half = t_interval(variance**2 / weights, level) * variance**0.5
    return CrossedMean(mean, mean - half, mean + half, seeds, rows)
