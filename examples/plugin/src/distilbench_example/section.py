"""A section of a run's report: how long each model's answers are."""

from __future__ import annotations

import polars as pl

from distilbench.report import RunData, Section, Shown, Table

COLUMNS = (
    Shown("model", "entry"),
    Shown("median output tokens", "median", "{:.0f}"),
    Shown("longest", "most", "{:.0f}"),
)


def lengths(data: RunData) -> Section:
    """Of the answers whose length the engine told; without any, no section."""
    known = data.heard.filter(pl.col("output_tokens").is_not_null())
    if known.is_empty():
        return Section("Length of answers")
    table = known.group_by("entry", maintain_order=True).agg(
        median=pl.col("output_tokens").median(), most=pl.col("output_tokens").max()
    )
    return Section("Length of answers", (Table.of("Output tokens of an answer", table, COLUMNS),))
