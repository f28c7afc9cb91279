"""The cost of a correct answer, and where lifetime costs meet: by other arithmetic, and by the
word."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from scipy import stats as scipy_stats
from typer.testing import CliRunner

from distilbench.catalog import load_catalog
from distilbench.claims import Made, Pair, Side, choice_facts, run_pairs
from distilbench.claims._made import met
from distilbench.cli import app
from distilbench.cli._break_even import _costs, _side_json
from distilbench.compute import Input, known, scope_cost
from distilbench.report import ledger_sentences, read_run
from distilbench.report.page import Chart
from distilbench.report.paper._against import _frontier, _marked, against
from distilbench.report.paper._contents import contents_of_run
from distilbench.report.run._explorer import explorer
from distilbench.report.run._ledger import lifetime
from distilbench.report.run._ledger_words import meeting_words
from distilbench.stats import Limits, difference_limits, meeting, per_correct, ratio_limits
from tests.test_report import cell, make_run, sample
from tests.test_verdicts import BASE, CARDS, STUDENT, discordant, run_of


def asked(costs: list[float | None], scores: list[float]) -> pl.DataFrame:
    """One task of one model, each question a cluster of its own."""
    names = [str(n) for n in range(len(costs))]
    return pl.DataFrame(
        {"model": "m", "profile": "p", "task": "t", "seed": 0, "sample_id": names,
         "cluster": names, "score": scores, "flops": costs},
        schema_overrides={"flops": pl.Float64},
    )  # fmt: skip


def test_the_ratio_of_constant_cost_is_that_of_wilson() -> None:
    """50 of 100 right at 2 each: 2 / p, and Wilson's limits of p, by its textbook formula."""
    row = per_correct(asked([2.0] * 100, [1.0, 0.0] * 50), costs=("flops",)).row(0, named=True)
    z, n, p = scipy_stats.norm.ppf(0.975), 100, 0.5
    half = z / (1 + z**2 / n) * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    assert row["flops"] == 4.0
    assert row["flops_low"] == pytest.approx(2 / (centre + half), rel=1e-6)
    assert row["flops_high"] == pytest.approx(2 / (centre - half), rel=1e-6)


def test_all_right_at_one_cost_is_not_sure() -> None:
    row = per_correct(asked([3.0] * 20, [1.0] * 20), costs=("flops",)).row(0, named=True)
    assert row["flops"] == row["flops_low"] == 3.0
    assert row["flops_high"] == pytest.approx(3.0 / 0.8389, rel=1e-3)  # Wilson, 20 of 20


def test_the_interval_is_about_that_of_the_delta_method() -> None:
    """Of 2,000 questions: R +- 1.96 sqrt(var(c - R s) / n) / mean(s)."""
    chance = random.Random(5)
    costs = [chance.lognormvariate(0, 0.7) for _ in range(2000)]
    scores = [float(chance.random() < 0.9 / (1 + cost)) for cost in costs]  # the dear are wrong
    row = per_correct(asked(costs, scores), costs=("flops",)).row(0, named=True)
    ratio = sum(costs) / sum(scores)
    residual = [c - ratio * s for c, s in zip(costs, scores, strict=True)]
    spread = math.sqrt(sum(r * r for r in residual) / 1999 / 2000) / (sum(scores) / 2000)
    assert row["flops"] == pytest.approx(ratio)
    assert row["flops_low"] == pytest.approx(ratio - 1.96 * spread, rel=0.01)
    assert row["flops_high"] == pytest.approx(ratio + 1.96 * spread, rel=0.01)


def test_nothing_right_is_not_defined_and_an_unknown_cost_is_counted() -> None:
    none = per_correct(asked([1.0] * 5, [0.0] * 5), costs=("flops",)).row(0, named=True)
    assert (none["flops"], none["flops_high"], none["correct"], none["answers"]) == (
        None, None, 0.0, 5,
    )  # fmt: skip
    some = per_correct(asked([1.0, None, 1.0], [1.0, 1.0, 0.0]), costs=("flops",))
    assert some.row(0, named=True)["flops"] is None
    assert some["flops_unknown"].item() == 1


