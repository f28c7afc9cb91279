"""A run against another: its figures by SciPy and by hand, its decisions, its traps, its words."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats

import distilbench
from distilbench.cli import app
from distilbench.cli._boundary import run_command
from distilbench.errors import InputError
from distilbench.report import Diff, diff_markdown, diff_runs, diff_sentences
from distilbench.report.run._diff_words import comparison_rows
from tests.made_runs import PI, made_run, marks, one_catalog
from tests.test_report import HOSTILE

__all__ = ["one_catalog"]  # a fixture


def compared(one: Path, other: Path, **more: Any) -> Diff:
    return diff_runs((one.name, one), (other.name, other), **more)


def discordant(both: int, old: int, new: int, none: int) -> tuple[list[bool], list[bool]]:
    """So many questions that both, the baseline alone, the candidate alone or none is right on."""
    return (
        [True] * (both + old) + [False] * (new + none),
        [True] * both + [False] * old + [True] * new + [False] * none,
    )


def two(tmp_path: Path, right: tuple[list[bool], list[bool]], **more: Any) -> tuple[Path, Path]:
    old, new = right
    return (
        made_run(tmp_path / "old", {"m": {"t": old}}),
        made_run(tmp_path / "new", {"m": {"t": new}}, second=2.0, **more),
    )


def test_difference_interval_and_p_are_those_of_a_paired_t_test(tmp_path: Path) -> None:
    chance = np.random.default_rng(5)
    old, new = (chance.random(60) < rate for rate in (0.5, 0.6))
    found = compared(*two(tmp_path, (old.tolist(), new.tolist())))
    (one,) = found.comparisons
    test = stats.ttest_rel(new.astype(float), old.astype(float))
    interval = test.confidence_interval(0.95)
    assert one.difference == pytest.approx(new.mean() - old.mean(), abs=1e-12)
    assert (one.low, one.high) == pytest.approx((interval.low, interval.high), abs=1e-9)
    assert one.p_value == one.p_holm == pytest.approx(test.pvalue, abs=1e-9)
    assert (one.accuracy_baseline, one.accuracy_candidate) == (old.mean(), new.mean())
    assert (one.task, one.questions) == ("t", 60)


def test_holm_is_over_all_models_tasks_and_means(tmp_path: Path) -> None:
    chance = np.random.default_rng(1)
    rates = {"a": {"x": (0.5, 0.2), "y": (0.5, 0.4)}, "b": {"x": (0.5, 0.5), "y": (0.3, 0.6)}}
    drawn = {
        model: {task: [chance.random(50) < rate for rate in pair] for task, pair in tasks.items()}
        for model, tasks in rates.items()
    }
    runs = [
        made_run(
            tmp_path / f"r{side}",
            {
                m: {t: pair[side].tolist() for t, pair in tasks.items()}
                for m, tasks in drawn.items()
            },
            second=1.0 + side,
        )
        for side in (0, 1)
    ]
    found = compared(*runs)
    assert [(c.baseline, c.task) for c in found.comparisons] == [
        ("a", "x"), ("a", "y"), ("a", None), ("b", "x"), ("b", "y"), ("b", None),
    ]  # fmt: skip
    by_hand = []
    for tasks in drawn.values():
        pairs = [(new.astype(float), old.astype(float)) for old, new in tasks.values()]
        by_hand += [stats.ttest_rel(*pair).pvalue for pair in pairs]
        # The mean of two tasks: variances add, degrees of freedom by Welch and Satterthwaite.
        means = [(new - old).mean() for new, old in pairs]
        parts = [(new - old).var(ddof=1) / 50 for new, old in pairs]
        df = sum(parts) ** 2 / sum(part**2 / 49 for part in parts)
        by_hand.append(2 * stats.t.sf(abs(sum(means)) / sum(parts) ** 0.5, df))
    assert [c.p_value for c in found.comparisons] == pytest.approx(by_hand, abs=1e-9)
    # Holm's steps: the smallest times 6, the next times 5, ..., never falling, at most 1.
    order, highest, adjusted = np.argsort(by_hand), 0.0, [0.0] * 6
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, by_hand[place] * (6 - rank)))
        adjusted[place] = highest
    assert [c.p_holm for c in found.comparisons] == pytest.approx(adjusted, abs=1e-9)


@pytest.mark.parametrize(
    ("right", "decision", "verdict"),
    [
        (discordant(40, 10, 30, 20), "better", "not worse"),
        (discordant(40, 30, 10, 20), "worse", "worse"),
        (discordant(600, 40, 42, 318), "non-inferior", "not worse"),
        (discordant(600, 45, 20, 335), "within the margin", "not worse"),
        (discordant(40, 14, 12, 34), "undecided", "undecided"),
        (discordant(0, 0, 0, 5), "undecided", "undecided"),
        (discordant(500, 0, 0, 500), "non-inferior", "not worse"),
    ],
)
def test_decisions(
    right: tuple[list[bool], list[bool]], decision: str, verdict: str, tmp_path: Path
) -> None:
    found = compared(*two(tmp_path, right))
    assert [c.decision for c in found.comparisons] == [decision]
    assert found.verdict == verdict


def test_the_margin_decides(tmp_path: Path) -> None:
    """2.5 points lower, surely: by less than 5, and not by less than 2."""
    runs = two(tmp_path, discordant(600, 45, 20, 335))
    assert compared(*runs, margin=0.05).verdict == "not worse"
    assert compared(*runs, margin=0.02).verdict == "worse"


def test_one_low_p_among_many_comparisons_is_no_finding(tmp_path: Path) -> None:
    tasks = {f"t{n}": discordant(20, 10, 10, 10) for n in range(9)}
    tasks["t9"] = discordant(20, 14, 4, 12)
    runs = [
        made_run(tmp_path / f"r{side}", {"m": {t: pair[side] for t, pair in tasks.items()}},
                 second=1.0 + side)
        for side in (0, 1)
    ]  # fmt: skip
    (last,) = [c for c in compared(*runs).comparisons if c.task == "t9"]
    assert last.p_value == pytest.approx(
        stats.ttest_1samp([1.0] * 4 + [-1.0] * 14 + [0.0] * 32, 0).pvalue, abs=1e-9
    )
    assert last.p_value is not None
    assert last.p_value < 0.05 < (last.p_holm or 0)
    assert last.decision == "undecided"


def test_the_smallest_visible_difference_is_that_of_the_paired_t_test(tmp_path: Path) -> None:
    found = compared(*two(tmp_path, discordant(40, 14, 12, 34)))
    (one,) = found.comparisons
    deviation = np.std([1.0] * 12 + [-1.0] * 14 + [0.0] * 74, ddof=1)
    assert one.visible is not None
    shift, reached = one.visible / deviation * 10, stats.t.isf(0.025, 99)
    power = stats.nct.sf(reached, 99, shift) + stats.nct.cdf(-reached, 99, shift)
    assert power == pytest.approx(0.8, abs=1e-6)
    (said, *_) = diff_sentences(found)
    assert said == (
        "It is not decided whether new is worse than old by more than 5 percentage points in 1 of 1"
        " comparison: m on t. Their questions show differences of 14 points or more (with a"
        " probability of 80%); a smaller one would likely be missed."
    )


def test_what_no_difference_could_show_is_100_points(tmp_path: Path) -> None:
    """Of three questions nothing is seen; not "1e+02 points"."""
    found = compared(*two(tmp_path, ([False] * 3, [False] * 3)))
    said = next(diff_sentences(found))
    assert "show differences of 100 points or more" in said
    assert "(shows 100 points or more)" in comparison_rows(found)[0][-1]


def test_with_more_comparisons_less_is_visible(tmp_path: Path) -> None:
    """At the level that the first of Holm's steps takes: 5% over three comparisons."""
    pair = discordant(40, 14, 12, 34)
    runs = [
        made_run(tmp_path / f"r{side}", {"m": {"a": pair[side], "b": pair[side]}},
                 second=1.0 + side)
        for side in (0, 1)
    ]  # fmt: skip
    one = compared(*runs).comparisons[0]
    deviation = np.std([1.0] * 12 + [-1.0] * 14 + [0.0] * 74, ddof=1)
    assert one.visible is not None
    power = stats.nct.sf(stats.t.isf(0.025 / 3, 99), 99, one.visible / deviation * 10)
    assert power == pytest.approx(0.8, abs=1e-6)


