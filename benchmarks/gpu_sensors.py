"""What a model kept under load is told of heat, clocks and limits: a check of ``gpu_check``."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.gpu_card import Gpu, Skipped, busy
from benchmarks.gpu_checks import SETTLE_S, Place, Verdict, judged

from distilbench.meter import Reading, ThrottlingSensors, usable_cores

_LIMITS = {
    "hw_thermal_slowdown": "heat",
    "sw_thermal_slowdown": "heat",
    "hw_power_brake_slowdown": "power",
    "sw_power_cap": "power",
    "hw_slowdown": "heat or power",
}
_FIELDS = ("temperature.gpu", "clocks.sm", *(f"clocks_throttle_reasons.{n}" for n in _LIMITS))
_NEAR_C, _NEAR_CLOCK = 3.0, 0.05
_PLAUSIBLE = {"temperature": (0.0, 125.0), "frequency": (100.0, 10_000.0)}


class Told(NamedTuple):
    """What nvidia-smi says of a card at one moment."""

    temperature_c: float
    clock_mhz: float
    limits: frozenset[str]


def check_sustained(place: Place) -> Iterator[Verdict]:
    """The processor's sensors on every machine; the card's against nvidia-smi, under a load."""
    yield of_processor(ThrottlingSensors(usable_cores(), lambda: None, ()))
    card = place.card
    with busy():
        time.sleep(SETTLE_S)
        before = nvidia_smi(card)
        sensors = ThrottlingSensors(usable_cores(), lambda: None, {0})
        ours = sensors.read()
        after = nvidia_smi(card)
    yield of_card(ours, before, after)


def of_processor(sensors: ThrottlingSensors) -> Verdict:
    """Each reading is a figure that can be, or its method says why there is none."""
    reading, methods = sensors.read(), sensors.methods
    told = {
        "temperature": (reading.cpu_temperature_c, methods.temperature),
        "frequency": (reading.cpu_frequency_mhz, methods.frequency),
    }
    wrong, said = [], []
    for name, (value, method) in told.items():
        low, high = _PLAUSIBLE[name]
        missing = method.startswith("not available")
        if (value is None) != missing or (value is not None and not low <= value <= high):
            wrong.append(name)
        said.append(f"{name} {method if value is None else f'{value:,.0f} ({method})'}")
    return judged("sensors of the processor", not wrong, "; ".join(said))


def of_card(ours: Reading, before: Told, after: Told) -> Verdict:
    """Temperature within 3 degrees, clock within 5% of what nvidia-smi said before or after, and
    the limits that it said at one of the two."""
    if ours.gpu_temperature_c is None or ours.gpu_clock_mhz is None or ours.gpu_limits is None:
        return judged("sensors of the GPU", False, "our sensors tell nothing of the card")
    theirs = (before, after)
    warm = any(abs(ours.gpu_temperature_c - one.temperature_c) <= _NEAR_C for one in theirs)
    low, high = sorted(one.clock_mhz for one in theirs)
    clock = low * (1 - _NEAR_CLOCK) <= ours.gpu_clock_mhz <= high * (1 + _NEAR_CLOCK)
    limits = any(ours.gpu_limits == one.limits for one in theirs)
    figures = (
        f"ours {ours.gpu_temperature_c:.0f} °C, {ours.gpu_clock_mhz:,.0f} MHz,"
        f" {_words(ours.gpu_limits)}; nvidia-smi {before.temperature_c:.0f} and"
        f" {after.temperature_c:.0f} °C, {before.clock_mhz:,.0f} and {after.clock_mhz:,.0f} MHz,"
        f" {_words(before.limits)} and {_words(after.limits)}"
    )
    return judged("sensors of the GPU", warm and clock and limits, figures)


def nvidia_smi(card: Gpu) -> Told:
    """A program of its own, so that our reading of NVML is compared with another's. Raises
    ``Skipped`` where it is not there, or does not tell one of the figures."""
    import pynvml

    asked = ["nvidia-smi", "-i", pynvml.nvmlDeviceGetUUID(card.handle),
             f"--query-gpu={','.join(_FIELDS)}", "--format=csv,noheader,nounits"]  # fmt: skip
    try:
        done = subprocess.run(asked, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise Skipped(f"nvidia-smi does not answer ({error})") from error
    return read(done.stdout)


def read(line: str) -> Told:
    """nvidia-smi's one line. Raises ``Skipped`` where it holds no figures."""
    values = [value.strip() for value in line.strip().split(",")]
    try:
        degrees, clock = float(values[0]), float(values[1])
    except (ValueError, IndexError):
        raise Skipped(f"nvidia-smi tells no temperature or clock: {line.strip()}") from None
    active = zip(_LIMITS.values(), values[2:], strict=True)
    return Told(degrees, clock, frozenset(limit for limit, value in active if value == "Active"))


def _words(limits: frozenset[str]) -> str:
    return f"lowered for {' and '.join(sorted(limits))}" if limits else "not lowered"
