"""How many independent questions a share of right answers is worth, when questions come in
clusters.

Of a few clusters the spread alone says little: of six questions that were answered right, four may
stand in one cluster by luck. So the correlation rho within a cluster is not estimated but averaged
over, by what the counts say of each rho between 0 and 1 (the beta-binomial likelihood, under
Jeffreys' prior of a share). How often the intervals hold the truth: ``docs/statistics.md``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import gammaln, ndtr, ndtri

from distilbench.stats._clusters import NO_SPREAD, unique

Floats = NDArray[np.float64]
_RHO: Floats = np.sin(np.pi / 2 * (np.arange(24) + 0.5) / 24) ** 2
"""Equally probable under Jeffreys' prior; shape (24,)."""
_THETA: Floats = (1 - _RHO) / _RHO
_FREEDOM = 10
"""Degrees of freedom with which the spread that is seen counts as much as the one that the
beta-binomial model expects. With many clusters only the one that is seen counts: the model, one rho
for clusters of every size, need not be true."""
_ROUNDS = 100
_CLOSE = 1e-9


@dataclass(frozen=True)
class _Counts:
    """Groups of clusters: of ``times`` clusters ``right`` of ``asked`` samples were right, shape
    (rows,), the rows of a group beside each other from ``starts`` on, shape (groups,)."""

    right: Floats
    asked: Floats
    times: Floats
    group: NDArray[np.int64]
    starts: NDArray[np.int64]

    def chances(self, p: Floats) -> Floats:
        """Of each rho, if the accuracies were ``p``, shape (groups,): shape (groups, 24)."""
        a = p[:, None] * _THETA
        b = _THETA - a
        wrong = self.asked - self.right
        rows = (
            gammaln(self.right[:, None] + a[self.group])
            + gammaln(wrong[:, None] + b[self.group])
            - gammaln(self.asked[:, None] + _THETA)
            + (gammaln(_THETA) - gammaln(a) - gammaln(b))[self.group]
        )
        log = np.add.reduceat(self.times[:, None] * rows, self.starts, axis=0)
        likelihood = np.exp(log - log.max(axis=1, keepdims=True))
        return np.asarray(likelihood / likelihood.sum(axis=1, keepdims=True))


def effective_sizes(
    questions: pl.DataFrame, table: pl.DataFrame, groups: list[str], level: float
) -> pl.DataFrame:
    """``table``, of ``clustered`` with n_samples and binary, with size_low and size_high: the
    numbers of independent questions at which Wilson's interval has the lower and the upper limit.
    Null but for shares of right answers in several clusters, one of them at least of more than one
    sample. ``questions``: as :func:`of_questions` takes them.

    With rho the variance is ``p(1-p) ((1 - rho) sum u^2 + rho sum w^2)``, u the weight of each
    sample and w that of each cluster in the mean. The limit is where the normal tails, averaged
    over rho, are 1 - ``level``. What is probable of rho depends on the accuracy: taken is the one
    halfway (in arcsines) between the limit and ``(x + 1/2) / (n + 1)``. All variances are
    multiplied by the one of ``clustered`` over the mean one at that accuracy, to the power of df /
    (df + 10).
    """
    shares = pl.col("binary") & (pl.col("n_clusters") > 1)
    wanted = shares & (pl.col("n_clusters") < pl.col("n_samples"))
    chosen = table.filter(wanted).with_row_index("group")
    if chosen.is_empty():
        return table.with_columns(
            size_low=pl.lit(None, pl.Float64), size_high=pl.lit(None, pl.Float64)
        )
    rows = _by_cluster(questions, chosen, groups)
    weights = (
        rows.group_by("group").agg(pl.col("alone").sum(), pl.col("n").pow(2).sum()).sort("group")
    )
    n = chosen["n_questions"].to_numpy().astype(float)[:, None] ** 2
    alone, whole = (weights[name].to_numpy().astype(float)[:, None] / n for name in ("alone", "n"))
    sizes = 1 / ((1 - _RHO) * alone + _RHO * whole)
    low, high = _limits(_counts(rows), sizes, chosen, level)
    found = chosen.select(groups).with_columns(
        pl.Series("size_low", low), pl.Series("size_high", high)
    )
    return table.join(found, on=groups, how="left", nulls_equal=True)


