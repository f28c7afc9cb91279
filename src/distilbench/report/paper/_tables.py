"""Tables that a paper needs beside those of the page: models, tasks, pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from distilbench.report.page import NOT_AVAILABLE, Shown, Table, points, points_range, rounded, si
from distilbench.report.paper._recorded import NOT_RECORDED, models_of, tasks_of
from distilbench.report.run import creation_text, dollars

if TYPE_CHECKING:
    from distilbench.claims import Pair
    from distilbench.report.run import RunData


def _or_not(value: Any) -> Any:
    return NOT_RECORDED if value is None else value


def models_table(data: RunData) -> Table:
    """Each model: where it came from, its size and quantization, the hash of its file in full."""
    columns = (
        Shown("model", "model"),
        Shown("role", "role", _or_not),
        Shown("source", "source", _or_not),
        Shown("parameters", "parameters", lambda n: si(n) if n else NOT_RECORDED),
        Shown("quantization", "quantization", _or_not),
        Shown("bits per weight", "bits_per_weight", lambda n: f"{n:.2f}" if n else NOT_RECORDED),
        Shown("engine", "engine", _or_not),
        Shown("SHA-256 of the file", "model_sha256", _or_not),
    )
    return Table.of("Models", models_of(data), columns)


def tasks_table(data: RunData) -> Table:
    """Each task: where its questions are from, how many were asked, how answers were graded."""
    columns = (
        Shown("task", "task"),
        Shown("questions from", "questions_from", _or_not),
        Shown("questions", "questions"),
        Shown("examples", "fewshot", _or_not),
        Shown("template", "template", lambda name: name or "its own"),
        Shown("answer", "extract", _or_not),
        Shown("graded", "grader", _or_not),
        Shown("epochs", "epochs", _or_not),
        Shown("contamination", "contamination", _or_not),
        Shown("SHA-256 of the task", "task_hash", _or_not),
    )
    return Table.of("Tasks", tasks_of(data), columns)


def pairs_table(data: RunData) -> Table:
    """Each distilled model beside its counterpart: accuracy, running cost, creation cost."""
    rows = [_pair(data, pair) for pair in data.pairs] if not data.samples.is_empty() else []
    columns = (
        Shown("distilled", "distilled"),
        Shown("counterpart", "counterpart"),
        Shown("because", "why"),
        Shown("questions", "questions", lambda n: NOT_AVAILABLE if n is None else f"{n:,}"),
        Shown("difference in points", "difference", points),
        Shown("95% interval", ("low", "high"), points_range),
        Shown("verdict", "decision", lambda said: said or NOT_AVAILABLE),
        *(
            Shown(name, name, lambda n: NOT_AVAILABLE if n is None else rounded(n), "derived")
            for name in ("FLOPs", "seconds", "joules", "dollars", "memory")
            if any(row[name] is not None for row in rows)
        ),
        Shown("creation", "creation", lambda said: said or NOT_AVAILABLE),
    )
    caption = (
        "Distilled models against their counterparts, at a margin of"
        f" {100 * data.margin:g} percentage points; FLOPs, seconds, joules and dollars of an"
        " answer and memory are over the counterpart's, creation is the counterpart's over its own,"
        " by scope"
    )
    return Table.of(caption, rows, columns)


def _pair(data: RunData, pair: Pair) -> dict[str, Any]:
    found = pair.accuracy
    names = ("questions", "difference", "low", "high", "decision")
    return {
        "distilled": pair.distilled.entry,
        "counterpart": pair.counterpart.entry,
        "why": pair.why,
        **{name: getattr(found, name) if found else None for name in names},
        **{name: pair.running.get(name) for name in ("FLOPs", "seconds", "joules", "memory")},
        "dollars": dollars(data, pair.distilled.entry, pair.counterpart.entry),
        "creation": creation_text(pair),
    }