def test_how_often_the_interval_holds_the_truth() -> None:
    """40 questions, costs of a long tail, dear ones wrong more often: nominal 95%. The truth is the
    ratio of 200,000 questions."""
    chance = random.Random(1)

    def drawn(count: int) -> tuple[list[float], list[float]]:
        costs = [chance.lognormvariate(0, 0.6) for _ in range(count)]
        return costs, [float(chance.random() < 1 / (1 + cost)) for cost in costs]

    costs, scores = drawn(200_000)
    truth = sum(costs) / sum(scores)
    runs = pl.concat(
        asked(*drawn(40)).with_columns(model=pl.lit(str(number))) for number in range(600)
    )
    found = per_correct(runs, ("model",), ("flops",))
    held = found.select(pl.lit(truth).is_between("flops_low", "flops_high").mean()).item()
    assert 0.92 <= held <= 0.98


def test_limits_of_a_ratio_of_independent_parts_by_fieller() -> None:
    """Symmetric limits are those of Fieller: the roots of (a - q b)^2 = A^2 + q^2 B^2."""
    a, b, wide_a, wide_b = 12.0, 5.0, 3.0, 1.0
    found = ratio_limits(Limits(a, a - wide_a, a + wide_a), Limits(b, b - wide_b, b + wide_b))
    for end in found[1:]:
        assert (a - end * b) ** 2 == pytest.approx(wide_a**2 + end**2 * wide_b**2)  # type: ignore[operator]
    open_ = ratio_limits(Limits(1.0, 0.5, 2.0), Limits(0.1, 0.0, 0.3))
    assert open_.high is None
    both = difference_limits(Limits(5.0, 4.0, 6.0), Limits(3.0, 2.0, 4.0), correlation=1.0)
    assert both == Limits(2.0, 2.0, 2.0)


@pytest.mark.parametrize(
    ("extra", "saved", "case", "answers"),
    [
        (Limits(60, 50, 70), Limits(3, 2, 4), "pays for itself", 20),
        (Limits(-60, -70, -50), Limits(-3, -4, -2), "cheaper until", 20),
        (Limits(-60, -70, -50), Limits(3, 2, 4), "cheaper at once", None),
        (Limits(60, 50, 70), Limits(-3, -4, -2), "never", None),
        (Limits(60, 50, 70), Limits(3, -1, 4), "not decidable", 20),
        (Limits(60, -5, 70), Limits(3, 2, 4), "not decidable", 20),
        (Limits(60, 50, 70), Limits(-3, -4, 1), "not decidable", None),
        (Limits(60, 50, 70), Limits(3, 2, None), "not decidable", 20),
    ],
)
def test_where_they_meet(extra: Limits, saved: Limits, case: str, answers: float | None) -> None:
    found = meeting(extra, saved)
    assert (found.case, found.answers) == (case, answers)
    if case in ("pays for itself", "cheaper until"):
        assert found.low is not None
        assert found.high is not None
        assert found.low < 20 < found.high


MARKS = discordant(40, 30, 10, 20)  # 70 and 50 right of 100


def pair_of(**facts: Any) -> Pair:
    return run_pairs(
        *run_of({STUDENT: MARKS["s"], BASE: MARKS["v"]}, CARDS, **facts), load_catalog()
    )[0]


