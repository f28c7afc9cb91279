"""The section of a run's report on thinking budgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distilbench.report.page import Chart, Details, Section, Shown, Table, Text, percent_range
from distilbench.report.run._charts import accuracy_against_tokens

if TYPE_CHECKING:
    import polars as pl

    from distilbench.report.run._data import RunData

_BUDGETS = (8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768)
_LONG_ANSWER = 64  # mean output tokens from which a budget is worth looking at
_NOTE = (
    "Budget forcing (measured): after so many tokens the thinking is ended and the answer asked"
    " for (Muennighoff et al. 2025, arXiv 2501.19393). Truncation (derived from the entry with"
    " the largest budget): an answer of more tokens than the budget counts as wrong."
)
_COLUMNS = (
    Shown("model", "model"),
    Shown("how", "how"),
    Shown("budget", "budget"),
    Shown("accuracy", "accuracy", "{:.1%}"),
    Shown("95% interval", ("low", "high"), percent_range),
    Shown("output tokens / question", "mean_output_tokens", "{:,.1f}"),
)


def thinking(data: RunData) -> Section:
    """Accuracy against the tokens spent: under budget forcing (measured), and as if answers had
    been cut off (derived)."""
    import polars as pl

    budgets = data.cells.select("entry", "model", "thinking_tokens").unique()
    longest = max(data.overall["output_tokens"].drop_nulls().to_list(), default=0)
    no_budget = budgets["thinking_tokens"].null_count() == budgets.height
    if no_budget and longest < _LONG_ANSWER:
        return Section("Thinking budget")
    forced = _forced(data.overall, budgets)
    cut = _cut_off(data.heard, budgets)
    series = pl.concat([cut, forced.select(cut.columns)])
    table = Table.of(
        "Accuracy under token budgets", series.sort("model", "how", "budget"), _COLUMNS
    )
    chart = Chart(
        "accuracy-thinking",
        "Accuracy against the output tokens that a question may take.",
        "; ".join(f"{r[0]} {r[1]} at {r[5]} tokens {r[3]}" for r in table.rows),
        accuracy_against_tokens(series, series["model"].unique(maintain_order=True).to_list()),
    )
    return Section("Thinking budget", (chart, Text(_NOTE), Details("As a table", (table,))))


def _forced(overall: pl.DataFrame, budgets: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    return (
        overall.join(budgets, on="entry")
        .filter(pl.col("thinking_tokens").is_not_null())
        .select(
            "model",
            pl.lit("budget forcing").alias("how"),
            pl.col("thinking_tokens").alias("budget"),
            pl.col("output_tokens").alias("mean_output_tokens"),
            "accuracy",
            "low",
            "high",
        )
    )


def _cut_off(samples: pl.DataFrame, budgets: pl.DataFrame) -> pl.DataFrame:
    """Truncation curves of each model's entry with the largest budget."""
    import polars as pl

    from distilbench.stats import truncation_curve

    largest = (
        budgets.sort(pl.col("thinking_tokens").fill_null(1 << 40), descending=True)
        .group_by("model", maintain_order=True)
        .first()
    )
    chosen = samples.join(largest.select("entry"), on="entry", how="semi")
    most = max(chosen["output_tokens"].drop_nulls().to_list(), default=1)
    steps = [budget for budget in _BUDGETS if budget < most]
    curve = truncation_curve(chosen, [*steps, most], ("entry",))
    return curve.join(largest, on="entry").select(
        "model",
        pl.lit("truncation").alias("how"),
        pl.col("budget").cast(pl.Int64),
        "mean_output_tokens",
        "accuracy",
        "low",
        "high",
    )
