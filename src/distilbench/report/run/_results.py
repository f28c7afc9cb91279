"""The head of a run's report: the result in words, its tables, accuracy against each cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from distilbench.report.page import _charts
from distilbench.report.page._format import NOT_AVAILABLE, number, percent_range, points, si
from distilbench.report.page._page import Cell, Chart, Section, Table, Text
from distilbench.report.run import _machine as machine

if TYPE_CHECKING:
    import polars as pl

    from distilbench.catalog import Catalog

_SPEEDS = (
    ("total_s", "{:.2f}"), ("median_s", "{:.2f}"), ("p95_s", "{:.2f}"),
    ("ttft_median_s", "{:.2f}"), ("decode_tokens_per_s", "{:.0f}"),
)  # fmt: skip
_COSTS = (
    ("flops", "inference FLOPs per question", "flops", ".3~s"),
    ("total_s", "mean seconds per question", "latency", ".3~f"),
    ("peak_memory_mib", "peak memory of the engine in MiB", "memory", ",.3~r"),
)


_SHORT = {"flops": "FLOPs", "latency": "seconds", "memory": "memory"}


def summary(overall: pl.DataFrame, differences: pl.DataFrame) -> str:
    """The result in plain words, from the numbers: models, each in its best configuration."""
    import polars as pl

    models = overall.unique("model", keep="first", maintain_order=True)
    best = models.row(0, named=True)
    several = models.height < overall.height
    said = "Each model in the best of its configurations: " if several and models.height > 1 else ""
    said += (
        f"{best['entry']} answers {best['accuracy']:.1%} of the questions right "
        f"(95% interval {best['low']:.1%} to {best['high']:.1%}, mean over"
        f" {best['n_tasks']} task{'s' if best['n_tasks'] > 1 else ''})"
    )
    if several and models.height == 1:
        said += f", the best of {overall.height} configurations of one model"
    if models.height == 1 or differences.is_empty():
        return said + "."
    second = models.row(1, named=True)
    said += f"; {second['entry']} {second['accuracy']:.1%}."
    pair = differences.filter(
        pl.col("task").is_null()
        & pl.col("model_a").is_in([best["entry"], second["entry"]])
        & pl.col("model_b").is_in([best["entry"], second["entry"]])
    )
    if pair.is_empty():
        return said
    row = pair.row(0, named=True)
    sign = 1 if row["model_a"] == best["entry"] else -1
    low, high = sorted((sign * row["low"], sign * row["high"]))
    said += (
        f" On the same {row['n_questions']} questions the difference is"
        f" {points(sign * row['difference'])} percentage points"
        f" (95% interval {points(low)} to {points(high)})"
    )
    said += ", which may be chance." if low <= 0 <= high else "."
    costs = [
        f"{best[column] / second[column]:.2g} times the {name}"
        for column, name in (("flops", "FLOPs per question"), ("peak_memory_mib", "memory"))
        if best[column] and second[column]
    ]
    return said + (f" {best['entry']} takes {' and '.join(costs)}." if costs else "")


def results(
    overall: pl.DataFrame,
    apart: pl.DataFrame,
    silent: pl.DataFrame,
    comparable: bool,
    catalog: Catalog,
) -> Section:
    """The headline tables: what can be compared, what answered other questions, and nothing."""
    import polars as pl

    frontier = _frontiers(overall) if comparable else {}
    everything = pl.concat([overall, apart], how="diagonal")
    return Section(
        "Results",
        (
            _quality(everything, silent, frontier, catalog),
            _running_cost(everything, silent),
            Text(_note(overall, everything)),
        ),
    )


def _quality(
    everything: pl.DataFrame, silent: pl.DataFrame, frontier: dict[str, str], catalog: Catalog
) -> Table:
    rows = [
        (
            row["entry"],
            _role(row, catalog),
            Cell(f"{row['accuracy']:.1%}", kind="measured"),
            percent_range(row["low"], row["high"]),
            row["n_questions"],
            frontier.get(row["entry"], "not compared"),
            si(row["parameters"]),
            row["quantization"],
        )
        for row in everything.iter_rows(named=True)
    ]
    rows += [
        (
            row["entry"],
            _role(row, catalog),
            row["no_answer"],
            NOT_AVAILABLE,
            row["questions"],
            "no answer",
            si(row["parameters"]),
            row["quantization"],
        )
        for row in silent.iter_rows(named=True)
    ]
    columns = (
        "model", "role", "accuracy", "95% interval", "questions",
        "on the Pareto frontier of accuracy against", "parameters", "quantization",
    )  # fmt: skip
    return Table("Quality, best first", columns, rows)


def _running_cost(everything: pl.DataFrame, silent: pl.DataFrame) -> Table:
    rows = [
        (
            row["entry"],
            Cell(si(row["flops"]), kind="derived"),
            *(number(row[name], form + row["mark"]) for name, form in _SPEEDS),
            number(row["output_tokens"], "{:.1f}"),
            number(row["peak_memory_mib"], "{:,.0f}"),
            number(row["model_file_mib"], "{:,.0f}"),
        )
        for row in everything.iter_rows(named=True)
    ]
    rows += [
        (row["entry"], *[NOT_AVAILABLE] * 8, number(row["model_file_mib"], "{:,.0f}"))
        for row in silent.iter_rows(named=True)
    ]
    columns = (
        "model", "FLOPs / question", "mean s", "median s", "p95 s", "median TTFT s",
        "decode tokens/s per slot", "output tokens", "peak memory MiB", "file MiB",
    )  # fmt: skip
    return Table("Running cost", columns, rows)


def _note(overall: pl.DataFrame, everything: pl.DataFrame) -> str:
    return (
        "Accuracy is the mean over tasks; FLOPs, mean seconds and output tokens are means over"
        " tasks of a task's mean; median, p95 and rate are over all questions. Seconds are those"
        f" of a whole question, timeouts included.{machine.explained(''.join(everything['mark']))}"
        f"{_without_flops(overall)} Figures"
        " in italics are derived by a formula, roles with a dotted line are published on the"
        " model's card, the rest is measured. On a Pareto frontier nothing else is as accurate for"
        " less of that cost, or more accurate for as much. What answered nothing has no accuracy"
        f" and no cost. Energy: {_energy(overall)}."
    )


def pareto_figures(overall: pl.DataFrame, cells: pl.DataFrame, comparable: bool) -> Section:
    """Accuracy against each cost that was measured."""
    import polars as pl

    from distilbench.stats import pareto

    if not comparable:
        return Section("Accuracy against cost")
    entries = overall["entry"].to_list()
    blocks: list[Any] = []
    heard = cells.filter(pl.col("entry").is_in(entries))
    slots = sorted(set(heard["slots"].drop_nulls()))
    for column, title, name, form in _COSTS:
        known = overall.filter(overall[column].is_not_null() & (overall[column] > 0))
        if known.is_empty():
            blocks.append(Text(f"Accuracy against {title}: {NOT_AVAILABLE}."))
            continue
        caption = f"Accuracy against {title}; the dashed line is the Pareto frontier."
        if column == "total_s" and slots:
            parallel = " or ".join(map(str, slots))
            caption += f" Latency was measured with {parallel} questions in flight at a time."
            caption += machine.explained("".join(known["mark"]))
        else:  # the marks are of seconds
            known = known.with_columns(mark=pl.lit(""))
        words = "; ".join(
            f"{row['entry']} {row['accuracy']:.1%} at {si(row[column])}"
            for row in known.iter_rows(named=True)
        )
        marked = pareto(known, column, "accuracy")
        chart = _charts.accuracy_against(marked, entries, column, title, form)
        blocks.append(Chart(f"accuracy-{name}", caption, f"{title}: {words}", chart))
    return Section("Accuracy against cost", blocks)


def _frontiers(overall: pl.DataFrame) -> dict[str, str]:
    """Of each entry, the costs on whose frontier it is."""
    from distilbench.stats import pareto

    found: dict[str, str] = {}
    names = {column: name for column, _, name, _ in _COSTS}
    for entry in overall["entry"]:
        on, known = [], False
        for column, name in names.items():
            marked = pareto(overall, column, "accuracy").filter(overall["entry"] == entry)
            known = known or marked[column][0] is not None
            on += [_SHORT[name]] if marked["on_frontier"][0] else []
        found[entry] = ", ".join(on) or ("none" if known else NOT_AVAILABLE)
    return found


def _without_flops(overall: pl.DataFrame) -> str:
    """That a mean of FLOPs leaves out samples, and why."""
    known = overall.filter(overall["flops"].is_not_null())
    missing, counted = known["flops_unknown"].sum(), known["n_samples"].sum()
    if not missing:
        return ""
    return (
        f" FLOPs leave out {missing:,} of {counted:,} samples, whose tokens are unknown or"
        " whose model's architecture is (see Conditions)."
    )


def _energy(overall: pl.DataFrame) -> str:
    """Mean joules of a question of each entry, or that no sensor told them."""
    known = overall.filter(overall["energy_j"].is_not_null())
    each = [f"{e} {j:.3g} J a question" for e, j in known.select("entry", "energy_j").iter_rows()]
    return ", ".join(each) or f"{NOT_AVAILABLE}, no sensor"


def _role(row: dict[str, Any], catalog: Catalog) -> Cell | str | None:
    """The role that the suite gives, else that of the card."""
    if row["role"] or not row["card"]:
        return str(row["role"]) if row["role"] else None
    card = catalog.cards.get(row["card"])
    return Cell(card.role, title=f"from the card {card.id}", kind="published") if card else None