def test_a_pair_meets_where_creation_is_repaid_by_correct_answers() -> None:
    """1e12 and 4e12 FLOPs an answer: 1e14 / 70 and 4e14 / 50 a correct one."""
    catalog, saved = load_catalog(), 4e14 / 50 - 1e14 / 70
    costs = {}
    for one in pair_of().in_unit("FLOPs"):
        made, theirs = (
            scope_cost(catalog.card(card), catalog.cards, one.scope, catalog.accelerators)
            for card in (STUDENT, BASE)
        )
        costs[one.scope] = made.flops.central  # type: ignore[union-attr]
        assert one.exists.case == "pays for itself"
        assert one.exists.answers == pytest.approx(costs[one.scope] / saved)
        over = made.flops.central - theirs.flops.central  # type: ignore[union-attr]
        if over < 0:
            assert one.made.case == "cheaper at once"
        else:
            assert one.made.answers == pytest.approx(over / saved)
    assert list(costs.values()) == sorted(costs.values())
    lineage = pair_of().in_unit("FLOPs")[-1]
    # What the base took is owed by both: the rest is what scope amortised counts.
    assert lineage.made.answers == pytest.approx(costs["amortised"] / saved)
    here = lineage.distilled.lifetime(1e6)
    assert here is not None
    assert here.value == pytest.approx(costs["lineage"] / 1e6 + 1e14 / 70)


def test_each_case_in_words() -> None:
    student = pair_of().in_unit("FLOPs")[0]
    made, there = ledger_sentences(student)
    assert made == (
        f"In FLOPs, scope student, {BASE} to be made too: {STUDENT} is cheaper from the first"
        " answer: neither its creation nor a correct answer takes more."
    )
    assert there.startswith(
        f"In FLOPs, scope student, {BASE} being there already: {STUDENT} pays for itself after "
    )
    assert " correct answers (95% interval " in there
    dear = pair_of(flops=9e12)  # of both: 9e14 / 70 and 9e14 / 50
    assert dear.in_unit("FLOPs")[0].exists.case == "pays for itself"
    even = run_pairs(
        *run_of({STUDENT: MARKS["s"], BASE: MARKS["s"]}, CARDS, flops=1e12), load_catalog()
    )[0]
    assert (
        "may or may not pay for itself: not decidable (95% intervals of the cost of a"
        in (ledger_sentences(even.in_unit("FLOPs")[0])[1])
    )
    assert "not available (creation: " in ledger_sentences(pair_of().in_unit("joules")[0])[1]


def test_a_dearer_student_never_pays_or_only_until() -> None:
    rows, cells = run_of({STUDENT: MARKS["v"], BASE: MARKS["s"]}, CARDS, flops=1e12)
    (pair,) = run_pairs(rows, cells, load_catalog())
    student, *_, lineage = pair.in_unit("FLOPs")
    assert (student.exists.case, student.made.case) == ("never", "cheaper until")
    assert lineage.made.case == "never"
    assert "and dearer beyond: it takes less to create" in ledger_sentences(student)[0]
    catalog = load_catalog()
    less = [
        scope_cost(catalog.card(c), catalog.cards, "student", catalog.accelerators).flops.central  # type: ignore[union-attr]
        for c in (BASE, STUDENT)
    ]
    assert student.made.answers == pytest.approx((less[0] - less[1]) / (1e14 / 50 - 1e14 / 70))


def test_nothing_right_leaves_no_ledger_and_says_why() -> None:
    (pair,) = run_pairs(*run_of({STUDENT: [False] * 9, BASE: [True] * 9}, CARDS), load_catalog())
    found = pair.in_unit("FLOPs")[0].exists
    assert found.case == "not available"
    assert found.why == f"FLOPs of an answer: not defined (0 of 9 correct) of {STUDENT}"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    marks = {STUDENT: MARKS["s"], BASE: MARKS["v"]}
    rows = [
        sample(model, "sums", n, right, flops=1e12 if model == STUDENT else 4e12)
        for model, given in marks.items()
        for n, right in enumerate(given)
    ]
    made = make_run(tmp_path, rows)
    facts = [(model, f"{model}--sums") for model in sorted(marks)]
    cells = pl.read_parquet(made / "cells.parquet")
    assert cells["cell"].to_list() == [name for _, name in facts]
    assert cell(STUDENT, "sums")["profile"] == "p"
    cells.with_columns(card=pl.col("model"), role=pl.lit(None, pl.String)).write_parquet(
        made / "cells.parquet"
    )
    return made


