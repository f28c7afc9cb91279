"""Sections of a run's report on its answers: in pairs, how they ended, some of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distilbench.records import OUTCOMES
from distilbench.report.page import (
    Details,
    Section,
    Shown,
    Table,
    Text,
    points,
    points_range,
)

if TYPE_CHECKING:
    import polars as pl

    from distilbench.report.run._data import RunData

_ANSWERS_SHOWN = 3
_MOST_PAIRS = 10
_MOST_ROWS = 1000
"""More differences or answers than these make the page slow to open, and nobody reads them."""


def paired(data: RunData) -> Section:
    """Accuracy of every two entries on the same questions."""
    import polars as pl

    if data.differences.is_empty():
        return Section("Paired differences")
    columns = (
        Shown("model A", "model_a"),
        Shown("model B", "model_b"),
        Shown("difference", "difference", points),
        Shown("95% interval", ("low", "high"), points_range),
        Shown("p, Holm", "holm", _p),
        Shown("p", "p_value", _p),
        Shown("tasks", "task", lambda task: task or "all tasks"),
        Shown("questions", "n_questions"),
    )
    note = (
        "Accuracy of model A minus that of model B on the same questions, in percentage points,"
        " which is surer than the difference of two intervals"
        " (Miller 2024, arXiv 2411.00640). Holm's p values are corrected for the number of"
        " comparisons in their table."
    )
    overall = _corrected(data.differences.filter(pl.col("task").is_null()))
    each = _corrected(data.differences.filter(pl.col("task").is_not_null()))
    shown = Table.of("Differences, mean over tasks", overall, columns)
    folded = Details(f"{overall.height} differences, mean over tasks", (shown,))
    by_task = (
        Details("Task by task", (Table.of("Differences by task", each, columns),))
        if each.height <= _MOST_ROWS
        else Text(
            f"Task by task these are {each.height:,} differences, more than a page shows:"
            " distilbench.stats.paired_differences gives them from samples.parquet."
        )
    )
    few = overall.height <= _MOST_PAIRS
    return Section("Paired differences", (Text(note), shown if few else folded, by_task))


def _corrected(differences: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    from distilbench.stats import holm

    adjusted = holm(differences["p_value"].to_list())
    return differences.with_columns(pl.Series("holm", adjusted, dtype=pl.Float64))


def _p(value: float | None) -> str | None:
    return None if value is None else f"{value:.2g}"


def outcomes(data: RunData) -> Section:
    """How generations ended, and the messages of errors."""
    import polars as pl

    counted = data.samples.group_by("entry", maintain_order=True).agg(
        pl.len().alias("samples"),
        *((pl.col("outcome") == name).sum().alias(name) for name in OUTCOMES),
        pl.col("thinking_truncated").sum().alias("thoughts cut off"),
    )
    names = ("samples", *OUTCOMES, "thoughts cut off")
    ended = Table.of(
        "How generations ended; all but stop and length score 0, and so does a thought that a"
        " token limit cut off, which has no answer",
        counted,
        (Shown("model", "entry"), *(Shown(name, name) for name in names)),
    )
    failed = data.samples.filter(pl.col("outcome") == "error")
    if failed.is_empty():
        return Section("Outcomes", (ended,))
    messages = failed.group_by("entry", "error", maintain_order=True).agg(pl.len().alias("samples"))
    columns = (Shown("model", "entry"), Shown("message", "error"), Shown("samples", "samples"))
    return Section("Outcomes", (ended, Table.of("Errors", messages, columns)))


def answers(data: RunData) -> Section:
    """A few answers of every model on every task, right or wrong as they come."""
    columns = (
        Shown("task", "task"),
        Shown("question", "sample_id"),
        Shown("model", "entry"),
        Shown("score", "score", "{:g}"),
        Shown("answer", "answer", _cut),
        Shown("reference", "target", _cut),
        Shown("outcome", "outcome"),
    )
    caption = "The first answers of each task; all are in samples.parquet"
    table = Table.of(caption, _first(data.by_variant).head(_MOST_ROWS), columns)
    return Section("Answers", (Details("Some answers", (table,)),))


def _first(samples: pl.DataFrame) -> pl.DataFrame:
    """The first questions of each task, by the number that ends an id: sums-2 before sums-10."""
    import polars as pl

    from distilbench.stats import each_of

    number = pl.col("sample_id").str.extract(r"(\d{1,18})$").cast(pl.Int64)
    name = pl.col("sample_id").str.replace(r"\d{1,18}$", "")
    place = pl.int_range(pl.len()).alias("place")
    first = [
        part.bottom_k(_ANSWERS_SHOWN, by=[name, number, "sample_id", "epoch"])["place"]
        for _, part in each_of(
            samples.select("entry", "task", "sample_id", "epoch", place), "entry", "task"
        )
    ]
    return samples[pl.concat(first)].sort("task", name, number, "sample_id", "entry")


def _cut(text: str | None) -> str | None:
    return text if text is None or len(text) <= 80 else text[:77] + "..."
