"""Which processes are at work on which GPU, and how much of its memory each has."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

Held = dict[int, int | None]
"""Bytes of a GPU's memory by process; null: the driver does not tell."""


class GpuUse(NamedTuple):
    """What processes have of the machine's GPUs. ``gpus``: the numbers of those that they work on,
    as the profile counts; null: not known. ``bytes``: of their memory; null: not known. ``reason``:
    why something is not."""

    gpus: frozenset[int] | None
    bytes: int | None
    reason: str = ""


def gpu_use(pids: Iterable[int]) -> GpuUse:
    """What these processes have of the GPUs that this one may see, by NVML or AMD SMI."""
    if not has_gpus():
        return GpuUse(frozenset(), None, "no GPU that NVML or AMD SMI knows")
    try:
        held = _processes_by_gpu()
    except _failures() as error:
        return GpuUse(None, None, (str(error).splitlines() or [type(error).__name__])[0])
    return use_of(frozenset(pids), held)


def use_of(pids: frozenset[int], held: list[Held]) -> GpuUse:
    """As :func:`gpu_use`, of what each GPU's driver said."""
    ours = {
        index: [size for pid, size in on_one.items() if pid in pids]
        for index, on_one in enumerate(held)
    }
    working = frozenset(index for index, sizes in ours.items() if sizes)
    if not working and _strangers(held):
        return GpuUse(None, None, "the driver numbers processes of a GPU as another container does")
    sizes = [size for on_one in ours.values() for size in on_one]
    if None in sizes:
        return GpuUse(working, None, "the driver does not tell the memory of a process")
    return GpuUse(working, sum(size or 0 for size in sizes))


@cache
def has_gpus() -> bool:
    """Whether there is a GPU that NVML or AMD SMI knows."""
    try:
        return bool(_gpus())
    except ValueError:  # CUDA_VISIBLE_DEVICES with names (GPU-...), which Zeus takes for numbers
        return True
    except _failures():
        return False


def other_gpu(pids: Iterable[int]) -> str | None:
    """A device through which one of these processes works on a GPU that neither library knows
    (Linux): of Intel, or of AMD without ROCm. Null: none that is seen."""
    for pid in pids:
        try:
            for link in Path(f"/proc/{pid}/fd").iterdir():
                name = str(link.readlink())
                if name.startswith(("/dev/dri/render", "/dev/kfd")):
                    return name
        except OSError:
            continue
    return None


def _strangers(held: list[Held]) -> bool:
    """Whether a GPU has a process that this machine, or container, has not."""
    import psutil

    return any(not psutil.pid_exists(pid) for on_one in held for pid in on_one)


def _gpus() -> list[Any]:
    from zeus.device.gpu import get_gpus

    return list(get_gpus().gpus)


def _processes_by_gpu() -> list[Held]:
    return [_amd(gpu) if "AMD" in type(gpu).__name__ else _nvidia(gpu) for gpu in _gpus()]


def _nvidia(gpu: Any) -> Held:
    """Programs that compute and those that draw: Vulkan's are among these."""
    import pynvml

    found: Held = {}
    for ask in (
        pynvml.nvmlDeviceGetComputeRunningProcesses,
        pynvml.nvmlDeviceGetGraphicsRunningProcesses,
    ):
        for process in ask(gpu.handle):
            known = found.get(process.pid)
            size = process.usedGpuMemory
            found[process.pid] = size if known is None else max(known, size or 0)
    return found


def _amd(gpu: Any) -> Held:
    import amdsmi

    return {
        process["pid"]: process["memory_usage"]["vram_mem"]
        for process in amdsmi.amdsmi_get_gpu_process_list(gpu.handle)
    }


def _failures() -> tuple[type[Exception], ...]:
    """What looking for GPUs raises where there are none, or no library that knows them."""
    found: list[type[Exception]] = [ImportError, OSError, KeyError, ValueError]
    try:
        from zeus.exception import ZeusBaseError

        found.append(ZeusBaseError)
    except ImportError:
        return tuple(found)
    try:
        from pynvml import NVMLError

        found.append(NVMLError)
    except ImportError:
        pass
    try:
        from amdsmi import AmdSmiException

        found.append(AmdSmiException)
    except Exception:  # its import looks for a library of the system, and raises what it likes
        pass
    return tuple(found)