# What is set against what


def test_questions_of_one_run_only_are_counted_and_not_compared(tmp_path: Path) -> None:
    """The candidate was stopped after 40 of 100 questions, and asks five others."""
    old = made_run(tmp_path / "old", {"m": {"t": marks(60, 100)}})
    new = made_run(
        tmp_path / "new", {"m": {"t": marks(30, 45)}}, second=2.0,
        text=lambda task, n: f"What is {n} of {task}?" if n < 40 else f"Else {n}?",
    )  # fmt: skip
    found = compared(old, new)
    (one,) = found.comparisons
    assert (one.questions, one.only_baseline, one.only_candidate) == (40, 60, 5)
    # Of the first 40 the baseline has all right, the candidate 30.
    assert (one.accuracy_baseline, one.accuracy_candidate) == (1.0, 0.75)
    said = "\n".join(diff_sentences(found))
    assert "60 questions are only in old, 5 only in new; 40 are compared" in said
    assert any("bear the id of another question" in note for note in found.notes)


def test_the_same_ids_with_other_texts_are_refused(tmp_path: Path) -> None:
    old = made_run(tmp_path / "old", {"m": {"t": marks(5, 10)}})
    new = made_run(tmp_path / "new", {"m": {"t": marks(5, 10)}}, second=2, text=lambda t, n: f"{n}")
    with pytest.raises(InputError, match="no question of it is the same in both"):
        compared(old, new)


