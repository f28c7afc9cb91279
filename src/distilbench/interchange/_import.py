"""Finds results of other programs in files and folders, and brings them into a run."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from distilbench.errors import InputError
from distilbench.interchange.importers._every_eval_ever import (
    is_every_eval_ever,
    read_every_eval_ever,
)
from distilbench.interchange._imported import ROLES, Imported, Naming
from distilbench.interchange.importers._inspect import is_inspect, read_inspect
from distilbench.interchange.importers._lighteval import is_lighteval, read_lighteval
from distilbench.interchange.importers._llama_bench import (
    is_llama_bench,
    read_csv,
    read_llama_bench,
)
from distilbench.interchange.importers._lm_eval import is_lm_eval, read_lm_eval
from distilbench.interchange._read import read_json, read_json_lines
from distilbench.interchange._write import write_imported
from distilbench.runner import collect, load_cells, opened_run

_KNOWN = (
    "an lm-evaluation-harness folder or results_*.json, an Inspect log, a lighteval folder or"
    " results_*.json, a record of Every Eval Ever, or what llama-bench wrote with -o json, jsonl"
    " or csv"
)
_SUFFIXES = (".eval", ".json", ".jsonl", ".csv")


def import_results(
    paths: list[Path], run_dir: Path, naming: Naming | None = None, replacing: bool = False
) -> list[str]:
    """Add results of other programs to the run in ``run_dir``, or make one; returns cell names.

    Importing the same again changes nothing. Another result of the same model, task and profile is
    refused, unless ``replacing``: then the newer takes the place of the older. Where most texts of
    a task's questions are those of a task of the run, they are taken for the same questions, and
    the cell bears that task's name and seed.

    Raises ``InputError`` before anything is written if a file cannot be read or is of no known
    kind, if the role is none, if two results would have one name, or if the run has its own cell of
    that name.
    """
    naming = naming or Naming()
    if naming.role is not None and naming.role not in ROLES:
        raise InputError(f"--role {naming.role}", "is no role", f"give {', '.join(ROLES)}")
    found = [cell for path in paths for cell in _read(path, naming)]
    with opened_run(run_dir):
        names = write_imported(run_dir, found, naming, replacing)
        collect(run_dir, load_cells(run_dir))
    return names


def _read(path: Path, naming: Naming) -> list[Imported]:
    if not path.exists():
        raise InputError(str(path), "there is no such file or folder", "correct the path")
    files = sorted(_candidates(path), key=lambda p: (p.name, str(p))) if path.is_dir() else [path]
    found: list[Imported] = []
    for file in files:
        cells = _read_file(file, naming)
        if cells is None and not path.is_dir():
            raise InputError(str(path), "is no result that is known", f"give {_KNOWN}")
        found += cells or ()
    if not found:
        raise InputError(str(path), "holds no results that are known", f"give {_KNOWN}")
    return found


def _candidates(folder: Path) -> Iterable[Path]:
    """Files that may be results, the oldest name first: names bear the date."""
    return (
        Path(root, name)
        for root, _, names in os.walk(folder, onerror=_refuse)
        for name in names
        if Path(name).suffix in _SUFFIXES
        and not name.startswith(".")
        and Path(root, name).is_file()
    )


def _refuse(error: OSError) -> None:
    """A folder that may not be read is not passed over: its results would be missing."""
    raise error


def _read_file(file: Path, naming: Naming) -> list[Imported] | None:
    """What a file holds; null if it is of no known kind."""
    if file.suffix == ".eval":
        return read_inspect(file, naming)
    if file.suffix == ".jsonl":
        rows = list(read_json_lines(file)) if _may_be_llama_bench(file) else []
        return read_llama_bench(file, rows) if is_llama_bench(rows) else None
    if file.suffix == ".csv":
        rows = read_csv(file)
        return read_llama_bench(file, rows) if rows else None
    if file.suffix in (".md", ".sql"):
        remedy = "run llama-bench with -o json, jsonl or csv"
        raise InputError(str(file), "does not hold the settings of each test", remedy)
    return _read_json(file, naming) if file.suffix == ".json" else None


def _may_be_llama_bench(file: Path) -> bool:
    """Samples of other programs are JSON Lines too: their results name them."""
    with file.open("rb") as lines:
        return b'"avg_ts"' in lines.readline(100_000)


def _read_json(file: Path, naming: Naming) -> list[Imported] | None:
    data = read_json(file)
    if is_llama_bench(data):
        return read_llama_bench(file, data)
    if is_every_eval_ever(data):
        return read_every_eval_ever(file, data, naming)
    if is_lighteval(data):
        return read_lighteval(file, data, _details(file), naming)
    if is_lm_eval(data):
        return read_lm_eval(file, data, naming)
    return read_inspect(file, naming) if is_inspect(data) else None


def _details(results: Path) -> list[Path]:
    """Details stand beside the folder ``results`` of a lighteval output folder, each model's in a
    folder of the same name."""
    root = next((p for p in results.parents if p.name == "results"), None)
    if root is None:
        return sorted(results.parent.rglob("details_*.parquet"))
    mine = root.parent / "details" / results.parent.relative_to(root)
    return sorted(mine.rglob("details_*.parquet"))
