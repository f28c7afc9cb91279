"""Which models no other model beats on every cost and on value at once, and how much they cover."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_SAME = 1e-12  # accuracies nearer than this are equal: sums differ in the last digits


def pareto(
    frame: pl.DataFrame, cost: str | Sequence[str], value: str, by: Sequence[str] = ()
) -> pl.DataFrame:
    """The frame with a boolean column ``on_frontier``: lower costs, higher ``value``.

    A row is on the frontier unless another row of its group (``by``: for example the task) costs no
    more on any axis and is worth no less, and differs in one of them. Rows equal in all are on it
    together. A row of which a cost or the value is null or NaN is not on it, and keeps no other
    row off it.

    >>> models = pl.DataFrame({"usd": [1, 2, 3], "accuracy": [0.5, 0.4, 0.7]})
    >>> pareto(models, "usd", "accuracy")["on_frontier"].to_list()
    [True, False, True]
    >>> both = models.with_columns(seconds=pl.Series([9, 1, 5]))  # the second is the fastest
    >>> pareto(both, ["usd", "seconds"], "accuracy")["on_frontier"].to_list()
    [True, True, True]
    """
    points = _losses(frame, cost, value)
    known = ~np.isnan(points).any(axis=1)
    groups = (
        frame.select(pl.struct(list(by)).rank("dense")).to_series().to_numpy()
        if by
        else np.zeros(frame.height)
    )
    found = np.zeros(frame.height, dtype=bool)
    for group in np.unique(groups):
        rows = np.flatnonzero(known & (groups == group))
        found[rows] = not_beaten(points[rows])
    return frame.with_columns(pl.Series("on_frontier", found, dtype=pl.Boolean))


def not_beaten(points: Floats) -> NDArray[np.bool_]:
    """Which points (rows; less is better on every axis) no other point beats."""
    found = np.empty(len(points), dtype=bool)
    for i, point in enumerate(points):
        no_worse = (points <= point).all(axis=1)
        found[i] = not (no_worse & (points < point).any(axis=1)).any()
    return found


def hypervolume(
    frame: pl.DataFrame, cost: str | Sequence[str], value: str, reference: Mapping[str, float]
) -> float:
    """The volume between the frontier and a reference point, the worst that counts on every axis:
    one number for how good the models are together (Zitzler and Thiele 1999). Its unit is the
    product of the axes'; take the logarithm of a cost before, if its ratios are what matters. What
    is no better than the reference on some axis adds nothing; rows with a null neither.

    >>> models = pl.DataFrame({"usd": [1.0, 2.0], "accuracy": [0.5, 0.75]})
    >>> hypervolume(models, "usd", "accuracy", {"usd": 4.0, "accuracy": 0.0})  # 1 x 0.5 + 2 x 0.75
    2.0
    """
    costs = [cost] if isinstance(cost, str) else list(cost)
    worst = np.array([*(reference[name] for name in costs), -reference[value]])
    points = _losses(frame, cost, value)
    points = points[~np.isnan(points).any(axis=1)]
    return _volume(points[(points < worst).all(axis=1)], worst)


def frontier_probability(cost: Sequence[float | None], drawn: Floats) -> list[float | None]:
    """Share of draws in which each model stands on the frontier of one cost; null where its cost is
    not known. ``drawn``: accuracies, shape (draws, models), of a bootstrap of the questions (the
    same questions for all: :func:`bootstrap_accuracies`); costs are taken as they were measured.
    """
    known = [i for i, one in enumerate(cost) if one is not None]
    costs = np.array([cost[i] for i in known], dtype=float)
    shares: list[float | None] = [None] * len(cost)
    for place, i in enumerate(known):
        others = drawn[:, known]
        no_dearer = costs <= costs[place]
        cheaper = costs < costs[place]
        mine = drawn[:, [i]]
        beaten = ((others > mine + _SAME) & no_dearer) | ((others >= mine - _SAME) & cheaper)
        shares[i] = float(1 - beaten.any(axis=1).mean())
    return shares


def standings(drawn: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How models stand to each other in draws, and how often each standing was drawn: ranks from 0
    for the least accurate, equal ones sharing a rank, shape (standings, models), and counts. Who
    leads a draw, and who is on its frontier, depend on nothing else.

    >>> ranks, times = standings(np.array([[0.5, 0.75], [0.25, 0.5], [0.5, 0.5]]))
    >>> ranks.tolist(), times.tolist()
    ([[0, 0], [0, 1]], [1, 2])
    """
    order = np.argsort(drawn, axis=1)
    steps = np.diff(np.take_along_axis(drawn, order, axis=1), axis=1) > _SAME
    found = np.zeros(drawn.shape, dtype=np.int64)
    np.put_along_axis(found, order[:, 1:], np.cumsum(steps, axis=1), axis=1)
    ranks, times = np.unique(found, axis=0, return_counts=True)
    return ranks, times


def _losses(frame: pl.DataFrame, cost: str | Sequence[str], value: str) -> Floats:
    """Costs and the negated value, less being better; NaN where one is not known."""
    costs = [cost] if isinstance(cost, str) else list(cost)
    columns = [*(pl.col(name) for name in costs), -pl.col(value).cast(pl.Float64)]
    found: Any = frame.select(
        column.cast(pl.Float64).fill_null(float("nan")).alias(str(i))
        for i, column in enumerate(columns)
    ).to_numpy()
    return np.asarray(found, dtype=np.float64)


def _volume(points: Floats, worst: Floats) -> float:
    """Volume that points (less is better) cover up to ``worst``: slices along the last axis, each
    the volume of what has begun by then, with an axis less (While et al. 2006)."""
    if not len(points):
        return 0.0
    if points.shape[1] == 1:
        return float(worst[0] - points.min())
    ordered = points[np.argsort(points[:, -1], kind="stable")]
    ends = np.append(ordered[1:, -1], worst[-1])
    return float(
        sum(
            (end - start) * _volume(ordered[: i + 1, :-1], worst[:-1])
            for i, (start, end) in enumerate(zip(ordered[:, -1], ends, strict=True))
            if end > start
        )
    )