def test_page_and_command_have_one_number(run: Path) -> None:
    done = CliRunner().invoke(
        app, ["break-even", str(run), "--answers", "1e6", "--json"], catch_exceptions=False
    )
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    (pair,) = found["pairs"]
    data = read_run(run)
    mine = data.pairs[0].in_unit("FLOPs")
    theirs = [one for one in pair["ledgers"] if one["unit"] == "FLOPs"]
    assert [one["scope"] for one in theirs] == ["student", "pipeline", "amortised", "lineage"]
    for one, other in zip(mine, theirs, strict=True):
        there = other["counterpart_there_already"]
        assert there["answers"] == one.exists.answers
        assert there["low"] < there["answers"] < there["high"]
        side = other["distilled"]
        assert side["lifetime"]["value"] == pytest.approx(
            side["creation"]["value"] / 1e6 + side["correct_answer"]["value"]
        )
    rows = {row["entry"]: row for row in found["cost_of_a_correct_answer"]}
    assert rows[BASE]["flops"] == pytest.approx(8e12)
    assert rows[BASE]["usd"] is None
    section = lifetime(data)
    assert "Chart" in {type(block).__name__ for block in section.blocks}
    said = CliRunner().invoke(app, ["break-even", str(run), "--scope", "student"])
    assert said.stdout.count("pays for itself after") == 1
    assert "in US dollars: not available" in said.stdout


EXACT = Made(Limits.exactly(60.0), None, "derived")
LEAST = replace(EXACT, omits=("pretraining",))
MOST = replace(
    EXACT, exceeds=("teacher",), at_least=known(Input("spent", 45, 45, 45, "derived", "here"))
)
NONE = replace(EXACT, limits=Limits.exactly(0.0))
FEWER, MORE = Limits(3, 2, 4), Limits(-3, -4, -2)


def test_a_meeting_that_is_not_decidable_says_what_creation_leaves_out() -> None:
    """More of the counterpart's creation is an earlier meeting: nothing bounds it from below."""
    mine = replace(EXACT, limits=Limits(60, 50, 70))
    open_ = met(mine, NONE, Limits(3, -1, 4))
    assert (open_.case, open_.answers) == ("not decidable", 20.0)
    assert open_.low is not None
    theirs = met(mine, replace(NONE, omits=("pretraining",)), Limits(3, -1, 4))
    assert (theirs.case, theirs.answers, theirs.low) == ("not decidable", 20.0, None)
    assert theirs.why == f"{open_.why}; creation is not known whole: pretraining"
    short = met(replace(mine, omits=("teacher",)), NONE, Limits(3, -1, 4))  # more is a later one
    assert short.low == open_.low
    assert "surely not before" not in meeting_words(theirs)
    assert "surely not before" in meeting_words(short)


