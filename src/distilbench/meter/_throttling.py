"""What a machine tells of being slowed down: heat and frequency of processor and GPU, the
processor's own count of thermal throttling, and the time that a quota of CPU held us back."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

_PROCESSOR_CHIPS = ("coretemp", "k10temp", "zenpower", "cpu", "soc", "x86_pkg_temp", "bigcore",
                    "littlecore")  # fmt: skip
"""How the names of Linux' sensors of processors begin; others are of boards, disks, radios."""
_NO_GPU = "the model uses none that NVML knows"
_REASONS = {
    "HwThermalSlowdown": "heat",
    "SwThermalSlowdown": "heat",
    "HwPowerBrakeSlowdown": "power",
    "SwPowerCap": "power",
    "HwSlowdown": "heat or power",
}
"""Of NVML's reasons for a lower clock those that are limits; others are settings, or idleness."""


@dataclass(frozen=True)
class Reading:
    """One look. Null: not available. ``cpu_temperature_c``: the hottest sensor of the processor.
    ``cpu_frequency_mhz``: mean of the fastest cores, as many as the model has threads.
    ``thermal_throttles`` and ``quota_throttled_s`` only grow: times that the processor throttled
    for heat, and seconds (of all cores) that a quota of a control group kept our threads waiting.
    ``gpu_limits``: what lowers the GPU's clock now, of heat and power; empty: nothing."""

    cpu_temperature_c: float | None = None
    cpu_frequency_mhz: float | None = None
    thermal_throttles: int | None = None
    quota_throttled_s: float | None = None
    gpu_temperature_c: float | None = None
    gpu_clock_mhz: float | None = None
    gpu_limits: frozenset[str] | None = None
    on_battery: bool | None = None


class Methods(NamedTuple):
    """How each is known, or why it is not available."""

    temperature: str
    frequency: str
    gpu: str


class ThrottlingSensors:
    """The sensors of this machine for a model of ``threads`` threads whose process is ``pid``
    (null: not known) and which works on ``gpus``. What a sensor does not tell is null."""

    def __init__(self, threads: int, pid: Callable[[], int | None], gpus: Collection[int]) -> None:
        self._threads, self._pid = threads, pid
        self._gpus = [one for index in sorted(gpus) if (one := _nvml(index)) is not None]
        self._no_frequency = _no_frequency()
        self.methods = Methods(
            _temperature_method(),
            self._no_frequency or "the driver's clock of the fastest cores, as many as threads",
            "NVML" if self._gpus else f"not available: {_NO_GPU}",
        )

    def read(self) -> Reading:
        """Look now: takes a millisecond or two."""
        pid = self._pid()
        return Reading(
            cpu_temperature_c=max((s.current for s in _of_processor()), default=None),
            cpu_frequency_mhz=None if self._no_frequency else self._frequency(pid),
            thermal_throttles=_thermal_throttles(Path("/sys/devices/system/cpu")),
            quota_throttled_s=quota_throttled_s(pid),
            on_battery=_on_battery(),
            **self._of_gpus(),
        )

    def _frequency(self, pid: int | None) -> float | None:
        import psutil

        with suppress(OSError, RuntimeError, NotImplementedError):
            told = [core.current for core in psutil.cpu_freq(percpu=True) if core.current]
            return fastest(told, _cores_of(pid), self._threads)
        return None

    def _of_gpus(self) -> dict[str, Any]:
        if not self._gpus:
            return {}
        looks = [look for gpu in self._gpus if (look := _look_at(gpu)) is not None]
        if len(looks) < len(self._gpus):
            return {}
        return {
            "gpu_temperature_c": max(temperature for temperature, _, _ in looks),
            "gpu_clock_mhz": min(clock for _, clock, _ in looks),
            "gpu_limits": frozenset().union(*(limits for _, _, limits in looks)),
        }


def fastest(clocks: Sequence[float], cores: Sequence[int] | None, threads: int) -> float | None:
    """Mean of the highest clocks, as many as ``threads``, of those ``cores`` that are allowed
    (null: all): idle cores clock down, and that is no throttling.

    >>> fastest([3000.0, 800.0, 2000.0, 900.0], None, 2)
    2500.0
    >>> fastest([3000.0, 800.0, 2000.0, 900.0], [1, 3], 2)
    850.0
    """
    allowed = [clocks[n] for n in cores if n < len(clocks)] if cores else list(clocks)
    taken = sorted(allowed, reverse=True)[: max(1, threads)]
    return sum(taken) / len(taken) if taken else None


