"""The sections of a run's report, one function each, in the order of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from distilbench.durations import duration
from distilbench.records import Column
from distilbench.report.page import _charts
from distilbench.report.page._format import NOT_AVAILABLE, percent_range, points
from distilbench.report.page._page import Cell, Chart, Details, Pre, Section, Table, Text

if TYPE_CHECKING:
    import polars as pl

    from distilbench.catalog import Catalog

_ANSWERS_SHOWN = 3
_MOST_PAIRS = 10


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


def paired(differences: pl.DataFrame) -> Section:
    if differences.is_empty():
        return Section("Paired differences")
    rows = [
        (
            row["model_a"],
            row["model_b"],
            row["task"] or "all tasks",
            row["n_questions"],
            points(row["difference"]),
            f"{points(row['low'])} to {points(row['high'])}",
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
    import polars as pl

    # By the number that ends an id: sums-2 comes before sums-10.
    number = pl.col("sample_id").str.extract(r"(\d{1,18})$").cast(pl.Int64)
    name = pl.col("sample_id").str.replace(r"\d{1,18}$", "")
    shown = (
        samples.sort(name, number, "sample_id", "epoch")
        .group_by("entry", "task", maintain_order=True)
        .head(_ANSWERS_SHOWN)
        .sort("task", name, number, "sample_id", "entry")
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


def _creation_cell(cost: Any) -> Cell:
    from distilbench.compute import Unavailable, interval

    if isinstance(cost.flops, Unavailable):
        if cost.at_least is None:
            return Cell(NOT_AVAILABLE, title=cost.flops.reason)
        return Cell(f"≥ {cost.at_least.central:.3g}", title=cost.flops.reason, kind="derived")
    found = interval(cost.flops)
    mark = "≥ " if cost.omits else ""
    title = f"5% to 95%: {found.p5:.3g} to {found.p95:.3g}"
    if cost.omits:
        title += "; not counted: " + ", ".join(cost.omits)
    return Cell(f"{mark}{found.central:.3g}", title=title, kind=found.kind)


def _cut(text: str | None) -> str | None:
    return text if text is None or len(text) <= 80 else text[:77] + "..."