@pytest.mark.parametrize(
    ("mine", "theirs", "saved", "said"),
    [
        # 60 / 3; from 45 / 4 surely spent, to 60 / 2.
        (MOST, None, FEWER, ("pays for itself", "<=", 20.0, 11.25, 30.0)),
        (MOST, NONE, FEWER, ("pays for itself", "<=", 20.0, 11.25, 30.0)),
        (replace(MOST, at_least=None), None, FEWER, ("pays for itself", "<=", 20.0, None, 30.0)),
        (LEAST, None, FEWER, ("pays for itself", ">=", 20.0, 15.0, None)),
        # 90 - 60, or 90 - 45 where that was all that was spent: 45 / 2 is the farthest.
        (replace(EXACT, limits=Limits.exactly(90.0)), MOST, FEWER,
         ("pays for itself", ">=", 10.0, 7.5, 22.5)),
        (replace(MOST, limits=Limits.exactly(90.0)), MOST, FEWER,
         ("not decidable", "=", 10.0, None, None)),
        (replace(MOST, omits=("more",)), None, FEWER, ("not decidable", "=", 20.0, None, None)),
        # It takes less to create: 60 less, or 45 less, over 3 more a correct answer.
        (NONE, MOST, MORE, ("cheaper until", "<=", 20.0, 11.25, 30.0)),
        (replace(MOST, limits=Limits.exactly(50.0)), replace(EXACT, limits=Limits.exactly(80.0)),
         MORE, ("cheaper until", ">=", 10.0, 7.5, 17.5)),
        # What was surely spent decides what the rest cannot change.
        (MOST, None, MORE, ("never", "=", None, None, None)),
        (MOST, replace(EXACT, limits=Limits.exactly(40.0)), MORE, ("never", "=", None, None, None)),
        (MOST, replace(EXACT, limits=Limits.exactly(50.0)), MORE,
         ("not decidable", "=", None, None, None)),
        (replace(EXACT, limits=Limits.exactly(40.0)), MOST, FEWER,
         ("cheaper at once", "=", None, None, None)),
        (replace(EXACT, limits=Limits.exactly(50.0)), MOST, FEWER,
         ("not decidable", "=", None, None, None)),
    ],
)  # fmt: skip
def test_a_creation_that_is_a_bound_makes_the_meeting_one(
    mine: Made, theirs: Made | None, saved: Limits, said: tuple[Any, ...]
) -> None:
    found = met(mine, theirs, saved)
    ends = [None if end is None else pytest.approx(end) for end in said[2:]]
    assert [found.case, found.bound, found.answers, found.low, found.high] == [*said[:2], *ends]
    if found.bound != "=" or found.case == "not decidable":
        assert "creation " in (found.why or "")


def test_a_meeting_that_is_a_bound_in_words() -> None:
    assert meeting_words(met(MOST, None, FEWER)) == (
        "pays for itself after at most 20 correct answers (95% interval 11.25 to 30; creation may"
        " be counted too high: teacher)"
    )
    assert meeting_words(met(LEAST, None, FEWER)) == (
        "pays for itself after at least 20 correct answers (95% interval 15 or more; creation is"
        " not known whole: pretraining)"
    )
    unknown = meeting_words(met(replace(MOST, at_least=None), None, FEWER))
    assert "at most 20 correct answers (95% interval 30 or less; " in unknown


def test_a_lifetime_cost_of_a_creation_that_is_not_known_whole_is_at_least_that() -> None:
    """600 / 100 + 2 of a correct answer, if 600 is not all; where it has been made, 2."""
    whole = Made(Limits.exactly(600.0), None, "derived")
    least = replace(whole, omits=("teacher",))
    serving = Limits(2.0, 1.0, None)
    one, other = Side("s", least, serving), Side("v", whole, serving)
    ledger = replace(pair_of().ledgers[0], distilled=one, counterpart=other)
    assert _costs(ledger, 100.0)[2:] == ("≥ 8 (7 or more)", "8 (7 or more)", "2 (1 or more)")
    bounds = [_side_json(side, 100.0)["lifetime"]["bound"] for side in (one, other)]
    assert bounds == [">=", "="]
    most = replace(one, creation=replace(whole, exceeds=("teacher",)))
    assert _costs(replace(ledger, distilled=most), 100.0)[2] == "≤ 8 (7 or more)"
    assert _side_json(most, 100.0)["creation"]["exceeds"] == ("teacher",)
    assert _side_json(most, 100.0)["lifetime"]["bound"] == "<="
    silent = replace(one, serving=None)
    assert _costs(replace(ledger, distilled=silent), 100.0)[2] == "not available"
    assert _side_json(silent, 100.0)["lifetime"] is None


