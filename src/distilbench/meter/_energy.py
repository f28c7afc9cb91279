"""Energy of a window of time: sensors read through Zeus, else an estimate from a named TDP."""

from __future__ import annotations

import math
import os
import re
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Literal, NamedTuple

from distilbench.errors import InputError
from distilbench.meter._sensors import Counter, find_counters
from distilbench.yaml_file import parse_yaml

TDP_VARIABLE = "DISTILBENCH_TDP_W"
_LOOK_S = 0.25
_MOST_LOOKS = 2_000  # then every second look is dropped, and the pace halved


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
    counted: Sequence[Sequence[float]] = ()
    """What the sensors said meanwhile: moments (wall clock) and the joules since ``begun``, both
    rising; empty: they were not read between, or there are none."""

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

    With sensors, their counts are added up, and read four times a second meanwhile. Without, the
    energy is estimated as TDP / cores x CPU seconds of the process, if the processor's TDP is known
    or given in ``DISTILBENCH_TDP_W``.
    """

    counters: Sequence[Counter]
    reason: str = ""
    """Why there is no sensor."""
    processor: Processor | None = None
    cpu_seconds: Callable[[], float | None] = time.process_time
    """CPU time of the process that works; for the estimate. Null: not known."""
    choose: Callable[[], Sequence[Counter] | str] | None = None
    """Asked at the end of a window: on which of ``counters`` the work was done, or why its joules
    are not known. Null: on all."""
    _idle: dict[str, float] = field(init=False, default_factory=dict)
    """Watts of each counter's idle machine."""
    _begun: tuple[float, float, float | None] | None = field(init=False, default=None)
    _looks: _Looks | None = field(init=False, default=None)
    _lost: str = field(init=False, default="")
    """Why the joules of the last window are not known."""

    @property
    def is_available(self) -> bool:
        return bool(self.counters) or self.processor is not None

    @property
    def idle_w(self) -> float | None:
        """Power of the idle machine, by all counters; null: not measured."""
        return sum(self._idle.values()) if self._idle else None

    def measure_idle(self, seconds: float = 2.0) -> None:
        """Take the power of the machine as it is now for its idle power. Sleeps ``seconds``."""
        if not self.counters:
            return
        before, started = self._counts(), time.perf_counter()
        time.sleep(seconds)
        passed = time.perf_counter() - started
        powers = [(b - a) / passed for a, b in zip(before, self._counts(), strict=True)]
        self._idle = dict(zip((c.name for c in self.counters), powers, strict=True))

    def begin(self) -> None:
        self._begun = (time.time(), time.perf_counter(), self.cpu_seconds())
        self._looks = _Looks(self._counts) if self.counters else None

    def end(self) -> Energy | None:
        """The energy since :meth:`begin`, or null: not available, as :attr:`method` says."""
        looks, self._looks, self._lost = self._looks, None, ""
        if looks:
            looks.end()
        if self._begun is None or not self.is_available:
            return None
        (begun, started, cpu_s), self._begun = self._begun, None
        seconds, used_s = time.perf_counter() - started, self.cpu_seconds()
        chosen = self.choose() if self.choose else self.counters
        if isinstance(chosen, str):
            self._lost = chosen
            return None
        if looks and chosen:
            return self._measured(begun, seconds, looks, chosen)
        if self.processor is None:
            self._lost = self.reason
            return None
        if used_s is None or cpu_s is None:
            self._lost = "a process died and its CPU time could not be read"
            return None
        return self._estimate(begun, seconds, used_s - cpu_s)

    def _measured(
        self, begun: float, seconds: float, looks: _Looks, chosen: Sequence[Counter]
    ) -> Energy:
        places = [self.counters.index(counter) for counter in chosen]
        counted = [(at, sum(joules[n] for n in places)) for at, joules in looks.seen]
        idle_w = sum(self._idle.get(counter.name, 0.0) for counter in chosen)
        taken = f", idle {idle_w:.1f} W taken off" if self._idle else ""
        names = " + ".join(counter.name for counter in chosen)
        method = f"{names} by Zeus {version('zeus')}{taken}"
        total, ended = counted[-1][1], begun + seconds
        return Energy(total, idle_w * seconds, begun, ended, method, "measured", counted)

    @property
    def method(self) -> str:
        """How joules are known here, or why they are not."""
        if self._lost:
            return f"not available: {self._lost}"
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
    counters, reason = find_counters(() if gpu_index is None else (gpu_index,))
    # An estimate from CPU time would leave out the GPU, which does the work.
    estimable = not counters and gpu_index is None
    chip = known_processor(processor) if estimable else None
    return EnergyMeter(counters, reason, chip, cpu_seconds)


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