def quota_throttled_s(pid: int | None, root: Path = Path("/")) -> float | None:
    """Seconds that the threads of a process (null: this one) waited because a control group of it,
    or one above, had used up its quota of CPU; of all its cores. Null: there is no such count."""
    try:
        groups = (root / f"proc/{pid or 'self'}/cgroup").read_text().splitlines()
    except OSError:
        return None
    waited = []
    for line in groups:
        _, kinds, path = line.split(":", 2)
        if kinds and "cpu" not in kinds.split(","):
            continue
        mounts = ("cpu", "cpu,cpuacct") if kinds else ("", "unified")
        for mount in mounts:
            base = root / "sys/fs/cgroup" / mount
            group = base / path.strip("/")
            for folder in (group, *group.parents):
                waited += [s for s in [_waited_s(folder / "cpu.stat")] if s is not None]
                if folder == base:
                    break
    return max(waited, default=None)


def _waited_s(file: Path) -> float | None:
    """Version 2 tells microseconds, version 1 nanoseconds."""
    with suppress(OSError, ValueError):
        told = dict(line.split() for line in file.read_text().splitlines())
        if "throttled_usec" in told:
            return int(told["throttled_usec"]) / 1e6
        if "throttled_time" in told:
            return int(told["throttled_time"]) / 1e9
    return None


def _thermal_throttles(cpus: Path) -> int | None:
    """Intel's counters, of cores and packages together."""
    files = cpus.glob("cpu*/thermal_throttle/*_throttle_count")
    counts = []
    for file in files:
        with suppress(OSError, ValueError):
            counts.append(int(file.read_text()))
    return sum(counts) if counts else None


def _of_processor() -> list[Any]:
    import psutil

    look = getattr(psutil, "sensors_temperatures", None)
    if look is None:
        return []
    with suppress(OSError, ValueError):
        chips = look().items()
        return [s for name, told in chips if name.startswith(_PROCESSOR_CHIPS) for s in told]
    return []


def _temperature_method() -> str:
    if _of_processor():
        return "the hottest of the processor's sensors"
    return "not available: the system shows no sensor of the processor"


def _no_frequency() -> str:
    """Why the frequency is not known; empty: it is. Elsewhere than on Linux, and in most virtual
    machines, what the system tells is the number on the box."""
    if sys.platform != "linux":
        return "not available: this system tells the nominal frequency alone"
    if any(Path("/sys/devices/system/cpu").glob("cpu*/cpufreq/scaling_cur_freq")):
        return ""
    try:
        told = Path("/proc/cpuinfo").read_text()
    except OSError:
        return "not available: the system tells none"
    if "hypervisor" in told:
        return "not available: a virtual machine is told the nominal frequency alone"
    return "" if "cpu MHz" in told else "not available: the system tells none"


def _cores_of(pid: int | None) -> list[int] | None:
    import psutil

    with suppress(psutil.Error, AttributeError, OSError):
        return list(psutil.Process(pid).cpu_affinity())
    return None


def _on_battery() -> bool | None:
    import psutil

    with suppress(OSError, AttributeError, ValueError):
        battery = psutil.sensors_battery()
        if battery is not None and battery.power_plugged is not None:
            return not battery.power_plugged
    return None


def _nvml(index: int) -> Any:
    """NVML's handle of a GPU that this process may see; null: NVML does not know it."""
    try:
        from zeus.device.gpu import get_gpus

        gpu = get_gpus().gpus[index]
        return gpu if _look_at(gpu) is not None else None
    except Exception:  # libraries of drivers raise what they like where there is none
        return None


def _look_at(gpu: Any) -> tuple[float, float, frozenset[str]] | None:
    """Temperature (C), clock of its processors (MHz), and which limits lower that."""
    try:
        import pynvml

        degrees = pynvml.nvmlDeviceGetTemperature(gpu.handle, pynvml.NVML_TEMPERATURE_GPU)
        clock = pynvml.nvmlDeviceGetClockInfo(gpu.handle, pynvml.NVML_CLOCK_SM)
        bits = pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(gpu.handle)
    except Exception:  # as above
        return None
    limits = {
        words
        for name, words in _REASONS.items()
        if bits & getattr(pynvml, f"nvmlClocksThrottleReason{name}", 0)
    }
    return float(degrees), float(clock), frozenset(limits)
