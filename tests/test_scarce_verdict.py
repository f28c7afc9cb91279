"""The experiment scarce-data in words: verdicts over made-up figures, and what its page tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats as scipy_stats

from distilbench.errors import InputError
from distilbench.report import write_scarce_report
from distilbench.report.experiment._scarce_data import Cell, Scarce, ScarceStudy, read_scarce
from distilbench.report.experiment._scarce_page import (
    _costs,
    _costs_note,
    _edges,
    _lede,
    _trials,
)
from distilbench.report.experiment._scarce_verdict import (
    break_even,
    break_even_words,
    compare_cells,
    comparisons,
    overall,
    said,
)
from distilbench.stats import crossed_interval
from tests.made_scarce import make_scarce

SEEDS = np.array([-0.01, 0.0, 0.01])[:, None]
ROWS = np.linspace(-0.1, 0.1, 50)[None]


def cell(
    arm: str, unique: int, level: float | None, steps: float = 100, *, taught: bool = False
) -> Cell:
    """Three seeds that differ by 0.01 around ``level``, null: the first diverged; a step is a
    GFLOP, and half of it the teacher's beside."""
    flops = {"student_training_flops": 1e9 * steps, "teacher_generation_flops": 0.0,
             "logit_caching_flops": 5e8 * steps if taught else 0.0}  # fmt: skip
    tests: list[dict[str, Any]] = [
        {"name": f"{arm}-{seed}", "seed": seed, "loss": level, "learning_rate": 0.01,
         "steps": int(steps), **flops}
        for seed in (1, 2, 3)
    ]  # fmt: skip
    if level is None:
        tests[1]["loss"] = tests[2]["loss"] = 4.0
    scores = None if level is None else level + SEEDS * np.cos(40 * ROWS) + ROWS
    return Cell(arm, unique, taught, tests, [], scores)


def study(*cells: Cell, name: str = "text", teacher: float = 1e12) -> ScarceStudy:
    made = {"student_training_flops": teacher, "unique": 6000}
    return ScarceStudy(name, {"unique": [20, 400]}, made, 3.0, list(cells), 6)


@pytest.mark.parametrize(
    ("own", "other", "verdict"),
    [
        (4.0, 4.5, "better on 20 rows (+0.500 nats a token, 95% +0.500 to +0.500)"),
        (4.5, 4.0, "worse on 20 rows (-0.500 nats a token, 95% -0.500 to -0.500)"),
        (None, 4.0, "diverged on 20 rows (1 of its 3 trainings diverged)"),
        (4.0, None, "better on 20 rows (1 of the other's 3 trainings diverged)"),
        (None, None, "diverged on 20 rows (1 of its 3 trainings diverged)"),
    ],
)
def test_a_verdict_of_text(own: float | None, other: float | None, verdict: str) -> None:
    one = compare_cells(
        cell("logit", 20, own, taught=True), cell("vanilla", 20, other), lower_is_better=True
    )
    assert said([one], True) == verdict


def test_a_difference_within_the_seeds_is_not_decided() -> None:
    own, other = cell("both", 50, 0.5, taught=True), cell("vanilla", 50, 0.5)
    assert own.scores is not None
    noisy = Cell("both", 50, True, own.tests, [], own.scores + np.array([[0.1], [0.0], [-0.06]]))
    one = compare_cells(noisy, other, lower_is_better=False)
    # Means of seeds: +10, 0, -6 points; s = 8.08, t(2) = 4.303: 1.33 -+ 20.08.
    assert said([one], False) == (
        "not decided on 50 gold answers (+1.3 points, 95% -18.7 to +21.4)"
    )


def test_verdicts_that_differ_are_each_told() -> None:
    found = [
        compare_cells(cell("logit", size, own, taught=True), cell("vanilla", size, 4.0), True)
        for size, own in ((20, 3.5), (80, 3.75), (400, 4.25))
    ]
    assert said(found, True) == (
        "better on 20 rows (+0.500 nats a token, 95% +0.500 to +0.500) and on 80 rows (+0.250 nats"
        " a token, 95% +0.250 to +0.250); worse on 400 rows (-0.250 nats a token, 95% -0.250 to"
        " -0.250)"
    )


