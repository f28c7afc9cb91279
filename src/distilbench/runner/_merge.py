"""Several runs of one suite, as of two machines, made into one."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distilbench.errors import InputError
from distilbench.files import (
    copy_file,
    is_taken,
    read_json,
    whole_alone,
    write_sealed,
    write_text,
)
from distilbench.place import Place, at_work, copied, who_is_at_work
from distilbench.runner._in_common import (
    LISTS,
    SHARED,
    Part,
    same_answers,
    same_files,
    same_in_all,
    same_suite,
)
from distilbench.runner._plan import Cell
from distilbench.runner._run import load_cells
from distilbench.runner._shards import Shard
from distilbench.runner._store import (
    answered,
    cell_folder,
    finish_cell,
    imported_folder,
    is_finished,
    is_shard_finished,
    log_folder,
    shard_folder,
    shards_of,
)
from distilbench.runner._tables import collect, joined, repeated
from distilbench.suite import Suite, read_suite
from distilbench.yaml_file import read_yaml, yaml_text

_START = "name:"


@dataclass(frozen=True)
class Merged:
    """What a merge left. ``said``: what stood in several runs and is kept once."""

    place: Place
    cells: int
    finished: int
    said: tuple[str, ...]


def merge_runs(places: Sequence[Place], out: Place, note: Callable[[str], object]) -> Merged:
    """Write one run of all cells of several runs of the same suite into ``out``, which is not there
    yet. The runs stay as they are.

    They may have asked other models, tasks, profiles or seeds of it; what they share must be the
    same. Of a cell, or a shard of it, that several have, the finished one is kept; if several
    finished it with the same answers, the first. Raises ``InputError``, before anything is written,
    if a run is at work, or naming what differs: a field of the suite, a cell's hash, a question, an
    answer.
    """
    with ExitStack() as opened:
        parts = [_part(place, opened) for place in _each_once(places)]
        text, suite_seeds = _suite_of(parts)
        cells = _cells_of(parts)
        same_files(parts)
        choice, said = _chosen(parts, cells)
        with _new_run(out, note) as run_dir:
            _copy_beside(parts, run_dir)
            for (name, shard), part in choice.items():
                _copy_shard(part, cells[name], shard, run_dir)
            if text:
                write_text(run_dir / "suite.yaml", text)
            _write_facts(parts, list(cells.values()), suite_seeds, run_dir, out.path.name)
            for cell in cells.values():
                if cell_folder(run_dir, cell).is_dir():
                    finish_cell(run_dir, cell)
            collect(run_dir, list(cells.values()))
            finished = sum(is_finished(run_dir, cell) for cell in cells.values())
    return Merged(out, len(cells), finished, tuple(said))


def _each_once(places: Sequence[Place]) -> list[Place]:
    seen: set[str] = set()
    for place in places:
        key = place.url or str(place.path.resolve())
        if key in seen:
            raise InputError(str(place), "is given twice", "name each run once")
        seen.add(key)
    return list(places)


def _part(place: Place, opened: ExitStack) -> Part:
    at = who_is_at_work(place)
    if at.state == "at work":
        raise InputError(
            str(place), "a run is at work in it", f"wait for it, or: distilbench cancel {place}"
        )
    folder = opened.enter_context(copied(place))
    if not (folder / "run.json").is_file():
        raise InputError(str(place), "is no run directory", "give the folder or URL of a run")
    cells = {cell.name: cell for cell in load_cells(folder)}
    joined(folder, list(cells.values()))  # what is damaged is named where it is
    repeated(folder, list(cells.values()))
    file = folder / "suite.yaml"
    if not file.is_file():
        if cells:
            raise InputError(str(file), "is missing", "put back a copy of it")
        return Part(place, folder, cells, None, {})
    return Part(place, folder, cells, read_suite(file).suite, read_yaml(file, _START).data)


def _suite_of(parts: Sequence[Part]) -> tuple[str, list[int]]:
    """The text of the suite of all, and its seeds: the first's, with what only others have."""
    own = [part for part in parts if part.suite]
    if not own:
        return "", []
    first = own[0]
    assert first.suite
    for other in own[1:]:
        same_suite(first, other)
    texts = {(part.folder / "suite.yaml").read_text("utf-8") for part in own}
    if len({yaml_text(part.data) for part in own}) == 1:
        return min(texts), list(first.suite.seeds)
    data = dict(first.data)
    for key in LISTS:
        if any(part.data.get(key) for part in own):
            data[key] = _listed_once(key, own)
    text = f"# of {len(own)} runs, merged\n{yaml_text(data)}"
    return text, list(dict.fromkeys(seed for part in own for seed in part.suite.seeds))  # type: ignore[union-attr]


def _listed_once(key: str, parts: Sequence[Part]) -> list[Any]:
    """What the suites list under ``key``, one after the other. What they list under one name is the
    same, but for where its file is, so that each name stands once."""
    known: set[object] = set()
    found: list[Any] = []
    for part in parts:
        beside = {k: v for k, v in part.data.items() if k != key}
        # An entry may make several parts; a suite that lists none has its default.
        for given in [{key: [entry]} for entry in part.data.get(key) or ()] or [{}]:
            made = getattr(Suite.model_validate({**beside, **given}), key)
            new = [one for one in made if _name(one) not in known]
            known.update(map(_name, made))
            found += given[key] if given and len(new) == len(made) else map(_as_listed, new)
    return found


def _name(one: Any) -> object:
    return getattr(one, "name", one)  # a seed is its own name