def test_a_task_without_a_common_question_is_never_no_worse(tmp_path: Path) -> None:
    right = {"t": marks(250, 500), "u": marks(5, 10)}
    old = made_run(tmp_path / "old", {"m": right})
    other = made_run(
        tmp_path / "other", {"m": right}, second=2.0,
        text=lambda task, n: f"What is {n} of {task}?" if task == "t" else f"Else {n}?",
    )  # fmt: skip
    less = made_run(tmp_path / "less", {"m": {"t": right["t"]}}, second=3.0)
    for new in (other, less):
        found = compared(old, new)
        assert [c.decision for c in found.comparisons] == ["non-inferior"]
        assert found.not_compared == ("m: of u no question is the same in both.",)
        assert found.verdict == "undecided"
        assert next(diff_sentences(found)).endswith("; not everything was compared.")


def test_models_of_one_run_only(tmp_path: Path) -> None:
    old = made_run(tmp_path / "old", {"m": {"t": marks(250, 500)}, "gone": {"t": marks(1, 500)}})
    new = made_run(
        tmp_path / "new", {"m": {"t": marks(250, 500)}, "more": {"t": marks(1, 500)}}, second=2.0
    )
    found = compared(old, new)
    assert [c.baseline for c in found.comparisons] == ["m"]
    assert found.not_compared == ("gone is only in old.",)
    assert "more is only in new." in found.notes
    assert found.verdict == "undecided"
    back = compared(new, old)
    assert back.not_compared == ("more is only in new.",)


def test_pairs_alone_are_compared(tmp_path: Path) -> None:
    old = made_run(tmp_path / "old", {"vanilla": {"t": marks(50, 100)}, "m": {"t": marks(9, 100)}})
    new = made_run(tmp_path / "new", {"small": {"t": marks(80, 100)}, "m": {"t": marks(9, 100)}},
                   second=2.0)  # fmt: skip
    found = compared(old, new, pairs={"vanilla": "small"})
    assert [(c.baseline, c.candidate, c.difference) for c in found.comparisons] == [
        ("vanilla", "small", pytest.approx(0.3))
    ]
    assert found.verdict == "not worse"
    with pytest.raises(InputError, match="new has no model 'smal'; use one of: small"):
        compared(old, new, pairs={"vanilla": "smal"})


