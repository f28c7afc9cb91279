"""Accuracies of models on questions drawn again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from distilbench.stats._groups import grouped

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
    total = np.zeros((draws, len(entries)))
    alone: dict[str, NDArray[np.float64]] = {}
    for task, start, drawn in _each(samples, entries, ("score",), draws, seed):
        mine = alone.setdefault(task, np.empty((min(kept, draws), len(entries))))
        total[start : start + len(drawn)] += drawn[:, 0]
        mine[start : start + len(drawn)] = drawn[: max(len(mine) - start, 0), 0]
    return Drawn(tuple(entries), total / max(len(alone), 1), alone)


def bootstrap_scores(
    samples: pl.DataFrame, entries: Sequence[str], scores: Sequence[str], draws: int, seed: int = 0
) -> NDArray[np.float64]:
    """:func:`bootstrap`, mean over tasks, of several columns of scores on the same draws: shape
    (scores, draws, entries)."""
    total = np.zeros((draws, len(scores), len(entries)))
    for _, start, drawn in _each(samples, entries, scores, draws, seed):
        total[start : start + len(drawn)] += drawn
    return np.moveaxis(total / max(samples["task"].n_unique(), 1), 1, 0)


def bootstrap_accuracies(
    samples: pl.DataFrame, entries: Sequence[str], draws: int = 10_000, seed: int = 0
) -> NDArray[np.float64]:
    """The mean over tasks alone, of :func:`bootstrap`: shape (draws, entries)."""
    return bootstrap(samples, entries, draws, 0, seed).mean


def _each(
    samples: pl.DataFrame, entries: Sequence[str], scores: Sequence[str], draws: int, seed: int
) -> Iterator[tuple[str, int, NDArray[np.float64]]]:
    """Task by task some draws at a time: task, number of the first one, and means of shape (some
    draws, scores, entries)."""
    generator = np.random.default_rng(seed)
    for task, clusters in _by_task(samples, list(entries), scores):
        figures, times = _alike(clusters)
        step = max(1, _CHUNK // int(times.sum()))
        for start in range(0, draws, step):
            weights = _drawn(generator, times, min(step, draws - start)).astype(float)
            both = _product(weights, figures).reshape(len(weights), -1, len(entries))
            yield task, start, both[:, :-1] / np.maximum(both[:, -1:], 1)


def _product(weights: Any, figures: Any) -> Any:
    """The matrix product, in pieces so small that BLAS takes one thread: several of them wait for
    each other in a loop, which on a busy machine takes more time than it saves."""
    step = max(1, _ONE_THREAD // figures.size)
    found = np.empty((len(weights), figures.shape[1]))
    for start in range(0, len(weights), step):
        found[start : start + step] = weights[start : start + step] @ figures
    return found


def _by_task(
    samples: pl.DataFrame, entries: list[str], scores: Sequence[str]
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Of each task in order its clusters: sums of each score, then numbers of samples, of every
    entry, shape (clusters, (scores + 1) x entries)."""
    clusters, names = grouped(samples, ["task", "cluster"]), grouped(samples, ["entry"])
    places = [entries.index(name) for name in samples["entry"][names.first]]
    cells = clusters.number * len(entries) + np.array(places, dtype=np.int64)[names.number]
    shape = (len(clusters.first), len(entries))
    sums = [
        np.bincount(cells, values, shape[0] * shape[1]).reshape(shape)
        for values in (*(samples[score].to_numpy() for score in scores), None)
    ]
    tasks = samples["task"][clusters.first]
    for task in tasks.unique().sort():
        mine = (tasks == task).to_numpy()
        yield str(task), np.hstack([figures[mine] for figures in sums])


def _alike(clusters: NDArray[np.float64]) -> tuple[Any, Any]:
    """Clusters of one task that no entry tells apart as one: their figures, shape (kinds, figures),
    and how many clusters are of each kind. A draw of clusters needs no more, and of a million
    questions of two models there are four kinds."""
    table = pl.DataFrame(np.asfortranarray(clusters))
    kinds = table.group_by(table.columns).len("times").sort(table.columns)
    return kinds.drop("times").to_numpy().astype(np.float64), kinds["times"].to_numpy()


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
