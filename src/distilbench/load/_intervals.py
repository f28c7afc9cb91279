"""How sure the figures of one level of load are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from distilbench.stats import ranks, t_interval

if TYPE_CHECKING:
    import polars as pl

_BATCHES, _LEAST_BATCHES = 10, 5
Interval = tuple[float | None, float | None]


def rate_interval(
    answered: pl.DataFrame, amount: pl.Series, begun: float, ended: float
) -> Interval:
    """95% interval of ``amount`` (of each answered request) a second between two moments; null: too
    few requests.

    By batch means (Law and Kelton, Simulation Modeling and Analysis, 9.5.3): the time is cut into
    10 equal stretches, or fewer, none shorter than the longest request, so that neighbours share
    little; each request's amount is spread evenly over its time. Under five stretches there is no
    interval. The mean of the stretches is the rate itself.
    """
    if answered.is_empty():
        return None, None
    span = ended - begun
    first, last = (answered[name].to_numpy() for name in ("begun_s", "ended_s"))
    longest = float((last - first).max())
    batches = min(_BATCHES, int(span / longest)) if longest > 0 else 0
    if batches < _LEAST_BATCHES:
        return None, None
    edges = np.linspace(begun, ended, batches + 1)
    overlap = np.minimum(last[:, None], edges[1:]) - np.maximum(first[:, None], edges[:-1])
    shares = np.maximum(overlap, 0.0) / np.maximum(last - first, 1e-12)[:, None]
    rates = (amount.to_numpy()[:, None] * shares).sum(axis=0) / (span / batches)
    distance = t_interval(batches - 1) * float(rates.std(ddof=1)) / batches**0.5
    mean = float(rates.mean())
    return max(0.0, mean - distance), mean + distance


def percentile_interval(values: pl.Series, share: float) -> Interval:
    """95% interval of a percentile: between order statistics, whatever the distribution (Conover
    1999, 3.2). An end that so few requests do not bound is null."""
    known = values.drop_nulls().sort().to_list()
    low, high = ranks(len(known), share) if known else (None, None)
    return (None if low is None else known[low - 1], None if high is None else known[high - 1])
