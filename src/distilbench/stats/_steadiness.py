"""What changes while a cell is answered: its first answers, and the last beside the first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import exp, hypot, log

import numpy as np
import polars as pl

from distilbench.stats._groups import grouped
from distilbench.stats._rates import (
    FIGURES,
    Known,
    known_of,
    over_questions,
    rates_of,
    timed,
    value_of,
)


def rates_and_steadiness(
    samples: pl.DataFrame, slots: Mapping[str, int]
) -> tuple[pl.DataFrame, dict[str, Steadiness]]:
    """:func:`rates` of each entry, and the :func:`steadiness` of those that have any; ``slots``: of
    each entry (1 where it has none)."""
    told = timed(samples, ("entry",))
    table = rates_of(told, ("entry",), 0.95)
    entries = table["entry"].unique(maintain_order=True) if table.height else ()
    return table, {
        entry: _steadiness(told.filter(pl.col("entry") == entry), slots.get(entry) or 1)
        for entry in entries
    }


@dataclass(frozen=True)
class Steadiness:
    """How the rate of decoding goes within cells: tokens/s. ``first``: of the answers that were
    begun first after loading, as many as there are slots; ``rest``: of the others. ``trend``: the
    last third's rate over the first third's, with its 99% interval; ``changes``: whether it is
    told from 1 and off by 5% or more. Null: not known, or too few answers."""

    warm_up_answers: int
    first: float | None
    rest: float | None
    trend: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def changes(self) -> bool | None:
        if self.trend is None or self.low is None or self.high is None:
            return None
        return not self.low <= 1 <= self.high and abs(log(self.trend)) >= log(1.05)


_LEAST_OF_A_TREND = 15  # answers: five in each third


def steadiness(samples: pl.DataFrame, slots: int) -> Steadiness:
    """Of the samples of one entry, all repeats. Answers are taken in the order in which they were
    begun, cell by cell and repeat by repeat."""
    return _steadiness(timed(samples), slots)


def _steadiness(told: pl.DataFrame, slots: int) -> Steadiness:
    told = told.drop_nulls(["_made", "decode_s", "begun_s"]).sort("begun_s")
    known, cells = known_of(told, FIGURES[0]), grouped(told, ["_cell"])
    place, of = np.empty(len(told), dtype=np.int64), cells.size[cells.number]
    for rows in cells.rows():
        place[rows] = np.arange(len(rows))
    early, rest = known.at(place < slots), known.at(place >= slots)
    figure = FIGURES[0]
    found = Steadiness(len(early.over), value_of(early, figure), value_of(rest, figure))
    third = np.where(of >= _LEAST_OF_A_TREND, place * 3 // of, -1)
    return _trend(found, *(known.at(third == n) for n in (0, 2)))


def _trend(found: Steadiness, first: Known, last: Known) -> Steadiness:
    """With the ratio of two rates. What the machine does from repeat to repeat is in both; the
    questions are others, so the distances of both add as squares."""
    figure = FIGURES[0]
    values, distances = [], []
    for side in (first, last):
        value, n = value_of(side, figure), side.questions
        distance = over_questions(side, figure, value, n, 0.99)[0] if value else None
        if value is None or distance is None:
            return found
        values.append(value)
        distances.append(distance)
    ratio, distance = values[1] / values[0], hypot(*distances)
    return replace(found, trend=ratio, low=ratio * exp(-distance), high=ratio * exp(distance))
