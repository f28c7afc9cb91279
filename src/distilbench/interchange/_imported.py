"""What an importer found, and how it is written into a run."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from distilbench.errors import InputError
from distilbench.files import write_json, write_parquet
from distilbench.records import SAMPLE_COLUMNS, frame
from distilbench.runner import imported_folder, load_cells, question_sets

_UNMATCHED_SEED = 0


@dataclass(frozen=True)
class Naming:
    """What the user says of what he imports; null: as the files say."""

    model: str | None = None
    profile: str | None = None
    metric: str | None = None
    """Metric, and after a comma the filter of lm-evaluation-harness."""
    role: str | None = None
    card: str | None = None


@dataclass(frozen=True)
class Imported:
    """One model on one task, as another program measured it.

    ``samples`` are columns of sample records (at least ``sample_id`` and ``score``), ``facts``
    columns of the cell record. ``texts`` are, for each ``sample_id``, the texts that may be its
    question. ``model`` is the program's own name for the model.
    """

    tool: str
    origin: str
    model: str
    task: str
    source: Path
    facts: dict[str, Any] = field(default_factory=dict)
    samples: list[dict[str, Any]] = field(default_factory=list)
    texts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    profile: str | None = None
    seed: int = _UNMATCHED_SEED


def write_imported(run_dir: Path, found: list[Imported], naming: Naming) -> list[str]:
    """Write what was found as cells of the run; returns their names. The same again replaces."""
    known = _own_questions(run_dir)
    cells = [_matched(_hashed(cell, naming), known) for cell in found]
    named: dict[str, Imported] = {}
    for cell in cells:
        name = _cell_name(cell, naming)
        _refuse_other_model(named.get(name), cell, name)
        named[name] = cell
    for name, cell in named.items():
        _refuse_own_cell(run_dir, cell, naming)
        _write(run_dir, name, cell, naming)
    return list(named)


def clean_name(text: str) -> str:
    """A name that a suite could hold: the last part of a path, without odd characters."""
    last = text.rstrip("/").rpartition("/")[2].removesuffix(".gguf")
    cleaned = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in last)
    return cleaned.strip("._-")[:80] or "unnamed"


def share(value: Any) -> float | None:
    """A score as a number in [0, 1]; null if it is none."""
    if isinstance(value, bool | int | float) and math.isfinite(value) and 0 <= value <= 1:
        return float(value)
    return None


def number(value: Any) -> float | None:
    """A finite number; null for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return None


def whole(value: Any) -> int | None:
    """A whole number that a record can hold; null for anything else."""
    found = number(value)
    return int(found) if found is not None and abs(found) < 2**62 else None


def _matched(cell: Imported, known: dict[str, tuple[str, int, str, str]]) -> Imported:
    """With the names of the run's own questions where most questions are the same text."""
    own = {
        sample_id: next((known[text] for text in texts if text in known), None)
        for sample_id, texts in cell.texts.items()
    }
    hits = [match for match in own.values() if match]
    if not hits or 2 * len(hits) < len(own):
        return cell
    task, seed, _, _ = hits[0]
    samples = []
    for sample in cell.samples:
        match = own.get(sample["sample_id"])
        same = {"sample_id": match[2], "cluster": match[3]} if match else {}
        samples.append({**sample, **same})
    return replace(cell, task=task, seed=seed, samples=samples)


def _own_questions(run_dir: Path) -> dict[str, tuple[str, int, str, str]]:
    """Task, seed, id and cluster of each question that the run asks, by its text."""
    return {
        question.text.strip(): (task, seed, question.id, question.cluster)
        for (task, seed), asked in reversed(question_sets(run_dir).items())
        for question in asked.questions
    }


def _profile(cell: Imported, naming: Naming) -> str:
    return clean_name(naming.profile or cell.profile or cell.tool)


def _model(cell: Imported, naming: Naming) -> str:
    return clean_name(naming.model or cell.model)


def _cell_name(cell: Imported, naming: Naming) -> str:
    parts = (_model(cell, naming), clean_name(cell.task), _profile(cell, naming), str(cell.seed))
    return "--".join(parts)


def _refuse_other_model(before: Imported | None, cell: Imported, name: str) -> None:
    if before is not None and before.model != cell.model:
        raise InputError(
            str(cell.source),
            f"{before.model!r} and {cell.model!r} would both be {name!r} in the run",
            "import them one by one with --model",
        )


def _refuse_own_cell(run_dir: Path, cell: Imported, naming: Naming) -> None:
    same = (_model(cell, naming), clean_name(cell.task), _profile(cell, naming), cell.seed)
    for own in load_cells(run_dir):
        if same == (own.model.name, own.task.name, own.profile.name, own.seed):
            raise InputError(
                str(cell.source),
                f"the run has its own cell of {same[0]} on {same[1]} under {same[2]}",
                "import under another name with --profile",
            )


def _write(run_dir: Path, name: str, cell: Imported, naming: Naming) -> None:
    identity = {
        "run": run_dir.name,
        "cell": name,
        "model": _model(cell, naming),
        "task": clean_name(cell.task),
        "profile": _profile(cell, naming),
        "seed": cell.seed,
        "origin": cell.origin,
    }
    rows = [
        {"epoch": 1, "cluster": sample["sample_id"], **sample, **identity}
        for sample in cell.samples
    ]
    facts = {
        "declared_name": cell.model,
        "role": naming.role,
        "card": naming.card,
        **cell.facts,
        **identity,
        "samples": len(rows),
    }
    _drop_earlier(run_dir, name, facts["config_hash"])
    folder = imported_folder(run_dir) / name
    folder.mkdir(parents=True, exist_ok=True)
    write_parquet(folder / "samples.parquet", frame(rows, SAMPLE_COLUMNS))
    write_json(folder / "cell.json", facts)


def _hashed(cell: Imported, naming: Naming) -> Imported:
    """With the hash that knows it again: whose result it is, under which name."""
    source = [cell.tool, cell.model, cell.task, _model(cell, naming), _profile(cell, naming)]
    digest = hashlib.sha256(json.dumps(source).encode()).hexdigest()
    return replace(cell, facts={**cell.facts, "config_hash": digest})


def _drop_earlier(run_dir: Path, name: str, config_hash: str) -> None:
    """Earlier imports of the same, also under a name that the matching of questions changed."""
    for path in imported_folder(run_dir).glob("*/cell.json"):
        before = json.loads(path.read_text("utf-8"))["config_hash"]
        if path.parent.name == name or before == config_hash:
            shutil.rmtree(path.parent)
