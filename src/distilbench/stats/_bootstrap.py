"""Accuracies of models on questions drawn again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

_CHUNK = 200_000  # clusters drawn in one batch: what fits into a core's cache is 6 times faster
_BINOMIALS = 8  # one binomial number takes the time of so many drawn clusters
_FEW = 1_000  # clusters of which either way takes no time


def bootstrap_accuracies(
    samples: pl.DataFrame, entries: Sequence[str], draws: int = 10_000, seed: int = 0
) -> NDArray[np.float64]:
    """Accuracy, mean over tasks, of every entry in every draw: shape (draws, entries).

    Clusters of questions are drawn with replacement within each task, the same for all entries
    (paired; Efron and Tibshirani 1993). ``samples``: those of the questions in common, with entry,
    task, cluster and score.
    """
    generator = np.random.default_rng(seed)
    total = np.zeros((draws, len(entries)))
    tasks = samples["task"].unique().sort().to_list()
    for task in tasks:
        sums, counts, times = _alike(samples.filter(pl.col("task") == task), list(entries))
        step = max(1, _CHUNK // int(times.sum()))
        for start in range(0, draws, step):
            size = min(step, draws - start)
            weights = _drawn(generator, times, size)
            drawn = (weights @ sums) / np.maximum(weights @ counts, 1)
            total[start : start + size] += drawn / len(tasks)
    return total


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
    kind_of = np.repeat(np.arange(kinds), times)
    drawn = kind_of[generator.integers(0, clusters, (size, clusters))]
    drawn += np.arange(size)[:, None] * kinds
    return np.bincount(drawn.ravel(), minlength=size * kinds).reshape(size, kinds)