def _as_listed(one: Any) -> Any:
    if isinstance(one, int):
        return one
    return {"name": one.name, **one.model_dump(mode="json", exclude_defaults=True)}


def _cells_of(parts: Sequence[Part]) -> dict[str, Cell]:
    """The plan of all. Raises ``InputError`` if two give one cell another hash."""
    found: dict[str, Cell] = {}
    known: dict[tuple[str, str, str, int, int], tuple[Cell, Part]] = {}
    same_in_all(parts)
    for part in parts:
        for cell in part.cells.values():
            what = (cell.model.name, cell.task.name, cell.profile.name, cell.seed, cell.repeat)
            before, whose = known.setdefault(what, (cell, part))
            if before.config_hash != cell.config_hash:
                raise InputError(
                    str(part.place),
                    f"its cell {cell.name} has another config hash than {before.name} of"
                    f" {whose.place}: model file, data, limits or versions differ",
                    "run one of them again with what the other has",
                )
            found.setdefault(cell.name, cell)
    return found


def _chosen(
    parts: Sequence[Part], cells: dict[str, Cell]
) -> tuple[dict[tuple[str, Shard], Part], list[str]]:
    """Which run each shard comes from, and a sentence for each that several have."""
    choice: dict[tuple[str, Shard], Part] = {}
    said = []
    for name, cell in cells.items():
        having = [part for part in parts if cell_folder(part.folder, cell).is_dir()]
        if not having:
            continue
        for shard in shards_of(having[0].folder, cell):
            there = [p for p in having if shard_folder(p.folder, cell, shard).is_dir()]
            done = [p for p in there if is_shard_finished(p.folder, cell, shard)]
            for other in done[1:]:
                same_answers(done[0], other, cell, shard)
            if there:
                kept = done[0] if done else max(there, key=lambda p: _count(p, cell, shard))
                choice[name, shard] = kept
                if len(there) > 1:
                    said.append(_sentence(cell, shard, kept, there, done))
    return choice, said


def _count(part: Part, cell: Cell, shard: Shard) -> int:
    return (
        answered(part.folder, cell, shard) if log_folder(part.folder, cell, shard).is_dir() else 0
    )


def _sentence(
    cell: Cell, shard: Shard, kept: Part, there: Sequence[Part], done: Sequence[Part]
) -> str:
    what = cell.name if shard.of == 1 else f"{cell.name}, shard {shard.number} of {shard.of}"
    why = "finished there alone"
    if len(done) > 1:
        why = "finished with the same answers in each"
    elif not done:
        why = "it has the most answers; none is finished"
    return f"{what}: in {len(there)} runs, kept that of {kept.place} ({why})"


@contextmanager
def _new_run(out: Place, note: Callable[[str], object]) -> Iterator[Path]:
    """A folder to write a run into that is not there yet."""
    taken = InputError(str(out), "is there already", "name a folder or URL that is not")
    if out.url is None:
        path = out.path
        if is_taken(path):
            raise taken
        with whole_alone(path) as folder:
            folder.mkdir()
            yield folder
        return
    with at_work(out, note) as folder:
        if (folder / "run.json").exists():
            raise taken
        yield folder


def _copy_beside(parts: Sequence[Part], run_dir: Path) -> None:
    """What belongs to no cell of the plan: the same in all, or of one."""
    for part in parts:
        for name in (*SHARED, "workers"):
            for file in sorted((part.folder / name).glob("*")):
                if file.suffix != ".log" and name == "workers":
                    continue
                to = run_dir / name / file.name
                if not to.exists() or name == "workers":
                    copy_file(file, _free(to))
        beside = (imported_folder(part.folder), part.folder / "sustained")
        for one in (found for folder in beside for found in sorted(folder.glob("*"))):
            to = run_dir / one.parent.name / one.name
            if not to.exists() and not one.name.startswith("."):
                shutil.copytree(one, to)


def _free(path: Path) -> Path:
    number, found = 2, path
    while found.exists():
        number, found = number + 1, path.with_name(f"{path.stem}.{number}{path.suffix}")
    return found


def _copy_shard(part: Part, cell: Cell, shard: Shard, run_dir: Path) -> None:
    """A shard's folder, without what only the cell has: that is made again of all its shards."""

    def beside(folder: str, names: list[str]) -> list[str]:
        return [n for n in names if n in ("cell.json", "shards", ".parts") or n.startswith("..")]

    shutil.copytree(
        shard_folder(part.folder, cell, shard),
        shard_folder(run_dir, cell, shard),
        ignore=beside,
    )


def _write_facts(
    parts: Sequence[Part], cells: list[Cell], seeds: list[int], run_dir: Path, name: str
) -> None:
    """``run.json`` of the first, with the plan of all and where each part was measured."""
    each = [read_json(part.folder / "run.json") for part in parts]
    hardware = dict(each[0].get("hardware") or {})
    sensors = [s for facts in each for s in (facts.get("hardware") or {}).get("energy_sensors", ())]
    hardware["energy_sensors"] = list(dict.fromkeys(sensors))
    facts = {
        **each[0],
        "name": each[0].get("name", name),
        "hardware": hardware,
        "seeds": seeds,
        "cells": [cell.name for cell in cells],
        "plan": [cell.model_dump(mode="json") for cell in cells],
        "merged": [
            {"run": str(part.place), "created": f.get("created"), "hardware": f.get("hardware")}
            for part, f in zip(parts, each, strict=True)
        ],
    }
    write_sealed(run_dir / "run.json", facts)
