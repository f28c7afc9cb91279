"""Finds results of other programs in files and folders, and brings them into a run."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from distilbench.errors import InputError
from distilbench.interchange._imported import Imported, Naming
from distilbench.interchange._importer import Importer, ResultFile, all_importers
from distilbench.interchange._write import write_imported
from distilbench.records import ROLES
from distilbench.runner import collect, load_cells, opened_run


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
    known = all_importers()
    found = [cell for path in paths for cell in _read(path, naming, known)]
    with opened_run(run_dir):
        names = write_imported(run_dir, found, naming, replacing)
        collect(run_dir, load_cells(run_dir))
    return names


def _read(path: Path, naming: Naming, known: tuple[Importer, ...]) -> list[Imported]:
    if not path.exists():
        raise InputError(str(path), "there is no such file or folder", "correct the path")
    if path.is_dir():
        files = sorted(_candidates(path, known), key=lambda p: (p.name, str(p)))
    else:
        files = [path]
    found: list[Imported] = []
    for file in map(ResultFile, files):
        importer = _importer_of(file, known)
        if importer is None and not path.is_dir():
            raise _unknown(path, known)
        found += importer.read(file, naming) if importer else ()
    if not found:
        raise InputError(str(path), "holds no results that are known", f"give {_readable(known)}")
    return found


def _candidates(folder: Path, known: tuple[Importer, ...]) -> Iterable[Path]:
    """Files that may be results, the oldest name first: names bear the date."""
    suffixes = {suffix for importer in known for suffix in importer.suffixes}
    return (
        Path(root, name)
        for root, _, names in os.walk(folder, onerror=_refuse)
        for name in names
        if Path(name).suffix in suffixes and not name.startswith(".") and Path(root, name).is_file()
    )


def _refuse(error: OSError) -> None:
    """A folder that may not be read is not passed over: its results would be missing."""
    raise error


def _importer_of(file: ResultFile, known: tuple[Importer, ...]) -> Importer | None:
    """Whose results a file holds; null if it is of no known kind."""
    mine = [one for one in known if file.path.suffix in one.suffixes and one.recognises(file)]
    if len(mine) > 1:
        names = " and ".join(one.program for one in mine)
        remedy = "give a file as its program wrote it, or uninstall the package of one of them"
        raise InputError(str(file.path), f"may be a result of {names}", remedy)
    return mine[0] if mine else None


def _unknown(path: Path, known: tuple[Importer, ...]) -> InputError:
    told = (one.refuses[path.suffix] for one in known if path.suffix in one.refuses)
    problem, remedy = next(told, ("is no result that is known", f"give {_readable(known)}"))
    return InputError(str(path), problem, remedy)


def _readable(known: tuple[Importer, ...]) -> str:
    return "; or ".join(f"{one.program}: {one.reads}" for one in known)
