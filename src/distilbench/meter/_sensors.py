"""Sensors of joules on this machine, read through Zeus."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from typing import Any, Protocol

_NO_ZEUS = "Zeus is not installed: pip install 'distilbench[energy]'"


class Counter(Protocol):
    """A sensor whose count of joules only grows."""

    name: str

    def joules(self) -> float:
        """Joules since some moment in the past."""
        ...


def find_counters(gpus: Collection[int] = ()) -> tuple[list[Counter], str]:
    """Sensors that this user may read of the processor and of these GPUs; if there is none, or one
    of the GPUs that do the work has none, why.

    A system on a chip (Apple, Jetson) is counted whole, its GPU with it. Elsewhere: RAPL of every
    package, and the counter of each GPU (NVML, AMD SMI).
    """
    try:
        from zeus.exception import ZeusBaseError
    except ImportError:
        return [], _NO_ZEUS
    whole = _soc()
    if whole is not None:
        return [whole], ""
    found: list[Counter] = []
    reasons = []
    try:
        found += _rapl()
    except (ZeusBaseError, OSError) as error:
        reasons.append(f"RAPL: {_first_sentence(error)}")
    for index in sorted(gpus):
        try:
            found.append(_gpu(index))
        except (ZeusBaseError, IndexError, OSError, ValueError) as error:
            # ValueError: CUDA_VISIBLE_DEVICES with names (GPU-...), which Zeus takes for numbers.
            # The rest would leave out what does the work.
            return [], f"GPU {index}: {_first_sentence(error)}"
    return found, "; ".join(reasons)


def gpu_counters() -> dict[int, Counter]:
    """The counters of all GPUs that this process may see, of those that have one, by number."""
    try:
        from zeus.device.gpu import get_gpus
        from zeus.exception import ZeusBaseError

        count = len(get_gpus().gpus)
    except (ImportError, OSError, KeyError):
        return {}
    except (ZeusBaseError, ValueError):
        return {}
    found = {}
    for index in range(count):
        with suppress(ZeusBaseError, OSError, ValueError):
            found[index] = _gpu(index)
    return found


def counts_all(counters: Collection[Counter]) -> bool:
    """Whether they count a whole chip, its GPU with it."""
    return any(isinstance(counter, _Soc) for counter in counters)


class _Rapl:
    """A package's RAPL counter, with its memory where the processor counts it."""

    def __init__(self, cpu: Any, index: int) -> None:
        self._cpu = cpu
        self.name = f"RAPL package {index}"

    def joules(self) -> float:
        measured = self._cpu.get_total_energy_consumption()
        return float(measured.cpu_mj + (measured.dram_mj or 0.0)) / 1e3


class _Gpu:
    """A GPU's own energy counter (NVML on NVIDIA, amdsmi on AMD)."""

    def __init__(self, gpu: Any, index: int) -> None:
        self._gpu = gpu
        self.name = f"GPU {index} energy counter"

    def joules(self) -> float:
        return float(self._gpu.get_total_energy_consumption()) / 1e3


class _Soc:
    """All of an Apple or Jetson chip: a rail of the whole if there is one, else its parts."""

    # Clusters and cores are in the total of the CPU.
    _PARTS = ("cpu_total_mj", "cpu_energy_mj", "dram_mj", "gpu_mj", "gpu_sram_mj", "gpu_energy_mj",
              "ane_mj")  # fmt: skip

    def __init__(self, soc: Any) -> None:
        self._soc = soc
        parts = self._read()
        self.name = f"{type(soc).__name__} chip ({', '.join(name[:-3] for name in parts)})"

    def joules(self) -> float:
        return sum(self._read().values()) / 1e3

    def _read(self) -> dict[str, float]:
        told = vars(self._soc.get_total_energy_consumption())
        if told.get("total_energy_mj") is not None:
            return {"total_energy_mj": float(told["total_energy_mj"])}
        return {name: float(told[name]) for name in self._PARTS if told.get(name) is not None}


def _rapl() -> list[Counter]:
    from zeus.device.cpu import get_cpus

    return [_Rapl(cpu, index) for index, cpu in enumerate(get_cpus().cpus)]


def _gpu(index: int) -> Counter:
    from zeus.device.gpu import get_gpus

    gpu = get_gpus().gpus[index]
    if not gpu.supports_get_total_energy_consumption():
        raise OSError("it has no energy counter, or one that does not agree with its power")
    counter = _Gpu(gpu, index)
    counter.joules()  # one that may not be read says so here
    return counter


def _soc() -> Counter | None:
    """Null: this is no such machine."""
    from zeus.exception import ZeusBaseError

    try:
        from zeus.device.soc import get_soc

        found = _Soc(get_soc())
        return found if found._read() else None
    except (ImportError, ZeusBaseError, OSError, ValueError):
        return None


def _first_sentence(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