def _by_cluster(questions: pl.DataFrame, chosen: pl.DataFrame, groups: list[str]) -> pl.DataFrame:
    """A row a cluster: group, its samples that were right (of ``asked``), its questions ``n``."""
    samples = pl.col("samples")
    return (
        questions.join(chosen.select(*groups, "group"), on=groups, nulls_equal=True)
        .group_by(unique(["group", "task", "cluster"]))
        .agg(
            (pl.col("score") * samples).sum().round().alias("right"),
            samples.sum().cast(pl.Float64).alias("asked"),
            (1 / samples).sum().alias("alone"),
            pl.len().cast(pl.Float64).alias("n"),
        )
    )


def _counts(rows: pl.DataFrame) -> _Counts:
    found = rows.group_by("group", "asked", "right").len().sort("group", "asked", "right")
    right, asked, times = (
        found[name].to_numpy().astype(float) for name in ("right", "asked", "len")
    )
    group = found["group"].to_numpy().astype(np.int64)
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    return _Counts(right, asked, times, group, starts)


def _limits(
    counts: _Counts, sizes: Floats, chosen: pl.DataFrame, level: float
) -> tuple[Floats, Floats]:
    """Effective sizes of the lower and of the upper limits; ``sizes``: with each rho."""
    p, variance, df = (chosen[name].to_numpy().astype(float) for name in ("mean", "variance", "df"))
    most = chosen["n_samples"].to_numpy().astype(float)
    centre = (p * most + 0.5) / (most + 1)
    expected = centre * (1 - centre) * (counts.chances(centre) / sizes).sum(axis=1)
    ratio = np.where(variance > NO_SPREAD, variance / expected, 1.0)
    sizes = sizes / (ratio ** (df / (df + _FREEDOM)))[:, None]
    z = float(ndtri(0.5 + level / 2))
    return (
        _side(counts, sizes, p, centre, most, z, -1),
        _side(counts, sizes, p, centre, most, z, +1),
    )


def _side(
    counts: _Counts, sizes: Floats, p: Floats, centre: Floats, most: Floats, z: float, sign: int
) -> Floats:
    angle = np.arcsin(np.sqrt(centre))
    limit, size = centre, most
    for _ in range(_ROUNDS):
        halfway = np.sin((angle + np.arcsin(np.sqrt(limit))) / 2) ** 2
        size = np.clip(_size(counts.chances(halfway), sizes, z), 1, most)
        u = z**2 / size
        spread = np.sqrt(u * p * (1 - p) + u**2 / 4)
        before, limit = limit, np.clip((p + u / 2 + sign * spread) / (1 + u), 0, 1)
        if np.abs(limit - before).max() < _CLOSE:
            break
    return size


def _size(chances: Floats, sizes: Floats, z: float) -> Floats:
    """The size at which the normal tails beyond ``z`` are the mean of those with each of ``sizes``,
    by Newton's method: from the left, on a convex function, so that no step goes too far."""
    roots, tails = np.sqrt(sizes), 2 * ndtr(-z)
    x = z / roots.max(axis=1)
    for _ in range(_ROUNDS):
        over = (chances * 2 * ndtr(-x[:, None] * roots)).sum(axis=1) - tails
        density = np.exp(-((x[:, None] * roots) ** 2) / 2) / np.sqrt(2 * np.pi)
        step = over / (chances * 2 * density * roots).sum(axis=1)
        x = x + step
        if (np.abs(step) < _CLOSE * x).all():
            break
    return np.asarray((z / x) ** 2)
