"""One run that is viewed: what it holds now, wherever it is, finished or being written."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

from distilbench.errors import InputError
from distilbench.files import read_json
from distilbench.place import At, Place, copied, who_is_at_work
from distilbench.report import with_entries, write_report
from distilbench.runner import Followed, Look, bring_up_to_date, imported_cells, list_runs
from distilbench.seals import is_whole_table
from distilbench.view._questions import Entries

if TYPE_CHECKING:
    import polars as pl

_FRESH_S = 2.0
"""A look is used again for so long: a page asks several times at once."""
_FRESH_FAR_S = 15.0
"""The same of a run at a URL, whose files must be brought first."""

Sums = list[tuple[str, float, int]]
"""Of each cell, the sum of its scores and how many there are."""


def _summed(samples: pl.LazyFrame) -> Sums:
    import polars as pl

    sums = samples.group_by("cell").agg(pl.col("score").sum(), pl.len()).collect()
    return [(cell or "", score, samples) for cell, score, samples in sums.iter_rows()]


def runs_at(places: list[str]) -> list[Place]:
    """The runs that are meant: run directories, or folders or URLs of them. Raises ``InputError``
    where there is none."""
    found: list[Place] = []
    for place in map(Place.parse, places):
        runs = list_runs(place)
        if not runs:
            raise InputError(str(place), "is no run directory", "give the folder of a run")
        found += [Place.parse(run.run) for run in runs]
    return list(dict.fromkeys(found))


@dataclass
class Viewed:
    """Its methods may be called by several threads. All raise ``InputError`` if the run is
    damaged."""

    place: Place
    scratch: Path
    """Its own, for pages."""
    _lock: RLock = field(default_factory=RLock)
    making: RLock = field(default_factory=RLock)
    """Held while a page of it is made and read: a report takes seconds, in which questions are
    still answered."""
    _followed: Followed | None = None
    _looked: tuple[float, Look] | None = None
    _whole: dict[Path, tuple[int, int]] = field(default_factory=dict)
    _summed: dict[Path, Sums] = field(default_factory=dict)
    _reported: tuple[int, ...] | None = None

    @property
    def name(self) -> str:
        return self.place.path.absolute().name

    @property
    def folder(self) -> Path:
        self.look()
        assert self._followed
        return self._followed.run_dir

    def look(self) -> Look:
        """The run as it is now, give or take seconds."""
        with self._lock:
            fresh_s = _FRESH_FAR_S if self.place.url else _FRESH_S
            if self._looked is None or time.monotonic() - self._looked[0] > fresh_s:
                with copied(self.place) as folder:
                    self._followed = self._followed or Followed(folder)
                    look = self._followed.look()
                self._looked = time.monotonic(), look
            return self._looked[1]

    def at(self) -> At:
        """Who is at work in it."""
        return who_is_at_work(self.place, watch_s=0)

    def table(self) -> pl.LazyFrame:
        """Its sample records, of which no more is read than is asked for. A finished run has them
        in one file, one that is being written in one for each finished shard."""
        import polars as pl

        look = self.look()
        own = self.folder / "samples.parquet"
        if look.is_complete and own.is_file():
            scanned = self._scan(own)
            counted = sum(cell.samples for cell in look.cells)
            if look.imported or scanned.select(pl.len()).collect().item() == counted:
                return scanned
        parts = [self._scan(file) for file in look.finished]
        return pl.concat([*parts, look.under_way.lazy()], how="diagonal")

    def _scan(self, file: Path) -> pl.LazyFrame:
        """A file of records, once its checksum was found right."""
        import polars as pl

        with self._lock:
            stat = file.stat()
            stamp = stat.st_size, stat.st_mtime_ns
            if self._whole.get(file) != stamp:
                with file.open("rb") as opened:
                    if not is_whole_table(opened):
                        remedy = "put back a copy of it, or run the suite again"
                        raise InputError(str(file), "is damaged", remedy)
                self._whole[file] = stamp
        return pl.scan_parquet(file, glob=False)

    def mean_scores(self) -> dict[str, float]:
        """Of the samples that each cell has so far. Files of a run that is being written are read
        once: its page asks again and again."""
        look = self.look()
        with self._lock:
            if look.is_complete:
                parts = [_summed(self.table())]
            else:
                for file in look.finished:
                    if file not in self._summed:
                        self._summed[file] = _summed(self._scan(file))
                parts = [*(self._summed[f] for f in look.finished), _summed(look.under_way.lazy())]
        totals: dict[str, tuple[float, int]] = {}
        for cell, score, samples in (row for part in parts for row in part):
            before = totals.get(cell, (0.0, 0))
            totals[cell] = before[0] + score, before[1] + samples
        return {cell: score / samples for cell, (score, samples) in totals.items() if samples}

    def entries(self) -> Entries:
        """Models by name, with their profile where they have several."""
        import polars as pl

        known = [(cell.model, cell.profile) for cell in self.look().cells]
        for path in imported_cells(self.folder):
            record = read_json(path, {"model": str, "profile": str})
            known.append((record["model"], record["profile"]))
        names = pl.DataFrame(known, ["model", "profile"], orient="row", infer_schema_length=None)
        named, _ = with_entries(names, names)
        return {entry: (model, profile) for model, profile, entry in named.iter_rows()}

    def tasks(self) -> list[str]:
        known = {cell.task for cell in self.look().cells}
        known |= {read_json(p, {"task": str})["task"] for p in imported_cells(self.folder)}
        return sorted(known)

    def report(self, beside: tuple[tuple[str, str], ...]) -> Path:
        """The page of its report, made now unless nothing has changed since it was made. Never one
        that was found: a run may come from a stranger, and its page would run here."""
        with self.making:
            look = self.look()
            state = (*(cell.samples for cell in look.cells), look.imported, look.is_complete)
            page = self.scratch / "report" / "index.html"
            if self._reported != state:
                bring_up_to_date(self.folder)
                write_report(self.folder, page.parent, beside=beside)
                self._reported = state
            return page