def test_why_no_dollars_are_known_is_true() -> None:
    samples, cells = run_of({STUDENT: MARKS["s"], BASE: MARKS["v"]}, CARDS)
    cells = cells.with_columns(
        price_source=pl.when(pl.col("entry") == BASE).then(pl.lit("list")),
        input_usd_per_mtok=1.0, cached_input_usd_per_mtok=None, output_usd_per_mtok=2.0,
    )  # fmt: skip
    silent = samples.with_columns(
        pl.lit(None, pl.Int64).alias(name)
        for name in ("input_tokens", "cached_tokens", "output_tokens")
    )
    facts = choice_facts(silent, cells, load_catalog())
    assert facts[BASE]["usd"] == "it has a price, but the tokens of no answer are known"
    assert facts[STUDENT]["usd"] == "no price in the suite or on its card"


def cited(value: float) -> dict[str, Any]:
    return {"value": value, "source": "here", "where": "a table", "kind": "measured"}


def card_of(id_: str, **fields: Any) -> dict[str, Any]:
    named = {"id": id_, "name": id_, "developer": "d", "family": "f", "role": "vanilla"}
    sources = {"here": {"title": "A table"}}
    return {**named, "stage": "base", "sources": sources, **fields}


def stage(name: str, flops: float, joules: float, usd: float) -> dict[str, Any]:
    took = {"flops": cited(flops), "energy_j": cited(joules), "usd": cited(usd)}
    return {"name": name, **took}


STAGES = [
    stage("student_training", 6e15, 900, 90),
    stage("teacher_generation", 3e15, 300, 30),
]
MADE_CARDS = [
    card_of(
        "student",
        role="distilled",
        lineage={
            "base": "begin", "teacher": "teacher",
            "recipe": {"method": "sequence-level", "stages": STAGES},
        },
    ),
    card_of(
        "begin",
        parameters={"total": cited(2e6)},
        training={"tokens": cited(5e8), "cost_usd": cited(30)},
    ),
    card_of("teacher", parameters={"total": cited(1e6)}, training={"tokens": cited(1e9)}),
]  # fmt: skip
"""Creation: 9e15 FLOPs of its own and its teacher's, and 6 x 1e6 x 1e9 = 6e15 of the teacher's
training, all of which is charged to it as no other student is known."""


@pytest.fixture
def priced_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return run_with_prices(tmp_path, monkeypatch)


def run_with_prices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each has 50 of 100 right, with 1 and 4 of everything an answer: 2 and 8 a correct one."""
    cards = tmp_path / "cards"
    cards.mkdir()
    for one in MADE_CARDS:
        (cards / f"{one['id']}.yaml").write_text(yaml.safe_dump(one))
    monkeypatch.setenv("DISTILBENCH_CARDS", str(cards))
    each = {"student": 1.0, "begin": 4.0}
    rows = [
        sample(model, "sums", n, n % 2 == 0, flops=took * 1e12, energy_j=took,
               energy_method="counter", input_tokens=1_000_000, cached_tokens=0, output_tokens=0)
        for model, took in each.items()
        for n in range(100)
    ]  # fmt: skip
    made = make_run(tmp_path, rows)
    pl.read_parquet(made / "cells.parquet").with_columns(
        card=pl.col("model"), role=pl.lit(None, pl.String), price_source=pl.lit("a shop"),
        input_usd_per_mtok=pl.col("model").replace_strict(each), energy_known=pl.lit("measured"),
        cached_input_usd_per_mtok=pl.lit(None, pl.Float64), output_usd_per_mtok=pl.lit(0.0),
    ).write_parquet(made / "cells.parquet")  # fmt: skip
    return made


def found_by_the_command(run: Path) -> dict[tuple[str, str], dict[str, Any]]:
    done = CliRunner().invoke(
        app, ["break-even", str(run), "--answers", "100", "--json"], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    (pair,) = json.loads(done.stdout)["pairs"]
    return {(one["unit"], one["scope"]): one for one in pair["ledgers"]}


def test_joules_and_dollars_by_hand(priced_run: Path) -> None:
    """A correct answer of it takes 6 less: 900 J and 300 J, 90 and 30 USD of creation; the
    counterpart's took 30 USD, and nobody says how many joules."""
    found = found_by_the_command(priced_run)

    def answers(unit: str, scope: str) -> tuple[Any, Any]:
        one = found[unit, scope]
        return one["counterpart_there_already"]["answers"], one["both_to_be_made"]["answers"]

    assert answers("joules", "student") == (pytest.approx(150), None)  # 900 / 6
    assert answers("joules", "pipeline") == (pytest.approx(200), None)  # 1200 / 6
    assert answers("US dollars", "student") == (pytest.approx(15), pytest.approx(10))
    assert answers("US dollars", "pipeline") == (pytest.approx(20), pytest.approx(15))
    for unit, scope in (("joules", "amortised"), ("US dollars", "lineage")):
        assert found[unit, scope]["counterpart_there_already"]["case"] == "not available"
    for unit, spent in (("joules", 900.0), ("US dollars", 90.0)):
        one = found[unit, "student"]
        assert one["distilled"]["creation"]["value"] == spent
        assert one["distilled"]["correct_answer"]["value"] == pytest.approx(2)
        assert one["counterpart"]["correct_answer"]["value"] == pytest.approx(8)
        assert one["distilled"]["lifetime"]["value"] == pytest.approx(spent / 100 + 2)
        assert one["counterpart_there_already"]["bound"] == "="
    said = CliRunner().invoke(app, ["break-even", str(priced_run), "--scope", "student"])
    there = "scope student, begin being there already: student pays for itself after"
    assert f"In joules, {there} 150 correct answers (95% interval " in said.stdout
    assert f"In US dollars, {there} 15 correct answers (95% interval " in said.stdout


