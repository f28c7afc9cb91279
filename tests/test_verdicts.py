"""The verdicts of a run's first screen: which pairs there are, and their sentences, by the word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from scipy import stats as scipy_stats

from distilbench.catalog import load_catalog
from distilbench.claims import run_pairs
from distilbench.records import CellRecord, SampleRecord, frame
from distilbench.report import read_run, write_report
from distilbench.report.run._money import dollars, money
from distilbench.report.run._verdicts import pair_sentences
from distilbench.stats import power
from tests.test_report import HOSTILE, cell, make_run, sample

STUDENT, BASE = "deepseek-r1-distill-llama-8b", "llama-3.1-8b"


def run_of(
    right: dict[str, list[bool]], facts: dict[str, dict[str, Any]] | None = None, **more: Any
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Samples and cells of one task; ``right``: of each model, question by question."""
    rows = [
        sample(model, "sums", n, one, **{"flops": 4e12 if model == BASE else 1e12, **more})
        for model, marks in right.items()
        for n, one in enumerate(marks)
    ]
    cells = [
        cell(model, "sums") | {"role": None, "peak_memory_bytes": 300 << 20}
        | (facts or {}).get(model, {})
        for model in right
    ]  # fmt: skip
    return tuple(  # type: ignore[return-value]
        table.with_columns(entry="model")
        for table in (frame(rows, SampleRecord), frame(cells, CellRecord))
    )


CARDS = {STUDENT: {"card": STUDENT}, BASE: {"card": BASE}}
PLAIN = {"s": {"role": "distilled"}, "v": {"role": "vanilla"}}


def discordant(both: int, first: int, second: int, none: int) -> dict[str, list[bool]]:
    """So many questions that both, one or none of two models answer right."""
    return {
        "s": [True] * (both + first) + [False] * (second + none),
        "v": [True] * both + [False] * first + [True] * second + [False] * none,
    }


def said(right: dict[str, list[bool]], facts: Any = PLAIN, **more: Any) -> list[str]:
    found = run_pairs(*run_of(right, facts, **more), load_catalog())
    assert len(found) == 1
    return list(pair_sentences(found[0]))


def test_better() -> None:
    assert said(discordant(40, 30, 10, 20))[0] == (
        "s is more accurate than v: +20.0 percentage points (95% interval +8.0 to +32.0) on 100"
        " questions."
    )


def test_worse() -> None:
    assert said(discordant(40, 10, 30, 20))[0] == (
        "s is less accurate than v: -20.0 percentage points (95% interval -32.0 to -8.0) on 100"
        " questions."
    )


def test_non_inferior() -> None:
    assert said(discordant(600, 42, 40, 318))[0] == (
        "s is not inferior to v at a margin of 5 percentage points: +0.2 percentage points"
        " (95% interval -1.6 to +2.0) on 1,000 questions."
    )


def test_surely_lower_and_surely_within_the_margin() -> None:
    assert said(discordant(600, 20, 45, 335))[0] == (
        "s is less accurate than v, by less than 5 percentage points: -2.5 percentage points"
        " (95% interval -4.1 to -0.9) on 1,000 questions."
    )


def test_the_margin_is_a_setting() -> None:
    marks = discordant(600, 42, 40, 318)  # +0.2 points, -1.6 to +2.0, as above
    (found,) = run_pairs(*run_of(marks, PLAIN), load_catalog(), margin=0.01)
    assert next(pair_sentences(found)).startswith("It is not decided whether s is as accurate")
    (found,) = run_pairs(*run_of(marks, PLAIN), load_catalog(), margin=0.017)
    assert "not inferior to v at a margin of 1.7 percentage points" in next(pair_sentences(found))


def test_the_page_states_its_margin(tmp_path: Path) -> None:
    rows = [sample(m, "sums", n, n % 2 == 0) for m in ("large", "small") for n in range(8)]
    markdown = (
        write_report(make_run(tmp_path, rows), margin=0.02).with_name("report.md").read_text()
    )
    assert "Verdicts at a margin of 2 percentage points of accuracy" in markdown


@pytest.mark.parametrize(("of_small", "said"), [(2.0, "and 0.5 times the dollars."), (None, None)])
def test_running_cost_is_a_ratio_in_dollars_where_both_have_a_price(
    tmp_path: Path, of_small: float | None, said: str | None
) -> None:
    rows = [sample(m, "sums", n, n % 2 == 0) for m in ("large", "small") for n in range(8)]
    run = make_run(tmp_path, rows)
    cells = pl.read_parquet(run / "cells.parquet")
    of_large = pl.col("model") == "large"
    price = pl.when(of_large).then(1.0).otherwise(pl.lit(of_small, pl.Float64))
    source = pl.when(of_large | pl.lit(of_small is not None)).then(pl.lit("a shop, 2026-11-01"))
    cells.with_columns(
        input_usd_per_mtok=price, output_usd_per_mtok=2 * price, price_source=source
    ).write_parquet(run / "cells.parquet")
    markdown = write_report(run).with_name("report.md").read_text()
    assert ("times the dollars" in markdown) == (said is not None)
    assert said is None or said in markdown


