"""Energy of a window of time: sensors read through Zeus, else an estimate from a named TDP."""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Literal, NamedTuple, Protocol

from distilbench.errors import InputError
from distilbench.yaml_file import parse_yaml

TDP_VARIABLE = "DISTILBENCH_TDP_W"
_NO_ZEUS = "Zeus is not installed: pip install 'distilbench[energy]'"


class Counter(Protocol):
    """A sensor whose count of joules only grows."""

    name: str

    def joules(self) -> float:
        """Joules since some moment in the past."""
        ...


class Energy(NamedTuple):
    """Joules of a window, and how they are known. ``idle_j``: what the machine would have taken
    doing nothing, from its power before the work; 0 for an estimate, which counts work alone."""

    total_j: float
    idle_j: float
    begun: float
    """Wall-clock time of the window's beginning, seconds since the epoch."""
    ended: float
    method: str
    known: Literal["measured", "estimated"]

    @property
    def net_j(self) -> float:
        return max(0.0, self.total_j - self.idle_j)


class Processor(NamedTuple):
    """A processor whose thermal design power its maker states."""

    pattern: str
    tdp_w: float
    cores: int
    source: str


@dataclass
class EnergyMeter:
    """Measures windows of time: :meth:`begin`, work, :meth:`end`.

    With sensors, their counts are added up. Without, the energy is estimated as TDP / cores x CPU
    seconds of the process, if the processor's TDP is known or given in ``DISTILBENCH_TDP_W``.
    """

    counters: Sequence[Counter]
    reason: str = ""
    """Why there is no sensor."""
    processor: Processor | None = None
    cpu_seconds: Callable[[], float | None] = time.process_time
    """CPU time of the process that works; for the estimate. Null: not known."""
    idle_w: float | None = field(init=False, default=None)
    _begun: tuple[float, float, list[float], float | None] | None = field(init=False, default=None)
    _lost: bool = field(init=False, default=False)
    """Whether the CPU time of the last window could not be read."""

    @property
    def is_available(self) -> bool:
        return bool(self.counters) or self.processor is not None

    def measure_idle(self, seconds: float = 2.0) -> None:
        """Take the power of the machine as it is now for its idle power. Sleeps ``seconds``."""
        if not self.counters:
            return
        before, started = self._counts(), time.perf_counter()
        time.sleep(seconds)
        passed = time.perf_counter() - started
        self.idle_w = (sum(self._counts()) - sum(before)) / passed

    def begin(self) -> None:
        self._begun = (time.time(), time.perf_counter(), self._counts(), self.cpu_seconds())

    def end(self) -> Energy | None:
        """The energy since :meth:`begin`, or null: not available, as :attr:`method` says."""
        self._lost = False
        if self._begun is None or not self.is_available:
            return None
        (begun, started, counts, cpu_s), self._begun = self._begun, None
        seconds = time.perf_counter() - started
        if not self.counters:
            now = self.cpu_seconds()
            if now is None or cpu_s is None:
                self._lost = True
                return None
            return self._estimate(begun, seconds, now - cpu_s)
        total = sum(self._counts()) - sum(counts)
        idle = (self.idle_w or 0.0) * seconds
        names = " + ".join(counter.name for counter in self.counters)
        taken = f", idle {self.idle_w:.1f} W taken off" if self.idle_w is not None else ""
        method = f"{names} by Zeus {version('zeus')}{taken}"
        return Energy(total, idle, begun, begun + seconds, method, "measured")

    @property
    def method(self) -> str:
        """How joules are known here, or why they are not."""
        if self._lost:
            return "not available: a process died and its CPU time could not be read"
        if self.counters:
            return " + ".join(counter.name for counter in self.counters)
        if self.processor is not None:
            return f"estimated from the TDP of {self.processor.tdp_w:g} W"
        return f"not available: {self.reason}"

    def _estimate(self, begun: float, seconds: float, cpu_s: float) -> Energy:
        assert self.processor is not None
        chip = self.processor
        joules = chip.tdp_w / chip.cores * cpu_s
        method = f"estimated: TDP {chip.tdp_w:g} W / {chip.cores} cores x CPU time ({chip.source})"
        return Energy(joules, 0.0, begun, begun + seconds, method, "estimated")

    def _counts(self) -> list[float]:
        return [counter.joules() for counter in self.counters]


