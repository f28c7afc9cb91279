"""Rows by what they have in common, as numbers: a sum over each of a million groups is then one
pass over an array, where polars looks up a million names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
_SPARE = 8
"""A table of all numbers that there could be is made for so many times the rows; beyond that the
numbers are sorted."""


@dataclass(frozen=True, eq=False)
class Groups:
    """``number``: the group of each row, from 0; ``first``: a row of each group; ``size``: how many
    rows it has."""

    number: Places
    first: Places
    size: Places

    @property
    def are_rows(self) -> bool:
        """Whether each row is a group by itself."""
        return len(self.first) == len(self.number)

    def sums(self, values: NDArray[Any]) -> Floats:
        """Of each group, of the values of its rows."""
        if self.are_rows:
            return values.astype(np.float64)
        return np.bincount(self.number, values, len(self.first)).astype(np.float64, copy=False)

    def means(self, values: NDArray[Any]) -> Floats:
        return np.asarray(self.sums(values) / self.size)

    def all(self, truths: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return np.asarray(self.sums(~truths) == 0)

    def rows(self) -> Iterator[Places]:
        """The rows of each group, in their order."""
        order, ends = self._in_a_row(), np.cumsum(self.size)
        for start, end in zip((ends - self.size).tolist(), ends.tolist(), strict=True):
            yield order[start:end]

    def before(self) -> Places:
        """Of each row, how many of its group come before it."""
        order, starts = self._in_a_row(), np.cumsum(self.size) - self.size
        found = np.empty_like(order)
        found[order] = np.arange(len(order)) - np.repeat(starts, self.size)
        return found

    def _in_a_row(self) -> Places:
        """All rows, group after group; numbers of 16 bits are sorted in a tenth of the time."""
        short = self.number.astype(np.min_scalar_type(len(self.first)))
        return np.argsort(short, kind="stable")

    def least(self, values: Places) -> Places:
        """The least of each group, whose rows mostly have the same."""
        found = values[self.first]
        if (found[self.number] != values).any():
            np.minimum.at(found, self.number, values)
        return found


def grouped(rows: pl.DataFrame, by: Sequence[str]) -> Groups:
    """The rows by these columns; null is a value as others are. Groups come in the order of the
    rows where each row is one, else in no order that means anything."""
    number, count = np.zeros(rows.height, dtype=np.int64), min(1, rows.height)
    for name in reversed(by):  # what is within what comes before (questions in tasks) stays few
        mine, values = _numbers(rows[name])
        if values > 1:
            number, count = _dense(number * values + mine, count * values)
    return _of(number, count)


def of_both(one: Groups, other: Groups) -> Groups:
    """The same rows by what they have in common in both."""
    count = len(one.first)
    return _of(*_dense(other.number * count + one.number, len(other.first) * count))


def _of(number: Places, count: int) -> Groups:
    rows = len(number)
    if count == rows:
        each = np.arange(count)
        return Groups(each, each, np.ones(count, dtype=np.int64))
    first = np.empty(count, dtype=np.int64)
    first[number[::-1]] = np.arange(rows)[::-1]
    return Groups(number, first, np.bincount(number, minlength=count))


def summed(rows: pl.DataFrame, by: Sequence[str], values: Sequence[str]) -> pl.DataFrame:
    """One row a group: ``by``, the sum of each of the values (null counts as 0), ``n`` rows."""
    of = grouped(rows, by)
    sums = {name: rows[name].fill_null(0).cast(pl.Float64) for name in values}
    if of.are_rows:
        return rows.select(*by, *sums.values(), pl.lit(1, pl.Int64).alias("n"))
    made = [pl.Series(name, of.sums(column.to_numpy())) for name, column in sums.items()]
    return rows.select(by)[of.first].with_columns(*made, n=pl.Series(of.size))


def by_number(rows: pl.DataFrame) -> pl.DataFrame:
    """With names as categories, which have numbers: names :func:`grouped` looks up each time."""
    return rows.cast({pl.String: pl.Categorical})


def _numbers(column: pl.Series) -> tuple[Places, int]:
    """Numbers from 0 for the values of a column, and how many there are."""
    if column.dtype in (pl.String, pl.Categorical, pl.Enum):
        column = column.cast(pl.Categorical).to_physical()
    if not column.dtype.is_integer():
        column = column.rank("dense")
    if column.is_empty():
        return np.zeros(0, dtype=np.int64), 0
    known = column.cast(pl.Int64)
    if known.null_count():
        known = known.fill_null(int(known.max() or 0) + 1)  # type: ignore[arg-type]
    numbers = known.to_numpy()
    least = int(numbers.min())
    return _dense(numbers - least, int(numbers.max()) - least + 1)


def _dense(numbers: Places, span: int) -> tuple[Places, int]:
    """Numbers below ``span`` as numbers below their count."""
    if span > _SPARE * len(numbers) + 1_000:
        ranks = pl.Series(numbers).rank("dense").to_numpy().astype(np.int64) - 1
        return ranks, int(ranks.max(initial=-1)) + 1
    there = np.zeros(span, dtype=np.bool_)
    there[numbers] = True
    if there.all():
        return numbers, span
    places = np.cumsum(there) - 1
    return places[numbers], int(places[-1]) + 1
