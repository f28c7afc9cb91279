"""Run directories whose plan says that models came from the hub and tasks are its benchmarks:
nothing is asked and nothing fetched."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from distilbench.files import read_json, write_sealed
from distilbench.runner import collect, load_cells
from tests.made_run import Answer, Answers, make

GPQA = {"inspect": "inspect_evals/gpqa_diamond", "name": "gpqa"}
SOURCE = "hf:maker/small-GGUF/small-Q4_K_M.gguf"
DIGEST = "ab" * 32


def answers(right: int, of: int, seconds: float = 1.0) -> list[Answer]:
    """``right`` of them are; no two take the same time."""
    return [Answer("it is 4", n < right, seconds=seconds + n * 1e-3) for n in range(of)]


def hub_run(
    folder: Path,
    given: Answers,
    *,
    name: str = "made",
    tasks: Mapping[str, Mapping[str, Any]] | None = None,
    models: Mapping[str, Mapping[str, Any]] | None = None,
    record: Mapping[str, Any] | None = None,
    cell: Mapping[str, Any] | None = None,
) -> Path:
    """A run of ``given`` answers. ``tasks`` and ``models``: by name, what the plan says of them in
    place of what was asked; ``record`` and ``cell``: fields of every cell's record and plan."""
    folder.mkdir(parents=True, exist_ok=True)
    run = make(folder, given, name)
    facts = read_json(run / "run.json")
    for planned in facts["plan"]:
        task, model = planned["task"]["name"], planned["model"]["name"]
        planned["task"] = dict((tasks or {}).get(task, planned["task"]))
        planned["model"] |= {"source": SOURCE, **(models or {}).get(model, {})}
        planned |= {"file": "/models/small-Q4_K_M.gguf", "file_sha256": DIGEST, **(cell or {})}
    write_sealed(run / "run.json", facts)
    for path in run.glob("cells/*/cell.json"):
        known = {
            "model_sha256": DIGEST, "quantization": "Q4_K_M", "engine": "llama.cpp",
            "engine_version": "b9999", "peak_memory_bytes": 300 << 20, "temperature": 0.0,
            "model_file_bytes": 100 << 20, "hardware": "a machine", "threads": 2,
        }  # fmt: skip
        write_sealed(path, {**read_json(path), **known, **(record or {})})
    collect(run, load_cells(run))
    return run
