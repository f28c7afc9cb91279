"""Accuracies of models on questions drawn again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

_CHUNK = 4_000_000  # weights of one batch of draws: bounds memory at some 30 MB


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
        table = (
            samples.filter(pl.col("task") == task)
            .group_by("cluster", "entry")
            .agg(pl.col("score").sum(), pl.len().alias("count"))
        )
        sums, counts = (
            table.pivot("entry", index="cluster", values=name, sort_columns=False)
            .sort("cluster")
            .select(list(entries))
            .fill_null(0)
            .to_numpy()
            .astype(float)
            for name in ("score", "count")
        )
        clusters = len(sums)
        step = max(1, _CHUNK // clusters)
        for start in range(0, draws, step):
            size = min(step, draws - start)
            weights = generator.multinomial(clusters, np.full(clusters, 1 / clusters), size)
            drawn = (weights @ sums) / np.maximum(weights @ counts, 1)
            total[start : start + size] += drawn / len(tasks)
    return total
