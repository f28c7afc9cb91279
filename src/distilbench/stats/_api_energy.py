"""What remote APIs take, by an estimate: ranges, which are no measurement and are not ranked."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from distilbench.stats._answered import spent
from distilbench.stats._costs import mean_over_tasks
from distilbench.stats._intervals import check_samples

_RANGES = ("api_energy_low_j", "api_energy_high_j", "api_co2e_low_g", "api_co2e_high_g")


class ApiRange(NamedTuple):
    """Of one entry, means over tasks of a task's mean question; and of a correct answer, wrong ones
    included (null: nothing is correct, or it is not known of every answer)."""

    energy_low_j: float
    energy_high_j: float
    co2e_low_g: float
    co2e_high_g: float
    correct_low_j: float | None
    correct_high_j: float | None
    unknown: int
    """Answers without an estimate: their tokens or seconds are not known."""


def api_ranges(samples: pl.DataFrame) -> dict[str, ApiRange]:
    """The estimates of remote APIs' answers, by entry; without those that have none. The range is
    that of the estimate alone: how few questions there were is not in it."""
    if any(name not in samples.columns for name in _RANGES):
        return {}
    check_samples(samples, ["entry", "score", "outcome"])
    counted = samples.filter(spent())
    unknown = dict(counted.group_by("entry").agg(pl.col(_RANGES[1]).null_count()).iter_rows())
    means = mean_over_tasks(counted, ("entry",), (*_RANGES, "score")).drop_nulls()
    made = {}
    for row in means.iter_rows(named=True):
        entry, score = row["entry"], row["score"]
        low, high, *grams = (row[name] for name in _RANGES)
        whole = score > 0 and not unknown[entry]
        made[entry] = ApiRange(
            energy_low_j=low,
            energy_high_j=high,
            co2e_low_g=grams[0],
            co2e_high_g=grams[1],
            correct_low_j=low / score if whole else None,
            correct_high_j=high / score if whole else None,
            unknown=unknown[entry],
        )
    return made
