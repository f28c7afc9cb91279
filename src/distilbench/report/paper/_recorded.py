"""What the records and the plan of a run say of its models and tasks. Null: not recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

    from distilbench.report.run import RunData

NOT_RECORDED = "not recorded"
_OWN = "its own"
_MODEL = (
    "role", "card", "declared_name", "parameters", "quantization", "bits_per_weight", "engine",
    "engine_version", "runs_on", "model_sha256", "model_file_bytes", "origin",
)  # fmt: skip
_TASK = ("data_revision", "epochs", "template", "contamination", "skipped_rows")


def models_of(data: RunData) -> list[dict[str, Any]]:
    """A row for each model: its records' fields, its role by the suite or its card, and its source
    as the suite has it; of a path of somebody's machine only the file's name."""
    planned = {cell["model"]["name"]: cell["model"] for cell in _plan(data)}
    rows = _first(data.cells, "model", _MODEL)
    roles = dict(zip(data.cells["model"], map(data.roles.get, data.cells["entry"]), strict=True))
    return [
        {**row, "role": roles[row["model"]], "source": _source(planned.get(row["model"], {}))}
        for row in rows
    ]


def tasks_of(data: RunData) -> list[dict[str, Any]]:
    """A row for each task as the suite names it: its records' fields, questions that were answered,
    and what the plan says of how it is asked."""
    planned: dict[str, list[Mapping[str, Any]]] = {}
    for cell in _plan(data):
        planned.setdefault(cell["task"]["name"], []).append(cell)
    counted = {} if data.samples.is_empty() else _questions(data.samples)
    return [
        {
            **row,
            "questions": counted.get(row["task"], 0),
            **_asked(planned.get(row["task"], [])),
            "at": f" at commit {row['data_revision']}" if row["data_revision"] else "",
        }
        for row in _first(data.cells, "task", _TASK)
    ]


def generations(data: RunData) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every way of sampling, with the models that were sampled so."""
    fields = ("temperature", "top_p", "top_k", "min_p", "sampling_source", "system_prompt")
    ways = data.cells.select("model", *fields).unique(maintain_order=True)
    for part in ways.partition_by(fields, maintain_order=True):
        models = ", ".join(part["model"].unique(maintain_order=True))
        yield models, part.select(fields).row(0, named=True)


def _plan(data: RunData) -> list[Mapping[str, Any]]:
    """Cells of the plan that name a model and a task; none in a run of imported results."""
    return [
        cell
        for cell in data.facts.get("plan") or ()
        if isinstance(cell, Mapping)
        and all(isinstance(cell.get(part), Mapping) for part in ("model", "task"))
        and all("name" in cell[part] for part in ("model", "task"))
    ]


def _first(cells: pl.DataFrame, by: str, fields: tuple[str, ...]) -> list[dict[str, Any]]:
    """A row for each name, each field by the first cell that has it."""
    import polars as pl

    known = [name for name in fields if name in cells.columns]
    found = cells.group_by(by, maintain_order=True).agg(pl.col(known).drop_nulls().first())
    return [{**dict.fromkeys(fields), **row} for row in found.iter_rows(named=True)]


def _source(model: Mapping[str, Any]) -> str | None:
    source = model.get("source")
    if not isinstance(source, str):
        return None
    if source.startswith(("/", "~", ".")):
        return PurePosixPath(source).name
    return PureWindowsPath(source).name if "\\" in source else source


def _questions(samples: pl.DataFrame) -> dict[str, int]:
    """Different questions of each task, whoever answered them. A file's are the same under every
    seed, and have one id; generated ones have ids of their own."""
    import polars as pl

    asked = samples.select("variant", "sample_id").unique()
    return dict(asked.group_by("variant").agg(pl.len()).iter_rows())


def _asked(cells: list[Mapping[str, Any]]) -> dict[str, Any]:
    """What the plan says of a task; all of it null where there is no plan."""
    names = (
        "kind", "of", "questions_from", "params", "fewshot", "extract", "grader", "max_tokens",
        "instruction", "task_hash", "likelihood",
    )  # fmt: skip
    if not cells:
        return dict.fromkeys(names)
    task = cells[0]["task"]
    kind = next((k for k in ("reasoning_gym", "inspect", "file") if k in task), None)
    of = task.get(kind) if kind else None
    if kind == "file":
        of = PureWindowsPath(str(of)).name  # of either system
    own = _OWN if kind == "inspect" else None
    words = {"reasoning_gym": "reasoning-gym", "inspect": "Inspect", "file": "file"}
    likelihood = _likelihood(task)
    hashes = dict.fromkeys(str(c["task_hash"]) for c in cells if c.get("task_hash"))
    return {
        "kind": kind,
        "of": of,
        "questions_from": f"{words[kind]}: {of}" if kind else None,
        "params": task.get("params") or task.get("args") or {},
        "fewshot": task.get("fewshot", own),
        "extract": likelihood or task.get("extract", own),
        "grader": "the likeliest" if likelihood else task.get("grader", own),
        "max_tokens": None if likelihood else task.get("max_tokens"),
        "likelihood": likelihood,
        "instruction": task.get("instruction"),
        "task_hash": ", ".join(hashes) or None,
    }


def _likelihood(task: Mapping[str, Any]) -> str | None:
    """What is told of each choice where nothing is written; null: answers are."""
    if not task.get("likelihood"):
        return None
    of = "its letter" if task.get("scored") == "letter" else "its text"
    if task.get("blank"):
        of = "what stands behind it"
    each = " over its characters" if task["likelihood"] == "acc_norm" else ""
    return f"log-likelihood of {of}{each} ({task['likelihood']})"
