"""What minutes under load say: whether a model slowed down, when, and what of the machine changed
with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import exp, log, sqrt
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Verdict = Literal["steady", "fell", "rose", "undecided", "too short", "not available"]
LEAST_MINUTES = 5
_LEAST_CHANGE = log(1.05)
_STEADY = (1 / 1.1, 1.1)
"""Between which the whole interval lies of a model that is called steady."""
_LEAST_CLOCK = 0.97  # of a clock, after over before, from which it fell
_LEAST_SHARE = 0.05  # of all cores' time, or of a minute, that others or a quota took more
_SEED = 20_260_128


@dataclass(frozen=True)
class Change:
    """The largest change of level in a series: the mean (geometric) before and after minute
    ``minute``, and their ratio with its 99% interval. ``told``: it is off by 5% or more, and noise
    alone gives such a ratio in one series of a hundred."""

    minute: int
    before: float
    after: float
    low: float
    high: float

    @property
    def ratio(self) -> float:
        return self.after / self.before

    @property
    def told(self) -> bool:
        return not self.low <= 1 <= self.high and abs(log(self.ratio)) >= _LEAST_CHANGE

    @property
    def verdict(self) -> Verdict:
        if self.told:
            return "fell" if self.ratio < 1 else "rose"
        return "steady" if _STEADY[0] <= self.low and self.high <= _STEADY[1] else "undecided"


@dataclass(frozen=True)
class Sustained:
    """A model under load. ``figure``: the column that ``change`` is of; null: none is known.
    ``minutes``: those that count: whole ones in which the machine did not sleep. ``causes``: what
    changed with the speed, of ``frequency``, ``GPU clock``, ``heat``, ``power``, ``quota`` (a limit
    of CPU time that was set), ``others`` (other processes or virtual machines). ``facts``: means of
    sensors before and after the change."""

    verdict: Verdict
    minutes: int
    figure: str | None
    change: Change | None
    causes: tuple[str, ...]
    facts: Mapping[str, tuple[float | None, float | None]]

    @property
    def throttled(self) -> bool | None:
        """Whether heat or a limit of power slowed it; null: it slowed down, and nothing that could
        tell was there."""
        if self.verdict != "fell":
            return False if self.verdict in ("steady", "rose") else None
        if set(self.causes) & {"frequency", "GPU clock", "heat", "power"}:
            return True
        clocks = (self.facts["cpu_frequency_mhz"], self.facts["gpu_clock_mhz"])
        return False if any(None not in clock for clock in clocks) else None


def sustained(minutes: pl.DataFrame) -> Sustained:
    """Of the minute records of one model under one profile. Decoding of one slot is judged where
    every minute tells it, else the tokens of all slots together."""
    known = minutes.filter(pl.col("minute").is_not_null()).sort("minute")
    counted = known.filter(pl.col("suspended_s").fill_null(0) == 0)
    for figure in ("decode_tokens_per_s", "output_tokens_per_s"):
        values = counted[figure].to_list()
        if values and all(value is not None and value > 0 for value in values):
            return _judged(counted, figure, values)
    return Sustained("not available", len(counted), None, None, (), _facts(counted, None))


def _judged(counted: pl.DataFrame, figure: str, values: list[float]) -> Sustained:
    found = change(values)
    if found is None:
        return Sustained("too short", len(values), figure, None, (), _facts(counted, None))
    at = counted["minute"][found.minute - 1]  # minutes that do not count are left out
    facts = _facts(counted, at)
    named = Change(at, found.before, found.after, found.low, found.high)
    causes = _causes(counted, at, facts) if named.verdict == "fell" else ()
    return Sustained(named.verdict, len(values), figure, named, causes, facts)


def change(values: Sequence[float]) -> Change | None:
    """The largest change of level in values (above 0) of successive minutes; null: fewer than five.

    On the logarithm's scale the series is cut where the means on both sides differ the most in
    their own error. The spread of a minute is that about the two means, or about a straight line if
    that fits better, so that a slow fall is not taken for noise. Because the best of all cuts was
    chosen, its error is multiplied with the 99th percentile of the same figure in series of
    independent normal noise (:func:`_critical`): the interval covers the choice.
    """
    n = len(values)
    if n < LEAST_MINUTES:
        return None
    logs = np.log(np.asarray(values, dtype=float))
    cuts, differences, spread = _cuts(logs[None, :])
    best = int(cuts[0])
    difference, deviation = float(differences[0]), float(spread[0])
    distance = _critical(n) * deviation * sqrt(1 / best + 1 / (n - best))
    return Change(
        minute=best,
        before=exp(float(logs[:best].mean())),
        after=exp(float(logs[best:].mean())),
        low=exp(difference - distance),
        high=exp(difference + distance),
    )


def _cuts(series: Floats) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Of each row the best cut, the difference of means there, and the spread of a value."""
    n = series.shape[1]
    sizes = np.arange(1, n)
    sums = np.cumsum(series, axis=1)
    before = sums[:, :-1] / sizes
    after = (sums[:, -1:] - sums[:, :-1]) / (n - sizes)
    weight = sizes * (n - sizes) / n
    between = weight * (after - before) ** 2
    best = between.argmax(axis=1)
    rows = np.arange(len(series))
    centred = series - series.mean(axis=1, keepdims=True)
    whole = (centred**2).sum(axis=1)
    time = steps_from_middle(n)
    line = (centred @ time) ** 2 / (time @ time)
    rest = whole - np.maximum(between[rows, best], line)
    spread = np.sqrt(np.maximum(rest, 0.0) / (n - 2))
    return best + 1, (after - before)[rows, best], spread


