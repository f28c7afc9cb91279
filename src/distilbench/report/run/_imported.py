"""The section of a run's report on what other programs measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from distilbench.records import ORIGIN
from distilbench.report.page._format import NOT_AVAILABLE, number, si
from distilbench.report.page._page import Cell, Section, Table, Text

if TYPE_CHECKING:
    import polars as pl


def warning(cells: pl.DataFrame) -> list[str]:
    """That cells are imported, from which programs."""
    others = foreign(cells)
    if others.is_empty():
        return []
    origins = ", ".join(others["origin"].unique().sort())
    incomplete = others.filter(others["missing"].is_not_null())
    return [
        f"{others.height} of {cells.height} cells are results of {origins}: their prompts, sampling"
        " and grading are those of that program.",
        *(
            f"The accuracy of {row['model']} on {row['task']} is not available ({row['missing']})."
            for row in incomplete.iter_rows(named=True)
        ),
    ]


def results_of_others(cells: pl.DataFrame, samples: pl.DataFrame) -> Section:
    """Every imported cell with its origin, and the rates of llama-bench."""
    import polars as pl

    from distilbench.stats import accuracy

    others = foreign(cells)
    scored = others.filter(~pl.col("origin").str.starts_with("llama-bench"))
    means = accuracy(samples, ("cell",)).select("cell", mean="accuracy")
    rows = [
        (
            row["origin"],
            row["model"],
            row["task"],
            row["samples"],
            number(row["mean"], "{:.1%}"),
            Cell(number(row["reported_score"], "{:.4g}"), kind="published"),
            Cell(number(row["reported_stderr"], "{:.4g}"), kind="published"),
            row["reported_metric"] or NOT_AVAILABLE,
            _remark(row),
        )
        for row in scored.join(means, on="cell", how="left").iter_rows(named=True)
    ]
    columns = (
        "origin", "model", "task", "questions", "accuracy", "score it reports",
        "standard error it reports", "metric", "remark",
    )  # fmt: skip
    blocks: list[Text | Table] = []
    if rows:
        note = (
            "Accuracy: the mean of the imported questions; a cell without questions has only the"
            " score that its program reports, and is in no other table. The same holds where"
            " answers or grades are missing: an accuracy over those that are there would be that of"
            " other questions. What a program does not tell (tokens, seconds, memory) is not"
            " available."
        )
        blocks += [Table("Imported results", columns, rows), Text(note)]
    return Section("Results of others", [*blocks, *_rates(others)])


def _remark(row: dict[str, Any]) -> str:
    limit = row["all_questions"]
    return row["missing"] or (f"a limit took some of {limit:,} questions" if limit else "")


def foreign(cells: pl.DataFrame) -> pl.DataFrame:
    """The cells that another program measured."""
    import polars as pl

    return cells.filter(pl.col("origin").is_not_null() & (pl.col("origin") != ORIGIN))


def _rates(others: pl.DataFrame) -> list[Text | Table]:
    import polars as pl

    timed = others.filter(pl.col("origin").str.starts_with("llama-bench"))
    if timed.is_empty():
        return []
    rows = [
        (
            row["origin"],
            row["model"],
            row["task"],
            Cell(number(row["prompt_tokens_per_s"], "{:,.1f}"), kind="published"),
            Cell(number(row["output_tokens_per_s"], "{:,.1f}"), kind="published"),
            Cell(number(row["mixed_tokens_per_s"], "{:,.1f}"), kind="published"),
            Cell(number(row["tokens_per_s_deviation"], "{:,.1f}"), kind="published"),
            row["profile"],
            row["threads"],
            si(row["parameters"]),
            row["engine"],
            row["hardware"],
        )
        for row in timed.iter_rows(named=True)
    ]
    columns = (
        "origin", "model", "test", "prompt tokens/s", "output tokens/s", "both, tokens/s",
        "standard deviation", "settings", "threads", "parameters", "engine", "hardware",
    )  # fmt: skip
    note = (
        "pp: tokens of the prompt; tg: tokens generated; d: tokens of context before them. Settings"
        " bear llama-bench's own flags; those that are not named are its defaults."
    )
    return [Table("Rates of llama-bench", columns, rows), Text(note)]
