"""Sections of a run's report on resources: limits, correct answers, thinking, bits, joules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distilbench.report.page import _charts
from distilbench.report.page._format import NOT_AVAILABLE, number, percent_range, si
from distilbench.report.page._page import Cell, Chart, Details, Section, Table, Text
from distilbench.report.run import _machine as machine

if TYPE_CHECKING:
    import polars as pl

_BUDGETS = (8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768)
_LONG_ANSWER = 64  # mean output tokens from which a budget is worth looking at
_JOULES_PER_KWH = 3.6e6


def limits(cells: pl.DataFrame) -> Section:
    """What each entry might use, by which means it was held to it, and what it used."""
    import polars as pl

    held = cells.filter(pl.col("enforcement").is_not_null())
    if held.is_empty():
        return Section("Limits")
    entries = held.group_by("entry", maintain_order=True).agg(
        pl.col("memory_limit_bytes", "predicted_memory_bytes").first(),
        pl.col("peak_memory_bytes").max(),
        pl.col("enforcement").unique().str.join(" / "),
    )
    rows = [
        (
            row["entry"],
            _mib(row["memory_limit_bytes"]) if row["memory_limit_bytes"] else "none",
            Cell(_mib(row["predicted_memory_bytes"]), kind="estimated"),
            _mib(row["peak_memory_bytes"]),
            _ratio(row["predicted_memory_bytes"], row["peak_memory_bytes"]),
            row["enforcement"],
        )
        for row in entries.iter_rows(named=True)
    ]
    note = (
        "Predicted: from the header of the model file before anything was loaded (estimated);"
        " measured: peak resident memory of the engine's process. A limit is a limit and does not"
        " imitate the speed of a device."
    )
    columns = (
        "model", "memory limit MiB", "predicted MiB", "measured MiB", "predicted / measured",
        "enforced",
    )  # fmt: skip
    return Section("Limits", (Table("Limits and memory", columns, rows), Text(note)))


def correct_answers(samples: pl.DataFrame, cells: pl.DataFrame) -> Section:
    """What a correct answer costs, wrong answers included."""
    from distilbench.stats import per_correct

    mark = dict(machine.marks(cells).iter_rows())
    rows = [
        (
            row["entry"],
            f"{row['accuracy']:.1%}",
            number(row["output_tokens"], "{:,.1f}"),
            si(row["flops"]),
            number(row["total_s"], "{:,.2f}" + mark[row["entry"]]),
            number(row["energy_j"], "{:,.3g}"),
        )
        for row in per_correct(samples, ("entry",)).iter_rows(named=True)
    ]
    columns = ("model", "accuracy", "output tokens", "FLOPs", "seconds", "joules")
    note = (
        "The cost of all answers over the number of correct ones (derived). Not available where"
        " nothing was correct, or a cost is not known of every answer."
        + machine.explained("".join(mark.values()))
    )
    return Section(
        "Cost of a correct answer", (Table("Per correct answer", columns, rows), Text(note))
    )


def thinking(samples: pl.DataFrame, cells: pl.DataFrame, overall: pl.DataFrame) -> Section:
    """Accuracy against the tokens spent: under budget forcing (measured), and as if answers had
    been cut off (derived)."""
    import polars as pl

    budgets = cells.select("entry", "model", "thinking_tokens").unique()
    longest = max(overall["output_tokens"].drop_nulls().to_list(), default=0)
    no_budget = budgets["thinking_tokens"].null_count() == budgets.height
    if no_budget and longest < _LONG_ANSWER:
        return Section("Thinking budget")
    forced = _forced(overall, budgets)
    cut = _cut_off(samples, budgets)
    series = pl.concat([cut, forced.select(cut.columns)])
    rows = [
        (
            row["model"],
            row["how"],
            row["budget"],
            f"{row['mean_output_tokens']:,.1f}",
            f"{row['accuracy']:.1%}",
            percent_range(row["low"], row["high"]),
        )
        for row in series.sort("model", "how", "budget").iter_rows(named=True)
    ]
    note = (
        "Budget forcing (measured): after so many tokens the thinking is ended and the answer asked"
        " for (Muennighoff et al. 2025, arXiv 2501.19393). Truncation (derived from the entry with"
        " the largest budget): an answer of more tokens than the budget counts as wrong."
    )
    columns = ("model", "how", "budget", "output tokens / question", "accuracy", "95% interval")
    models = series["model"].unique(maintain_order=True).to_list()
    chart = Chart(
        "accuracy-thinking",
        "Accuracy against the output tokens that a question may take.",
        "; ".join(f"{r[0]} {r[1]} at {r[3]} tokens {r[4]}" for r in rows),
        _charts.accuracy_against_tokens(series, models),
    )
    table = Table("Accuracy under token budgets", columns, rows)
    return Section("Thinking budget", (chart, Text(note), Details("As a table", (table,))))


def quantization(overall: pl.DataFrame, cells: pl.DataFrame) -> Section:
    """Accuracy against bits and memory, for models of which several quantizations ran."""
    import polars as pl

    facts = cells.group_by("entry").agg(
        pl.col("declared_name", "profile", "bits_per_weight").drop_nulls().first()
    )
    known = (
        overall.join(facts, on="entry")
        .filter(pl.col("bits_per_weight").is_not_null())
        .with_columns(
            several=pl.col("quantization").n_unique().over("declared_name", "parameters", "profile")
        )
        .filter(pl.col("several") > 1)
        .sort("declared_name", "profile", "bits_per_weight")
    )
    if known.is_empty():
        return Section("Quantization")
    rows = [
        (
            row["declared_name"],
            row["entry"],
            row["quantization"],
            Cell(f"{row['bits_per_weight']:.2f}", kind="derived"),
            number(row["model_file_mib"], "{:,.0f}"),
            number(row["peak_memory_mib"], "{:,.0f}"),
            number(row["decode_tokens_per_s"], "{:.0f}"),
            f"{row['accuracy']:.1%}",
            percent_range(row["low"], row["high"]),
        )
        for row in known.iter_rows(named=True)
    ]
    columns = (
        "weights", "model", "quantization", "bits per weight", "file MiB", "peak memory MiB",
        "decode tokens/s per slot", "accuracy", "95% interval",
    )  # fmt: skip
    families = known["declared_name"].unique(maintain_order=True).to_list()
    charts = [
        Chart(
            f"quantization-{name}",
            f"Accuracy against {title}, the quantizations of a model joined by a line.",
            "; ".join(f"{r[2]} of {r[0]}: {r[7]}" for r in rows),
            _charts.accuracy_by_quantization(known, families, column, title),
        )
        for column, name, title in (
            ("bits_per_weight", "bits", "bits per weight"),
            ("peak_memory_mib", "memory", "peak memory of the engine in MiB"),
        )
    ]
    return Section("Quantization", (*charts, Table("Quantizations", columns, rows)))


def energy(cells: pl.DataFrame, samples: pl.DataFrame) -> Section:
    """Joules of every entry, the idle machine's share taken off, and grams by region."""
    import polars as pl

    from distilbench.stats import costs

    known = cells.filter(pl.col("energy_total_j").is_not_null())
    if known.is_empty():
        reason = next(iter(cells["energy_method"].drop_nulls()), "no sensor")
        reason = reason.removeprefix(f"{NOT_AVAILABLE}: ")
        return Section("Energy", (Text(f"Energy: {NOT_AVAILABLE} ({reason})."),))
    per_question = costs(samples).select("entry", "energy_j")
    table = (
        known.group_by("entry", maintain_order=True)
        .agg(
            pl.col("energy_total_j", "energy_idle_j").sum(),
            pl.col("energy_method", "energy_known").first(),
        )
        .join(per_question, on="entry", how="left")
    )
    rows = [
        (
            row["entry"],
            Cell(f"{row['energy_total_j']:,.4g}", kind=row["energy_known"]),
            Cell(f"{row['energy_idle_j']:,.4g}", kind=row["energy_known"]),
            Cell(number(row["energy_j"], "{:,.4g}"), kind="derived"),
            row["energy_method"],
        )
        for row in table.iter_rows(named=True)
    ]
    columns = ("model", "total J", "of it idle J", "J per question, idle taken off", "method")
    return Section(
        "Energy",
        (
            Table("Energy of the cells", columns, rows),
            Text(
                "A cell's joules less what the idle machine takes in the same time are shared among"
                " the questions in flight at each instant."
            ),
            Details("Carbon by region", (_carbon(table),)),
        ),
    )


def _carbon(table: pl.DataFrame) -> Table:
    """Grams of CO2 equivalent of a thousand questions, by region of the electricity."""
    from distilbench.compute import REGIONS

    rows = [
        (
            region.name,
            f"{region.g_co2e_per_kwh:g}",
            *(
                number(j and 1000 * j / _JOULES_PER_KWH * region.g_co2e_per_kwh, "{:.3g}")
                for j in table["energy_j"]
            ),
            f"{region.source}, {region.year}",
        )
        for region in REGIONS.values()
    ]
    columns = ("region", "g CO2e / kWh", *table["entry"], "source")
    return Table("Grams of CO2e for 1,000 questions (derived; no cooling)", columns, rows)


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


def _mib(size: int | None) -> str:
    return NOT_AVAILABLE if size is None else f"{size / 2**20:,.0f}"


def _ratio(predicted: int | None, measured: int | None) -> str:
    return f"{predicted / measured:.2f}" if predicted and measured else NOT_AVAILABLE