def test_an_upper_bound_of_creation_is_said_by_the_command(priced_run: Path) -> None:
    """6e12 FLOPs less a correct answer: 15e15 with all of the teacher's training, 9e15 surely."""
    found = found_by_the_command(priced_run)
    one = found["FLOPs", "amortised"]
    there = one["counterpart_there_already"]
    assert (there["case"], there["bound"]) == ("pays for itself", "<=")
    assert there["answers"] == pytest.approx(2500)
    assert there["low"] < 1500 < 2500 < there["high"]
    assert "pays for itself after at most 2500 correct answers" in there["words"].replace(",", "")
    assert (one["distilled"]["creation"]["bound"], one["distilled"]["lifetime"]["bound"]) == (
        "<=", "<=",
    )  # fmt: skip
    exact = found["FLOPs", "pipeline"]["counterpart_there_already"]
    assert (exact["bound"], exact["answers"]) == ("=", pytest.approx(1500))
    assert there["low"] == pytest.approx(exact["low"])  # no share of the teacher's at all
    both = found["FLOPs", "lineage"]["both_to_be_made"]  # what the base took cancels
    assert (both["bound"], both["answers"]) == ("<=", pytest.approx(2500))
    data = read_run(priced_run)
    facts = choice_facts(data.used, data.cells, data.catalog, "amortised")["student"]
    assert facts["creation_flops"] == pytest.approx(15e15)
    assert "all of its teacher's training" in str(facts["creation_at_most"])
    surely = choice_facts(data.used, data.cells, data.catalog, "pipeline")["student"]
    assert (surely["creation_flops"], surely["creation_at_most"]) == (pytest.approx(9e15), None)
    amortised = data.pairs[0].in_unit("FLOPs")[2]
    assert _costs(amortised, 100.0)[2].startswith("≤ 1.52e+14")  # 15e15 / 100 + 2e12
    cells = [str(block) for block in lifetime(data).blocks if type(block).__name__ == "Table"]
    assert any("≤ 1.5e+16" in text and "at most" in text for text in cells)


