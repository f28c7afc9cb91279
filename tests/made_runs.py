"""Run directories made of given answers, with their questions on record: nothing is run."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from distilbench import catalog
from distilbench.catalog import load_catalog
from distilbench.records import CellRecord, SampleRecord, frame
from distilbench.seals import sealed
from tests.test_report import cell, sample

Marks = Mapping[str, Mapping[str, Sequence[bool]]]
"""Of each model and task, which questions it answers right."""
PI = "Cortex-A76, 4 of 4 cores, 8.0 GiB, Linux-6.6"
SERVER = "AMD EPYC 7B13, 2 of 2 cores, 16.0 GiB, Linux-6.6"


@pytest.fixture(autouse=True)
def one_catalog(monkeypatch: pytest.MonkeyPatch) -> None:
    """The packaged cards are read once for all tests of a file that imports this."""
    monkeypatch.setattr(
        catalog, "load_catalog", lambda extra=(): load_catalog(extra) if extra else _packaged()
    )


@cache
def _packaged() -> catalog.Catalog:
    return load_catalog()


def made_run(
    folder: Path,
    right: Marks,
    *,
    seed: int = 0,
    second: float = 1.0,
    hardware: str = SERVER,
    examples: Sequence[str] = (),
    text: Callable[[str, int], str] = lambda task, n: f"What is {n} of {task}?",
    id_of: Callable[[str, int], str] = lambda task, n: f"{task}-{n}",
    task_fields: Mapping[str, Any] | None = None,
    cell_fields: Mapping[str, Any] | None = None,
    facts: Mapping[str, Any] | None = None,
    rows: Callable[[dict[str, Any]], dict[str, Any]] = lambda row: row,
) -> Path:
    """A finished run. ``second``: of the first answer; each further one takes a little longer, so
    that no two measurements are alike. ``text`` and ``id_of`` make a question and its id of its
    task and number, ``rows`` changes sample records."""
    folder.mkdir(parents=True)
    samples, cells, plan = [], [], []
    tasks = sorted({task for of_model in right.values() for task in of_model})
    for task in tasks:
        count = max(len(of_model.get(task, ())) for of_model in right.values())
        asked = [(id_of(task, n), text(task, n)) for n in range(count)]
        _write_questions(folder, task, seed, asked, examples)
    for model, of_model in right.items():
        for task, marks in of_model.items():
            mine = [
                rows({
                    **sample(model, task, n, one), "seed": seed, "sample_id": id_of(task, n),
                    "cluster": id_of(task, n), "total_s": second + n * 1e-6,
                    "origin": "distilbench",
                })
                for n, one in enumerate(marks)
            ]  # fmt: skip
            samples += mine
            record = {
                **cell(model, task), "seed": seed, "samples": len(mine), "hardware": hardware,
                "model_sha256": model, "origin": "distilbench", "epochs": 1, "temperature": 0.0,
                "role": None, **(cell_fields or {}),
            }  # fmt: skip
            cells.append({**record, "run": folder.name})
            fields = {"name": task, "variant_of": None, "extract": "whole", **(task_fields or {})}
            plan.append({
                "task": fields, "seed": seed, "task_hash": "0" * 64,
                "model": {"name": model, "max_tokens": None}, "limits": {"max_tokens": 64},
            })  # fmt: skip
    frame(samples, SampleRecord).write_parquet(folder / "samples.parquet")
    frame(cells, CellRecord).write_parquet(folder / "cells.parquet")
    said = {
        "name": folder.name, "created": "2026-11-24T10:00:00+0000",
        "hardware": {"energy_sensors": []}, "cells": [one["cell"] for one in cells],
        "seeds": [seed], "python": "3.11", "versions": {"distilbench": "0.1.0"}, "plan": plan,
        **(facts or {}),
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(said))
    (folder / "suite.yaml").write_text(f"name: {folder.name}\n")
    return folder


def _write_questions(
    folder: Path,
    task: str,
    seed: int,
    questions: Sequence[tuple[str, str]],
    examples: Sequence[str],
) -> None:
    asked = [
        {"id": id_, "text": text, "worked": "4", "target": "4", "cluster": id_}
        for id_, text in questions
    ]
    shown = [{"text": text, "worked": "4"} for text in examples]
    file = folder / "questions" / f"{task}--{seed}--00000000.json"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(sealed(json.dumps({"examples": shown, "questions": asked})))


def marks(right: int, of: int) -> list[bool]:
    """So many right, then the wrong ones."""
    return [n < right for n in range(of)]