def test_one_seed_decides_nothing() -> None:
    one, other = (Cell(a, 20, a == "logit", [], [], np.full((1, 9), s))
                  for a, s in (("logit", 3.0), ("vanilla", 4.0)))  # fmt: skip
    assert said([compare_cells(one, other, True)], True) == (
        "not decided on 20 rows (+1.000 nats a token; one seed: no interval)"
    )


@pytest.mark.parametrize(
    ("steps", "outcome"), [(149, "better"), (150, "better"), (151, "better"), (152.1, "not at")]
)
def test_equal_flops_are_within_a_step_of_the_budget(steps: float, outcome: str) -> None:
    """Logit takes 150 GFLOPs with its teacher's scoring."""
    made = study(
        *(cell("vanilla", size, 5.0) for size in (20, 400)),
        *(cell("vanilla-equal-flops", size, 5.0, steps) for size in (20, 400)),
        *(cell("logit", size, 4.0, taught=True) for size in (20, 400)),
    )
    found = comparisons(made, "logit")["same FLOPs"]
    assert all(one.outcome.startswith(outcome) for one in found)
    if outcome == "not at":
        assert said(found[:1], True) == (
            "not at equal FLOPs on 20 rows (their FLOPs differ by more than a step)"
        )


@pytest.mark.parametrize(
    ("vanilla", "words"),
    [
        (
            cell("vanilla", 400, 4.5),
            "No vanilla student trained here is as good, on its data or on more: there are no FLOPs"
            " of vanilla training to set against the teacher's.",
        ),
        (
            cell("vanilla", 400, 4.0, 150),
            "The cheapest vanilla student as good (by the means) has 400 rows and takes 150GFLOPs,"
            " no more than the 150GFLOPs that this one takes beside its teacher's training: the"
            " teacher is never repaid.",
        ),
        (
            cell("vanilla", 400, 3.9, 450),  # 1 TFLOP / 300 GFLOPs: 3.3 students
            "The cheapest vanilla student as good (by the means) has 400 rows and takes 450GFLOPs,"
            " 300GFLOPs more than this one: the teacher's training (1TFLOPs) is repaid from 4"
            " students on.",
        ),
        (
            cell("vanilla", 400, None),
            "No vanilla student trained here is as good, on its data or on more: there are no FLOPs"
            " of vanilla training to set against the teacher's.",
        ),
    ],
)
def test_break_even_in_students(vanilla: Cell, words: str) -> None:
    own = cell("logit", 20, 4.0, taught=True)
    assert break_even_words(break_even(study(vanilla, own), own), True) == words


def test_a_diverged_student_repays_nothing() -> None:
    own = cell("logit", 20, None, taught=True)
    found = break_even(study(cell("vanilla", 20, 4.0), own), own)
    assert break_even_words(found, True) == "It diverged: there is nothing to repay."


def test_break_even_takes_the_cheapest_of_those_as_good() -> None:
    own = cell("both", 20, 0.5, taught=True)
    made = study(
        cell("vanilla", 20, 0.4, 10), cell("vanilla", 400, 0.5, 900),
        cell("vanilla-all-gold", 3000, 0.9, 300), own, name="questions",
    )  # fmt: skip
    found = break_even(made, own)
    assert (found.vanilla and found.vanilla.arm) == "vanilla-all-gold"
    assert found.students == pytest.approx(1e12 / (300e9 - 150e9))


def test_the_sentence_on_the_whole_study() -> None:
    made = study(
        *(cell("vanilla", size, 5.0) for size in (20, 400)),
        cell("logit", 20, 4.0, taught=True), cell("logit", 400, 6.0, taught=True),
    )  # fmt: skip
    assert overall(made) == (
        "On text, distilled students are, against vanilla on the same data: better in 1 of 2"
        " comparisons, worse in 1."
    )


def test_the_interval_is_students_over_seeds_where_rows_do_not_differ() -> None:
    means = np.array([0.2, 0.5, 0.81])
    found = crossed_interval(np.repeat(means[:, None], 40, axis=1))
    theirs = scipy_stats.t.interval(0.95, 2, means.mean(), scipy_stats.sem(means))
    assert (found.low, found.high) == pytest.approx(theirs)


def test_the_interval_is_students_over_rows_where_seeds_do_not_differ() -> None:
    rows = np.random.default_rng(1).normal(size=60)
    found = crossed_interval(np.repeat(rows[None], 3, axis=0))
    theirs = scipy_stats.t.interval(0.95, 59, rows.mean(), scipy_stats.sem(rows))
    assert (found.low, found.high) == pytest.approx(theirs)


