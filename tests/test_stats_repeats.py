"""pass@k and cons@k against counting every draw, and against hand calculations."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from distilbench.stats import cons_at_k, macro_accuracy, pass_at_k, repeats

votes = st.lists(st.sampled_from(["a", "b", "c", None]), min_size=1, max_size=8)


@given(votes, st.data())
def test_pass_at_k_is_the_share_of_draws_with_a_right_answer(
    drawn: list[str | None], data: st.DataObject
) -> None:
    k = data.draw(st.integers(1, len(drawn)))
    draws = list(combinations(drawn, k))
    share = sum("a" in draw for draw in draws) / len(draws)
    assert pass_at_k(len(drawn), drawn.count("a"), k) == pytest.approx(share)


@given(votes, st.data())
def test_cons_at_k_is_the_mean_over_all_draws_ties_shared(
    drawn: list[str | None], data: st.DataObject
) -> None:
    k = data.draw(st.integers(1, len(drawn)))
    worth = {"a": 1.0, "b": 0.0, "c": 0.5, None: 0.0}

    def score(draw: tuple[str | None, ...]) -> float:
        counted = Counter(vote for vote in draw if vote is not None)
        if not counted:
            return 0.0
        tied = [vote for vote, n in counted.items() if n == max(counted.values())]
        return sum(worth[vote] for vote in tied) / len(tied)

    draws = list(combinations(drawn, k))
    expected = sum(map(score, draws)) / len(draws)
    assert cons_at_k(drawn, [worth[v] for v in drawn], k) == pytest.approx(expected)


def test_many_answers_take_no_enumeration() -> None:
    given_ = ["a"] * 40 + ["b"] * 20 + [str(i) for i in range(4)]
    scores = [float(a == "a") for a in given_]
    assert cons_at_k(given_, scores, 64) == 1.0
    assert 0.9 < cons_at_k(given_, scores, 32) <= 1.0
    assert cons_at_k(given_, scores, 1) == pytest.approx(40 / 64)


def test_wrong_numbers_are_refused() -> None:
    for n, c, k in ((3, 4, 1), (3, 1, 4), (3, 1, 0)):
        with pytest.raises(ValueError, match="do not hold"):
            pass_at_k(n, c, k)
    with pytest.raises(ValueError, match="do not hold"):
        cons_at_k(["a"], [1.0], 2)


def asked(rows: dict[str, str], task: str = "t", right: str = "1") -> list[dict[str, Any]]:
    """Answers of questions, one character each; '-' is none."""
    return [
        {
            "model": "m", "profile": "p", "task": task, "seed": 0, "sample_id": question,
            "cluster": question, "epoch": n, "score": float(answer == right),
            "vote": None if answer == "-" else answer,
        }
        for question, answers in rows.items()
        for n, answer in enumerate(answers, 1)
    ]  # fmt: skip


def test_a_run_worked_by_hand() -> None:
    table = repeats(pl.DataFrame(asked({"q1": "1123", "q2": "2221", "q3": "----"})))
    found = {(row["metric"], row["k"]): row for row in table.iter_rows(named=True)}
    assert sorted(found) == [(m, k) for m in ("cons", "pass") for k in (1, 2, 4)]
    assert found["pass", 1]["value"] == pytest.approx((1 / 2 + 1 / 4 + 0) / 3)
    assert found["pass", 2]["value"] == pytest.approx((5 / 6 + 1 / 2 + 0) / 3)
    assert found["pass", 4]["value"] == pytest.approx(2 / 3)
    assert found["cons", 4]["value"] == pytest.approx(1 / 3)
    spread = pl.Series([1 / 2, 1 / 4, 0]).std()
    assert isinstance(spread, float)
    assert found["pass", 1]["stderr"] == pytest.approx(spread / 3**0.5)
    assert found["pass", 1]["n_questions"] == 3


@pytest.mark.parametrize(
    "answers", [{"q1": "1123", "q2": "2221", "q3": "----"}, {"q1": "1111"}, {"a": "11", "b": "11"}]
)
def test_pass_at_1_is_the_accuracy_with_its_interval(answers: dict[str, str]) -> None:
    length = len(next(iter(answers.values())))
    samples = pl.DataFrame(asked(answers) + asked({"r": "12" * (length // 2)}, "other"))
    one = repeats(samples).filter((pl.col("metric") == "pass") & (pl.col("k") == 1))
    wanted = macro_accuracy(samples).rename({"accuracy": "value"})
    for column in ("value", "stderr", "low", "high", "n_questions"):
        assert one[column].to_list() == pytest.approx(wanted[column].to_list()), column


def test_the_interval_of_pass_at_k_is_wilsons_over_questions() -> None:
    """Of 40 questions asked twice, 10 have a right answer: p 1/4 of 40, by scipy; and where all
    have, it does not collapse."""
    answers = {f"q{n}": "12" if n < 10 else "22" for n in range(40)}
    for right, texts in ((10, answers), (40, dict.fromkeys(answers, "12"))):
        table = repeats(pl.DataFrame(asked(texts)))
        two = table.row(by_predicate=(pl.col("metric") == "pass") & (pl.col("k") == 2), named=True)
        wilson = binomtest(right, 40).proportion_ci(0.95, "wilson")
        assert two["value"] == right / 40
        assert (two["low"], two["high"]) == pytest.approx(tuple(wilson), abs=1e-9)


def test_tasks_weigh_the_same_and_one_answer_is_no_repeat() -> None:
    two = asked({"q1": "11", "q2": "11"}, "easy") + asked({"q3": "22"}, "hard")
    table = repeats(pl.DataFrame(two)).filter((pl.col("metric") == "pass") & (pl.col("k") == 2))
    assert table["value"].item() == pytest.approx(0.5)
    assert repeats(pl.DataFrame(asked({"q1": "1", "q2": "2"}))).is_empty()