def test_running_cost_is_of_the_questions_that_took_something_of_both(tmp_path: Path) -> None:
    """The student fails on the ten long questions: on the short ones it takes as much as the base,
    and not a fifth of what that takes on all of them."""
    rows = [
        sample(model, "sums", n, True, input_tokens=long, flops=1e12 * long, total_s=float(long))
        for model in ("large", "small")
        for n, long in enumerate([1] * 10 + [9] * 10)
    ]
    lost = {"outcome": "error", "score": 0.0, "answer": None}
    unknown = dict.fromkeys(("flops", "total_s", "input_tokens", "output_tokens", "cached_tokens"))
    rows = [r | lost | unknown if r["model"] == "large" and r["flops"] > 1e12 else r for r in rows]
    run = make_run(tmp_path, rows)
    cells = pl.read_parquet(run / "cells.parquet")
    cells.with_columns(
        input_usd_per_mtok=1.0, cached_input_usd_per_mtok=1.0, output_usd_per_mtok=0.0,
        price_source=pl.lit("a shop, 2026-11-01"), peak_memory_bytes=pl.lit(None, pl.Int64),
    ).write_parquet(run / "cells.parquet")  # fmt: skip
    data = read_run(run)
    (pair,) = data.pairs
    assert (pair.distilled.entry, pair.counterpart.entry) == ("large", "small")
    assert pair.running["FLOPs"] == pair.running["seconds"] == 1.0
    assert dollars(data, "large", "small") == pytest.approx(1.0)


def test_of_two_prices_none_is_that_of_all_answers(tmp_path: Path) -> None:
    """The price was corrected and the run went on: the first cell's input price with the second's
    cached one, as null columns would make it, is nobody's price."""
    rows = [sample("m", task, n, True) for task in ("t", "u") for n in range(4)]
    run = make_run(tmp_path, rows)
    cells = pl.read_parquet(run / "cells.parquet")
    cells = cells.with_columns(
        pl.Series("input_usd_per_mtok", [1.0, 1.5]), pl.Series("output_usd_per_mtok", [2.0, 3.0]),
        pl.Series("cached_input_usd_per_mtok", [None, 0.5]),
        pl.Series("price_source", ["a shop, 2026-11-01", "a shop, 2026-11-02"]),
    )  # fmt: skip
    cells.write_parquet(run / "cells.parquet")
    data = read_run(run)
    assert data.question_costs == {}
    assert "several prices" in str(money(data).blocks)
    cells.with_columns(
        pl.col("^.*_usd_per_mtok$").first(), pl.col("price_source").first()
    ).write_parquet(run / "cells.parquet")
    # 100 tokens of input at 1 and 5 of output at 2 dollars a million: 110 millionths.
    assert read_run(run).question_costs["m"]["usd_per_question"] == pytest.approx(110e-6)


def test_undecided_says_how_many_questions_would_decide() -> None:
    sentences = said(discordant(40, 14, 12, 34))
    assert sentences[:2] == [
        "It is not decided whether s is as accurate as v: +2.0 percentage points (95% interval"
        " -8.2 to +12.2) on 100 questions.",
        "About 430 questions would decide it at a margin of 5 percentage points, with a"
        " probability of 80%, if the difference stays as it is; these show a difference of 14"
        " points or more.",
    ]
    # By hand: the standard deviation of 14 differences of +1, 12 of -1 and 74 of 0.
    deviation = ((26 - 100 * 0.02**2) / 99) ** 0.5
    assert power(0.07, deviation, 430) >= 0.8 > power(0.07, deviation, 410)
    assert scipy_stats.norm.cdf(0.07 / deviation * 420**0.5 - 1.96) == pytest.approx(0.8, abs=0.01)


def test_nothing_decides_a_difference_of_just_the_margin() -> None:
    sentences = said(discordant(10, 0, 1, 9), PLAIN)
    assert "It is not decided" in sentences[0]
    assert "questions would decide it" in sentences[1]


