"""Full scores from subsets: by hand, and against simulated full data sets."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distilbench import records
from distilbench.errors import InputError
from distilbench.stats import accuracy, full_score
from distilbench.tasks import FileTask, Question, Subset, make_questions
from distilbench.tasks._subset import allocate, draw


def questions(sizes: list[int], stratified: bool = True) -> list[Question]:
    return [
        Question(
            id=f"{h}-{i}", text="", worked="", target="", cluster=f"{h}-{i}",
            stratum=f"s{h}" if stratified else None,
        )
        for h, size in enumerate(sizes)
        for i in range(size)
    ]  # fmt: skip


def rows(
    drawn: list[Question], sizes: dict[str, int], scores: dict[str, float], model: str = "m"
) -> list[dict[str, Any]]:
    return [
        {
            "model": model, "task": "t", "profile": "p", "seed": 0, "epoch": 1,
            "sample_id": q.id, "cluster": q.cluster, "score": scores[q.id], "stratum": q.stratum,
            "stratum_questions": sizes[q.stratum or ""], "all_questions": sum(sizes.values()),
        }
        for q in drawn
    ]  # fmt: skip


def estimate(found: list[dict[str, Any]]) -> pl.DataFrame:
    return full_score(records.frame(found, records.SampleRecord))


@given(
    st.dictionaries(st.text("abcdef", min_size=1), st.integers(1, 60), min_size=1, max_size=6),
    st.integers(1, 400),
)
@settings(deadline=None)
def test_the_allocation_is_whole_proportional_and_never_empty(
    sizes: dict[str, int], total: int
) -> None:
    total = max(total, len(sizes))
    given_out = allocate(sizes, total)
    everything = sum(sizes.values())
    assert sum(given_out.values()) == min(total, everything)
    assert all(1 <= given_out[name] <= size for name, size in sizes.items())
    if all(total * size / everything >= 1 for size in sizes.values()) and total <= everything:
        for name, size in sizes.items():
            assert abs(given_out[name] - total * size / everything) < 1


def test_every_question_is_as_likely_as_another() -> None:
    asked = questions([10, 5])
    counts = dict.fromkeys((q.id for q in asked), 0)
    for seed in range(2000):
        for question in draw(asked, Subset(questions=6, stratify="x"), seed, "t")[0]:
            counts[question.id] += 1
    expected, spread = 2000 * 6 / 15, math.sqrt(2000 * 0.4 * 0.6)
    assert max(abs(count - expected) for count in counts.values()) < 4.5 * spread


def test_fewer_questions_than_strata_is_refused() -> None:
    with pytest.raises(InputError, match="one of each of the 3 strata by 'level'"):
        draw(questions([4, 4, 4]), Subset(questions=2, stratify="level"), 0, "task 't'")


def test_the_estimate_is_the_textbook_one() -> None:
    sizes = {"s0": 60, "s1": 40}
    asked = questions([60, 40])
    drawn = [*asked[:6], *asked[60:64]]
    drawn = [q.model_copy(update={"stratum": q.stratum}) for q in drawn]
    values = [1, 1, 1, 0, 1, 0, 0, 1, 0, 0]
    scores = {q.id: float(v) for q, v in zip(drawn, values, strict=True)}
    row = estimate(rows(drawn, sizes, scores)).row(0, named=True)
    first, second = np.array(values[:6]), np.array(values[6:])
    mean = 0.6 * first.mean() + 0.4 * second.mean()
    variance = 0.36 * (1 - 6 / 60) * first.var(ddof=1) / 6
    variance += 0.16 * (1 - 4 / 40) * second.var(ddof=1) / 4
    assert row["accuracy"] == pytest.approx(mean)
    assert row["stderr"] == pytest.approx(math.sqrt(variance))
    assert (row["n_questions"], row["all_questions"], row["n_strata"]) == (10, 100, 2)
    assert row["low"] < row["accuracy"] < row["high"]


@given(st.lists(st.floats(0, 1), min_size=4, max_size=40), st.integers(1, 3))
@settings(max_examples=50)
def test_asking_everything_leaves_no_error(values: list[float], strata: int) -> None:
    sizes = [len(values) // strata + (h < len(values) % strata) for h in range(strata)]
    asked = questions(sizes)
    drawn, counted = draw(asked, Subset(questions=len(values), stratify="x"), 1, "t")
    scores = {q.id: v for q, v in zip(asked, values, strict=True)}
    row = estimate(rows(drawn, counted, scores)).row(0, named=True)
    assert row["accuracy"] == pytest.approx(np.mean(values))
    assert row["stderr"] == pytest.approx(0)
    assert row["low"] == row["high"] == row["accuracy"]


def test_a_stratum_without_answers_gives_no_estimate() -> None:
    asked = questions([6, 6])
    found = rows(asked[:3], {"s0": 6, "s1": 6}, {q.id: 1.0 for q in asked})
    row = estimate(found).row(0, named=True)
    assert (row["accuracy"], row["stderr"], row["low"], row["high"]) == (None,) * 4
    assert row["n_questions"] == 3


@pytest.mark.parametrize(
    ("chances", "sizes", "asked_for", "stratified"),
    [
        ((0.9, 0.5, 0.1), (300, 300, 400), 60, True),
        ((0.9, 0.5, 0.1), (300, 300, 400), 60, False),
        ((0.02, 0.05), (300, 700), 50, True),
        ((0.5, 0.6), (50, 50), 80, True),
        ((0.9, 0.6, 0.3, 0.2, 0.1), (40, 80, 100, 150, 130), 15, True),
    ],
)
def test_intervals_cover_the_full_score(
    chances: tuple[float, ...], sizes: tuple[int, ...], asked_for: int, stratified: bool
) -> None:
    """The full data set is fixed; what varies is the draw. 95% intervals, 600 draws each."""
    chance = np.random.default_rng(7)
    asked = questions(list(sizes), stratified)
    by_stratum = np.repeat(chances, sizes)
    scores = {q.id: float(chance.random() < p) for q, p in zip(asked, by_stratum, strict=True)}
    truth = float(np.mean(list(scores.values())))
    found: list[dict[str, Any]] = []
    subset = Subset(questions=asked_for, stratify="level" if stratified else None)
    for seed in range(600):
        found += rows(*draw(asked, subset, seed, "t"), scores, model=str(seed))
    table = estimate(found)
    covered = table.select(pl.lit(truth).is_between("low", "high").mean()).item()
    assert 0.925 <= covered <= 0.995
    assert table["accuracy"].mean() == pytest.approx(truth, abs=0.02)
    assert table["stderr"].mean() == pytest.approx(table["accuracy"].std(), rel=0.2)


def test_strata_and_the_finite_population_make_it_narrower() -> None:
    asked = questions([100, 100])
    scores = {q.id: float(q.stratum == "s0") for q in asked}
    scores |= {f"0-{i}": 0.0 for i in range(8)} | {f"1-{i}": 1.0 for i in range(8)}
    drawn, sizes = draw(asked, Subset(questions=100, stratify="x"), 3, "t")
    found = records.frame(rows(drawn, sizes, scores), records.SampleRecord)
    wide, narrow = accuracy(found).row(0, named=True), full_score(found).row(0, named=True)
    assert narrow["high"] - narrow["low"] < 0.5 * (wide["high"] - wide["low"])


def test_a_subset_of_a_file_is_drawn_by_a_column(tmp_path: Path) -> None:
    path = tmp_path / "sums.csv"
    lines = [f"{n}+1?,{n + 1},{'hard' if n % 3 else 'easy'}" for n in range(30)]
    path.write_text("\n".join(["question,answer,level", *lines]))
    task = {"file": str(path), "subset": {"questions": 9, "stratify": "level"}, "fewshot": 0}
    made = make_questions(FileTask.model_validate(task), 5)
    assert made.strata == {"easy": 10, "hard": 20}
    assert sorted(q.stratum or "" for q in made.questions) == ["easy"] * 3 + ["hard"] * 6
    assert made == make_questions(FileTask.model_validate(task), 5)
    assert made != make_questions(FileTask.model_validate(task), 6)
    task["subset"] = {"questions": 9, "stratify": "era"}
    with pytest.raises(InputError, match="has no column 'era'"):
        make_questions(FileTask.model_validate(task), 5)
    plain = FileTask.model_validate({**task, "subset": {"questions": 4}})
    assert make_questions(plain, 5).strata == {"all": 30}
