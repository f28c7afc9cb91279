"""The machine that measurements were made on."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from distilbench.meter._sensors import find_counters


class Hardware(BaseModel):
    """Processor, memory, accelerators and energy sensors. An empty list means: none found."""

    model_config = ConfigDict(frozen=True)

    processor: str
    physical_cores: int | None
    logical_cores: int
    usable_cores: int
    memory_bytes: int
    system: str
    gpus: tuple[str, ...] = ()
    energy_sensors: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = [
            self.processor,
            f"{self.usable_cores} of {self.logical_cores} cores",
            f"{self.memory_bytes / 2**30:.1f} GiB",
            *self.gpus,
            self.system,
        ]
        return ", ".join(parts)


def describe_hardware() -> Hardware:
    """Look at this machine. Asks ``nvidia-smi`` for GPUs where it is installed."""
    import psutil

    return Hardware(
        processor=_processor(),
        physical_cores=psutil.cpu_count(logical=False),
        logical_cores=os.cpu_count() or 1,
        usable_cores=usable_cores(),
        memory_bytes=psutil.virtual_memory().total,
        system=platform.platform(terse=True),
        gpus=_gpus(),
        energy_sensors=tuple(counter.name for counter in find_counters()[0]),
    )


def usable_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith(("model name", "Model")):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _gpus() -> tuple[str, ...]:
    if not shutil.which("nvidia-smi"):
        return ()
    query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        listed = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(line.strip() for line in listed.stdout.splitlines() if line.strip())
