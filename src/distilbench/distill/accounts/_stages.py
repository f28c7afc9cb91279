"""What each attempt of each stage took: the records in ``stages.parquet``.

An *attempt* is one process's work on one stage. It writes what it has used so far into a file of
its own (its heartbeat) as it goes on, so that an attempt that is killed leaves a record too.

The rule of counting: an attempt holds what it did itself, and nothing else. A total is the sum over
attempts. Steps that a killed attempt did after its last checkpoint are done again by the next one:
they were real work twice, and stand in both attempts, once each (``redone_flops`` of the killed one
says how much). Work that was found in a cache is in no attempt that found it; ``reused_tokens`` and
``saved_flops`` say what was spared.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from distilbench.files import read_json, read_parquet, write_json, write_parquet
from distilbench.meter import (
    EnergyMeter,
    cpu_seconds,
    describe_hardware,
    find_meter,
    peak_memory_bytes,
    reset_peak_memory,
)
from distilbench.records import derived, frame, identity, measured, setting

if TYPE_CHECKING:
    import polars as pl

    from distilbench.distill.recipe import Machine

StageKind = Literal[
    "teacher_training",
    "teacher_generation",
    "rejection",
    "logit_caching",
    "pruning",
    "student_training",
    "evaluation",
]
Status = Literal["running", "done", "failed"]
_KNOWN_BY = {"owner": str, "stage": str, "attempt": int}
_BEAT_S = 0.1  # between heartbeats; a checkpoint always writes one


@dataclass
class StageRecord:
    """One attempt. ``None``: not available."""

    owner: str = identity("model that the attempt made, or helped to make", default=MISSING)
    stage: StageKind = identity("stage of the pipeline", default=MISSING)
    attempt: int = identity("number of the attempt, in order of time", default=MISSING)
    trial: int | None = identity("which values of the sweep, from 0; null: no training")
    kept: bool | None = identity("this trial's student is the one that was kept")
    status: Status = measured("done or failed (an error, or killed)", default="running")
    error: str | None = identity("why it failed")
    begun_unix_s: float = measured("wall-clock time of its beginning", default=0.0)
    wall_s: float | None = measured("wall time; null: inside another stage's time", default=0.0)
    first_step: int | None = measured("training step that it began behind")
    last_step: int | None = measured("last training step that it finished")
    checkpoint_step: int | None = measured("step of its last checkpoint")
    tokens: int = measured("tokens read and generated, padding left out", default=0)
    padded_tokens: int = measured("the same with padding", default=0)
    output_tokens: int = measured("of them generated", default=0)
    samples: int = measured("texts generated, kept, scored or trained on", default=0)
    rejected: int | None = measured("texts that the verifier rejected, or refused, empty or cut")
    reused_tokens: int = measured("tokens found in the cache instead", default=0)
    flops_counted: float | None = measured(
        "torch's FlopCounterMode on sample steps, scaled by padded tokens; null: not torch's work",
        unit="FLOP",
    )
    flops_formula: float | None = derived("the same work by the model's shape", unit="FLOP")
    flops_6nd: float | None = derived(
        "6 N (training) or 2 N for each token, no attention", unit="FLOP"
    )
    redone_flops: float | None = derived("part of flops_formula behind the checkpoint")
    saved_flops: float = derived("FLOPs that the cache spared", default=0.0)
    energy_j: float | None = measured("joules; null: not available")
    energy_known: str | None = identity("measured or estimated")
    energy_method: str | None = identity("sensor or estimate behind the joules")
    peak_memory_bytes: int | None = measured("peak resident memory of the process")
    peak_gpu_bytes: int | None = measured("peak of torch's GPU allocator; null: no GPU")
    usd: float | None = derived("wall time x price of the machine", unit="USD")
    machine: str | None = setting("machine that is paid for")
    hardware: str | None = identity("processor, cores, memory, system")

    @property
    def flops(self) -> float | None:
        """Counted if torch did the work, else by formula."""
        return self.flops_counted if self.flops_counted is not None else self.flops_formula

    def work(self, formula: float, by_6nd: float | None = None) -> None:
        """Add FLOPs by formula."""
        self.flops_formula = (self.flops_formula or 0.0) + formula
        if by_6nd is not None:
            self.flops_6nd = (self.flops_6nd or 0.0) + by_6nd


def usd_of(wall_s: float, usd_per_hour: float) -> float:
    """What a machine costs for so long, in US dollars."""
    return wall_s / 3600 * usd_per_hour


@dataclass(frozen=True)
class SharedCost:
    """Cost of a student's teacher outputs of one stage, whoever of its users paid for it.

    ``uses``: the number of students that share it, weighted by FLOPs, so that ``flops / uses`` is
    this student's share.
    """

    stage: str
    tokens: int
    flops: float | None
    flops_formula: float | None
    wall_s: float | None
    energy_j: float | None
    energy_known: str | None
    uses: float


@dataclass
class Attempt:
    """An attempt under way: ``record`` is filled by who works, :meth:`beat` writes it."""

    record: StageRecord
    file: Path
    meter: EnergyMeter
    usd_per_hour: float | None
    others: dict[int, float]
    """Further processes that work for the attempt (an engine), and CPU seconds that each used."""
    beside: list[tuple[Path, StageRecord]] = field(default_factory=list)
    """Records of work inside its time, written at its heartbeats."""
    _started: float = field(default_factory=time.perf_counter)
    _beaten: float = 0.0

    def beat(self, now: bool = False) -> None:
        """Write what was used so far, at most every tenth of a second unless ``now``."""
        if not now and time.perf_counter() - self._beaten < _BEAT_S:
            return
        self._beaten = time.perf_counter()
        self._read_meters()
        for file, record in ((self.file, self.record), *self.beside):
            write_json(file, asdict(record))

    @contextmanager
    def elsewhere(self, other: Attempt) -> Iterator[None]:
        """The body's time and energy are those of ``other``, an evaluation in the midst of a
        training, and not this attempt's."""
        self.beat(now=True)
        began = time.perf_counter()
        other._started = began - (other.record.wall_s or 0.0)
        try:
            yield
        finally:
            other.beat(now=True)
            self._started += time.perf_counter() - began

    def _read_meters(self) -> None:
        record, energy = self.record, self.meter.end()
        self.meter.begin()
        if record.wall_s is not None:
            record.wall_s = time.perf_counter() - self._started
        if energy is not None:
            record.energy_j = (record.energy_j or 0.0) + energy.net_j
            record.energy_known, record.energy_method = energy.known, energy.method
        else:
            record.energy_method = self.meter.method
        peaks = [peak_memory_bytes(pid) or 0 for pid in (os.getpid(), *self.others)]
        record.peak_memory_bytes = max(sum(peaks), record.peak_memory_bytes or 0) or None
        gpu = _gpu_peak()
        record.peak_gpu_bytes = None if gpu is None else max(gpu, record.peak_gpu_bytes or 0)
        if self.usd_per_hour is not None and record.wall_s is not None:
            record.usd = usd_of(record.wall_s, self.usd_per_hour)


