"""What AIPerf saw of the GPUs while it sent requests (its ``--gpu-telemetry``)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from distilbench.errors import InputError
from distilbench.keys import secret_in_url

EXPORT = "profile_export_aiperf.json"
COLUMNS = ("gpus", "gpu_energy_j", "gpu_power_w", "gpu_utilization", "gpu_memory_bytes")
_KINDS = ("pynvml", "amdsmi")
_UNITS = {"MJ": 1e6, "J": 1.0, "mJ": 1e-3, "W": 1.0, "%": 0.01, "GB": 1e9, "MB": 1e6}
# NVIDIA's and AMD's names of each; a counter's ``avg`` is what it grew by.
_ENERGY = ("nvidia_energy_consumption", "amd_energy_consumption")
_POWER = ("nvidia_power_usage", "amd_power")
_BUSY = ("nvidia_gpu_utilization", "amd_gfx_activity")
_MEMORY = ("nvidia_memory_used", "amd_memory_used")


def check_telemetry(asked: Sequence[str]) -> tuple[str, ...]:
    """What ``--gpu-telemetry`` is given: ``pynvml``, ``amdsmi``, or addresses of DCGM exporters.
    Raises ``InputError`` for anything else that AIPerf would take (a file, its dashboard), and for
    an address that holds a secret."""
    where = "--gpu-telemetry"
    for one in asked:
        address = one if "//" in one else f"http://{one}"
        try:
            secret = None if one in _KINDS else secret_in_url(address)
        except ValueError as error:
            raise InputError(where, "is no address", "write it as host:9400") from error
        if secret:
            raise InputError(where, f"holds {secret}", "remove it")
        if one not in _KINDS and ":" not in one:
            raise InputError(
                where, f"is {one!r}", "give pynvml, amdsmi, or a DCGM exporter as host:9400"
            )
    if len(asked) > 1 and set(asked) & set(_KINDS):
        raise InputError(where, f"is {', '.join(asked)}", "give pynvml or amdsmi alone")
    return tuple(asked)


def read_telemetry(folder: Path) -> dict[str, Any]:
    """The columns of a level, from AIPerf's export in its folder: number of GPUs; joules that their
    counters grew by and mean power in watts, of all together; mean utilization in [0, 1]; most
    memory in use, of all. Null where AIPerf wrote none of it, or not of every GPU."""
    gpus = _gpus(folder / EXPORT)
    if not gpus:
        return dict.fromkeys(COLUMNS)
    busy = [_value(gpu, _BUSY, "avg") for gpu in gpus]
    return {
        "gpus": len(gpus),
        "gpu_energy_j": _sum([_grown(gpu) for gpu in gpus]),
        "gpu_power_w": _sum([_value(gpu, _POWER, "avg") for gpu in gpus]),
        "gpu_utilization": None if (total := _sum(busy)) is None else total / len(gpus),
        "gpu_memory_bytes": _sum([_value(gpu, _MEMORY, "max") for gpu in gpus]),
    }


def _gpus(export: Path) -> list[dict[str, Any]]:
    """The metrics of each GPU, once: two endpoints may tell of one."""
    try:
        told = json.loads(export.read_text("utf-8")).get("telemetry_data") or {}
        endpoints = (told.get("endpoints") or {}).values()
        found = {
            gpu.get("gpu_uuid") or f"{number} {name}": dict(gpu["metrics"])
            for number, endpoint in enumerate(endpoints)
            for name, gpu in endpoint["gpus"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
    return list(found.values())


def _value(metrics: dict[str, Any], names: Sequence[str], part: str) -> float | None:
    for name in names:
        metric = metrics.get(name) or {}
        value, unit = metric.get(part), _UNITS.get(str(metric.get("unit")))
        if isinstance(value, int | float) and unit is not None:
            return value * unit
    return None


def _grown(metrics: dict[str, Any]) -> float | None:
    """Joules that a counter grew by. Early versions of AIPerf tell of it as of a gauge."""
    least, most = (_value(metrics, _ENERGY, part) for part in ("min", "max"))
    if least is not None and most is not None:
        return most - least
    return _value(metrics, _ENERGY, "avg")


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
