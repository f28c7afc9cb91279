"""Sections of a run's report on how it came about: conditions, what is known how, the suite."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from distilbench.durations import duration
from distilbench.records import CellRecord, Column, SampleRecord, columns
from distilbench.report.page import NOT_AVAILABLE, Details, Pre, Section, Shown, Table, Text, mib

if TYPE_CHECKING:
    import polars as pl

    from distilbench.report.run._data import RunData

_CELLS = (
    Shown("model", "entry"),
    Shown("task", "task"),
    Shown("seed", "seed"),
    Shown("threads", "threads"),
    Shown("slots", "slots"),
    Shown("workers at once", "side_by_side"),
    Shown("context", "context"),
    Shown("loading", "load_s", lambda seconds: None if seconds is None else duration(seconds)),
    Shown("prefix tokens", "warmup_tokens"),
    Shown("answering", "wall_s", lambda seconds: None if seconds is None else duration(seconds)),
    Shown("peak MiB", "peak_memory_bytes", lambda size: None if size is None else mib(size)),
    Shown("engine", "engine"),
    Shown("version", "engine_version"),
    Shown("SHA-256", "model_sha256", lambda digest: digest and digest[:12]),
)

_BUILD = {
    "engine_build": "llama.cpp was compiled for",
    "engine_package": "package of llama.cpp",
    "unused_features": "of the processor, it does not use",
}


def provenance(data: RunData) -> Section:
    """How each figure of the two records is known."""
    note = (
        "measured: read from a clock, a counter or the model's answer; derived: computed from"
        " measured figures by a formula (FLOPs: from the architecture in the model file, or on the"
        " card of a served model);"
        " not available: there was no sensor, or the engine does not say."
    )
    rows = [_known(*one) for one in _figures(data)]
    table = Table("Figures of the two records", ("figure", "known how", "meaning"), rows)
    return Section("How each figure is known", (Text(note), Details("All figures", (table,))))


def _figures(data: RunData) -> Iterator[tuple[Column, bool]]:
    """Columns of both records that hold figures, and whether any value is there."""
    for record, frame in ((SampleRecord, data.samples), (CellRecord, data.cells)):
        for column in columns(record):
            if column.known in ("measured", "derived", "published", "estimated"):
                yield column, frame[column.name].null_count() < frame.height


def _known(column: Column, there: bool) -> tuple[str, str, str]:
    if there:
        return column.name, column.known, column.meaning
    return column.name, NOT_AVAILABLE, f"{column.meaning} (no value in this run)"


def conditions(data: RunData) -> Section:
    """The machine, versions, and every cell."""
    facts, cells = data.facts, data.cells
    machine = "; ".join(cells["hardware"].drop_nulls().unique()) or NOT_AVAILABLE
    sensors = ", ".join(facts["hardware"].get("energy_sensors", ()))
    rows = [
        ("hardware", machine),
        ("energy sensors", sensors or f"{NOT_AVAILABLE}: no sensor"),
        *((said, _each(cells, column)) for column, said in _BUILD.items() if _has(cells, column)),
        ("seeds", ", ".join(map(str, facts["seeds"]))),
        ("architecture behind FLOPs", "; ".join(_architectures(cells)) or NOT_AVAILABLE),
        ("run started", facts["created"]),
        ("Python", facts["python"]),
        *facts["versions"].items(),
    ]
    versions = Table("Machine and versions", ("what", "value"), rows)
    every = Details("Every cell", (Table.of("Cells", cells, _CELLS),))
    return Section("Conditions", (versions, every))


def _has(cells: pl.DataFrame, column: str) -> bool:
    return cells[column].null_count() < cells.height


def _each(cells: pl.DataFrame, column: str) -> str:
    return " | ".join(cells[column].drop_nulls().unique(maintain_order=True))


def _architectures(cells: pl.DataFrame) -> list[str]:
    """Where it is stated, or why it is not available, model by model."""
    stated = cells.select("model", "flops_source").drop_nulls().unique(maintain_order=True)
    return [f"{model}: {source}" for model, source in stated.iter_rows()]


def suite(data: RunData) -> Section:
    """The suite file, to run it again."""
    if not data.suite_text:
        return Section("The exact suite")
    if len(data.runs) > 1:
        each = [Details(f"Suite of {r.label}", (Pre(r.suite_text),)) for r in data.runs]
        return Section("The exact suites", each)
    how = "To run it again: save this as suite.yaml, then distilbench run suite.yaml"
    return Section("The exact suite", (Text(how), Pre(data.suite_text)))
