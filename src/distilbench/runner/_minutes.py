"""Minutes under load, made of answers, looks at sensors and stretches of the machine: pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from distilbench.meter import Energy, Reading, Stretch, power_w, summarise


@dataclass(frozen=True)
class Answer:
    """One answer under load. ``ended`` and ``begun``: seconds of a clock that nobody sets.
    ``error``: why there is none."""

    ended: float
    begun: float = 0.0
    total_s: float | None = None
    ttft_s: float | None = None
    decode_s: float | None = None
    output_tokens: int | None = None
    error: str | None = None


@dataclass(frozen=True)
class Look:
    """What the sensors said at a moment of the same clock."""

    at: float
    reading: Reading


def minute_rows(
    answers: Sequence[Answer],
    looks: Sequence[Look],
    seen: Sequence[Stretch],
    clocks: tuple[float, float],
    minutes: int,
    minute_s: float = 60.0,
    energy: Energy | None = None,
) -> list[dict[str, Any]]:
    """Columns of each minute's record. ``clocks``: when the load began, by the wall and by the
    clock of answers and looks; ``seen`` is by the wall's, and so is ``energy`` (null: none)."""
    wall, clock = clocks
    rows = []
    for n in range(minutes):
        first, last = clock + n * minute_s, clock + (n + 1) * minute_s
        begun = wall + n * minute_s
        meanwhile = summarise([_within(s, begun, begun + minute_s) for s in seen
                               if s.begun < begun + minute_s and s.ended > begun])  # fmt: skip
        row = {
            "minute": n + 1,
            "begun_s": begun,
            **_speed(answers, first, last),
            **_machine([x for x in looks if first <= x.at < last]),
            **_counted(looks, first, last),
            "other_cpu_share": meanwhile.other_cpu_share,
            "steal_share": meanwhile.steal_share,
            "suspended_s": meanwhile.suspended_s,
            "power_w": power_w(energy, begun, begun + minute_s) if energy else None,
        }
        if meanwhile.suspended_s:
            row |= dict.fromkeys(("decode_tokens_per_s", "output_tokens_per_s", "power_w"))
        rows.append(row)
    return rows


def _within(seen: Stretch, first: float, last: float) -> Stretch:
    begun, ended = max(seen.begun, first), min(seen.ended, last)
    return Stretch(begun, ended, seen.stopped, seen.other_cpu_share, seen.steal_share,
                   seen.load_average)  # fmt: skip


def _speed(answers: Sequence[Answer], first: float, last: float) -> dict[str, Any]:
    here = [a for a in answers if first <= a.ended < last]
    ended = [a for a in here if not a.error]
    made = decoding = whole = 0.0
    for a in (a for a in answers if not a.error and a.output_tokens):
        tokens = float(a.output_tokens or 0)
        if a.decode_s and tokens > 1:
            part = _overlap(a.ended - a.decode_s, a.ended, first, last)
            made += (tokens - 1) * part / a.decode_s
            decoding += part
        if a.total_s:
            whole += tokens * _overlap(a.ended - a.total_s, a.ended, first, last) / a.total_s
    totals = [a.total_s for a in ended if a.total_s is not None]
    starts = [a.ttft_s for a in ended if a.ttft_s is not None]
    return {
        "answers": len(ended),
        "failed": len(here) - len(ended),
        "decode_tokens_per_s": made / decoding if decoding else None,
        "output_tokens_per_s": whole / (last - first) if whole else None,
        "ttft_p50_s": float(np.quantile(starts, 0.5)) if starts else None,
        "total_p50_s": float(np.quantile(totals, 0.5)) if totals else None,
        "total_p95_s": float(np.quantile(totals, 0.95)) if totals else None,
    }


def _overlap(begun: float, ended: float, first: float, last: float) -> float:
    return max(0.0, min(ended, last) - max(begun, first))


def _machine(looks: Sequence[Look]) -> dict[str, Any]:
    def told(name: str, of: Callable[[list[float]], float]) -> float | None:
        known = [v for x in looks if (v := getattr(x.reading, name)) is not None]
        return of(known) if known else None

    def mean(values: list[float]) -> float:
        return sum(values) / len(values)

    limits = [x.reading.gpu_limits for x in looks if x.reading.gpu_limits is not None]
    battery = [x.reading.on_battery for x in looks if x.reading.on_battery is not None]
    return {
        "cpu_temperature_c": told("cpu_temperature_c", max),
        "cpu_frequency_mhz": told("cpu_frequency_mhz", mean),
        "gpu_temperature_c": told("gpu_temperature_c", max),
        "gpu_clock_mhz": told("gpu_clock_mhz", mean),
        "gpu_limits": ", ".join(sorted(frozenset().union(*limits))) if limits else None,
        "on_battery": any(battery) if battery else None,
    }


def _counted(looks: Sequence[Look], first: float, last: float) -> dict[str, Any]:
    """What only grows, from the last look before the minute (its first one, where there is none
    before) to the last in it."""
    found: dict[str, Any] = {}
    for name in ("thermal_throttles", "quota_throttled_s"):
        told = [(x.at, v) for x in looks if (v := getattr(x.reading, name)) is not None]
        before = [v for at, v in told if at < first] or [v for at, v in told if at < last][:1]
        within = [v for at, v in told if at < last]
        found[name] = max(0, within[-1] - before[-1]) if before and within else None
    return found