def asked_within(energy: Energy, spans: Sequence[tuple[float, float]]) -> Energy:
    """The energy from the beginning of the first question to the end of the last, of those that lie
    in the window: what the harness does before and after them is not the model's. An estimate
    counts work alone, so that none of it is left out."""
    inside = [(a, b) for a, b in spans if energy.begun <= a <= b <= energy.ended]
    if not inside:
        return energy
    begun, ended = min(a for a, _ in inside), max(b for _, b in inside)
    if energy.known == "estimated" or not energy.counted:
        return energy._replace(begun=begun, ended=ended)
    first, last = _counted_until(energy, begun), _counted_until(energy, ended)
    between = [(at, j - first) for at, j in energy.counted if begun < at < ended]
    share = (ended - begun) / (energy.ended - energy.begun) if energy.ended > energy.begun else 0.0
    return energy._replace(
        total_j=last - first,
        idle_j=energy.idle_j * share,
        begun=begun,
        ended=ended,
        counted=[(begun, 0.0), *between, (ended, last - first)],
    )


def apportion(energy: Energy, spans: Sequence[tuple[float, float]]) -> list[float]:
    """Each question's share of the window's net joules; together they are all of them, if any
    question flew in it.

    ``spans``: beginning and end of each question in wall-clock seconds. At each instant the
    questions in flight share equally what the sensors counted then; where they were not read
    between, power is taken to be even. What falls into instants without a question is shared out as
    the rest is. Runs in n log n for n questions.
    """
    clipped = [(max(a, energy.begun), min(b, energy.ended)) for a, b in spans]
    marks = sorted([(a, 1) for a, b in clipped if b > a] + [(b, -1) for a, b in clipped if b > a])
    # 'earned' is what one question present from the beginning would have got so far.
    earned: dict[float, float] = {}
    total, flying, last = 0.0, 0, energy.begun
    for moment, change in marks:
        used = _counted_until(energy, moment) - _counted_until(energy, last) if flying else 0.0
        total += used / flying if flying else 0.0
        earned[moment] = total
        flying, last = flying + change, moment
    gross = [earned[b] - earned[a] if b > a else 0.0 for a, b in clipped]
    whole = sum(gross)
    return [share * energy.net_j / whole if whole > 0 else 0.0 for share in gross]


def power_w(energy: Energy, begun: float, ended: float) -> float | None:
    """Mean power between two moments of the wall clock, the idle part too. Null: the sensors were
    not read between, as of an estimate, or the window does not hold both."""
    inside = energy.begun - _LOOK_S <= begun < ended <= energy.ended + _LOOK_S
    if not energy.counted or not inside:
        return None
    return (_counted_until(energy, ended) - _counted_until(energy, begun)) / (ended - begun)


def _counted_until(energy: Energy, moment: float) -> float:
    """Joules from the window's beginning to a moment in it; between two looks power was even."""
    if not energy.counted:
        window = energy.ended - energy.begun
        return energy.total_j * (moment - energy.begun) / window if window > 0 else 0.0
    place = bisect_right(energy.counted, moment, key=lambda look: look[0])
    (a, before), (b, after) = (
        energy.counted[max(0, place - 1)],
        energy.counted[min(place, len(energy.counted) - 1)],
    )
    return before + (after - before) * (min(moment, b) - a) / (b - a) if b > a else before


class _Looks:
    """Reads counts from time to time, from now on until :meth:`end`."""

    def __init__(self, counts: Callable[[], list[float]]) -> None:
        self._counts, self._over = counts, threading.Event()
        self._first = counts()
        self.seen: list[tuple[float, list[float]]] = [(time.time(), [0.0] * len(self._first))]
        """Moments, rising, and what each count has grown by until then."""
        self._thread = threading.Thread(target=self._look, name="energy", daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._over.set()
        self._thread.join()
        self._take()

    def _look(self) -> None:
        pace = _LOOK_S
        while not self._over.wait(pace):
            self._take()
            if len(self.seen) > _MOST_LOOKS:
                self.seen, pace = self.seen[::2], 2 * pace

    def _take(self) -> None:
        grown = [now - first for now, first in zip(self._counts(), self._first, strict=True)]
        now = max(time.time(), self.seen[-1][0])  # the clock may have been set back
        self.seen.append((now, grown))


@cache
def _processors() -> list[Processor]:
    text = (files("distilbench.meter") / "tdp.yaml").read_text("utf-8")
    listed = parse_yaml(text, "processors:", "tdp.yaml").data["processors"]
    return [Processor(**entry) for entry in listed]
