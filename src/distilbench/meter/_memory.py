"""Peak resident memory, CPU time and bytes read of a process, and of one that is started again when
it dies."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path


def peak_memory_bytes(pid: int) -> int | None:
    """Largest resident set of process ``pid`` since its start, or since the last reset.

    Pages of a mapped model file count. From VmHWM on Linux, the peak working set on Windows; null
    where the system keeps no peak of another process (macOS).
    """
    status = Path(f"/proc/{pid}/status")
    try:
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process(pid).memory_info().peak_wset)
    return None


def reset_peak_memory(pid: int) -> bool:
    """Start a new peak of process ``pid``, where the system can (Linux). False: it stays."""
    try:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def cpu_seconds(pid: int | None) -> float:
    """CPU time that process ``pid`` has used, in user and system mode; 0 if there is none."""
    return (pid is not None and _cpu_seconds(pid)) or 0.0


def read_bytes(pid: int | None) -> int | None:
    """Bytes that process ``pid`` has read since its start; null where the system does not count
    them (macOS), or there is no such process."""
    import psutil

    try:
        counted = psutil.Process(pid).io_counters() if pid is not None else None
    except (psutil.Error, AttributeError):
        return None
    read = getattr(counted, "read_chars", None)  # on Linux also what came from the page cache
    return None if read is None else int(read)


@dataclass
class ProcessUsage:
    """CPU time and peak memory of what runs in one process after another, over a window of time."""

    _pid: int | None = field(init=False, default=None)
    _cpu: dict[int, float | None] = field(init=False, default_factory=dict)
    """CPU seconds of each process of the window as last read; null: they could not be read."""

    def follow(self, pid: int) -> None:
        """A process was started; the one before it has ended."""
        self._pid, self._cpu[pid] = pid, None

    def read(self) -> None:
        """Read the process at work. To be called whenever its end may be about to be noticed: a
        dead process still has its CPU time until its parent has heard of its death, on Linux."""
        if self._pid is not None:
            self._cpu[self._pid] = _cpu_seconds(self._pid)

    def ended(self) -> None:
        """The process has ended, and its parent knows."""
        self._pid = None

    def begin(self) -> None:
        """Begin a window: forget the processes that have ended, and the peak until now."""
        self._cpu = {pid: cpu for pid, cpu in self._cpu.items() if pid == self._pid}
        if self._pid is not None:
            reset_peak_memory(self._pid)

    @property
    def cpu_seconds(self) -> float | None:
        """CPU seconds of all processes of the window; null if those of one were lost."""
        self.read()
        known = [cpu for cpu in self._cpu.values() if cpu is not None]
        return sum(known) if len(known) == len(self._cpu) else None

    @property
    def peak_memory_bytes(self) -> int | None:
        """Peak of the window; null if a process died in it, for its memory is gone before its
        death can be noticed."""
        died = set(self._cpu) - {self._pid}
        return None if died or self._pid is None else peak_memory_bytes(self._pid)


def _cpu_seconds(pid: int) -> float | None:
    import psutil

    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess:
        return None
    return float(times.user + times.system)
