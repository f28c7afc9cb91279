"""The section of a run's report on what other programs measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distilbench.report.page import NOT_AVAILABLE, Section, Shown, Table, Text, si
from distilbench.report.run._entries import foreign

if TYPE_CHECKING:
    import polars as pl

    from distilbench.report.run._data import RunData


def _remark(missing: str | None, limit: int | None) -> str:
    return missing or (f"a limit took some of {limit:,} questions" if limit else "")


_SCORES = (
    Shown("model", "model"),
    Shown("task", "task"),
    Shown("accuracy", "mean", "{:.1%}"),
    Shown("score it reports", "reported_score", "{:.4g}", "published"),
    Shown("standard error it reports", "reported_stderr", "{:.4g}", "published"),
    Shown("metric", "reported_metric", lambda metric: metric or NOT_AVAILABLE),
    Shown("questions", "samples"),
    Shown("origin", "origin"),
    Shown("remark", ("missing", "all_questions"), _remark),
)
_RATES = (
    Shown("model", "model"),
    Shown("test", "task"),
    Shown("prompt tokens/s", "prompt_tokens_per_s", "{:,.1f}", "published"),
    Shown("output tokens/s", "output_tokens_per_s", "{:,.1f}", "published"),
    Shown("both, tokens/s", "mixed_tokens_per_s", "{:,.1f}", "published"),
    Shown("standard deviation", "tokens_per_s_deviation", "{:,.1f}", "published"),
    Shown("origin", "origin"),
    Shown("settings", "profile"),
    Shown("threads", "threads"),
    Shown("parameters", "parameters", si),
    Shown("engine", "engine"),
    Shown("hardware", "hardware"),
)


def results_of_others(data: RunData) -> Section:
    """Every imported cell with its origin, and the rates of llama-bench."""
    from distilbench.stats import accuracy

    theirs = foreign(data.cells)
    if theirs.is_empty():
        return Section("Results of others")
    timed = theirs["origin"].str.starts_with("llama-bench")
    means = accuracy(data.samples, ("cell",)).select("cell", mean="accuracy")
    scored = theirs.filter(~timed).join(means, on="cell", how="left", maintain_order="left")
    return Section("Results of others", [*_scores(scored), *_rates(theirs.filter(timed))])


def _scores(scored: pl.DataFrame) -> list[Text | Table]:
    if scored.is_empty():
        return []
    note = (
        "Accuracy: the mean of the imported questions; a cell without questions has only the"
        " score that its program reports, and is in no other table. The same holds where"
        " answers or grades are missing: an accuracy over those that are there would be that of"
        " other questions. What a program does not tell (tokens, seconds, memory) is not"
        " available."
    )
    return [Table.of("Imported results", scored, _SCORES), Text(note)]


def _rates(timed: pl.DataFrame) -> list[Text | Table]:
    if timed.is_empty():
        return []
    note = (
        "pp: tokens of the prompt; tg: tokens generated; d: tokens of context before them. Settings"
        " bear llama-bench's own flags; those that are not named are its defaults."
    )
    return [Table.of("Rates of llama-bench", timed, _RATES), Text(note)]