def steps_from_middle(n: int) -> Floats:
    """Steps from the middle of ``n``.

    >>> steps_from_middle(3).tolist()
    [-1.0, 0.0, 1.0]
    """
    return np.arange(n, dtype=np.float64) - (n - 1) / 2


@cache
def _critical(n: int) -> float:
    """99th percentile of the largest difference over its error, in noise alone."""
    draws = max(2_000, min(20_000, 1_000_000 // n))
    noise = np.random.default_rng(_SEED).standard_normal((draws, n))
    cuts, differences, spread = _cuts(noise)
    errors = spread * np.sqrt(1 / cuts + 1 / (n - cuts))
    return float(np.quantile(np.abs(differences) / errors, 0.99))


_SENSORS = ("cpu_frequency_mhz", "cpu_temperature_c", "gpu_clock_mhz", "gpu_temperature_c",
            "thermal_throttles", "quota_throttled_s", "other_cpu_share", "steal_share")  # fmt: skip


def _facts(counted: pl.DataFrame, at: int | None) -> dict[str, tuple[float | None, float | None]]:
    """Means before and after a minute; of all minutes twice, where there is no change."""
    first = counted if at is None else counted.filter(pl.col("minute") <= at)
    last = counted if at is None else counted.filter(pl.col("minute") > at)
    return {name: (_mean(first, name), _mean(last, name)) for name in _SENSORS}


def _mean(part: pl.DataFrame, name: str) -> float | None:
    value: Any = part[name].cast(pl.Float64).mean()
    return None if value is None else float(value)


def _causes(counted: pl.DataFrame, at: int, facts: Mapping[str, Any]) -> tuple[str, ...]:
    later = counted.filter(pl.col("minute") > at)
    limits = ", ".join(later["gpu_limits"].drop_nulls())
    found = {
        "frequency": _fell(facts["cpu_frequency_mhz"]),
        "GPU clock": _fell(facts["gpu_clock_mhz"]),
        "heat": "heat" in limits or (_grew(facts["thermal_throttles"]) or 0) > 0,
        "power": "power" in limits,
        "quota": (_grew(facts["quota_throttled_s"]) or 0) >= 60 * _LEAST_SHARE,
        "others": sum(_grew(facts[s]) or 0 for s in ("other_cpu_share", "steal_share"))
        >= _LEAST_SHARE,
    }
    return tuple(name for name, so in found.items() if so)


def _fell(clock: tuple[float | None, float | None]) -> bool:
    before, after = clock
    return before is not None and after is not None and after < _LEAST_CLOCK * before


def _grew(pair: tuple[float | None, float | None]) -> float | None:
    before, after = pair
    return None if before is None or after is None else after - before
