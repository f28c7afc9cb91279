"""What runs must have in common to be made into one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.errors import InputError
from distilbench.files import read_json, read_parquet
from distilbench.place import Place
from distilbench.records import KEY
from distilbench.runner._plan import HASHED_VERSIONS, Cell
from distilbench.runner._shards import Shard
from distilbench.runner._store import imported_folder, shard_folder
from distilbench.source import Source
from distilbench.suite import Suite

if TYPE_CHECKING:
    import polars as pl

LISTS = ("models", "tasks", "profiles", "seeds")
"""Of a suite: what its runs may have taken different parts of."""
SHARED = ("questions", "cards")
_RESULT = (*KEY, "score", "outcome", "answer")
"""Columns that two finished results of one cell must agree in: seconds and joules never do."""


@dataclass(frozen=True)
class Part:
    """One of the runs: where the user says it is, and where it can be read."""

    place: Place
    folder: Path
    cells: dict[str, Cell]
    suite: Suite | None
    """Null: it holds imported results alone."""
    data: dict[str, Any]


def same_suite(first: Part, other: Part) -> None:
    assert first.suite
    assert other.suite
    remedy = "only runs of the same suite can be merged"
    a, b = first.suite, other.suite
    for field in Suite.model_fields:
        mine, theirs = getattr(a, field), getattr(b, field)
        if field not in LISTS and mine != theirs:
            raise InputError(
                str(other.place), f"its suite has another {field!r} than {first.place}", remedy
            )
        if field in ("models", "tasks", "profiles"):
            known = {part.name: part for part in mine}
            for part in theirs:
                if part.name in known and _dumped(known[part.name]) != _dumped(part):
                    said = f"its suite says other things of {part.name!r} ({field}) than"
                    raise InputError(str(other.place), f"{said} {first.place}", remedy)


def _dumped(part: Any) -> Any:
    """A part of a suite, wherever its files are: what they hold is compared by hash."""
    data = part.model_dump(mode="json", exclude={"file", "fewshot_file"})
    for field in ("source", "model"):
        where = Source.parse(str(data.get(field) or ""))
        if field in data and (where.is_file or where.is_binary):
            del data[field]
    return data


def same_in_all(parts: Sequence[Part]) -> None:
    """What sets the results of several cells, also of those that no two runs share."""
    _same(parts, _facts, "run one of them again with what the other has")


def same_files(parts: Sequence[Part]) -> None:
    """Questions, cards and imported results that several runs hold are the same in all."""
    remedy = "only runs that asked the same questions and read the same cards can be merged"
    _same(parts, _files, remedy)


def _same(
    parts: Sequence[Part], held: Callable[[Part], Iterator[tuple[str, object]]], remedy: str
) -> None:
    """Raises ``InputError`` naming the first that two runs hold under one name and differ in."""
    seen: dict[str, tuple[object, Part]] = {}
    for part in parts:
        for name, value in held(part):
            known, whose = seen.setdefault(name, (value, part))
            if known != value:
                raise InputError(
                    str(part.place), f"its {name} is not that of {whose.place}", remedy
                )


def _facts(part: Part) -> Iterator[tuple[str, object]]:
    if part.cells:
        for package, version in _versions(part).items():
            yield f"version of {package}", version
    for cell in part.cells.values():
        yield f"file of model {cell.model.name!r}", cell.file_sha256
        yield f"data of task {cell.task.name!r} with seed {cell.seed}", cell.task_hash


def _files(part: Part) -> Iterator[tuple[str, object]]:
    files = [file for name in SHARED for file in (part.folder / name).glob("*")]
    for file in (*files, *imported_folder(part.folder).glob("*/cell.json")):
        yield file.relative_to(part.folder).as_posix(), file.read_bytes()


def _versions(part: Part) -> dict[str, object]:
    versions = read_json(part.folder / "run.json", {"versions": dict})["versions"]
    return {name: versions.get(name) for name in HASHED_VERSIONS}


def same_answers(first: Part, other: Part, cell: Cell, shard: Shard) -> None:
    tables = [_results(part, cell, shard) for part in (first, other)]
    if not tables[0].equals(tables[1]):
        rows = zip(tables[0].iter_rows(), tables[1].iter_rows(), strict=False)
        differ = sum(a != b for a, b in rows) + abs(len(tables[0]) - len(tables[1]))
        raise InputError(
            str(other.place),
            f"its cell {cell.name} is finished, as in {first.place}, with other results"
            f" ({differ} of {len(tables[0])} answers)",
            f"remove the folder cells/{cell.name} of the run whose results you do not want",
        )


def _results(part: Part, cell: Cell, shard: Shard) -> pl.DataFrame:
    table = read_parquet(shard_folder(part.folder, cell, shard) / "samples.parquet")
    return table.select(_RESULT).sort(KEY)
