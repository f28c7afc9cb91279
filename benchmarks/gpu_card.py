"""A card under the checks of ``gpu_check``: its readings, a log of them, a load that is even."""

from __future__ import annotations

import bisect
import contextlib
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from distilbench.engines._gpu import gpu_environment

LEAST_HZ, EVERY_S = 10, 0.05
BUSY = """
import sys, torch
held = torch.ones(1 << 28, device="cuda")  # 1 GiB
a = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
print("ready", flush=True)
while True:
    for _ in range(20): b = a @ a
    torch.cuda.synchronize()
"""


class Skipped(Exception):
    """A check that cannot be made here, and why."""


@dataclass(frozen=True)
class Gpu:
    """A card as NVML knows it; number 0 of all that this process may see."""

    handle: Any
    name: str
    driver: str

    def watts(self) -> float:
        import pynvml

        return float(pynvml.nvmlDeviceGetPowerUsage(self.handle)) / 1e3

    def check_counter(self) -> None:
        """Raises ``Skipped`` if the card has no energy counter (before Volta; MIG)."""
        import pynvml

        try:
            pynvml.nvmlDeviceGetTotalEnergyConsumption(self.handle)
        except pynvml.NVMLError as error:
            raise Skipped(f"the card counts no joules ({error})") from error

    def held(self) -> dict[int, int]:
        """Bytes of its memory by process. Raises ``Skipped`` where the driver does not tell."""
        import pynvml

        told = pynvml.nvmlDeviceGetComputeRunningProcesses(self.handle)
        if any(process.usedGpuMemory is None for process in told):
            raise Skipped("the driver does not tell the memory of a process (Windows' WDDM, MIG)")
        return {process.pid: int(process.usedGpuMemory) for process in told}


def find_gpu(index: int) -> Gpu | str:
    """The card that this process sees as number ``index``, or why there is none. It becomes number
    0 of this process and of all that it starts: what torch and NVML then mean by 0 is the same."""
    try:
        import pynvml

        pynvml.nvmlInit()
        told = os.environ.get("CUDA_VISIBLE_DEVICES")
        every = [str(number) for number in range(pynvml.nvmlDeviceGetCount())]
        seen = every if told is None else [entry.strip() for entry in told.split(",") if entry]
        if index >= len(seen):
            return f"no GPU {index}: this process sees {len(seen)}"
        entry = seen.pop(index)
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join([entry, *seen])
        if entry.isdigit():
            handle = pynvml.nvmlDeviceGetHandleByIndex(int(entry))
        else:  # a scheduler may name cards: GPU-5ed9...
            handle = pynvml.nvmlDeviceGetHandleByUUID(entry)
        return Gpu(handle, pynvml.nvmlDeviceGetName(handle), pynvml.nvmlSystemGetDriverVersion())
    except ImportError:
        return "nvidia-ml-py is not installed: pip install 'distilbench[energy]'"
    except pynvml.NVMLError as error:
        return f"no GPU by NVML ({error})"


def integrated_j(log: Sequence[tuple[float, float]], begun: float, ended: float) -> float:
    """Joules between two moments of a log of (second, watts) in order, by trapezoids; power is
    taken to be linear between two readings. Raises ``ValueError`` if the log has fewer than
    LEAST_HZ readings a second of them, or does not reach both ends."""
    times = [at for at, _ in log]
    first, last = bisect.bisect_right(times, begun), bisect.bisect_left(times, ended)
    if first == 0 or last == len(log):
        raise ValueError("the log does not reach both ends of the window")
    if last - first < LEAST_HZ * (ended - begun):
        raise ValueError(f"only {last - first} readings in {ended - begun:.1f} s")

    def at(moment: float, after: int) -> tuple[float, float]:
        (t0, w0), (t1, w1) = log[after - 1], log[after]
        return moment, w0 + (w1 - w0) * (moment - t0) / (t1 - t0)

    points = [at(begun, first), *log[first:last], at(ended, last)]
    pairs = pairwise(points)
    return math.fsum((b - a) * (v + w) / 2 for (a, v), (b, w) in pairs)


@dataclass
class Log:
    """Readings of a card taken in a thread until the context is left. ``read``: what is noted."""

    read: Callable[[], Any]
    readings: list[tuple[float, Any]] = field(default_factory=list)
    failed: list[Exception] = field(default_factory=list)

    def __enter__(self) -> Log:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._take, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if self.failed:
            raise self.failed[0]

    def _take(self) -> None:
        try:
            while not self._over.wait(EVERY_S):
                value = self.read()
                self.readings.append((time.time(), value))
        except Exception as error:
            self.failed.append(error)


@contextlib.contextmanager
def busy() -> Iterator[int]:
    """A process that keeps the card at one power and holds over 1 GiB of it: its number."""
    environment = {**os.environ, **gpu_environment(0)}
    command = [sys.executable, "-c", BUSY]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        try:
            assert process.stdout is not None
            if process.stdout.readline() != b"ready\n":
                raise RuntimeError("torch does not run on the card: see its words above")
            yield process.pid
        finally:
            process.kill()
