"""Parts of a run's report on tasks of which a part was asked: a random one, or without bad rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distilbench.report.page._format import NOT_AVAILABLE, percent_range
from distilbench.report.page._page import Cell, Section, Table, Text

if TYPE_CHECKING:
    import polars as pl

_NOTE = (
    "Estimated, not measured over all questions: the score that the model would have on the whole"
    " data set, from a random subset of it. Strata are weighted by their size in the whole set; the"
    " interval has the finite-population correction. It covers the draw of the questions only."
)
_COLUMNS = ("model", "task", "estimated full score", "95% interval", "estimated from")


def left_out(cells: pl.DataFrame) -> list[str]:
    """What each task leaves out of its data files, in a sentence."""
    known = cells.select("task", "skipped_rows").drop_nulls().unique(maintain_order=True)
    return [f"Task {task}: {sentence}." for task, sentence in known.iter_rows()]


def full_scores(samples: pl.DataFrame) -> Section:
    """Estimated full score of each entry on each subset task."""
    import polars as pl

    from distilbench.stats import full_score

    drawn = samples.filter(pl.col("all_questions").is_not_null())
    if drawn.is_empty():
        return Section("Full scores, estimated")
    table = full_score(drawn, by=("entry", "task"))
    rows = []
    for row in table.sort("task", "accuracy", "entry", descending=[False, True, False]).iter_rows(
        named=True
    ):
        asked = f"{row['n_questions']:,} of {row['all_questions']:,} questions"
        known = row["accuracy"] is not None
        rows.append(
            (
                row["entry"],
                row["task"],
                Cell(f"{row['accuracy']:.1%}", kind="estimated")
                if known
                else Cell(NOT_AVAILABLE, title="a stratum has no answered question"),
                percent_range(row["low"], row["high"]) if row["low"] is not None else NOT_AVAILABLE,
                f"{asked}, {row['n_strata']} strata" if row["n_strata"] > 1 else asked,
            )
        )
    return Section(
        "Full scores, estimated", (Text(_NOTE), Table("Estimated full scores", _COLUMNS, rows))
    )