def test_the_interval_covers_other_seeds_and_other_rows() -> None:
    """True mean 0; seeds, rows and their rest drawn alike: at least 95% of 2,000 hold it."""
    rng, held = np.random.default_rng(7), 0
    for _ in range(2000):
        seeds, rows = rng.normal(0, 0.1, (3, 1)), rng.normal(0, 0.5, (1, 60))
        found = crossed_interval(seeds + rows + rng.normal(0, 0.3, (3, 60)))
        held += found.low <= 0 <= found.high
    assert 0.94 < held / 2000 < 0.995


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Scarce:
    folder = tmp_path_factory.mktemp("scarce")
    return read_scarce(make_scarce(folder, diverged=("text-logit-cached-20",)))


def test_the_page_begins_with_trials_and_verdicts(made: Scarce) -> None:
    assert _lede(made) == (
        "Every arm had 5 trials on the validation split with one seed; what won was trained again"
        " with 3 other seeds and judged on a test split that no trial saw. On text, distilled"
        " students are, against vanilla on the same data: better in 2 of 4 comparisons, diverged in"
        " 1, not decided in 1; against vanilla on the same data with all its FLOPs (pipeline):"
        " better in 2 of 2 comparisons; against vanilla on the teacher's own rows: worse in 3 of 4"
        " comparisons, diverged in 1. On questions, distilled students are, against vanilla on the"
        " same data: better in 4 of 4 comparisons; against vanilla on gold answers to all"
        " questions: worse in 3 of 3 comparisons."
    )


def test_costs_stand_under_each_scope_and_the_tuning_beside_them(made: Scarce) -> None:
    """Five trials of 100 steps, and half of that by the teacher; its TFLOP shared by 12."""
    (row,) = [row for row in _costs(made.studies[0]).rows if tuple(row[:2]) == ("logit", 20)]
    assert list(row[4:]) == ["100G", "150G", "233.3G", "1.15T", "750G"]
    assert "All tuning took 6TFLOPs, in no scope." in _costs_note(made.studies[0])


def test_an_edge_of_the_grid_is_said(made: Scarce) -> None:
    first = made.studies[0].cells[0]
    assert _edges(first) == "no"  # one number of steps, the middle learning rate
    low = [{**row, "learning_rate": 0.001, "steps": 30} for row in first.tests]
    own = Cell(first.arm, 20, False, low, [*first.trials, low[0]], None)
    assert _edges(own) == (
        "learning rate: lowest tried, not known to be the best; steps: lowest tried, not known to"
        " be the best"
    )


def test_a_diverged_seed_has_no_mean_and_loses(made: Scarce) -> None:
    text = made.studies[0]
    assert text.cell("logit-cached", 20).found is None
    first, second = comparisons(text, "logit-cached")["same data"]
    assert (first.outcome, second.outcome) == ("diverged", "not decided")


def test_arms_with_unequal_trials_are_refused(made: Scarce) -> None:
    text = made.studies[0]
    cells = [Cell("vanilla", 20, False, [], text.cells[0].trials[:4], None), *text.cells[1:]]
    with pytest.raises(InputError, match="4 and 5 trials"):
        _trials(ScarceStudy("text", text.spec, text.teacher, 3.0, cells, 1))


def test_an_unfinished_experiment_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no finished experiment"):
        read_scarce(tmp_path)
    make_scarce(tmp_path)
    table = pl.read_parquet(tmp_path / "trainings.parquet")
    last = table.filter((pl.col("use") != "test") | (pl.col("seed") < 3))
    last.write_parquet(tmp_path / "trainings.parquet")
    with pytest.raises(InputError, match="has 2 of 3 tests"):
        read_scarce(tmp_path)


@pytest.mark.long
def test_the_page_is_whole_and_escapes(tmp_path: Path) -> None:
    page = write_scarce_report(make_scarce(tmp_path, word="<script>alert(1)</script>"))
    html, text = page.read_text(), (page.parent / "report.md").read_text()
    assert "<script>alert(1)" not in html
    for word in ("Text: logit-cached", "Questions: both", "sha256: abab", "Break-even in students"):
        assert word in text
    for stem in ("data", "student", "pipeline", "amortised", "one-student"):
        for name in ("text", "questions"):
            assert (page.parent / f"{name}-{stem}.png").stat().st_size > 1000