def test_each_unit_of_which_creation_is_known_has_its_chart(priced_run: Path) -> None:
    """And so a figure of a paper; where they meet, and which lines rest on a bound, stand in it."""
    data = read_run(priced_run)
    charts = {block.name: block for block in lifetime(data).blocks if isinstance(block, Chart)}
    assert list(charts) == ["lifetime-1", "lifetime-1-joules", "lifetime-1-dollars"]
    assert set(charts) <= set(contents_of_run(data).figures)
    lines, points = {}, {}
    for name, chart in charts.items():
        rows = [row for rows in chart.specification["datasets"].values() for row in rows]
        points[name] = {(r["scope"], r["label"]) for r in rows if "label" in r}
        lines[name] = [row for row in rows if "how" in row]
        unit = {"": "FLOPs", "-joules": "joules", "-dollars": "US dollars"}[name[10:]]
        title = chart.specification["layer"][0]["encoding"]["y"]["title"]
        assert title == f"{unit} of a correct answer, creation included"
    # By hand, as above: both to be made, and the counterpart there already.
    assert points["lifetime-1-joules"] == {("student", "150"), ("pipeline", "200")}
    assert points["lifetime-1-dollars"] == {
        ("student", "15"), ("student", "10"), ("pipeline", "20"), ("pipeline", "15"),
    }  # fmt: skip
    assert ("amortised", "≤ 2500") in points["lifetime-1"]
    dotted = {(r["scope"], r["entry"]) for r in lines["lifetime-1"] if "≤" in r["how"]}
    assert dotted == {("amortised", "student"), ("lineage", "student")}
    assert all("≤" not in row["how"] for row in lines["lifetime-1-joules"])
    one = next(r for r in lines["lifetime-1-joules"] if r["entry"] == "student")
    assert one["cost"] == pytest.approx(900 / one["answers"] + 2)


@pytest.mark.parametrize(
    ("others", "surely", "left"),
    [(12.0, ["s"], ["b"]), (8.0, ["b", "s"], []), (16.0, ["s"], []), (9.0, ["s"], ["b"])],
)
def test_a_figure_decides_of_a_bound_what_can_be_decided(
    others: float, surely: list[str], left: list[str]
) -> None:
    """One that took 9 to 15, and is the more accurate."""
    rows = [
        {"entry": "s", "cost": 15.0, "accuracy": 0.6, "ends": (9.0, 15.0), "mark": "≤ "},
        {"entry": "b", "cost": others, "accuracy": 0.5, "ends": (others, others), "mark": ""},
    ]
    found = [[row["entry"] for row in part] for part in _frontier(rows)]
    assert found == [surely, left]
    assert _marked(rows).endswith(
        "Whether b stands on the frontier is not decidable." if left else "s (≤)."
    )
    open_end = [{**rows[0], "ends": (9.0, float("inf"))}, rows[1]]
    assert [row["entry"] for row in _frontier(open_end)[0]] == (["b", "s"] if others < 9 else ["s"])


def test_the_explorer_marks_a_creation_that_is_a_bound(priced_run: Path) -> None:
    (block,) = explorer(read_run(priced_run)).blocks
    points = {point["entry"]: point for point in block.data()["points"]}
    one = points["student"]
    marks = [one["marks"][f"creation {scope}"] for scope in ("student", "amortised", "lineage")]
    assert marks == ["", "≤ ", "≤ "]
    assert (
        "at most, it may be counted too high: student: all of its teacher's training"
        in (one["known"]["creation amortised"])
    )
    assert "creation student" not in one["known"]
    assert one["ends"]["creation amortised"] == [pytest.approx(9e15), pytest.approx(15e15)]
    assert "creation student" not in one["ends"]
    assert one["money"]["amortised"]["mark"] == "≤ "
    assert set(points["begin"]["marks"].values()) == {""}
    figures = {one.name: one.caption for one in against(block)}
    said = "A bound of the cost, not the cost: student (≤)."
    assert figures["cost-creation-amortised"].endswith(said)
    assert "bound" not in figures["cost-creation-pipeline"]