def test_two_models_of_one_run(tmp_path: Path) -> None:
    run = made_run(
        tmp_path / "run", {"vanilla": {"t": marks(80, 100)}, "small": {"t": marks(50, 100)}}
    )
    found = diff_runs(("run", run), ("run", run), {"vanilla": "small"})
    assert found.verdict == "worse"
    assert next(diff_sentences(found)) == (
        "small is worse than vanilla in 1 of 1 comparison: vanilla → small on t."
    )
    with pytest.raises(InputError, match="--pair vanilla=distilled"):
        diff_runs(("run", run), ("run", run))


def test_profiles_are_matched_by_name_else_one_with_one(tmp_path: Path) -> None:
    def under(folder: Path, profile: str, second: float) -> Path:
        return made_run(
            folder, {"m": {"t": marks(50, 100)}}, second=second, cell_fields={"profile": profile},
            rows=lambda row: {**row, "profile": profile},
        )  # fmt: skip

    found = compared(under(tmp_path / "old", "p", 1.0), under(tmp_path / "new", "q", 2.0))
    assert [c.questions for c in found.comparisons] == [100]
    assert "m ran under profile p in old and under q in new." in found.notes


def test_other_epochs_and_seeds_are_averaged_and_told(tmp_path: Path) -> None:
    old = made_run(tmp_path / "old", {"m": {"t": marks(5, 10)}})
    new = made_run(tmp_path / "new", {"m": {"t": marks(5, 10)}}, seed=3, second=2.0,
                   cell_fields={"epochs": 2, "samples": 20})  # fmt: skip
    table = pl.read_parquet(new / "samples.parquet")
    again = table.with_columns(  # the second time the first two are wrong, and the last three right
        epoch=pl.lit(2, pl.Int64), total_s=pl.col("total_s") + 5,
        score=pl.when(pl.col("sample_id").is_in(["t-0", "t-1"])).then(0.0)
        .when(pl.col("sample_id").is_in(["t-7", "t-8", "t-9"])).then(1.0).otherwise("score"),
    )  # fmt: skip
    pl.concat([table, again]).write_parquet(new / "samples.parquet")
    (one,) = (found := compared(old, new)).comparisons
    # By question: -1/2 of the first two, +1/2 of the last three.
    halves = np.array([-0.5] * 2 + [0.0] * 5 + [0.5] * 3)
    assert one.questions == 10
    assert one.difference == pytest.approx(halves.mean())
    assert one.p_value == pytest.approx(stats.ttest_1samp(halves, 0).pvalue, abs=1e-9)
    notes = "\n".join(found.notes)
    assert "epochs of t (1 in old, 2 in new)" in notes
    assert "seeds (0 in old, 3 in new)" in notes


# Answers that are none


def failing(count: int, outcome: str = "error", of: str = "t") -> Any:
    """Rows of which the first so many ended without an answer."""

    def change(row: dict[str, Any]) -> dict[str, Any]:
        number = int(str(row["sample_id"]).rpartition("-")[2])
        if row["task"] != of or number >= count:
            return row
        return {**row, "outcome": outcome, "score": 0.0, "answer": None, "total_s": None}

    return change


def test_errors_count_as_wrong_and_are_told_with_the_difference_without_them(
    tmp_path: Path,
) -> None:
    found = compared(*two(tmp_path, (marks(60, 100), marks(60, 100)), rows=failing(20)))
    (one,) = found.comparisons
    assert (one.failed_baseline, one.failed_candidate) == (0, 20)
    assert one.difference == pytest.approx(-0.2)
    assert one.decision == "worse"
    assert one.both_answered is not None
    assert (one.both_answered.questions, one.both_answered.difference) == (80, 0.0)
    said = "\n".join(diff_sentences(found))
    assert "0 answers of the baseline and 20 of the candidate are none" in said
    assert "on the 80 questions that both answered the difference is +0.0 points" in said


