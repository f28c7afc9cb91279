"""Reads what this program exported for lm-evaluation-harness: the same cells again, with outcomes,
costs and names, from the records that the export keeps beside each score."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from distilbench.errors import InputError
from distilbench.interchange._imported import Imported, number
from distilbench.interchange._read import mapping
from distilbench.records import ORIGIN, CellRecord, SampleRecord, columns

RECORD = "distilbench"
"""Field of the record in a task's metadata and in a line of its samples."""
IDENTITY = ("run", "cell", "origin", "model", "task", "profile", "seed")
_EQUAL = 1e-9


def is_exported(data: dict[str, Any]) -> bool:
    return "distilbench_version" in data


def exported_cell(
    path: Path,
    data: dict[str, Any],
    task: str,
    scores: dict[str, Any],
    rows: Iterable[dict[str, Any]],
) -> Imported:
    """Raises ``InputError`` if the records are gone, or say another score than their line."""
    where = f"{path}: task {task!r}"
    config = mapping(mapping(data["configs"], where).get(task) or {}, where)
    metadata = mapping(config.get("metadata") or {}, f"{where}, field 'metadata'")
    record = mapping(metadata.get(RECORD), f"{where}, field 'metadata.{RECORD}'")
    facts = {c.name: record[c.name] for c in columns(CellRecord) if c.name in record}
    origin = str(facts.get("origin") or ORIGIN)
    own = f"{ORIGIN} {data['distilbench_version']}"
    samples = [sample for row in rows for sample in _samples(row, where)]
    if facts.get("samples") != len(samples):
        raise InputError(
            where,
            f"{len(samples)} of its {facts.get('samples')} samples are there",
            "give the whole folder that was exported",
        )
    return Imported(
        tool="lm-eval",
        origin=own if origin == ORIGIN else origin,
        model=str(facts.get("model")),
        names=(str(facts.get("model")),),
        task=str(facts.get("task")),
        profile=str(facts.get("profile")),
        seed=_seed(facts, where),
        source=path,
        facts={k: v for k, v in facts.items() if k not in (*IDENTITY, "config_hash", "missing")},
        samples=samples,
        missing=facts.get("missing"),
    )


def _seed(facts: dict[str, Any], where: str) -> int:
    seed = facts.get("seed")
    if not isinstance(seed, int):
        raise InputError(where, "field 'seed' of its record is no number", "export the run again")
    return seed


def _samples(row: dict[str, Any], where: str) -> list[dict[str, Any]]:
    line = f"{where}, document {row.get('doc_id')}"
    records = row.get(RECORD)
    if not isinstance(records, list) or not records:
        raise InputError(line, f"has no field {RECORD!r}", "export the run again")
    known = [c.name for c in columns(SampleRecord) if c.name not in IDENTITY]
    samples = [{k: mapping(r, line)[k] for k in known if k in r} for r in records]
    scores = [number(sample.get("score")) for sample in samples]
    said = number(row.get("exact_match"))
    if None in scores or said is None or abs(sum(scores) / len(scores) - said) > _EQUAL:  # type: ignore[arg-type]
        raise InputError(line, "its score is not that of its record", "export the run again")
    return samples
