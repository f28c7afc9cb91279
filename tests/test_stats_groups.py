"""Groups of rows as numbers, against polars' own."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from distilbench.stats._groups import by_number, grouped, of_both, summed


@pytest.mark.parametrize("rows", [0, 1, 500])
@pytest.mark.parametrize("by", [["a"], ["a", "b"], ["a", "b", "c", "d"]])
def test_sums_of_groups_are_those_of_group_by(rows: int, by: list[str]) -> None:
    """Of names, numbers far apart, truths and floats, each with nulls among them."""
    chance = np.random.default_rng(rows)
    table = pl.DataFrame(
        {
            "a": pl.Series(chance.choice(["x", "y", None], rows).tolist(), dtype=pl.String),
            "b": pl.Series(chance.choice([-5, 10**15, None], rows).tolist(), dtype=pl.Int64),
            "c": pl.Series(chance.choice([True, None], rows).tolist(), dtype=pl.Boolean),
            "d": pl.Series(chance.choice([0.5, 2.5, None], rows).tolist(), dtype=pl.Float64),
            "v": pl.Series(chance.choice([1, 2, None], rows).tolist(), dtype=pl.Float64),
        }
    )
    expected = table.group_by(by).agg(pl.col("v").sum(), n=pl.len().cast(pl.Int64)).sort(by)
    for given in (table, by_number(table)):
        found = summed(given, by, ["v"]).with_columns(pl.col("a").cast(pl.String)).sort(by)
        assert found.equals(expected)
    of = grouped(table, by)
    assert sorted(row for mine in of.rows() for row in mine.tolist()) == list(range(rows))
    assert [place for mine in of.rows() for place in of.before()[mine]] == [
        place for size in of.size for place in range(size)
    ]
    several = of_both(grouped(table, by[:1]), grouped(table, by[1:]))
    assert several.size.sum() == rows
    assert {*map(tuple, several.rows())} == {*map(tuple, of.rows())}
