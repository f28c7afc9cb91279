"""The first screen of a sweep's page: how many users within the objectives. By hand: levels of
which it is said how many requests kept to them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from scipy import stats as scipy_stats

from distilbench.report import write_load_report
from distilbench.report.load._answer import answer, question
from distilbench.report.load._data import Sweep
from distilbench.report.page import Card

RULE = "The objective: time to first token ≤ 1 s, for at least 99% of the requests."


def level(
    users: int,
    kept: int,
    requests: int = 20,
    failed: int = 0,
    ttft: float | None = 0.5,
    **more: Any,
) -> dict[str, Any]:
    """A level of ten seconds; its 99th percentile of TTFT is ``ttft``."""
    answered = requests - failed
    times = {"ttft": ttft, "inter_token": 0.02, "latency": 2.0}
    return {
        "concurrency": users, "requests": requests, "failed": failed, "duration_s": 10.0,
        "requests_per_s": answered / 10, "output_tokens_per_s": 6.4 * answered,
        "goodput_requests_per_s": kept / 10,
        **{
            f"{name}_p{p}_s": None if value is None else value * share
            for name, value in times.items()
            for p, share in ((50, 0.6), (90, 0.8), (99, 1.0))
        },
        **more,
    }  # fmt: skip


def swept(
    *levels: dict[str, Any], saturated: bool = False, name: str = "a model", **limits: float | None
) -> Sweep:
    objective = {"ttft_s": None, "inter_token_s": None, "latency_s": None, **limits}
    facts = {
        "target": name, "model": name, "slots": 4, "threads": 1, "spin_count": None,
        "saturated": saturated, "objective": objective, "generator": "aiperf",
        "workload": {"prompt_tokens": 128, "output_tokens": 64},
        "hardware": {"processor": name, "usable_cores": 2},
    }  # fmt: skip
    return Sweep(pl.DataFrame(list(levels)), facts)


def cards(sweep: Sweep) -> list[Card]:
    (block,) = answer(sweep).blocks
    return list(block.cards)  # type: ignore[union-attr]


def test_some_levels_keep_and_what_breaks_beyond() -> None:
    sweep = swept(level(1, 20), level(2, 20, ttft=0.9), level(4, 12, ttft=1.4), ttft_s=1.0)
    assert (
        question(sweep)
        == "How many users at once can a model serve within time to first token ≤ 1 s?"
    )
    first, second, third = cards(sweep)
    assert (first.title, first.badge, first.tone) == (
        "2 users within your objectives", "kept up to 2 users", "good",
    )  # fmt: skip
    assert list(first.sentences) == [
        RULE,
        "With 2 users 20 of 20 requests kept to it (95% interval of that share 84% to 100%).",
        "With 4 users 12 of 20 requests kept to it.",
        "Between 2 and 4 users nothing was measured.",
    ]
    assert (second.title, second.badge) == ("What breaks with 4 users", "time to first token")
    assert list(second.sentences) == [
        "The 99th percentile of the time to first token is 1.4 s; the objective is 1 s."
    ]
    assert third.badge == "saturation not reached"


def test_the_interval_of_a_share_is_scipys() -> None:
    found = scipy_stats.binomtest(20, 20).proportion_ci(method="wilson")
    assert f"{found.low:.0%} to {found.high:.0%}" == "84% to 100%"


def test_all_levels_keep() -> None:
    first, *_ = cards(swept(level(1, 20), level(2, 20), ttft_s=1.0))
    assert (first.title, first.badge, first.tone) == (
        "At least 2 users within your objectives", "kept at every level", "good",
    )  # fmt: skip
    assert first.sentences[-1] == (
        "More were not measured: --most or --concurrency with more users finds where it ends."
    )


def test_no_level_keeps() -> None:
    first, second, _ = cards(swept(level(1, 0, ttft=3.0), level(2, 0, ttft=4.0), ttft_s=1.0))
    assert (first.title, first.badge, first.tone) == (
        "Not even 1 user within your objectives", "not kept", "bad",
    )  # fmt: skip
    assert list(first.sentences) == [RULE, "With 1 user 0 of 20 requests kept to it."]
    assert second.title == "What breaks with 1 user"


def test_one_level_only() -> None:
    kept, _ = cards(swept(level(8, 20), ttft_s=1.0))
    assert kept.title == "At least 8 users within your objectives"
    assert kept.sentences[-1].startswith("Only this level was measured: ")
    broken, *_ = cards(swept(level(8, 3, ttft=2.0), ttft_s=1.0))
    assert broken.title == "Fewer than 8 users, if any, within your objectives"
    assert broken.sentences[-1] == "Below 8 users nothing was measured."


def test_no_objective() -> None:
    first, throughput = cards(swept(level(1, 20), level(2, 20), saturated=True))
    assert (first.title, first.badge, first.tone) == ("No objective", "no objective", "none")
    assert list(first.sentences) == [
        "None was given: --ttft-s, --inter-token-s or --latency-s make this page say how many users"
        " keep to it."
    ]
    assert throughput.badge == "saturated at 2 users"
    assert question(swept(level(1, 20))) == "How many users at once can a model serve?"


def test_a_time_that_was_not_measured_is_not_kept_to() -> None:
    """A server that does not stream has no time to first token."""
    first, throughput = cards(swept(level(1, 0, ttft=None), ttft_s=1.0))
    assert (first.title, first.badge, first.tone) == (
        "Users within your objectives: not known", "not available", "none",
    )  # fmt: skip
    assert first.sentences[-1] == "With 1 user a time that has an objective was not measured."
    assert first.facts[0].value == "not available"
    assert throughput.title == "At most 128.0 tokens a second"


def test_requests_that_failed_did_not_keep() -> None:
    """Nineteen of twenty were answered in time: 95%, enough for the looser rule alone."""
    sweep = swept(level(1, 20), level(2, 19, failed=1), ttft_s=1.0)
    first, second, _ = cards(sweep)
    assert first.title == "1 user within your objectives"
    assert first.facts[0].value == "2"
    assert (second.badge, list(second.sentences)) == ("failures", ["1 of 20 requests failed."])


def test_what_is_kept_again_at_a_higher_level_is_noise() -> None:
    first, second, _ = cards(swept(level(1, 20), level(2, 19), level(4, 20), ttft_s=1.0))
    assert first.title == "1 user within your objectives"
    assert "kept again" in first.sentences[-1]
    assert second.badge == "single requests"
    assert list(second.sentences) == [
        "1 of 20 requests, though the 99th percentile of each time is within its objective."
    ]


def test_every_objective_counts() -> None:
    sweep = swept(level(1, 2, ttft=2.0), ttft_s=1.0, inter_token_s=0.01)
    assert cards(sweep)[1].badge == "time to first token, time between tokens"
    assert "time to first token ≤ 1 s and time between tokens ≤ 0.01 s" in question(sweep)


@pytest.mark.parametrize("most", [1.0, 60.0])
def test_the_objective_is_a_line_of_its_chart(tmp_path: Path, most: float) -> None:
    sweep = swept(level(1, 20), level(2, 12, ttft=1.4), ttft_s=most)
    sweep.levels.write_parquet(tmp_path / "load.parquet")
    (tmp_path / "load.json").write_text(json.dumps(sweep.facts))
    write_load_report(tmp_path)
    drawn = {p.stem: p.read_text() for p in (tmp_path / "report").glob("*.svg")}
    assert {name for name, svg in drawn.items() if "objective" in svg} == {"load-ttft"}
    assert f"objective {most:g} s" in drawn["load-ttft"]
    page = (tmp_path / "report" / "report.md").read_text()
    assert "| 2 | 20 | 0 | 12 | 60.0% | 38.7% to 78.1% | no |" in page
