"""The questions on which entries can be compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl

from distilbench.stats._groups import grouped, of_both

QUESTION = ("task", "seed", "sample_id")


def in_common(samples: pl.DataFrame, question: Sequence[str] = QUESTION) -> pl.DataFrame:
    """The samples of the questions that every entry answered; where there are none, of the entries
    that do share some: those with most questions first, what this program measured before what
    was imported. An entry that shares none with them is left out. Empty if no two share any.
    """
    by = list(question)
    entries = samples["entry"].n_unique()
    questions = grouped(samples, by)
    asked = of_both(questions, grouped(samples, ["entry"]))
    answered = np.bincount(questions.number[asked.first], minlength=len(questions.first))
    common = np.asarray(answered == entries)
    if common.any():
        return samples if common.all() else samples.filter(common[questions.number])
    taken: list[str] = []
    shared: pl.DataFrame | None = None
    for entry in _in_order(samples):
        mine = samples.filter(pl.col("entry") == entry).select(by).unique()
        both = mine if shared is None else shared.join(mine, on=by, how="semi", nulls_equal=True)
        if not both.is_empty():
            taken, shared = [*taken, entry], both
    if shared is None or len(taken) < 2:
        return samples.clear()
    some = samples.filter(pl.col("entry").is_in(taken))
    place = pl.int_range(pl.len(), dtype=pl.UInt32).alias("place")
    there = some.select(*by, place).join(shared, on=by, how="semi", nulls_equal=True)["place"]
    return some if len(there) == some.height else some[there.sort()]


def each_of(samples: pl.DataFrame, *by: str) -> Iterator[tuple[tuple[Any, ...], pl.DataFrame]]:
    """The samples of each value of a column, or of several, as they come: one part at a time, as of
    millions the parts together would take as much memory again."""
    place = pl.int_range(pl.len(), dtype=pl.UInt32).alias("place")
    parts = samples.select(*by, place).partition_by(by, as_dict=True, include_key=False)
    for key in list(parts):
        yield key, samples[parts.pop(key)["place"]]


def of_entries(samples: pl.DataFrame) -> pl.DataFrame:
    """The samples with each entry as a model under one profile: paired comparisons take those."""
    return samples.with_columns(model="entry", profile=pl.lit("all"))


def _in_order(samples: pl.DataFrame) -> list[str]:
    own = pl.col("origin").is_null() | (pl.col("origin") == "distilbench")
    imported = ~own.all() if "origin" in samples.columns else pl.lit(False)
    ordered = samples.group_by("entry").agg(imported.alias("imported"), pl.len()).sort(
        "imported", "len", "entry", descending=[False, True, False]
    )  # fmt: skip
    return ordered["entry"].to_list()
