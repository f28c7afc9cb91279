"""Repeats of a cell and the intervals of speeds: worked by hand, over made records."""

from __future__ import annotations

from math import exp, log, sqrt
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from distilbench.records import REPEATS, SampleRecord, frame
from distilbench.report import write_report
from distilbench.runner import plan
from distilbench.runner._executor import Job
from distilbench.runner._jobs import _jobs
from distilbench.runner._shards import Shard, Share
from distilbench.runner.executors._local import Local
from distilbench.stats import differing_answers, macro_accuracy, rates, steadiness
from distilbench.stats._rates import ranks
from distilbench.suite import Changes, load_suite, read_suite
from tests.test_report import make_run, sample


def _suite(tmp_path: Path, **profile: Any) -> dict[str, Any]:
    (tmp_path / "q.jsonl").write_text('{"question": "1+1?", "answer": "2"}\n')
    return {
        "name": "s",
        "models": [{"source": "inspect:mockllm/a"}, {"source": "inspect:mockllm/b"}],
        "tasks": [{"file": str(tmp_path / "q.jsonl"), "name": n, "fewshot": 0} for n in "xy"],
        "profiles": [profile],
    }


def test_repeats_are_asked_in_turn(tmp_path: Path) -> None:
    cells = plan(read_suite(_suite(tmp_path, repeats=3)).suite, Path(), "s")
    shares = [Share(cell=c, shards=[Shard(number=1, of=1, first=0, last=1)]) for c in cells]
    jobs: list[Job] = _jobs(tmp_path, shares, Local())
    turns = [(job.cells[0].model.name, job.cells[0].repeat, len(job.cells)) for job in jobs]
    assert turns == [("a", 1, 2), ("b", 1, 2), ("a", 2, 2), ("b", 2, 2), ("a", 3, 2), ("b", 3, 2)]
    assert len({job.file for job in jobs}) == 6


def test_more_repeats_leave_finished_cells_as_they_are(tmp_path: Path) -> None:
    once, thrice = (
        [c.name for c in plan(read_suite(_suite(tmp_path, **p)).suite, Path(), "s")]
        for p in ({}, {"repeats": 3})
    )
    assert once == thrice[:4]
    assert len(set(thrice)) == 12


def test_only_the_profile_that_says_so_is_repeated(tmp_path: Path) -> None:
    data = _suite(tmp_path) | {"profiles": [{"name": "p"}, {"name": "q", "repeats": 2}]}
    cells = plan(load_suite(data), Path(), "s")
    again = {(c.model.name, c.profile.name, c.task.name) for c in cells if c.repeat == 2}
    assert again == {(m, "q", t) for m in "ab" for t in "xy"}


@pytest.mark.parametrize(
    ("profiles", "names"),
    [
        (None, ["default"]),
        (["raspberry-pi-5-8gb"], ["raspberry-pi-5-8gb"]),
        ([{"name": "p", "repeats": 9}, {"name": "q"}], ["p", "q"]),
    ],
)
def test_repeats_of_the_command_line(tmp_path: Path, profiles: Any, names: list[str]) -> None:
    data = _suite(tmp_path)
    del data["profiles"]
    found = load_suite(data | ({"profiles": profiles} if profiles else {}), Changes(repeats=3))
    assert [(p.name, p.repeats) for p in found.profiles] == [(name, 3) for name in names]


def _answers(seconds: list[list[float]], tokens: list[int]) -> pl.DataFrame:
    """Seconds of each question in each repeat."""
    return pl.DataFrame(
        [
            {"entry": "m", "model": "m", "task": "t", "profile": "p", "seed": 0, "outcome": "stop",
             "sample_id": str(n), "epoch": 1, "repeat": r + 1, "output_tokens": tokens[n] + 1,
             "decode_s": s, "total_s": s, "answer": "4", "vote": "4"}
            for r, row in enumerate(seconds)
            for n, s in enumerate(row)
        ]
    )  # fmt: skip


def _of(table: pl.DataFrame, figure: str) -> dict[str, Any]:
    return table.filter(pl.col("figure") == figure).row(0, named=True)


def test_a_rate_of_one_asking() -> None:
    """10, 20 and 30 tokens in 1, 1 and 2 s: 60 / 4. Residuals -5, 5, 0; error sqrt(3/2 x 50) / 60;
    Student's t of 2 degrees of freedom is 4.302653."""
    found = _of(rates(_answers([[1.0, 1.0, 2.0]], [10, 20, 30])), "decode")
    distance = 4.302653 * sqrt(1.5 * 50) / 60
    assert found["value"] == 15
    assert found["low"] == pytest.approx(15 * exp(-distance), rel=1e-5)
    assert found["high"] == pytest.approx(15 * exp(distance), rel=1e-5)
    assert found["covers"] == "questions"
    assert found["between"] is None


def test_a_rate_of_two_askings() -> None:
    """Every question takes 0.1 s a token, then 0.2 s: no spread over questions, so the interval is
    that of two repeats alone: rates 10 and 5, t of 1 degree 12.7062."""
    found = _of(rates(_answers([[1.0, 2.0], [2.0, 4.0]], [10, 20])), "decode")
    value, spread = 60 / 9, log(2) / sqrt(2)
    distance = 12.7062 * spread / sqrt(2)
    assert found["value"] == pytest.approx(value)
    assert found["between"] == pytest.approx(spread)
    assert found["low"] == pytest.approx(value * exp(-distance), rel=1e-4)
    assert found["high"] == pytest.approx(value * exp(distance), rel=1e-4)
    assert (found["repeats"], found["questions"]) == (2, 2)


