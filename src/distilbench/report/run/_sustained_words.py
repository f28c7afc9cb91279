"""Minutes under load in words: whether a model slowed down, and what of the machine changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distilbench.report.page import rounded
from distilbench.stats import LEAST_MINUTES

if TYPE_CHECKING:
    import polars as pl

    from distilbench.stats import Change, Sustained

_FIGURES = {
    "decode_tokens_per_s": ("decode", "tokens/s of one slot"),
    "output_tokens_per_s": ("output", "tokens/s of all slots"),
}
_HEAVY_QUOTA_S = 3.0  # of a minute


def sustained_sentence(found: Sustained, minutes: pl.DataFrame) -> str:
    """One model's minutes. ``minutes``: its records."""
    parts = [_speed(found), _sensors(minutes)]
    quota = found.facts["quota_throttled_s"][1]
    if quota is not None and quota >= _HEAVY_QUOTA_S and "quota" not in found.causes:
        parts.append(
            f"a CPU quota that was set on this machine or container held it back all along"
            f" ({quota:.0f} s of the cores in a minute): a limit, not heat"
        )
    if (minutes["on_battery"].fill_null(value=False)).any():
        parts.append("the machine ran on its battery, which may limit its power")
    if minutes["begun_anew"].any():
        parts.append("begun anew after an attempt that was cut short")
    stopped = minutes["stopped"].drop_nulls()
    if len(stopped):
        parts.append(f"the load ended before its time: {stopped[0]}")
    slept = int((minutes["suspended_s"].fill_null(0) > 0).sum())
    if slept:
        parts.append(f"{slept} minute(s) with stops or sleep do not count")
    return "; ".join(parts) + "."


def _speed(found: Sustained) -> str:
    if found.figure is None:
        return "no speed is known minute by minute, so it is not known whether it held"
    what, unit = _FIGURES[found.figure]
    if found.change is None:
        return (
            f"too short to say whether {what} holds: {found.minutes} minute(s) count, and it takes"
            f" {LEAST_MINUTES}"
        )
    moved = _moved(found.change, unit)
    if found.verdict == "steady":
        return f"steady: no change of {what} by 10% or more in {found.minutes} minutes ({moved})"
    if found.verdict == "undecided":
        return (
            f"undecided: {found.minutes} minutes as noisy as these tell no change of {what}, and"
            f" rule none out ({moved})"
        )
    if found.verdict == "rose":
        return f"{what} rose {moved}: it was slower at first, which is no throttling"
    return f"{what} fell {moved}, {_why(found)}"


def _moved(change: Change, unit: str) -> str:
    low, high = change.low - 1, change.high - 1
    return (
        f"from {_digits(change.before)} to {_digits(change.after)} {unit} after minute"
        f" {change.minute}: {change.ratio - 1:+.0%}, 99% interval {low:+.0%} to {high:+.0%}"
    )


def _why(found: Sustained) -> str:
    if found.throttled:
        return f"{_clocks(found) or 'while the sensors told of it'}: {_throttled(found)}"
    if "quota" in found.causes:
        return "while a CPU quota held it back more than before: a limit that was set, not heat"
    if "others" in found.causes:
        return f"while other processes or virtual machines took more of the cores{_unmoved(found)}"
    if found.throttled is None:
        return "and no frequency is available here that could say why: throttling is not ruled out"
    return f"by a cause that is not known{_unmoved(found)}"


def _clocks(found: Sustained) -> str:
    """Which clocks fell; empty: none."""
    said = []
    for cause, sensor, name in (
        ("frequency", "cpu_frequency_mhz", "the processor's frequency"),
        ("GPU clock", "gpu_clock_mhz", "the GPU's clock"),
    ):
        before, after = found.facts[sensor]
        if cause in found.causes and before is not None and after is not None:
            said.append(f"{name} fell from {before / 1e3:.2g} to {after / 1e3:.2g} GHz")
    return f"while {' and '.join(said)}" if said else ""


def _throttled(found: Sustained) -> str:
    known = [cause for cause in ("heat", "power") if cause in found.causes]
    also = " (other work on the machine grew too)" if "others" in found.causes else ""
    if "quota" in found.causes:
        also += " (a CPU quota held it back too)"
    if known:
        return f"throttled, for {' and '.join(known)}{also}"
    return f"throttled, for heat or a limit of power{also}"


def _unmoved(found: Sustained) -> str:
    for sensor, name in (("cpu_frequency_mhz", "frequency"), ("gpu_clock_mhz", "GPU clock")):
        before, after = found.facts[sensor]
        if before is not None and after is not None:
            return f", and the {name} did not fall ({after / 1e3:.2g} GHz): not throttled"
    return ": no frequency is available here, so throttling is not ruled out"


def _sensors(minutes: pl.DataFrame) -> str:
    """Temperatures and watts, or why there are none."""
    said = []
    for name, column, method in (
        ("temperature", "cpu_temperature_c", "temperature_method"),
        ("frequency", "cpu_frequency_mhz", "frequency_method"),
    ):
        known = minutes[column].drop_nulls()
        if not len(known):
            why = minutes[method][0] or "not available"
            said.append(f"{name}: {why}")
        elif name == "temperature":
            said.append(f"temperature: {known[0]:.0f} °C in its first minute, at most"
                        f" {max(known):.0f} °C")  # fmt: skip
    gpu = minutes["gpu_temperature_c"].drop_nulls()
    if len(gpu):
        said.append(f"GPU: at most {max(gpu):.0f} °C")
    watts = minutes["power_w"].drop_nulls()
    if len(watts):
        said.append(f"{watts[0]:.3g} W in its first minute, {watts[-1]:.3g} W in its last")
    else:
        said.append(f"watts: {minutes['power_method'][0] or 'not available'}")
    return "; ".join(said)


def _digits(value: float) -> str:
    return rounded(value) if value >= 100 else f"{value:.3g}"
