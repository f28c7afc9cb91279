"""How far a run is, read off its directory while it is written or after."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from distilbench.errors import InputError
from distilbench.files import read_json
from distilbench.runner._plan import Cell
from distilbench.runner._shards import Shard
from distilbench.runner._store import (
    answered,
    cell_folder,
    is_finished,
    is_shard_finished,
    log_folder,
    questions_file,
    shard_folder,
    shards_of,
)


@dataclass(frozen=True)
class CellStatus:
    cell: str
    model: str
    task: str
    profile: str
    seed: int
    state: str
    """``finished``, ``begun`` or ``waiting``."""
    samples: int
    """Finished ones: questions x epochs."""
    of: int | None
    """Null: the questions are not made yet."""
    shards: int | None
    finished_shards: int


def cell_status(run_dir: Path, cell: Cell) -> CellStatus:
    """Raises ``InputError`` if a record of the cell is damaged."""
    shards = shards_of(run_dir, cell) if questions_file(run_dir, cell).is_file() else None
    done = sum(is_shard_finished(run_dir, cell, shard) for shard in shards or ())
    samples = sum(_samples(run_dir, cell, shard) for shard in shards or ())
    return status_of(run_dir, cell, shards, samples, done)


def status_of(
    run_dir: Path, cell: Cell, shards: list[Shard] | None, samples: int, done: int
) -> CellStatus:
    """From what is known of its shards: finished samples, and how many shards are ``done``."""
    begun = "begun" if cell_folder(run_dir, cell).is_dir() else "waiting"
    return CellStatus(
        cell=cell.name,
        model=cell.model.name,
        task=cell.task.name,
        profile=cell.profile.name,
        seed=cell.seed,
        state="finished" if is_finished(run_dir, cell) else begun,
        samples=samples,
        of=None if shards is None else cell.epochs * sum(shard.questions for shard in shards),
        shards=None if shards is None else len(shards),
        finished_shards=done,
    )


def _samples(run_dir: Path, cell: Cell, shard: Shard) -> int:
    """Finished samples of a shard, without reading the logs of a finished one."""
    file = shard_folder(run_dir, cell, shard) / "shard.json"
    if file.is_file():
        return int(read_json(file, {"samples": int})["samples"])
    if not log_folder(run_dir, cell, shard).is_dir():
        return 0
    try:
        return answered(run_dir, cell, shard)
    except InputError:  # a log that is being written, or was when its worker was killed
        return 0