def test_not_loaded() -> None:
    rows, cells = run_of(discordant(4, 0, 0, 4), PLAIN | {"v": {
        "role": "vanilla", "memory_limit_bytes": 200 << 20, "peak_memory_bytes": None,
    }})  # fmt: skip
    lost = pl.col("entry") == "v"
    rows = rows.with_columns(
        outcome=pl.when(lost).then(pl.lit("out_of_memory")).otherwise("outcome"),
        score=pl.when(lost).then(0.0).otherwise("score"),
    )
    (found,) = run_pairs(rows, cells, load_catalog())
    assert list(pair_sentences(found)) == [
        "No verdict: v answered nothing (out of memory at 200 MiB).",
        "Running cost: not available of both.",
        "Creation cost: not available (no recipe of s on a card).",
    ]


def test_no_creation_cost() -> None:
    sentences = said(discordant(40, 30, 10, 20), flops=None)
    assert sentences[1:] == [
        "An answer of it takes about the same seconds and about the same memory.",
        "Creation cost: not available (no recipe of s on a card).",
    ]


def test_running_cost_creation_cost_and_break_even() -> None:
    marks = discordant(40, 30, 10, 20)
    sentences = said({STUDENT: marks["s"], BASE: marks["v"]}, CARDS)
    assert sentences[1] == (
        "An answer of it takes 0.25 times the FLOPs, about the same seconds and about the same"
        " memory."
    )
    assert sentences[2].startswith(f"Creating {BASE} took ")
    for scope in ("student", "pipeline", "amortised", "lineage"):
        assert sentences[2].count(f"({scope})") == 2  # a ratio and a number of answers
    assert f"Correct answers until it pays for itself, {BASE} being there already: " in sentences[2]


def test_dearer_answers_never_repay() -> None:
    marks = discordant(40, 30, 10, 20)
    sentences = said({STUDENT: marks["v"], BASE: marks["s"]}, CARDS, flops=1e12)
    assert sentences[2].endswith(
        f" It never pays for itself: a correct answer takes no fewer FLOPs than {BASE}'s."
    )


def test_one_model_only_has_no_pair_and_says_what_to_add(tmp_path: Path) -> None:
    rows, cells = run_of({"s": [True, False]}, PLAIN)
    assert run_pairs(rows, cells, load_catalog()) == ()
    run = make_run(tmp_path, [sample("large", "sums", n, True) for n in range(4)])
    markdown = write_report(run).with_name("report.md").read_text()
    assert (
        "Was distillation worth it? Only large ran: add its vanilla or proprietary counterpart to"
        " the suite's models." in markdown
    )


@pytest.mark.parametrize(
    ("others", "found"),
    [
        ((BASE, "llama-3.1-70b"), [(BASE, "its base")]),
        (("llama-3.1-70b", "olmo-2-7b"), [("olmo-2-7b", "nearest in size")]),
        ((BASE, "gpt-4o-mini"), [(BASE, "its base"), ("gpt-4o-mini", "proprietary")]),
        (("deepseek-r1-distill-qwen-7b",), []),
        (("phi-4-mini", "olmo-2-7b"), [("olmo-2-7b", "nearest in size")]),  # synthetic: not asked
    ],
)
def test_counterparts_come_from_the_cards(
    others: tuple[str, ...], found: list[tuple[str, str]]
) -> None:
    names = (STUDENT, *others)
    rows, cells = run_of({m: [True, False] for m in names}, {m: {"card": m} for m in names})
    catalog = load_catalog()
    sizes = {m: card.parameters.total for m, card in catalog.cards.items()}
    known = [None if sizes[m] is None else int(sizes[m].value) for m in names]  # type: ignore[union-attr]
    cells = cells.with_columns(parameters=pl.Series(known, dtype=pl.Int64))
    pairs = run_pairs(rows, cells, catalog)
    mine = [(p.counterpart.entry, p.why) for p in pairs if p.distilled.entry == STUDENT]
    assert mine == found


def test_a_synthetic_model_is_a_counterpart_as_a_base_only() -> None:
    names = ("phi-4-reasoning", "phi-4", "phi-2")
    rows, cells = run_of({m: [True, False] for m in names}, {m: {"card": m} for m in names})
    pairs = run_pairs(rows, cells, load_catalog())
    assert [(p.counterpart.entry, p.why) for p in pairs] == [("phi-4", "its base")]


def test_the_first_screen_of_a_hostile_run_is_text(tmp_path: Path) -> None:
    rows = [sample(m, "t", n, n % 2 == 0) for m in ("large", HOSTILE) for n in range(4)]
    html = write_report(make_run(tmp_path, rows)).read_text()
    assert "<img" not in html.split("<script>")[0]
    assert f"large against {HOSTILE}".replace("<", "&lt;").replace(">", "&gt;") in html
