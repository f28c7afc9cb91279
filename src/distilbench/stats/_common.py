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
    entries = samples["entry"].n_unique()
    parts = samples.select(*by, "entry").partition_by(by[0])  # one task at a time bounds memory
    everywhere = pl.concat(
        [p.unique().group_by(by).len().filter(pl.col("len") == entries) for p in parts]
        or [samples.select(by)]
    )
    if not everywhere.is_empty():
        return _of_questions(samples, everywhere, by)
    taken: list[str] = []
    shared: pl.DataFrame | None = None
    for entry in _in_order(samples):
        mine = samples.filter(pl.col("entry") == entry).select(by).unique()
        both = mine if shared is None else shared.join(mine, on=by, how="semi", nulls_equal=True)
        if not both.is_empty():
            taken, shared = [*taken, entry], both
    if shared is None or len(taken) < 2:
        return samples.clear()
    return _of_questions(samples.filter(pl.col("entry").is_in(taken)), shared, by)


def of_entries(samples: pl.DataFrame) -> pl.DataFrame:
    """The samples with each entry as a model under one profile: paired comparisons take those."""
    return samples.with_columns(model="entry", profile=pl.lit("all"))


def _of_questions(samples: pl.DataFrame, asked: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """The samples of these questions; where they are all, no copy of what may be gigabytes."""
    place = pl.int_range(pl.len()).alias("place")
    kept = samples.select(*by, place).join(asked, on=by, how="semi", nulls_equal=True)["place"]
    return samples if len(kept) == samples.height else samples[kept.sort()]


def _in_order(samples: pl.DataFrame) -> list[str]:
    own = pl.col("origin").is_null() | (pl.col("origin") == "distilbench")
    imported = ~own.all() if "origin" in samples.columns else pl.lit(False)
    ordered = samples.group_by("entry").agg(imported.alias("imported"), pl.len()).sort(
        "imported", "len", "entry", descending=[False, True, False]
    )  # fmt: skip
    return ordered["entry"].to_list()
