"""One row for each result: a model on a task, under a profile, on a machine; the form of a site's
data and of a folder that others append to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.catalog import catalog_beside
from distilbench.compute import SCOPES
from distilbench.interchange import read_exported
from distilbench.publish._benchmarks import benchmark_of
from distilbench.publish._card import running_cost
from distilbench.publish._repositories import repository_of
from distilbench.publish._scored import Choice, Scored, scored
from distilbench.records import derived, frame, identity, measured, published, setting
from distilbench.report.card import CreationRecord, creation_record

if TYPE_CHECKING:
    import polars as pl

    from distilbench.catalog import Catalog

SCHEMA = 1
"""Version of the columns; a change of what one means is another version."""
KEY = ("run_id", "model", "profile", "task")
"""Columns that name a row, once each."""
_DRAWS = 1_000


@dataclass(frozen=True, kw_only=True)
class ResultRecord:
    """One model on one task under one profile in one run, over all its seeds. ``None``: not
    available."""

    schema_version: int | None = identity("version of these columns")
    contributor: str | None = identity("who appended the run")
    run: str | None = identity("name of the run")
    run_id: str | None = identity("hash of its plan and of when it was made")
    date: str | None = identity("when its last question was begun, UTC, ISO 8601")
    origin: str | None = identity("program that measured: distilbench, or one imported")
    version: str | None = identity("version of distilbench")
    model: str | None = identity("model name in the suite")
    repository: str | None = identity("repository of the hub that holds the weights, if known")
    role: str | None = setting("vanilla, distilled, synthetic or proprietary; null: not said")
    card: str | None = setting("id of the model's card in the catalog, null if none")
    model_sha256: str | None = identity("SHA-256 of the model file, or over its parts'")
    quantization: str | None = identity("quantization the model file declares")
    parameters: int | None = measured("weights counted in the model file")
    task: str | None = identity("task name in the suite")
    dataset: str | None = identity("benchmark's data set on the hub, null: none is known")
    dataset_task: str | None = identity("the task's id there")
    data_revision: str | None = identity("commit of that data set, if known")
    profile: str | None = identity("profile name in the suite")
    hardware: str | None = identity("processor, cores, memory, system; of several machines all")
    engine: str | None = identity("engine name")
    engine_version: str | None = identity("engine version")
    threads: int | None = setting("threads of the engine")
    slots: int | None = setting("questions answered in parallel")
    memory_limit_bytes: int | None = setting("limit on the engine's memory, null if none")
    time_per_question_s: int | None = setting("limit, null if none")
    temperature: float | None = setting("sampling temperature; 0 is greedy")
    thinking_tokens: int | None = setting("thinking budget, null if none")
    epochs: int | None = setting("times each question was asked")
    seeds: int | None = setting("seeds that it was asked with")
    n_questions: int | None = measured("questions")
    all_questions: int | None = setting("questions of the whole benchmark, null: not known")
    accuracy: float | None = measured("mean score over questions, a share")
    low: float | None = derived("lower end of its 95% interval")
    high: float | None = derived("upper end of its 95% interval")
    failed: int | None = measured("answers that ended in an error: they count as wrong")
    limited: int | None = measured("answers that a limit, or the machine, kept back")
    cut_off: int | None = measured("answers cut off by the token limit")
    busy: bool | None = derived("others worked on the machine meanwhile: seconds are not its own")
    total_s: float | None = measured("mean seconds of a question")
    p95_s: float | None = measured("95th percentile seconds of a question")
    ttft_median_s: float | None = measured("median seconds to the first token")
    decode_tokens_per_s: float | None = derived("output tokens a second of one answer")
    output_tokens: float | None = measured("mean output tokens of a question")
    flops: float | None = derived("mean forward FLOPs of a question")
    energy_j: float | None = derived("mean joules of a question")
    energy_known: str | None = identity("measured or estimated; null: not available")
    peak_memory_bytes: int | None = measured("peak of the engine's memory")
    model_file_bytes: int | None = measured("size of the model file, all parts together")
    creation_student_flops: float | None = published("creation cost, by the model's card")
    creation_student_bound: str | None = identity("how it stands to what was spent: = >= <= ~")
    creation_pipeline_flops: float | None = published("creation cost, by the model's card")
    creation_pipeline_bound: str | None = identity("how it stands to what was spent: = >= <= ~")
    creation_amortised_flops: float | None = published("creation cost, by the model's card")
    creation_amortised_bound: str | None = identity("how it stands to what was spent: = >= <= ~")
    creation_lineage_flops: float | None = published("creation cost, by the model's card")
    creation_lineage_bound: str | None = identity("how it stands to what was spent: = >= <= ~")


_OF_CELLS = (
    "origin", "role", "card", "model_sha256", "quantization", "parameters", "data_revision",
    "engine", "engine_version", "threads", "slots", "memory_limit_bytes", "time_per_question_s",
    "temperature", "thinking_tokens", "epochs",
)  # fmt: skip
_OF_COSTS = (
    "total_s", "p95_s", "ttft_median_s", "decode_tokens_per_s", "output_tokens", "flops",
    "energy_j", "energy_known", "peak_memory_bytes", "model_file_bytes",
)  # fmt: skip


def result_rows(run_dir: Path, contributor: str | None = None, whole: bool = True) -> pl.DataFrame:
    """The results of a run that have an accuracy. ``whole``: raises ``InputError`` where a question
    failed; else ``failed`` counts them."""
    run = read_exported(run_dir)
    catalog, _ = catalog_beside([run_dir / "cards"])
    names = sorted(run.facts.get("cells") or [])
    stamp = json.dumps([run.facts["name"], run.facts["created"], names])
    same = {
        "schema_version": SCHEMA,
        "contributor": contributor,
        "run": run.facts["name"],
        "run_id": hashlib.sha256(stamp.encode()).hexdigest()[:12],
        "version": run.facts["distilbench_version"],
    }
    made: dict[str, dict[str, Any]] = {}
    rows = []
    for one in scored(run, Choice(), whole):
        card = one.row["card"] or ""
        if card not in made:
            made[card] = _creation(catalog, card)
        row = _row(one)
        role = row["role"] or (catalog.cards[card].role if made[card] else None)
        rows.append({**same, **row, **made[card], "role": role})
    return frame(rows, ResultRecord)


def _row(one: Scored) -> dict[str, Any]:
    figures = running_cost([one])
    places = sorted({row["hardware"] for row in one.rows if row["hardware"]})
    names = ("model", "profile", "task", "accuracy", "low", "high", "n_questions", "seeds")
    return {
        **{name: getattr(one, name) for name in names},
        **{name: one.one_of(name) for name in _OF_CELLS},
        **{name: figures[name] for name in _OF_COSTS},
        **_benchmark(one),
        "repository": repository_of(one, {})[0],
        "date": one.ended.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "hardware": " + ".join(places) or None,
        "busy": _any(row["busy"] for row in one.rows),
        "failed": one.failed,
        "limited": one.limited,
        "cut_off": one.outcomes.get("length", 0),
    }


def _any(said: Iterable[bool | None]) -> bool | None:
    """Whether one of them is true; null: none is, and not all are known."""
    known = set(said)
    return True if True in known else None if None in known else False


def _benchmark(one: Scored) -> dict[str, Any]:
    stated: set[Any] = {row["all_questions"] for row in one.rows}
    stated |= set(one.samples["all_questions"])
    stated.discard(None)
    found = benchmark_of(one.cell.task, one.one_of("data_revision")) if one.cell else ""
    if isinstance(found, str):
        return {"all_questions": max(stated, default=None)}
    of = found.questions or max(stated, default=None)
    return {"dataset": found.dataset, "dataset_task": found.task, "all_questions": of}


def _creation(catalog: Catalog, card: str) -> dict[str, Any]:
    if card not in catalog.cards:
        return {}
    record = creation_record(catalog.cards[card], catalog, _DRAWS)
    return dict(_scopes(record))


def _scopes(record: CreationRecord) -> Iterator[tuple[str, Any]]:
    for scope in SCOPES:
        flops = record.scopes[scope]
        yield f"creation_{scope}_flops", flops.value
        yield f"creation_{scope}_bound", None if flops.value is None else flops.bound
