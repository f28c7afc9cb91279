"""The head of a run's report: the result in words, its tables, accuracy against each cost."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from distilbench.report.page import (
    NOT_AVAILABLE,
    Cell,
    Chart,
    Section,
    Shown,
    Table,
    Text,
    percent_range,
    points,
    rounded,
    si,
)
from distilbench.report.run._charts import accuracy_against
from distilbench.report.run._marks import explained

if TYPE_CHECKING:
    import polars as pl

    from distilbench.catalog import Catalog
    from distilbench.report.run._data import RunData

_SPEEDS = (
    ("mean s", "total_s", "{:.2f}"),
    ("median s", "median_s", "{:.2f}"),
    ("p95 s", "p95_s", "{:.2f}"),
    ("median TTFT s", "ttft_median_s", "{:.2f}"),
    ("decode tokens/s per slot", "decode_tokens_per_s", "{:.0f}"),
)
_COSTS = (
    ("flops", "inference FLOPs per question", "flops", ".3~s"),
    ("total_s", "mean seconds per question", "latency", ".3~f"),
    ("peak_memory_mib", "peak memory of the engine in MiB", "memory", ",.3~r"),
)


_SHORT = {"flops": "FLOPs", "latency": "seconds", "memory": "memory"}


def summary(data: RunData) -> str:
    """The result in plain words, from the numbers: models, each in its best configuration; empty
    without any."""
    overall = data.overall
    if overall.is_empty():
        return ""
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
    if models.height == 1 or data.differences.is_empty():
        return said + "."
    second = models.row(1, named=True)
    said += f"; {second['entry']} {second['accuracy']:.1%}."
    return said + _second_best(best, second, data.differences)


def _second_best(best: dict[str, Any], second: dict[str, Any], differences: pl.DataFrame) -> str:
    """How much better the best is than the second, and at which cost."""
    import polars as pl

    pair = differences.filter(
        pl.col("task").is_null()
        & pl.col("model_a").is_in([best["entry"], second["entry"]])
        & pl.col("model_b").is_in([best["entry"], second["entry"]])
    )
    if pair.is_empty():
        return ""
    row = pair.row(0, named=True)
    sign = 1 if row["model_a"] == best["entry"] else -1
    low, high = sorted((sign * row["low"], sign * row["high"]))
    said = (
        f" On the same {row['n_questions']} questions the difference is"
        f" {points(sign * row['difference'])} percentage points"
        f" (95% interval {points(low)} to {points(high)})"
    )
    said += ", which may be chance." if low <= 0 <= high else "."
    costs = [
        f"{rounded(best[column] / second[column])} times the {name}"
        for column, name in (("flops", "FLOPs per question"), ("peak_memory_mib", "memory"))
        if best[column] and second[column]
    ]
    return said + (f" {best['entry']} takes {' and '.join(costs)}." if costs else "")


def results(data: RunData) -> Section:
    """The headline tables: what can be compared, what answered other questions, and nothing."""
    import polars as pl

    everything = pl.concat([data.overall, data.apart], how="diagonal")
    silent = data.silent.drop("peak_memory_mib").rename({"questions": "n_questions"})
    both = pl.concat([everything, silent], how="diagonal_relaxed")
    tables = (_quality(both, data), _running_cost(both))
    return Section("Results", (*tables, Text(_note(data.overall, everything))))


def _quality(both: pl.DataFrame, data: RunData) -> Table:
    frontier = _frontiers(data.overall) if data.comparable else {}

    def place(entry: str, no_answer: str | None) -> str:
        return "no answer" if no_answer else frontier.get(entry, "not compared")

    def accuracy(share: float | None, no_answer: str | None) -> Cell | str:
        return no_answer or Cell(f"{share:.1%}", kind="measured")

    columns = (
        Shown("model", "entry"),
        Shown("accuracy", ("accuracy", "no_answer"), accuracy),
        Shown("95% interval", ("low", "high"), percent_range),
        Shown("questions", "n_questions"),
        Shown("on the Pareto frontier of accuracy against", ("entry", "no_answer"), place),
        Shown("role", ("role", "card"), partial(_role, data.catalog)),
        Shown("parameters", "parameters", si),
        Shown("quantization", "quantization"),
    )
    return Table.of("Quality, best first", both, columns)


def _running_cost(both: pl.DataFrame) -> Table:
    columns = (
        Shown("model", "entry"),
        Shown("FLOPs / question", "flops", si, "derived"),
        *(Shown(heading, (name, "mark"), form + "{}") for heading, name, form in _SPEEDS),
        Shown("output tokens", "output_tokens", "{:.1f}"),
        Shown("peak memory MiB", "peak_memory_mib", "{:,.0f}"),
        Shown("file MiB", "model_file_mib", "{:,.0f}"),
    )
    return Table.of("Running cost", both, columns)


def _note(overall: pl.DataFrame, everything: pl.DataFrame) -> str:
    return (
        "Accuracy is the mean over tasks; FLOPs, mean seconds and output tokens are means over"
        " tasks of a task's mean; median, p95 and rate are over all questions. Seconds are those"
        f" of a whole question, timeouts included.{explained(''.join(everything['mark']))}"
        f"{_without_flops(overall)} Figures"
        " in italics are derived by a formula, roles with a dotted line are published on the"
        " model's card, the rest is measured. On a Pareto frontier nothing else is as accurate for"
        " less of that cost, or more accurate for as much. What answered nothing has no accuracy"
        f" and no cost. Energy: {_energy(overall)}."
    )


def pareto_figures(data: RunData) -> Section:
    """Accuracy against each cost that was measured."""
    if not data.comparable:
        return Section("Accuracy against cost")
    blocks = [_against(data, *cost) for cost in _COSTS]
    return Section("Accuracy against cost", blocks)


def _against(data: RunData, column: str, title: str, name: str, form: str) -> Chart | Text:
    import polars as pl

    from distilbench.stats import pareto

    overall, entries = data.overall, data.overall["entry"].to_list()
    known = overall.filter(overall[column].is_not_null() & (overall[column] > 0))
    if known.is_empty():
        return Text(f"Accuracy against {title}: {NOT_AVAILABLE}.")
    caption = f"Accuracy against {title}; the dashed line is the Pareto frontier."
    heard = data.cells.filter(pl.col("entry").is_in(entries))
    slots = sorted(set(heard["slots"].drop_nulls()))
    if column == "total_s" and slots:
        parallel = " or ".join(map(str, slots))
        caption += f" Latency was measured with {parallel} questions in flight at a time"
        workers = max(heard["side_by_side"].drop_nulls(), default=1)
        caption += f", by up to {workers} workers on one machine." if workers > 1 else "."
        caption += explained("".join(known["mark"]))
    else:  # the marks are of seconds
        known = known.with_columns(mark=pl.lit(""))
    words = "; ".join(
        f"{row['entry']} {row['accuracy']:.1%} at {si(row[column])}"
        for row in known.iter_rows(named=True)
    )
    drawn = accuracy_against(pareto(known, column, "accuracy"), entries, column, title, form)
    return Chart(f"accuracy-{name}", caption, f"{title}: {words}", drawn)


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


def _role(catalog: Catalog, role: str | None, card_id: str | None) -> Cell | str | None:
    """The role that the suite gives, else that of the card."""
    if role or not card_id:
        return role or None
    card = catalog.cards.get(card_id)
    return Cell(card.role, title=f"from the card {card.id}", kind="published") if card else None