def test_a_model_that_answers_nothing_any_more_is_worse(tmp_path: Path) -> None:
    pair = (marks(1, 10), marks(1, 10))
    found = compared(*two(tmp_path, pair, rows=failing(10, "out_of_memory"),
                          cell_fields={"memory_limit_bytes": 300 * 2**20}))  # fmt: skip
    (one,) = found.comparisons
    assert (one.decision, one.difference, one.p_holm) == ("lost", None, None)
    assert one.why == "the candidate answered nothing (out of memory at 300 MiB)"
    assert found.verdict == "worse"


def test_one_that_answers_now_is_not_worse_and_two_silent_ones_are_open(tmp_path: Path) -> None:
    answers = {"m": {"t": marks(1, 10)}}
    silent = made_run(tmp_path / "silent", answers, rows=failing(10, "crash"))
    heard = made_run(tmp_path / "heard", answers, second=2.0)
    other = made_run(tmp_path / "other", answers, rows=failing(10, "error"))
    assert [c.decision for c in compared(silent, heard).comparisons] == ["gained"]
    assert compared(silent, heard).verdict == "not worse"
    assert [c.decision for c in compared(silent, other).comparisons] == ["silent"]
    assert compared(silent, other).verdict == "undecided"


def test_a_lost_task_is_worse_and_is_not_in_the_mean(tmp_path: Path) -> None:
    right = {"m": {"t": marks(5, 10), "u": marks(40, 80), "v": marks(40, 80)}}
    old = made_run(tmp_path / "old", right)
    new = made_run(tmp_path / "new", right, second=2.0, rows=failing(10))
    rows = {c.task: c for c in compared(old, new).comparisons}
    assert rows["t"].decision == "lost"
    assert rows[None].difference == 0
    assert rows[None].questions == 160
    assert compared(old, new).verdict == "worse"


# Running cost


def test_running_costs_are_ratios_with_how_they_are_known(tmp_path: Path) -> None:
    pair = (marks(5, 10), marks(5, 10))
    found = compared(*two(
        tmp_path, pair, hardware=PI,
        rows=lambda row: {**row, "flops": 3.8e10, "energy_j": 2.0, "output_tokens": 10},
        cell_fields={"peak_memory_bytes": 150 << 20, "energy_known": "estimated", "busy": True},
    ))  # fmt: skip
    rows = {one.cost: one for one in found.running}
    assert rows["FLOPs a question"].ratio == pytest.approx(3.8e10 / 1.5e11)
    assert rows["FLOPs a question"].known == "derived"
    assert rows["mean seconds a question"].ratio == pytest.approx(2.0, abs=1e-4)
    assert rows["mean seconds a question"].known == "measured"
    assert (
        rows["mean seconds a question"].remark == "on other hardware; on a busy machine (candidate)"
    )
    assert rows["peak memory"].ratio == 0.25
    assert rows["peak memory"].remark == ""
    assert rows["tokens of an answer"].ratio == 2.0
    joules = rows["joules a question"]
    assert (joules.of_baseline, joules.of_candidate, joules.ratio) == (None, 2.0, None)
    assert joules.known == "estimated"
    assert "US dollars a question" not in rows  # no price


def test_costs_are_of_questions_that_took_something_on_both_sides(tmp_path: Path) -> None:
    """Ten dear questions end in an error: what is left is not cheaper for that."""
    dear = {"rows": lambda row: {**row, "flops": 1e12 if row["sample_id"] in ten else 1e10}}
    ten = {f"t-{n}" for n in range(10)}
    pair = (marks(10, 20), marks(10, 20))
    old = made_run(tmp_path / "old", {"m": {"t": pair[0]}}, **dear)
    new = made_run(
        tmp_path / "new", {"m": {"t": pair[1]}}, second=2.0,
        rows=lambda row: {**failing(10)(row), "flops": None if row["sample_id"] in ten else 1e10},
    )  # fmt: skip
    rows = {one.cost: one for one in compared(old, new).running}
    assert rows["FLOPs a question"].ratio == 1.0


