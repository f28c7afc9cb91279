"""Writes what was found into a run: each result once, none in the place of another in silence."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from distilbench.errors import InputError
from distilbench.files import read_json, whole_alone, write_parquet, write_sealed
from distilbench.interchange._imported import Imported, Naming
from distilbench.interchange._names import clean_name, model_names
from distilbench.records import OUTCOMES, CellRecord, SampleRecord, frame, schema
from distilbench.runner import imported_cells, imported_folder, load_cells, question_sets

_APART = "import it under another name with --profile or --model"
_KNOWN_BY = ("model", "profile", "source_model", "config_hash", "content_hash")
_NEWER = "import it under another name with --profile, or with --replace in the place of that"


@dataclass(frozen=True)
class _Cell:
    """What will be written: its name and the record, beside what was found."""

    found: Imported
    model: str
    profile: str
    record: dict[str, Any]

    @property
    def name(self) -> str:
        parts = (self.model, clean_name(self.found.task), self.profile, str(self.found.seed))
        return "--".join(parts)


def write_imported(
    run_dir: Path, found: list[Imported], naming: Naming, replacing: bool = False
) -> list[str]:
    """Write what was found as cells of the run; returns their names.

    Raises ``InputError`` before anything is written if two results would have one name. Two of the
    same model, task and settings are one if they say the same; if not, the last is kept if
    ``replacing``.
    """
    earlier = _earlier(run_dir)
    known = _own_questions(run_dir)
    cells = [
        replace(cell, found=_matched(cell.found, known)) for cell in _named(found, naming, earlier)
    ]
    kept: dict[str, _Cell] = {}
    for cell in cells:
        if before := kept.get(cell.name):
            _refuse_other(cell, before.record, before.found.source, replacing)
        kept[cell.name] = cell
    dropped = set()
    for cell in kept.values():
        _refuse_own_cell(run_dir, cell)
        for path, record in earlier.items():
            if _same_place(cell, path.parent.name, record):
                _refuse_other(cell, record, path.parent, replacing)
                dropped.add(path.parent)
    tables = {name: _tables(run_dir, cell, naming) for name, cell in kept.items()}
    for folder in dropped:
        shutil.rmtree(folder)
    for name, table in tables.items():
        _write(run_dir, name, *table)
    return list(kept)


def _earlier(run_dir: Path) -> dict[Path, dict[str, Any]]:
    """The records of what was imported before, by file.

    Raises ``InputError`` if one lacks what it is known again by.
    """
    files = imported_cells(run_dir)
    records = {path: read_json(path) for path in files}
    for path, record in records.items():
        lacking = [name for name in _KNOWN_BY if not isinstance(record.get(name), str)]
        if lacking:
            raise InputError(
                f"{path}: field {lacking[0]!r}",
                "is missing: another version of distilbench imported it",
                "import all of it again into a new folder (--into)",
            )
    return records


def _named(
    found: list[Imported], naming: Naming, earlier: dict[Path, dict[str, Any]]
) -> list[_Cell]:
    """With names: a model keeps the one that it has in the run, and gets a longer one where a model
    of another full name has the short one already."""
    owners = {(r["profile"], r["model"]): r["source_model"] for r in earlier.values()}
    had = {(r["profile"], r["source_model"]): r["model"] for r in earlier.values()}
    cells = []
    for one in found:
        profile = clean_name(naming.profile or one.profile or one.tool)
        profile = clean_name(f"{profile}-{one.settings}") if one.settings else profile
        names = (clean_name(naming.model),) if naming.model else one.names or model_names(one.model)
        if not naming.model and (profile, one.model) in had:
            names = (had[profile, one.model],)
        free = (n for n in names if owners.get((profile, n), one.model) == one.model)
        model = next(free, None)
        if model is None:
            other = owners[profile, names[-1]]
            raise InputError(
                str(one.source),
                f"{other!r} and {one.model!r} would both be {names[-1]!r} in the run",
                "import them one by one with --model",
            )
        owners[profile, model] = one.model
        had.setdefault((profile, one.model), model)
        cells.append(_Cell(one, model, profile, _hashes(one, model, profile)))
    return cells


def _hashes(cell: Imported, model: str, profile: str) -> dict[str, Any]:
    """``config_hash`` knows it again: whose result it is, under which name; ``content_hash`` tells
    whether it is the same result."""
    who = [cell.tool, cell.model, cell.task, model, profile, cell.seed]
    what = [cell.origin, cell.facts, cell.samples, cell.missing]
    made = (json.dumps(part, sort_keys=True, default=str).encode() for part in (who, what))
    config, content = (hashlib.sha256(text).hexdigest() for text in made)
    return {"config_hash": config, "content_hash": content}


def _same_place(cell: _Cell, name: str, record: dict[str, Any]) -> bool:
    """Whether an earlier import is in this one's place, also under a name that the matching of
    questions changed."""
    return name == cell.name or bool(record["config_hash"] == cell.record["config_hash"])


def _refuse_other(cell: _Cell, record: dict[str, Any], where: Path, replacing: bool) -> None:
    """Raises if another result is in the cell's place, and is not to be replaced."""
    same = record["config_hash"] == cell.record["config_hash"]
    if record["content_hash"] == cell.record["content_hash"] or (replacing and same):
        return
    raise InputError(
        str(cell.found.source),
        f"another result of {cell.model} on {clean_name(cell.found.task)} under {cell.profile} is"
        f" there already ({where})",
        _NEWER if same else _APART,
    )


