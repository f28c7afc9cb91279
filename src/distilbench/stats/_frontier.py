"""Which models no other model beats on cost and value at once."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl


def pareto(frame: pl.DataFrame, cost: str, value: str, by: Sequence[str] = ()) -> pl.DataFrame:
    """The frame with a boolean column ``on_frontier``: lower ``cost``, higher ``value``.

    A row is on the frontier unless another row of its group (``by``: for example the task) costs no
    more and is worth no less, and differs in one of them. Rows equal in both are on it together. A
    row whose cost or value is null or NaN is not on it, and keeps no other row off it.

    >>> models = pl.DataFrame({"usd": [1, 2, 3], "accuracy": [0.5, 0.4, 0.7]})
    >>> pareto(models, "usd", "accuracy")["on_frontier"].to_list()
    [True, False, True]
    """
    groups = list(by)
    known = frame.filter(
        *(pl.col(name).is_not_null() & pl.col(name).cast(pl.Float64).is_not_nan()
          for name in (cost, value))
    )  # fmt: skip
    best_cheaper = pl.col("_best").cum_max().shift(1)
    best = (
        known.group_by([*groups, cost])
        .agg(pl.col(value).max().alias("_best"))
        .sort(cost)
        .with_columns((best_cheaper.over(groups) if groups else best_cheaper).alias("_cheaper"))
    )
    beats_cheaper = pl.col("_cheaper").is_null() | (pl.col(value) > pl.col("_cheaper"))
    return (
        frame.join(best, on=[*groups, cost], how="left", nulls_equal=True, maintain_order="left")
        .with_columns(
            ((pl.col(value) == pl.col("_best")) & beats_cheaper).fill_null(False)
            .alias("on_frontier")
        )
        .drop("_best", "_cheaper")
    )  # fmt: skip