# What cannot be a comparison


def test_one_measurement_twice_is_refused(tmp_path: Path) -> None:
    run = made_run(tmp_path / "run", {"m": {"t": marks(5, 10)}})
    shutil.copytree(run, tmp_path / "copy")
    with pytest.raises(InputError, match="hold one measurement of it, nothing was measured again"):
        compared(run, tmp_path / "copy")


def test_a_cut_table_is_refused(tmp_path: Path) -> None:
    old, new = two(tmp_path, (marks(5, 10), marks(5, 10)))
    pl.read_parquet(new / "samples.parquet").head(4).write_parquet(new / "samples.parquet")
    with pytest.raises(InputError, match=r"samples\.parquet: holds 4 of 10 answers of m--t"):
        compared(old, new)


def test_no_model_in_common(tmp_path: Path) -> None:
    one = made_run(tmp_path / "one", {"a": {"t": marks(5, 10)}})
    other = made_run(tmp_path / "other", {"b": {"t": marks(5, 10)}})
    with pytest.raises(InputError, match=r"nothing can be compared \(a is only in one\)"):
        compared(one, other)


# The command


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runs against which ``base`` is set, each for what it shows."""
    old, new = discordant(40, 14, 12, 34)
    right = {"base": old, "open": new, "worse": marks(10, 100), "better": marks(90, 100)}
    monkeypatch.chdir(tmp_path)
    for second, (name, given) in enumerate(right.items()):
        made_run(tmp_path / name, {"m": {"t": given}}, second=1.0 + second, facts={"plan": []})
    return tmp_path


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("base better", 0),
        ("base worse", 1),
        ("base open", 0),
        ("base open --strict", 1),
        ("base better --strict", 0),
        ("base open --margin 20 --strict", 0),
        ("base nowhere", 2),
        ("base base", 2),
        ("base better --margin 0", 2),
        ("base better --margin nan", 2),
        ("base better --margin 101", 2),
        ("base better --pair m", 2),
        ("base better --pair m=x", 2),
        ("base better --pair m=m --pair m=m", 2),
        ("base better --json --markdown", 2),
    ],
)
def test_exit_codes(words: str, code: int, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(app, ["diff", *words.split()]) == code
    out, err = capsys.readouterr()
    assert bool(out) == (code != 2)
    assert err.startswith("error: ") == (code == 2)


def test_json(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(app, ["diff", "base", "worse", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["verdict"], found["exit_code"], found["margin"]) == ("worse", 1, 0.05)
    (one,) = found["comparisons"]
    # 54 of 100 are right before, 10 after.
    assert one["difference"] == pytest.approx(-0.44)
    assert {"low", "high", "p_value", "p_holm", "visible", "only_baseline"} <= set(one)
    assert {row["cost"] for row in found["running"]} >= {"FLOPs a question", "peak memory"}


def test_markdown(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(app, ["diff", "base", "worse", "--markdown"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "### worse against base"
    assert lines[2] == "**worse is worse than base in 1 of 1 comparison: m on t.**"
    (row,) = [line for line in lines if line.startswith("| m | t |")]
    assert row.startswith("| m | t | 100 | 54.0% | 10.0% | -44.0 | -53.9 to -34.1 |")
    assert row.endswith("| worse |")


def test_markdown_holds_no_markup_of_others(tmp_path: Path) -> None:
    runs = [
        made_run(tmp_path / name, {HOSTILE: {"a|b": marks(5, 10)}}, second=second)
        for name, second in (("one", 1.0), ("two", 2.0))
    ]
    text = diff_markdown(compared(*runs))
    assert "<img" not in text
    assert "<script" not in text
    assert r"a\|b" in text


def test_from_python(place: Path) -> None:
    found = distilbench.diff("base", "worse")
    assert found.verdict == "worse"
    with pytest.raises(InputError, match="m is set against itself"):
        distilbench.diff("base", "./base/", {"m": "m"})
