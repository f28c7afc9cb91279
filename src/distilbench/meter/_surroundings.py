"""What else the machine did while something was measured on it: the CPU time of other processes,
time that a hypervisor took, and moments in which what is measured did not run at all."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

from distilbench.errors import InputError
from distilbench.seals import sealed_line, unsealed_line

BUSY_SHARE = 0.1
"""Of the time of all cores, taken by others, from which a machine is called busy; and of a cell's
time, spent so, from which the cell is. llama.cpp's threads wait for the slowest of them."""
_STRETCH_S = 10.0  # over which shares are taken: a second's burst is no busy machine
_TICK_S = 0.25
_STOPPED_S = 0.5  # that a tick is late from which the process did not run, however loaded the cores
_LOOK_S = 0.5
_WORK = ("user", "nice", "system", "irq", "softirq")
_REST = ("idle", "iowait", "steal")


class _Cpu(NamedTuple):
    """CPU seconds of the machine since it started: at work, stolen (null: not told), all."""

    work_s: float
    steal_s: float | None
    all_s: float


@dataclass(frozen=True)
class Stretch:
    """What was seen from one moment to another (seconds of the wall clock). ``stopped``: the
    measured processes did not run. Shares are of the time of all cores; null: not known."""

    begun: float
    ended: float
    stopped: bool = False
    other_cpu_share: float | None = None
    steal_share: float | None = None
    load_average: float | None = None

    @property
    def seconds(self) -> float:
        return self.ended - self.begun

    @property
    def taken_share(self) -> float | None:
        """By other processes and other virtual machines; null if nothing is known of either."""
        known = [s for s in (self.other_cpu_share, self.steal_share) if s is not None]
        return sum(known) if known else None

    @property
    def busy(self) -> bool | None:
        return None if self.taken_share is None else self.taken_share >= BUSY_SHARE


@dataclass(frozen=True)
class Surroundings:
    """A cell's surroundings as columns of its record; null: not available."""

    load_average: float | None
    other_cpu_share: float | None
    steal_share: float | None
    busy: bool | None
    suspended_s: float | None


class Watch:
    """Looks at the machine from time to time and appends each :class:`Stretch` to ``file``.

    A file, so that what was seen outlives a run that is killed; :func:`read_stretches` reads it.
    ``own_cpu_s`` gives the CPU seconds of the measured processes until now (null: not known),
    ``pid`` the one whose being stopped counts beside this process's own.
    """

    def __init__(
        self, file: Path, own_cpu_s: Callable[[], float | None], pid: Callable[[], int | None]
    ) -> None:
        self._file, self._own, self._pid = file, own_cpu_s, pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="surroundings", daemon=True)

    def __enter__(self) -> Watch:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        drop_cut_line(self._file)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        gauge, ticks = _Gauge(self._own), _Ticks(self._pid)
        stop: Stretch | None = None
        over = False
        while not over:
            over = self._over.wait(_TICK_S)
            self._own()  # often, so that little is lost of a process that dies
            begun, stop = stop, ticks.tick()
            if begun is not None and stop is not None:  # it goes on
                stop = replace(stop, begun=stop.begun - begun.seconds)
            elif begun is not None:
                note_stretch(self._file, begun)
            if stop is not None and over:
                note_stretch(self._file, stop)
            if over or gauge.age_s >= _STRETCH_S:
                note_stretch(self._file, gauge.read())


def note_stretch(file: Path, seen: Stretch) -> None:
    """Append what was seen; nothing where the disk is full or the folder gone."""
    with suppress(OSError), file.open("ab") as lines:
        lines.write(sealed_line(json.dumps(asdict(seen)).encode()))


class _Gauge:
    """Shares of the cores' time since it was made, or read the last time."""

    def __init__(self, own_cpu_s: Callable[[], float | None]) -> None:
        self._own = own_cpu_s
        self._start()

    def _start(self) -> None:
        self._begun, self._clock = time.time(), time.monotonic()
        self._cpu, self._own_s = _machine_cpu(), self._own()

    @property
    def age_s(self) -> float:
        return time.monotonic() - self._clock

    def read(self) -> Stretch:
        seconds, cpu, own_s = self.age_s, self._cpu, self._own_s
        self._start()
        spent = None if None in (own_s, self._own_s) else self._own_s - own_s  # type: ignore[operator]
        other, steal = shares(cpu, self._cpu, spent, seconds)
        begun = self._begun - seconds  # not as the clock was then: it may have been set
        return Stretch(begun, self._begun, False, other, steal, load_average())


class _Ticks:
    """Finds moments in which a process did not run: it was stopped, or the machine slept."""

    def __init__(self, pid: Callable[[], int | None]) -> None:
        self._pid = pid
        self._take()

    def _take(self) -> None:
        self._wall, self._clock, self._awake = time.time(), _clock_with_sleep(), _awake_s()

    def tick(self) -> Stretch | None:
        """To be called every ``_TICK_S``; the stretch since the last call, if it was such a one."""
        clock, awake = self._clock, self._awake
        self._take()
        begun = self._wall - (self._clock - clock)
        late_s = self._clock - clock - _TICK_S
        # Late for want of a core, or of the interpreter that another thread held: that is no stop.
        waited_s = max(now - then for now, then in zip(self._awake, awake, strict=True))
        stopped = late_s >= _STOPPED_S and waited_s < late_s / 2
        if stopped or is_stopped(self._pid()):
            return Stretch(begun, self._wall, stopped=True)
        return None


