"""The Pareto frontier against its definition, row by row."""

import math

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from distilbench.stats import pareto

NUMBER = st.one_of(st.integers(0, 5).map(float), st.none(), st.just(math.nan))


def beaten(row, others):
    return any(
        other["cost"] <= row["cost"]
        and other["value"] >= row["value"]
        and (other["cost"], other["value"]) != (row["cost"], row["value"])
        for other in others
    )


def known(row):
    return all(row[k] is not None and not math.isnan(row[k]) for k in ("cost", "value"))


@given(st.lists(st.tuples(st.sampled_from("ab"), NUMBER, NUMBER), max_size=25))
@settings(max_examples=150)
def test_frontier_is_what_nothing_beats(tuples):
    schema = {"task": pl.String, "cost": pl.Float64, "value": pl.Float64}
    frame = pl.DataFrame(tuples, schema=schema, orient="row")
    rows = frame.to_dicts()
    found = pareto(frame, "cost", "value", by=["task"])
    assert found.drop("on_frontier").equals(frame, null_equal=True)
    assert found["on_frontier"].to_list() == [
        known(row) and not beaten(row, [o for o in rows if known(o) and o["task"] == row["task"]])
        for row in rows
    ]
    together = pareto(frame, "cost", "value")["on_frontier"].to_list()
    assert together == [known(r) and not beaten(r, filter(known, rows)) for r in rows]


def test_ties_are_on_the_frontier_together():
    frame = pl.DataFrame({"flops": [1, 1, 2, 2], "accuracy": [0.5, 0.5, 0.5, 0.6]})
    assert pareto(frame, "flops", "accuracy")["on_frontier"].to_list() == [True, True, False, True]
