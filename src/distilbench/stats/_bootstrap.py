"""Accuracies of models on questions drawn again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

_CHUNK = 200_000  # clusters drawn in one batch: what fits into a core's cache is 6 times faster
_ONE_THREAD = 1 << 18  # multiplications up to which OpenBLAS takes one thread
_BINOMIALS = 8  # one binomial number takes the time of so many drawn clusters
_FEW = 1_000  # clusters of which either way takes no time


@dataclass(frozen=True, eq=False)
class Drawn:
    """Accuracies of ``entries`` on questions drawn again. ``mean``: over tasks, shape (draws,
    entries); ``tasks``: of each task alone, the first of these draws, in the same shape."""

    entries: tuple[str, ...]
    mean: NDArray[np.float64]
    tasks: Mapping[str, NDArray[np.float64]]


def bootstrap(
    samples: pl.DataFrame,
    entries: Sequence[str],
    draws: int = 10_000,
    kept: int = 0,
    seed: int = 0,
) -> Drawn:
    """Accuracy of every entry in every draw.

    Clusters of questions are drawn with replacement within each task, the same for all entries
    (paired; Efron and Tibshirani 1993). ``samples``: those of the questions in common, with entry,
    task, cluster and score in [0, 1]; ``kept``: draws of each task that are kept beside the mean.
    """
    generator = np.random.default_rng(seed)
    total = np.zeros((draws, len(entries)))
    needed = samples.select("task", "cluster", "entry", "score")
    parts = needed.partition_by("task", as_dict=True, include_key=False)
    alone = {}
    for (task,) in sorted(parts):
        sums, counts, times = _alike(parts.pop((task,)), list(entries))
        step = max(1, _CHUNK // int(times.sum()))
        mine = np.empty((min(kept, draws), len(entries)))
        figures = np.hstack([sums, counts])
        for start in range(0, draws, step):
            size = min(step, draws - start)
            both = _product(_drawn(generator, times, size).astype(float), figures)
            drawn = both[:, : len(entries)] / np.maximum(both[:, len(entries) :], 1)
            total[start : start + size] += drawn
            mine[start : start + size] = drawn[: max(len(mine) - start, 0)]
        alone[str(task)] = mine
    return Drawn(tuple(entries), total / max(len(alone), 1), alone)


def bootstrap_accuracies(
    samples: pl.DataFrame, entries: Sequence[str], draws: int = 10_000, seed: int = 0
) -> NDArray[np.float64]:
    """The mean over tasks alone, of :func:`bootstrap`: shape (draws, entries)."""
    return bootstrap(samples, entries, draws, 0, seed).mean


def _product(weights: Any, figures: Any) -> Any:
    """The matrix product, in pieces so small that BLAS takes one thread: several of them wait for
    each other in a loop, which on a busy machine takes more time than it saves."""
    step = max(1, _ONE_THREAD // figures.size)
    found = np.empty((len(weights), figures.shape[1]))
    for start in range(0, len(weights), step):
        found[start : start + step] = weights[start : start + step] @ figures
    return found


def _alike(samples: pl.DataFrame, entries: list[str]) -> tuple[Any, Any, Any]:
    """The clusters of one task, those that no entry tells apart as one: sums of scores and numbers
    of samples, each of shape (kinds, entries), and how many clusters are of each kind. A draw of
    clusters needs no more, and of a million questions of two models there are four kinds."""
    table = samples.group_by("cluster", "entry").agg(
        pl.col("score").sum().alias("sum"), pl.len().cast(pl.Float64).alias("count")
    )
    wide = table.pivot("entry", index="cluster", values=["sum", "count"], sort_columns=False)
    columns = [f"{name}_{entry}" for name in ("sum", "count") for entry in entries]
    kinds = wide.select(pl.col(columns).fill_null(0.0)).group_by(columns).len("times").sort(columns)
    figures = kinds.select(columns).to_numpy().astype(np.float64)
    return figures[:, : len(entries)], figures[:, len(entries) :], kinds["times"].to_numpy()


def _drawn(generator: np.random.Generator, times: Any, size: int) -> Any:
    """How often each kind is drawn in ``size`` draws of as many clusters as there are."""
    clusters, kinds = int(times.sum()), len(times)
    if kinds * _BINOMIALS < clusters or clusters < _FEW:
        return generator.multinomial(clusters, times / clusters, size)
    drawn = generator.integers(0, clusters, (size, clusters))
    if kinds < clusters:
        drawn = np.repeat(np.arange(kinds), times)[drawn]
    drawn += np.arange(size)[:, None] * kinds
    return np.bincount(drawn.ravel(), minlength=size * kinds).reshape(size, kinds)
