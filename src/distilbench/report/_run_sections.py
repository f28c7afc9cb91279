"""The sections of a run's report, one function each, in the order of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from distilbench.durations import duration
from distilbench.records import Column
from distilbench.report import _charts
from distilbench.report import _machine_sections as machine
from distilbench.report._format import NOT_AVAILABLE, number, percent_range, si
from distilbench.report._page import Cell, Chart, Details, Pre, Section, Table, Text

if TYPE_CHECKING:
    import polars as pl

    from distilbench.catalog import Catalog

_ANSWERS_SHOWN = 3
_MOST_PAIRS = 10
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
        f" {_points(sign * row['difference'])} percentage points"
        f" (95% interval {_points(low)} to {_points(high)})"
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
    quality = [
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
    quality += [
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
    cost = [
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
    cost += [
        (row["entry"], *[NOT_AVAILABLE] * 8, number(row["model_file_mib"], "{:,.0f}"))
        for row in silent.iter_rows(named=True)
    ]
    quality_columns = (
        "model", "role", "accuracy", "95% interval", "questions",
        "on the Pareto frontier of accuracy against", "parameters", "quantization",
    )  # fmt: skip
    cost_columns = (
        "model", "FLOPs / question", "mean s", "median s", "p95 s", "median TTFT s",
        "decode tokens/s per slot", "output tokens", "peak memory MiB", "file MiB",
    )  # fmt: skip
    note = (
        "Accuracy is the mean over tasks; FLOPs, mean seconds and output tokens are means over"
        " tasks of a task's mean; median, p95 and rate are over all questions. Seconds are those"
        f" of a whole question, timeouts included.{machine.explained(''.join(everything['mark']))}"
        f"{_without_flops(overall)} Figures"
        " in italics are derived by a formula, roles with a dotted line are published on the"
        " model's card, the rest is measured. On a Pareto frontier nothing else is as accurate for"
        " less of that cost, or more accurate for as much. What answered nothing has no accuracy"
        f" and no cost. Energy: {_energy(overall)}."
    )
    return Section(
        "Results",
        (
            Table("Quality, best first", quality_columns, quality),
            Table("Running cost", cost_columns, cost),
            Text(note),
        ),
    )


def by_task(tasks: pl.DataFrame, entries: list[str]) -> Section:
    known = tasks.filter(tasks["no_answer"].is_null())
    rows = [
        (
            row["task"],
            row["entry"],
            row["n_questions"],
            row["no_answer"] or f"{row['accuracy']:.1%}",
            NOT_AVAILABLE if row["no_answer"] else percent_range(row["low"], row["high"]),
        )
        for row in tasks.sort("task", "entry").iter_rows(named=True)
    ]
    table = Table(
        "Accuracy by task", ("task", "model", "questions", "accuracy", "95% interval"), rows
    )
    if known.is_empty():
        return Section("Accuracy by task", (table,))
    chart = Chart(
        "accuracy-by-task",
        "Accuracy by task. Bars are 95% intervals over questions.",
        f"Accuracy of {', '.join(entries)} on {known['task'].n_unique()} tasks; the numbers stand"
        " in the table below.",
        _charts.accuracy_by_task(known, entries),
    )
    return Section("Accuracy by task", (chart, Details("The same as a table", (table,))))


def pareto_figures(overall: pl.DataFrame, cells: pl.DataFrame, comparable: bool) -> Section:
    """Accuracy against each cost that was measured."""
    import polars as pl

    from distilbench.stats import pareto

    if not comparable:
        return Section("Accuracy against cost")
    entries = overall["entry"].to_list()
    blocks: list[Any] = []
    slots = sorted(set(cells["slots"].drop_nulls()))
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


def paired(differences: pl.DataFrame) -> Section:
    if differences.is_empty():
        return Section("Paired differences")
    rows = [
        (
            row["model_a"],
            row["model_b"],
            row["task"] or "all tasks",
            row["n_questions"],
            _points(row["difference"]),
            f"{_points(row['low'])} to {_points(row['high'])}",
            f"{row['p_value']:.2g}" if row["p_value"] is not None else None,
        )
        for row in differences.iter_rows(named=True)
    ]
    note = (
        "Accuracy of model A minus that of model B on the same questions, in percentage points,"
        " which is surer than the difference of two intervals"
        " (Miller 2024, arXiv 2411.00640). The p values are not corrected for their number."
    )
    columns = ("model A", "model B", "tasks", "questions", "difference", "95% interval", "p")
    overall = [row for row in rows if row[2] == "all tasks"]
    by_task = [row for row in rows if row[2] != "all tasks"]
    shown = Table("Differences, mean over tasks", columns, overall)
    folded = Details(f"{len(overall)} differences, mean over tasks", (shown,))
    return Section(
        "Paired differences",
        (
            Text(note),
            shown if len(overall) <= _MOST_PAIRS else folded,
            Details("Task by task", (Table("Differences by task", columns, by_task),)),
        ),
    )


def outcomes(samples: pl.DataFrame) -> Section:
    import polars as pl

    from distilbench.records import OUTCOMES

    counted = samples.group_by("entry", maintain_order=True).agg(
        pl.len().alias("samples"),
        *((pl.col("outcome") == name).sum().alias(name) for name in OUTCOMES),
        pl.col("thinking_truncated").sum().alias("thoughts cut off"),
    )
    blocks: list[Any] = [
        Table(
            "How generations ended; all but stop and length score 0, and so does a thought that a"
            " token limit cut off, which has no answer",
            ("model", "samples", *OUTCOMES, "thoughts cut off"),
            [tuple(row.values()) for row in counted.iter_rows(named=True)],
        )
    ]
    errors = samples.filter(pl.col("outcome") == "error").group_by("entry", "error").len()
    if errors.height:
        rows = [tuple(row.values()) for row in errors.iter_rows(named=True)]
        blocks.append(Table("Errors", ("model", "message", "samples"), rows))
    return Section("Outcomes", blocks)


def creation(cells: pl.DataFrame, catalog: Catalog) -> Section:
    """Creation cost of the models that have a card in the catalog."""
    from distilbench.compute import SCOPES, scope_costs

    known = cells.select("entry", "card").unique(maintain_order=True).drop_nulls()
    rows = []
    for entry, card_id in known.iter_rows():
        card = catalog.cards.get(card_id)
        if card is not None:
            costs = scope_costs(card, catalog.cards, catalog.accelerators)
            rows.append((entry, card.role, *(_creation_cell(costs[s]) for s in SCOPES)))
    if not rows:
        return Section("Creation cost")
    note = (
        "FLOPs that making the model took, from the figures of its card: published ones, or for a"
        " model made by 'distilbench distill' those measured stage by stage. From the narrowest"
        " scope to the widest: the student's own training; with the teacher's inference; with a"
        " share of the teacher's training; with the pretraining of its base. ≥ marks a lower bound:"
        " a part is not published. 'distilbench compute CARD' shows the stages."
    )
    table = Table("Creation compute in FLOPs", ("model", "role", *SCOPES), rows)
    return Section("Creation cost", (Text(note), table))


def provenance(columns: list[tuple[Column, bool]]) -> Section:
    rows = [
        (
            column.name,
            Cell(column.known if there else NOT_AVAILABLE, kind=None),
            column.meaning if there else f"{column.meaning} (no value in this run)",
        )
        for column, there in columns
    ]
    note = (
        "measured: read from a clock, a counter or the model's answer; derived: computed from"
        " measured figures by a formula (FLOPs: from the architecture in the model file, or on the"
        " card of a served model);"
        " not available: there was no sensor, or the engine does not say."
    )
    table = Table("Figures of the two records", ("figure", "known how", "meaning"), rows)
    return Section("How each figure is known", (Text(note), Details("All figures", (table,))))


def conditions(facts: dict[str, Any], cells: pl.DataFrame) -> Section:
    import polars as pl

    machine = "; ".join(cells["hardware"].drop_nulls().unique()) or NOT_AVAILABLE
    sensors = (
        ", ".join(facts["hardware"].get("energy_sensors", ())) or f"{NOT_AVAILABLE}: no sensor"
    )
    rows = [
        ("hardware", machine),
        ("energy sensors", sensors),
        ("seeds", ", ".join(map(str, facts["seeds"]))),
        ("architecture behind FLOPs", "; ".join(_architectures(cells)) or NOT_AVAILABLE),
        ("run started", facts["created"]),
        ("Python", facts["python"]),
        *facts["versions"].items(),
    ]
    cell_table = cells.select(
        "entry", "task", "seed", "threads", "slots", "context", _lasted("load_s"), "warmup_tokens",
        _lasted("wall_s"), (pl.col("peak_memory_bytes") / 2**20).round(0),
        "engine", "engine_version", pl.col("model_sha256").str.head(12),
    )  # fmt: skip
    headings = (
        "model", "task", "seed", "threads", "slots", "context", "loading", "prefix tokens",
        "answering", "peak MiB", "engine", "version", "SHA-256",
    )  # fmt: skip
    cell_rows = [
        tuple(f"{v:.3g}" if isinstance(v, float) else v for v in row)
        for row in cell_table.iter_rows()
    ]
    return Section(
        "Conditions",
        (
            Table("Machine and versions", ("what", "value"), rows),
            Details("Every cell", (Table("Cells", headings, cell_rows),)),
        ),
    )


def _lasted(column: str) -> pl.Expr:
    import polars as pl

    return pl.col(column).map_elements(duration, return_dtype=pl.String)


def _architectures(cells: pl.DataFrame) -> list[str]:
    """Where it is stated, or why it is not available, model by model."""
    stated = cells.select("model", "flops_source").drop_nulls().unique(maintain_order=True)
    return [f"{model}: {source}" for model, source in stated.iter_rows()]


def answers(samples: pl.DataFrame) -> Section:
    """A few answers of every model on every task, right or wrong as they come."""
    shown = (
        samples.sort("sample_id", "epoch")
        .group_by("entry", "task", maintain_order=True)
        .head(_ANSWERS_SHOWN)
        .sort("task", "sample_id", "entry")
    )
    rows = [
        (
            row["task"],
            row["sample_id"],
            row["entry"],
            _cut(row["answer"]),
            _cut(row["target"]),
            f"{row['score']:g}",
            row["outcome"],
        )
        for row in shown.iter_rows(named=True)
    ]
    columns = ("task", "question", "model", "answer", "reference", "score", "outcome")
    table = Table("The first answers of each task; all are in samples.parquet", columns, rows)
    return Section("Answers", (Details("Some answers", (table,)),))


def suite(text: str) -> Section:
    if not text:
        return Section("The exact suite")
    how = "To run it again: save this as suite.yaml, then distilbench run suite.yaml"
    return Section("The exact suite", (Text(how), Pre(text)))


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


def _points(share: float) -> str:
    """A difference of shares in percentage points: +19.2."""
    return f"{round(100 * share, 1) + 0.0:+.1f}"  # + 0.0: no negative zero


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


def _creation_cell(cost: Any) -> Cell:
    from distilbench.compute import Unavailable, interval

    if isinstance(cost.flops, Unavailable):
        if cost.at_least is None:
            return Cell(NOT_AVAILABLE, title=cost.flops.reason)
        return Cell(f"≥ {si(cost.at_least.central)}", title=cost.flops.reason, kind="derived")
    found = interval(cost.flops)
    mark = "≥ " if cost.omits else ""
    title = f"5% to 95%: {found.p5:.3g} to {found.p95:.3g}"
    if cost.omits:
        title += "; not counted: " + ", ".join(cost.omits)
    return Cell(f"{mark}{found.central:.3g}", title=title, kind=found.kind)


def _cut(text: str | None) -> str | None:
    return text if text is None or len(text) <= 80 else text[:77] + "..."