def shares(
    before: _Cpu | None, after: _Cpu | None, own_s: float | None, seconds: float
) -> tuple[float | None, float | None]:
    """Shares of all cores' time that other processes took, and that a hypervisor stole.

    Others: the time at work less ``own_s``, the CPU seconds of what is measured. Null where the
    system does not tell, as in containers that show no core any time, or ``own_s`` is null.
    """
    if before is None or after is None or after.all_s - before.all_s < seconds / 2:
        return None, None
    whole = after.all_s - before.all_s
    known = before.steal_s is not None and after.steal_s is not None
    steal = max(0.0, after.steal_s - before.steal_s) / whole if known else None  # type: ignore[operator]
    if own_s is None:
        return None, steal
    return min(1.0, max(0.0, after.work_s - before.work_s - own_s) / whole), steal


def read_stretches(file: Path) -> list[Stretch]:
    """What a :class:`Watch` wrote; empty if there is nothing. What was cut short, by the end of
    the process that wrote it, is left out.

    Raises ``InputError`` if a line is not as it was written: it may have told of a stop, whose
    seconds would then be taken for the model's.
    """
    try:
        lines = file.read_bytes().splitlines(keepends=True)
    except OSError:
        return []
    if lines and _is_cut(lines[-1]):
        lines.pop()
    found = []
    for number, line in enumerate(lines, start=1):
        text = unsealed_line(line)
        if text is None:
            remedy = "put back a copy of it, or remove it: what it tells is then not available"
            raise InputError(f"{file}: line {number}", "is damaged", remedy)
        found.append(Stretch(**json.loads(text)))
    return found


def _is_cut(line: bytes) -> bool:
    """Whether a line was begun and not ended: it is one flat object."""
    return not line.endswith(b"\n") and b"}" not in line


def drop_cut_line(file: Path) -> None:
    """What the last process had no time to write, lest this one's first line go on from there."""
    with suppress(FileNotFoundError), file.open("r+b") as lines:
        *_, last = [b"", *lines.read().splitlines(keepends=True)]
        if _is_cut(last):
            lines.seek(-len(last), os.SEEK_END)
            lines.truncate()


def summarise(seen: list[Stretch]) -> Surroundings:
    """Means over time of what was seen, and whether others took much of the machine for long."""
    looked = [s for s in seen if not s.stopped]
    judged = [s for s in looked if s.busy is not None]
    whole = sum(s.seconds for s in judged)
    busy = sum(s.seconds for s in judged if s.busy)
    return Surroundings(
        load_average=_mean(looked, "load_average"),
        other_cpu_share=_mean(looked, "other_cpu_share"),
        steal_share=_mean(looked, "steal_share"),
        busy=busy >= BUSY_SHARE * whole if whole else None,
        suspended_s=sum(s.seconds for s in seen if s.stopped) if seen else None,
    )


def look_now(seconds: float = _LOOK_S) -> Stretch:
    """The machine as it is: takes ``seconds``. This process's own CPU time does not count."""
    gauge = _Gauge(time.process_time)
    time.sleep(seconds)
    return gauge.read()


def busy_sentence(seen: Stretch) -> str | None:
    """What to tell who begins to measure; null if the machine is not busy, or it is not known."""
    if not seen.busy:
        return None
    cores = os.cpu_count() or 1
    parts = [
        f"{words} {share * cores:.1f} of {cores} cores"
        for words, share in (
            ("other processes take", seen.other_cpu_share),
            ("other virtual machines take", seen.steal_share),
        )
        if share is not None and share >= BUSY_SHARE / 10
    ]
    return (
        f"this machine is busy: {' and '.join(parts)}. Latencies and rates measured now are not"
        " those of the models: wait, end what runs beside, or run elsewhere"
    )


def load_average() -> float | None:
    """Processes that ran or wanted to, mean of the last minute; null where there is none."""
    with suppress(OSError, AttributeError):
        return os.getloadavg()[0]
    return None


def _machine_cpu() -> _Cpu | None:
    import psutil

    try:
        times = psutil.cpu_times()
    except (OSError, RuntimeError, ValueError):
        return None
    told = {name: getattr(times, name) for name in (*_WORK, *_REST) if hasattr(times, name)}
    work = sum(told.get(name, 0.0) for name in _WORK)
    return _Cpu(work, told.get("steal"), sum(told.values()))


def _clock_with_sleep() -> float:
    """Seconds of a clock that goes on while the machine sleeps and is never set."""
    # CLOCK_MONOTONIC stands still in sleep on Linux and goes on on macOS.
    name = "CLOCK_BOOTTIME" if sys.platform == "linux" else "CLOCK_MONOTONIC"
    clock = getattr(time, name, None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


def _awake_s() -> tuple[float, ...]:
    """Seconds that threads of this process ran or waited for a core: the main one, and the one that
    asks (Linux). Elsewhere the CPU time of all, without the waiting."""
    files = (Path("/proc/self/schedstat"), Path("/proc/thread-self/schedstat"))
    try:
        told = [file.read_text().split() for file in files]
        return tuple((int(ran) + int(waited)) / 1e9 for ran, waited, *_ in told)
    except (OSError, ValueError):
        return (time.process_time(),)


def is_stopped(pid: int | None) -> bool:
    """Whether a process is stopped (``SIGSTOP``, Ctrl-Z, a paused container)."""
    import psutil

    if pid is None:
        return False
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    except psutil.Error:
        return False


def _mean(seen: list[Stretch], field: str) -> float | None:
    known = [(getattr(s, field), s.seconds) for s in seen if getattr(s, field) is not None]
    whole = sum(seconds for _, seconds in known)
    return sum(value * seconds for value, seconds in known) / whole if whole > 0 else None
