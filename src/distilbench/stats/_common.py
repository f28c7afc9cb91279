"""The questions on which entries can be compared."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

QUESTION = ("task", "seed", "sample_id")


def in_common(samples: pl.DataFrame, question: Sequence[str] = QUESTION) -> pl.DataFrame:
    """The samples of the questions that every entry answered; where there are none, of the entries
    that do share some: those with most questions first, what this program measured before what
    was imported. An entry that shares none with them is left out. Empty if no two share any.
    """
    by = list(question)
    answered_by = pl.col("entry").n_unique().over(by)
    everywhere = samples.filter(answered_by == samples["entry"].n_unique())
    if not everywhere.is_empty():
        return everywhere
    taken: list[str] = []
    shared: pl.DataFrame | None = None
    for entry in _in_order(samples):
        mine = samples.filter(pl.col("entry") == entry).select(by).unique()
        both = mine if shared is None else shared.join(mine, on=by, how="semi", nulls_equal=True)
        if not both.is_empty():
            taken, shared = [*taken, entry], both
    if shared is None or len(taken) < 2:
        return samples.clear()
    return samples.filter(pl.col("entry").is_in(taken)).join(
        shared, on=by, how="semi", nulls_equal=True
    )


def _in_order(samples: pl.DataFrame) -> list[str]:
    own = pl.col("origin").is_null() | (pl.col("origin") == "distilbench")
    imported = ~own.all() if "origin" in samples.columns else pl.lit(False)
    ordered = samples.group_by("entry").agg(imported.alias("imported"), pl.len()).sort(
        "imported", "len", "entry", descending=[False, True, False]
    )  # fmt: skip
    return ordered["entry"].to_list()