@dataclass
class StageMeter:
    """Meters the stages of making one model, in ``folder``."""

    owner: str
    folder: Path
    machine: Machine | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._hardware = describe_hardware()
        self._bury_the_dead()

    @contextmanager
    def stage(self, stage: StageKind, trial: int | None = None) -> Iterator[Attempt]:
        """Meter the body as one attempt. An error leaves a record with status ``failed``."""
        number = len(list(self.folder.glob("*.json")))
        record = StageRecord(self.owner, stage, number, trial, begun_unix_s=time.time())
        record.hardware = str(self._hardware)
        record.machine = self.machine.name if self.machine else None
        others: dict[int, float] = {}

        def used() -> float:
            for pid in others:  # one that has ended keeps what it had used
                others[pid] = max(others[pid], cpu_seconds(pid))
            return cpu_seconds(os.getpid()) + sum(others.values())

        meter = find_meter(self._hardware.processor, 0 if _has_gpu() else None, used)
        price = self.machine.usd_per_hour if self.machine else None
        attempt = Attempt(record, self.folder / f"{number:04d}-{stage}.json", meter, price, others)
        reset_peak_memory(os.getpid())
        _reset_gpu_peak()
        meter.begin()
        attempt.beat(now=True)
        try:
            yield attempt
            record.status = "done"
        except BaseException as error:
            record.status, record.error = "failed", f"{type(error).__name__}: {error}"[:300]
            raise
        finally:
            attempt.beat(now=True)

    def beside(self, attempt: Attempt, stage: StageKind) -> StageRecord:
        """A record of work done inside another attempt's time (a teacher that scores online): its
        own tokens and FLOPs; time, energy and memory are the other's."""
        number = len(list(self.folder.glob("*.json")))
        record = StageRecord(self.owner, stage, number, attempt.record.trial, wall_s=None)
        record.begun_unix_s, record.hardware = time.time(), str(self._hardware)
        attempt.beside.append((self._file(record), record))
        self.add(record)
        return record

    def within(self, attempt: Attempt, stage: StageKind) -> Attempt:
        """A stage that interrupts another attempt, once or often, for a while
        (:meth:`Attempt.elsewhere`); its record is written from its first work on."""
        number = len(list(self.folder.glob("*.json")))
        record = StageRecord(self.owner, stage, number, attempt.record.trial)
        record.begun_unix_s, record.hardware = time.time(), str(self._hardware)
        record.machine = attempt.record.machine
        self.add(record)
        return Attempt(
            record, self._file(record), attempt.meter, attempt.usd_per_hour, attempt.others
        )

    def add(self, record: StageRecord) -> None:
        """Write a record."""
        write_json(self._file(record), asdict(record))

    def _file(self, record: StageRecord) -> Path:
        return self.folder / f"{record.attempt:04d}-{record.stage}.json"

    def records(self) -> list[StageRecord]:
        """All attempts so far, in order."""
        names = {f.name for f in fields(StageRecord)}
        found = [read_json(path, _KNOWN_BY) for path in sorted(self.folder.glob("*.json"))]
        return [StageRecord(**{k: v for k, v in row.items() if k in names}) for row in found]

    def _bury_the_dead(self) -> None:
        """What still says ``running`` was killed: this process holds the folder's lock."""
        for record in self.records():
            if record.status == "running":
                record.status, record.error = "failed", "killed: this is up to its last heartbeat"
                self.add(record)


def write_stages(records: list[StageRecord], path: Path) -> None:
    """Write the records as Parquet, whole or not at all."""
    write_parquet(path, stage_table(records))


def read_stages(path: Path) -> list[StageRecord]:
    """The records in a ``stages.parquet``."""
    return [StageRecord(**row) for row in read_parquet(path).iter_rows(named=True)]


def stage_table(records: list[StageRecord]) -> pl.DataFrame:
    """The records as a data frame."""
    return frame([asdict(record) for record in records], StageRecord)


def _has_gpu() -> bool:
    import torch

    return bool(torch.cuda.is_available())


def _gpu_peak() -> int | None:
    import torch

    return int(torch.cuda.max_memory_allocated()) if torch.cuda.is_available() else None


def _reset_gpu_peak() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
