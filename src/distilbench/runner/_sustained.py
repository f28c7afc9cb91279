"""Models kept under load: what is planned of it, where it is kept, and what has been measured.

    <run>/sustained/<name>/begun.json       when a worker began, until it ends
    <run>/sustained/<name>/minutes.parquet  minute by minute what was measured
    <run>/sustained/<name>/ended.json       its presence means: finished

A load that was cut short begins anew: the heat of its first minutes is gone.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from distilbench.errors import InputError
from distilbench.events import Noted, OnEvent, WorkerDied
from distilbench.files import is_damaged, read_parquet, write_parquet, write_sealed, write_text
from distilbench.providers import HERE
from distilbench.records import MinuteRecord, frame, schema
from distilbench.runner._executor import Executor, Job
from distilbench.runner._jobs import reason_of
from distilbench.runner._plan import Cell
from distilbench.runner._shards import Share
from distilbench.runner._store import is_finished

if TYPE_CHECKING:
    import polars as pl


class Sustained:
    """A model under a profile, to be kept under load. ``cells``: whose questions it is asked."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        self.cells = list(cells)
        first = cells[0]
        self.model, self.profile = first.model.name, first.profile.name
        self.minutes = first.profile.sustained_minutes
        told = json.dumps([self.minutes, *(cell.config_hash for cell in cells)])
        digest = hashlib.sha256(told.encode()).hexdigest()
        self.name = f"{self.model}--{self.profile}--{digest[:8]}"

    @property
    def label(self) -> str:
        return f"{self.model} under {self.profile}"

    def folder(self, run_dir: Path) -> Path:
        return run_dir / "sustained" / self.name

    def is_finished(self, run_dir: Path) -> bool:
        return (self.folder(run_dir) / "ended.json").is_file()

    def was_begun(self, run_dir: Path) -> bool:
        return (self.folder(run_dir) / "begun.json").is_file()

    def begin(self, run_dir: Path) -> bool:
        """Returns whether it was begun before and cut short."""
        anew = self.was_begun(run_dir)
        write_sealed(self.folder(run_dir) / "begun.json", {"begun_s": time.time()})
        return anew

    def finish(self, run_dir: Path, minutes: pl.DataFrame) -> None:
        write_parquet(self.folder(run_dir) / "minutes.parquet", minutes)
        write_sealed(self.folder(run_dir) / "ended.json", {"ended_s": time.time()})


def sustained(cells: Sequence[Cell]) -> list[Sustained]:
    """What is to be kept under load, in the order of the plan: models that work on this machine,
    each under the profiles that say so. The first asking of each cell gives its questions."""
    asked = [
        cell
        for cell in cells
        if cell.profile.sustained_minutes and cell.repeat == 1 and works_here(cell)
    ]
    grouped = groupby(asked, key=lambda cell: (cell.model.name, cell.profile.name))
    return [Sustained(list(group)) for _, group in grouped]


def works_here(cell: Cell) -> bool:
    """Whether a model works on the run's machine, whose heat it is then; one that is served
    elsewhere would be asked, and paid, without an end."""
    return cell.file is not None or cell.engine().place(cell.assignment()) == HERE


def refused(cells: Sequence[Cell], executor: Executor) -> list[str]:
    """A sentence on each model that is not kept under load although the suite says so. Raises
    ``InputError`` if this executor cannot keep any."""
    asked = [cell for cell in cells if cell.profile.sustained_minutes]
    if asked and not executor.sustains:
        raise InputError(
            f"{asked[0].profile.sustained_minutes} minutes under load",
            f"are measured on this machine, and the executor {executor.name!r} runs workers on"
            " others",
            "run it on the machine itself with the executor 'local'",
        )
    elsewhere = dict.fromkeys(cell.model.name for cell in asked if not works_here(cell))
    return [
        f"model {name!r} is not kept under load: it works elsewhere, so its heat cannot be seen and"
        " each answer may cost; 'distilbench load' measures how a server bears load"
        for name in elsewhere
    ]


def left(run_dir: Path, cells: Sequence[Cell]) -> list[Sustained]:
    """What is still to be done."""
    for one in (found := sustained(cells)):
        ended = one.folder(run_dir) / "ended.json"
        if is_damaged(ended):
            ended.unlink()
    return [one for one in found if not one.is_finished(run_dir)]


def sustain(
    run_dir: Path, cells: Sequence[Cell], executor: Executor, on_event: OnEvent
) -> Iterator[str]:
    """Keep each model under load that is to be; a sentence for each that could not be. One whose
    cells are not finished waits for the next run, which finishes them first."""
    ready: list[Sustained] = []
    for one in left(run_dir, cells):
        if not all(is_finished(run_dir, cell) for cell in one.cells):
            yield f"{one.label}: not kept under load, because its cells are not finished"
            continue
        if one.was_begun(run_dir):
            on_event(
                Noted(
                    f"{one.label}: its {one.minutes} minutes under load were cut short; they begin"
                    " anew, because the heat of the first ones is gone"
                )
            )
        ready.append(one)
    jobs = [_job(run_dir.resolve(), one) for one in ready]
    for job in jobs:
        write_text(job.file, job.model_dump_json())
    with closing(executor.run(jobs, on_event)) as ends:
        for job, code in ends:
            if code == 0:
                continue
            cell, reason = job.cells[0], reason_of(code)
            on_event(WorkerDied(cell.model.name, reason, str(job.log)))
            yield (
                f"{cell.model.name} under {cell.profile.name}, under load: worker ended with"
                f" {reason}, see {job.log}"
            )


def _job(run_dir: Path, one: Sustained) -> Job:
    shares = [Share(cell=cell, shards=[]) for cell in one.cells]
    return Job(run_dir=run_dir, shares=shares, slots=one.cells[0].profile.slots, under_load=True)


def sustained_minutes(run_dir: Path, cells: Sequence[Cell]) -> pl.DataFrame:
    """The minute records of all that is finished. Raises ``InputError`` if one is damaged."""
    import polars as pl

    found = [frame([], MinuteRecord)]
    for one in sustained(cells):
        file = one.folder(run_dir) / "minutes.parquet"
        if one.is_finished(run_dir):
            remedy = f"put back a copy of it, or remove {file.parent} and run the suite again"
            if not file.is_file():
                raise InputError(str(file), "is missing", remedy)
            told = read_parquet(file, remedy)
            if dict(told.schema) != schema(MinuteRecord):
                raise InputError(str(file), "is of another version", remedy)
            found.append(told)
    return pl.concat(found)