def find_meter(
    processor: str, gpu_index: int | None, cpu_seconds: Callable[[], float | None]
) -> EnergyMeter:
    """The meter of this machine: RAPL of every package, and NVML of a GPU if one is used; else the
    estimate, if ``processor`` (its name) has a known TDP and no GPU is used."""
    counters, reason = find_counters(gpu_index)
    # An estimate from CPU time would leave out the GPU, which does the work.
    estimable = not counters and gpu_index is None
    chip = known_processor(processor) if estimable else None
    return EnergyMeter(counters, reason, chip, cpu_seconds)


def find_counters(gpu_index: int | None) -> tuple[list[Counter], str]:
    """Sensors that this user may read; if there is none, why."""
    try:
        from zeus.exception import ZeusBaseError
    except ImportError:
        return [], _NO_ZEUS
    found: list[Counter] = []
    reasons = []
    try:
        found += _rapl()
    except (ZeusBaseError, OSError) as error:
        reasons.append(f"RAPL: {_first_sentence(error)}")
    if gpu_index is not None:
        try:
            found.append(_gpu(gpu_index))
        except (ZeusBaseError, IndexError) as error:
            reasons.append(f"GPU {gpu_index}: {_first_sentence(error)}")
    return found, "; ".join(reasons)


def known_processor(name: str) -> Processor | None:
    """TDP and cores of a processor: from the user, else from makers' data sheets (``tdp.yaml``)."""
    given = given_tdp_w()
    if given is not None:
        return Processor(".*", given, os.cpu_count() or 1, f"given in {TDP_VARIABLE}")
    return next((chip for chip in _processors() if re.search(chip.pattern, name)), None)


def given_tdp_w() -> float | None:
    """Watts in ``DISTILBENCH_TDP_W``; null if it is not set. Raises ``InputError`` if it is no
    number of watts."""
    text = os.environ.get(TDP_VARIABLE)
    if not text:
        return None
    try:
        watts = float(text)
    except ValueError:
        watts = math.nan
    if not 0 < watts < math.inf:
        raise InputError(TDP_VARIABLE, f"is {text!r}", "give the processor's TDP in watts, as 28")
    return watts


def apportion(energy: Energy, spans: Sequence[tuple[float, float]]) -> list[float]:
    """Each question's share of the window's net joules.

    ``spans``: beginning and end of each question in wall-clock seconds. Power is taken to be even
    over the window; at each instant the questions in flight share it equally. What falls into
    instants without a question is nobody's. Runs in n log n for n questions.
    """
    window = energy.ended - energy.begun
    clipped = [(max(a, energy.begun), min(b, energy.ended)) for a, b in spans]
    marks = sorted([(a, 1) for a, b in clipped if b > a] + [(b, -1) for a, b in clipped if b > a])
    # 'earned' is what one question present from the beginning would have got so far.
    earned: dict[float, float] = {}
    total, flying, last = 0.0, 0, energy.begun
    for moment, change in marks:
        total += (moment - last) / flying if flying else 0.0
        earned[moment] = total
        flying, last = flying + change, moment
    power = energy.net_j / window if window > 0 else 0.0
    return [power * (earned[b] - earned[a]) if b > a else 0.0 for a, b in clipped]


class _Rapl:
    """A package's RAPL counter, with its memory where the processor counts it."""

    def __init__(self, cpu: object, index: int) -> None:
        self._cpu = cpu
        self.name = f"RAPL package {index}"

    def joules(self) -> float:
        measured = self._cpu.get_total_energy_consumption()  # type: ignore[attr-defined]
        return float(measured.cpu_mj + (measured.dram_mj or 0.0)) / 1e3


class _Gpu:
    """A GPU's own energy counter (NVML on NVIDIA, amdsmi on AMD)."""

    def __init__(self, gpu: object, index: int) -> None:
        self._gpu = gpu
        self.name = f"GPU {index} energy counter"

    def joules(self) -> float:
        return float(self._gpu.get_total_energy_consumption()) / 1e3  # type: ignore[attr-defined]


def _rapl() -> list[Counter]:
    from zeus.device.cpu import get_cpus

    return [_Rapl(cpu, index) for index, cpu in enumerate(get_cpus().cpus)]


def _gpu(index: int) -> Counter:
    from zeus.device.gpu import get_gpus

    counter = _Gpu(get_gpus().gpus[index], index)
    counter.joules()  # an old GPU has no counter, and says so here
    return counter


@cache
def _processors() -> list[Processor]:
    text = (files("distilbench.meter") / "tdp.yaml").read_text("utf-8")
    listed = parse_yaml(text, "processors:", "tdp.yaml").data["processors"]
    return [Processor(**entry) for entry in listed]


def _first_sentence(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