def _matched(cell: Imported, known: dict[str, tuple[str, int, str, str]]) -> Imported:
    """With the names of the run's own questions where most questions are the same text."""
    own = {
        sample_id: next((known[text] for text in texts if text in known), None)
        for sample_id, texts in cell.texts.items()
    }
    hits = Counter(match[:2] for match in own.values() if match)
    if not hits or 2 * hits.most_common(1)[0][1] < len(own):
        return cell
    task, seed = hits.most_common(1)[0][0]
    samples = []
    for sample in cell.samples:
        match = own.get(sample["sample_id"])
        same = {"sample_id": match[2], "cluster": match[3]} if match else {}
        samples.append({**sample, **(same if match and match[:2] == (task, seed) else {})})
    return replace(cell, task=task, seed=seed, samples=samples)


def _own_questions(run_dir: Path) -> dict[str, tuple[str, int, str, str]]:
    """Task, seed, id and cluster of each question that the run asks, by its text."""
    return {
        question.text.strip(): (task, seed, question.id, question.cluster)
        for (task, seed), asked in reversed(question_sets(run_dir).items())
        for question in asked.questions
    }


def _refuse_own_cell(run_dir: Path, cell: _Cell) -> None:
    same = (cell.model, clean_name(cell.found.task), cell.profile, cell.found.seed)
    for own in load_cells(run_dir):
        if same == (own.model.name, own.task.name, own.profile.name, own.seed):
            raise InputError(
                str(cell.found.source),
                f"the run has its own cell of {same[0]} on {same[1]} under {same[2]}",
                "import under another name with --profile",
            )


def _tables(run_dir: Path, cell: _Cell, naming: Naming) -> tuple[dict[str, Any], Any]:
    """The cell record, and its sample records as a frame."""
    found = cell.found
    identity = {
        "run": run_dir.name,
        "cell": cell.name,
        "model": cell.model,
        "task": clean_name(found.task),
        "profile": cell.profile,
        "seed": found.seed,
        "origin": found.origin,
    }
    rows = [{"epoch": 1, "cluster": s["sample_id"], **s, **identity} for s in found.samples]
    said = {key: value for key in ("role", "card") if (value := getattr(naming, key))}
    facts = {
        "declared_name": found.model,
        **found.facts,
        **said,
        **cell.record,
        **identity,
        "source_model": found.model,
        "missing": found.missing,
        "samples": 0 if found.missing else len(rows),
    }
    return facts, _checked(found, facts, rows)


def _checked(cell: Imported, facts: dict[str, Any], rows: list[dict[str, Any]]) -> Any:
    """The sample records; raises ``InputError`` if a value is none that a record can hold."""
    known = schema(CellRecord)
    where = f"{cell.source}: task {cell.task!r}"
    try:
        frame([{k: v for k, v in facts.items() if k in known}], CellRecord)
        samples = frame(rows, SampleRecord)
    except Exception as error:  # Polars and Python refuse in many ways
        reason = " ".join(str(error).split())[:100]
        raise InputError(where, f"a value is of a wrong kind ({reason})", "mend it") from error
    if samples.select("sample_id", "epoch").is_duplicated().any():
        raise InputError(where, "holds a question twice", "give the file as its program wrote it")
    outcomes = samples["outcome"].drop_nulls()
    if not outcomes.is_in(OUTCOMES).all():
        raise InputError(where, "holds an outcome that is not known", f"use {', '.join(OUTCOMES)}")
    if not cell.missing and not samples["score"].is_between(0, 1).fill_null(False).all():
        raise InputError(where, "a score is missing or outside [0, 1]", "name another --metric")
    return samples


def _write(run_dir: Path, name: str, facts: dict[str, Any], samples: Any) -> None:
    """Samples of a result of which answers are missing are kept beside the records, not in them."""
    with whole_alone(imported_folder(run_dir) / name) as folder:
        if facts["missing"]:
            write_parquet(folder / "answered.parquet", samples)
            samples = samples.clear()
        write_parquet(folder / "samples.parquet", samples)
        write_sealed(folder / "cell.json", facts)
