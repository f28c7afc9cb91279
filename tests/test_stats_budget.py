"""Cost of a correct answer and accuracy under a token budget, worked by hand."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distilbench.stats import macro_accuracy, per_correct, truncation_curve


def samples(
    rows: list[tuple[str, float, int | None]], task: str = "sums", model: str = "m"
) -> pl.DataFrame:
    """Rows of question, score and output tokens; a token costs 2 FLOPs and 0.5 s."""
    return pl.DataFrame(
        {
            "model": [model] * len(rows),
            "profile": ["p"] * len(rows),
            "task": [task] * len(rows),
            "sample_id": [row[0] for row in rows],
            "cluster": [row[0] for row in rows],
            "epoch": [1] * len(rows),
            "seed": [0] * len(rows),
            "score": [row[1] for row in rows],
            "output_tokens": [row[2] for row in rows],
            "flops": [None if row[2] is None else 2.0 * row[2] for row in rows],
            "total_s": [None if row[2] is None else 0.5 * row[2] for row in rows],
            "energy_j": [None] * len(rows),
        },
        schema_overrides={"output_tokens": pl.Int64, "energy_j": pl.Float64},
    )


HAND = [("a", 1.0, 10), ("b", 0.0, 30), ("c", 1.0, 50), ("d", 0.0, 70)]


def test_a_correct_answer_costs_what_all_answers_cost_over_the_correct_ones() -> None:
    row = per_correct(samples(HAND)).row(0, named=True)
    assert row["accuracy"] == 0.5
    assert row["output_tokens"] == pytest.approx((10 + 30 + 50 + 70) / 2)
    assert row["flops"] == pytest.approx(160)
    assert row["total_s"] == pytest.approx(40)
    assert row["energy_j"] is None


def test_tasks_weigh_the_same_whatever_their_number_of_questions() -> None:
    two = pl.concat([samples(HAND), samples([("e", 1.0, 100)], task="logic")])
    row = per_correct(two).row(0, named=True)
    assert row["output_tokens"] == pytest.approx(((160 / 4 + 100) / 2) / ((0.5 + 1.0) / 2))


def test_nothing_correct_or_an_unknown_cost_gives_no_figure() -> None:
    assert per_correct(samples([("a", 0.0, 5)])).row(0, named=True)["flops"] is None
    some = per_correct(samples([("a", 1.0, 5), ("b", 1.0, None)])).row(0, named=True)
    assert some["output_tokens"] is None


def test_longer_answers_count_as_wrong_under_a_budget() -> None:
    curve = truncation_curve(samples(HAND), [9, 10, 49, 50, 100])
    assert curve["accuracy"].to_list() == [0.0, 0.25, 0.25, 0.5, 0.5]
    assert curve["mean_output_tokens"].to_list() == [9.0, 10.0, 34.5, 35.0, 40.0]


answers = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0]), st.integers(0, 500)), min_size=1, max_size=12
)


@given(answers)
def test_the_curve_never_falls_and_ends_at_the_accuracy(drawn: list[tuple[float, int]]) -> None:
    frame = samples([(str(i), score, tokens) for i, (score, tokens) in enumerate(drawn)])
    curve = truncation_curve(frame, [1, 10, 100, 500])
    values = curve["accuracy"].to_list()
    assert values == sorted(values)
    assert values[-1] == pytest.approx(macro_accuracy(frame)["accuracy"].item())