def test_repeats_that_agree_do_not_stand_in_for_questions() -> None:
    """Nine identical askings say of other questions what one does."""
    one = _of(rates(_answers([[1.0, 1.0, 2.0]], [10, 20, 30])), "decode")
    nine = _of(rates(_answers([[1.0, 1.0, 2.0]] * 9, [10, 20, 30])), "decode")
    assert nine["low"] == pytest.approx(one["low"])
    assert nine["high"] == pytest.approx(one["high"])


def test_percentiles_lie_between_order_statistics() -> None:
    seconds = [float(n) for n in range(1, 11)]
    table = rates(_answers([seconds], [9] * 10))
    middle, late = _of(table, "total p50"), _of(table, "total p95")
    assert [middle[n] for n in ("value", "low", "high")] == pytest.approx([5.5, 2, 9])
    assert late["high"] is None  # 10 questions set no bound above the 95th percentile
    assert ranks(71, 0.95)[1] is None
    assert ranks(72, 0.95)[1] == 72


def test_answers_a_second_leave_out_the_time_between_two_attempts() -> None:
    """Two answers side by side for 2 s, a kill, one more of 2 s an hour later: 3 in 4 s."""
    rows = _answers([[2.0, 2.0, 2.0]], [9, 9, 9])
    begun = rows.with_columns(begun_s=pl.Series([0.0, 0.0, 3600.0]))
    assert _of(rates(begun), "requests")["value"] == pytest.approx(3 / 4)
    late = rows.with_columns(begun_s=pl.Series([0.0, 1.0, 1.5]))  # overlapping: 3 in 3.5 s
    assert _of(rates(late), "requests")["value"] == pytest.approx(3 / 3.5)


def test_what_is_not_known_has_no_figure() -> None:
    rows = _answers([[1.0, 2.0]], [9, 9]).with_columns(
        decode_s=pl.lit(None, pl.Float64), energy_j=pl.lit(None, pl.Float64)
    )
    assert set(rates(rows)["figure"]) == {"total p50", "total p95"}
    assert rates(rows.with_columns(outcome=pl.lit("error"))).is_empty()


def test_joules_of_an_answer() -> None:
    rows = _answers([[1.0, 1.0], [1.0, 1.0]], [9, 9])
    found = _of(rates(rows.with_columns(energy_j=pl.Series([1.0, 3.0, 2.0, 2.0]))), "energy")
    assert found["value"] == 2
    assert found["unit"] == "J per answer"


@pytest.mark.parametrize(
    ("slow", "changes"), [(1.0, False), (1.03, False), (1.5, True), (0.5, True)]
)
def test_a_trend_within_a_cell(slow: float, changes: bool) -> None:
    """30 answers of 10 tokens; the last ten take ``slow`` times as long. The first two are slower
    still: two slots."""
    seconds = [1.0 + 0.01 * (n % 3) for n in range(30)]
    seconds = [s * (slow if n >= 20 else 1) for n, s in enumerate(seconds)]
    rows = _answers([seconds], [10] * 30).with_columns(begun_s=pl.int_range(30).cast(pl.Float64))
    found = steadiness(rows, slots=2)
    assert found.warm_up_answers == 2
    assert found.first == pytest.approx(20 / 2.01)
    assert found.trend == pytest.approx(1 / slow, rel=0.01)
    assert found.changes is changes


def test_a_short_cell_has_no_trend() -> None:
    rows = _answers([[1.0] * 14], [10] * 14).with_columns(begun_s=pl.Series(range(14)).cast(float))
    assert steadiness(rows, 1).changes is None


def test_answers_that_differ_between_repeats() -> None:
    rows = _answers([[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]], [9, 9])
    votes = pl.Series("vote", ["4", "5", "4", "5", "4", "6"])
    found = differing_answers(rows.with_columns(votes))
    assert found.to_dicts() == [{"entry": "m", "asked": 2, "differ": 1}]
    assert differing_answers(rows.filter(pl.col("repeat") == 1)).is_empty()


def _repeated_run(folder: Path) -> Path:
    """Each of the 20 questions takes 0.2 s in the first asking, 0.25 s in the second."""

    def row(model: str, n: int, **more: Any) -> dict[str, Any]:
        return sample(model, "sums", n, n < 9, begun_s=float(n), **more)

    first = [row(m, n, repeat=1, vote="4") for m in ("small", "large") for n in range(20)]
    run = make_run(folder, first)
    again = [
        row(m, n, repeat=2, decode_s=0.25, vote="4" if n else "5")
        for m in ("small", "large")
        for n in range(20)
    ]
    frame(again, SampleRecord).write_parquet(run / REPEATS)
    return run


def test_the_page_says_how_sure_speeds_are(tmp_path: Path) -> None:
    """160 tokens in 20 x 0.45 s: 17.8 a second; accuracy is that of 20 questions."""
    run = _repeated_run(tmp_path)
    write_report(run)
    text = (run / "report" / "report.md").read_text()
    section = text[text.index("How sure are the speeds?") :]
    assert "17.8" in section
    assert "Cells were asked 2 times" in section
    assert "large 1 of 20, small 1 of 20" in section
    assert "no change told" in section
    samples = pl.read_parquet(run / "samples.parquet").with_columns(entry="model")
    alone = macro_accuracy(samples, ("entry",)).row(0, named=True)
    assert f"{alone['low']:.1%} to {alone['high']:.1%}" in text


def test_a_single_asking_is_said_to_cover_questions_only(tmp_path: Path) -> None:
    run = make_run(tmp_path, [sample("small", "sums", n, True) for n in range(20)])
    write_report(run)
    assert (
        "the intervals cover which questions are asked"
        in (run / "report" / "report.md").read_text()
    )
