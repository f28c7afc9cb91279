"""A run directory that is looked at again and again while it is written.

What a look finds is kept: the next one reads only the samples that are new since then, so that who
watches a run hardly disturbs what it measures.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from distilbench.errors import InputError
from distilbench.files import read_json
from distilbench.meter import Stretch, read_stretches
from distilbench.records import SampleRecord, frame
from distilbench.runner._plan import Cell
from distilbench.runner._records import charged, sample_record
from distilbench.runner._run import load_cells
from distilbench.runner._shards import Shard
from distilbench.runner._status import CellStatus, status_of
from distilbench.runner._store import (
    cell_folder,
    imported_cells,
    is_finished,
    is_shard_finished,
    log_folder,
    questions_file,
    shard_folder,
    shards_of,
    surroundings_file,
)
from distilbench.transcripts import JOURNAL, read_journal_from, read_log_samples

if TYPE_CHECKING:
    import polars as pl
    from inspect_ai.log import EvalSample

_Key = tuple[str, int]
_Stamp = tuple[int, int]


@dataclass(frozen=True)
class Look:
    """A run as it is now: how far each cell of the plan is, the files with the sample records of
    what is finished (imported cells too), and the records of shards under way, which as yet have no
    joules."""

    cells: list[CellStatus]
    finished: list[Path]
    under_way: pl.DataFrame
    imported: int
    """Imported cells among the finished."""

    @property
    def is_complete(self) -> bool:
        return all(cell.state == "finished" for cell in self.cells)


@dataclass
class Followed:
    """Not for several threads at once."""

    run_dir: Path
    _plan: tuple[_Stamp, list[Cell]] | None = None
    _shards: dict[str, list[Shard]] = field(default_factory=dict)
    _finished: dict[Path, int] = field(default_factory=dict)
    _kept: dict[str, tuple[_Stamp, tuple[CellStatus, list[Path]]]] = field(default_factory=dict)
    _under_way: dict[Path, _UnderWay] = field(default_factory=dict)

    def look(self) -> Look:
        """Raises ``InputError`` if it is no run directory, or a record in it is damaged."""
        cells, files, records = [], [], []
        for cell in self._cells():
            status, done, known = self._cell(cell)
            cells.append(status)
            files += done
            records += known
        imported = [path.with_name("samples.parquet") for path in imported_cells(self.run_dir)]
        under_way = frame([vars(record) for record in records], SampleRecord)
        return Look(cells, files + imported, under_way, len(imported))

    def _cells(self) -> list[Cell]:
        """The plan; it is another one if the run was begun again with a suite that has changed."""
        file = self.run_dir / "run.json"
        now = _stamp(file) if file.is_file() else (0, 0)
        if self._plan is None or self._plan[0] != now:
            self._plan = now, load_cells(self.run_dir)
        return self._plan[1]

    def _cell(self, cell: Cell) -> tuple[CellStatus, list[Path], list[SampleRecord]]:
        """How far it is, files with records, and the records that no file has yet."""
        if is_finished(self.run_dir, cell):
            return self._whole(cell)
        if cell.name not in self._shards and questions_file(self.run_dir, cell).is_file():
            self._shards[cell.name] = shards_of(self.run_dir, cell)
        files: list[Path] = []
        records: list[SampleRecord] = []
        counts: list[int] = []
        shards = self._shards.get(cell.name)
        for shard in shards or ():
            folder = shard_folder(self.run_dir, cell, shard)
            if is_shard_finished(self.run_dir, cell, shard):
                counts.append(self._samples(folder / "shard.json"))
                files.append(folder / "samples.parquet")
                self._under_way.pop(folder, None)
            else:
                found = self._under_way.setdefault(folder, _UnderWay(self.run_dir, cell, shard))
                found.read()
                records += found.records.values()
                counts.append(found.answered)
        return status_of(self.run_dir, cell, shards, sum(counts), len(files)), files, records

    def _whole(self, cell: Cell) -> tuple[CellStatus, list[Path], list[SampleRecord]]:
        folder = cell_folder(self.run_dir, cell)
        now, known = _stamp(folder / "cell.json"), self._kept.get(cell.name)
        if known and known[0] == now:
            return *known[1], []
        facts = read_json(folder / "cell.json")
        own, cut = folder / "samples.parquet", folder / "shards"
        files = [own] if not cut.is_dir() else sorted(cut.glob("*/samples.parquet"))
        samples, shards = int(facts.get("samples") or 0), int(facts.get("shards") or 1)
        status = CellStatus(
            cell.name, cell.model.name, cell.task.name, cell.profile.name, cell.seed, "finished",
            samples, samples, shards, shards,
        )  # fmt: skip
        self._kept[cell.name] = now, (status, files)
        return status, files, []

    def _samples(self, file: Path) -> int:
        if file not in self._finished:
            self._finished[file] = int(read_json(file, {"samples": int})["samples"])
        return self._finished[file]


class _UnderWay:
    """The samples of a shard that is being answered, as far as they were read."""

    def __init__(self, run_dir: Path, cell: Cell, shard: Shard) -> None:
        self._run_dir, self._cell, self._shard = run_dir, cell, shard
        self._folder = log_folder(run_dir, cell, shard)
        self._logs: dict[Path, _Stamp] = {}
        self._at = 0
        self._failed: set[_Key] = set()
        self.records: dict[_Key, SampleRecord] = {}

    @property
    def answered(self) -> int:
        """Those that will not be asked again."""
        return len(self.records) - len(self._failed)

    def read(self) -> None:
        """Add what is new. A log that is being written is read when it is whole."""
        logs = {path: _stamp(path) for path in sorted(self._folder.glob("*.eval"))}
        journal = self._folder / JOURNAL
        size = journal.stat().st_size if journal.is_file() else 0
        if logs == self._logs and size == self._at:
            return
        seen = self._seen()
        if logs != self._logs or size < self._at:  # resumed: the log holds what the journal held
            self._logs, self._at = logs, 0
            self.records.clear()
            self._failed.clear()
            for log in logs:
                self._add_log(log, seen)
        for sample, end in read_journal_from(self._folder, self._at):
            self._add(sample, seen)
            self._at = end

    def _add_log(self, log: Path, seen: list[Stretch]) -> None:
        try:
            for sample in read_log_samples(log):
                self._add(sample, seen)
        except InputError:
            return

    def _seen(self) -> list[Stretch]:
        """Of the machine meanwhile; nothing of a file that is damaged, which the run will tell."""
        with suppress(InputError):
            return read_stretches(surroundings_file(self._run_dir, self._cell, self._shard))
        return []

    def _add(self, sample: EvalSample, seen: list[Stretch]) -> None:
        key = (str(sample.id), sample.epoch)
        record = sample_record(sample, self._cell, self._run_dir.name, self._cell.shape, seen)
        self.records[key] = charged(record, None, None, None)
        if sample.error:
            self._failed.add(key)
        else:
            self._failed.discard(key)


def _stamp(file: Path) -> _Stamp:
    stat = file.stat()
    return stat.st_size, stat.st_mtime_ns
