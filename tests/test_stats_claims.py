"""Wins, ties and losses on small frames whose answer is known."""

import math

import polars as pl
import pytest
from scipy import stats as scipy_stats

from distilbench.claims import (
    BANDS,
    SCORE_SCHEMA,
    compare_scores,
    count_outcomes,
    excluded_pairs,
    remeasured,
    verdict,
)
from distilbench.errors import InputError


def scores(*rows):
    common = {
        "role": "vanilla",
        "parameters": 8_000_000_000,
        "benchmark": "math-500",
        "metric": "pass@1",
        "shots": 0,
        "mode": "cot",
        "source": "s",
        "where": "table 1",
    }
    return pl.DataFrame([common | row for row in rows], schema=SCORE_SCHEMA)


def student(score, **more):
    return {"model": "student", "role": "distilled", "score": score} | more


def vanilla(model, score, billions=8.0, **more):
    return {"model": model, "score": score, "parameters": int(billions * 1e9)} | more


def outcomes(frame):
    return dict(frame.select("vanilla_model", "outcome").rows())


def test_known_wins_ties_and_losses():
    frame = compare_scores(
        scores(
            student(80.0, questions=500),
            vanilla("far-below", 60.0),
            vanilla("near", 78.0),
            vanilla("far-above", 95.0),
        )
    )
    assert outcomes(frame) == {"far-below": "win", "near": "tie", "far-above": "loss"}
    assert set(frame["tie_rule"]) == {"interval"}
    assert frame.filter(vanilla_model="near")["difference"].item() == pytest.approx(2.0)


def test_the_same_difference_is_undecided_on_few_questions_and_a_win_on_many():
    frame = compare_scores(
        scores(
            student(70.0, benchmark="aime", questions=30),
            vanilla("v", 60.0, benchmark="aime"),
            student(70.0, benchmark="mmlu", questions=14_000),
            vanilla("w", 60.0, benchmark="mmlu"),
        )
    )
    assert outcomes(frame) == {"v": "undecided", "w": "win"}


def test_interval_of_the_difference_is_newcombes():
    row = compare_scores(scores(student(70.0, questions=80), vanilla("v", 60.0, questions=80))).row(
        0, named=True
    )
    # Newcombe 1998, method 10, on his own first example: 56/70 against 48/80.
    other = compare_scores(
        scores(student(80.0, questions=70), vanilla("v", 60.0, questions=80))
    ).row(0, named=True)
    assert (other["difference_low"], other["difference_high"]) == pytest.approx(
        (5.24, 33.39), abs=0.01
    )
    one = scipy_stats.binomtest(56, 80).proportion_ci(method="wilson")
    two = scipy_stats.binomtest(48, 80).proportion_ci(method="wilson")
    low = 10 - 100 * math.hypot(0.7 - one.low, two.high - 0.6)
    assert row["difference_low"] == pytest.approx(low)


def test_a_perfect_score_still_has_an_interval():
    frame = compare_scores(scores(student(100.0, questions=30), vanilla("v", 99.0)))
    assert outcomes(frame) == {"v": "undecided"}


def test_no_difference_shown_is_not_on_par():
    """56.7 against 79.8 on AIME's 30 questions: the interval holds 0, and -5 by far."""
    aime = {"benchmark": "aime", "questions": 30}
    frame = scores(student(56.7, **aime), vanilla("v", 79.8, **aime))
    row = compare_scores(frame).row(0, named=True)
    assert row["difference_high"] > -5 > row["difference_low"]
    assert row["outcome"] != "tie"


def test_on_par_flips_with_the_margin():
    frame = scores(student(79.0, questions=500), vanilla("v", 80.0, questions=500))
    found = {m: compare_scores(frame, margin=m)["outcome"].item() for m in (5.0, 10.0)}
    assert found == {5.0: "undecided", 10.0: "tie"}
    row = compare_scores(frame, margin=10.0).row(0, named=True)
    # Standard error of the difference on 500 questions: sqrt(.79 x .21 / 500 + .8 x .2 / 500).
    assert row["margin_se"] == pytest.approx(0.10 / math.sqrt((0.1659 + 0.16) / 500), rel=0.02)


def test_surely_within_the_margin_is_on_par_though_surely_below():
    frame = scores(student(79.0, stderr=0.1), vanilla("v", 80.0, stderr=0.1))
    assert compare_scores(frame)["outcome"].item() == "tie"
    assert compare_scores(frame, margin=0.5)["outcome"].item() == "loss"


def test_published_standard_errors_come_before_the_number_of_questions():
    rows = [student(70.0, stderr=1.0, questions=30), vanilla("v", 66.0, stderr=1.0, questions=30)]
    row = compare_scores(scores(*rows)).row(0, named=True)
    assert row["margin_se"] == pytest.approx(5 / math.sqrt(2))
    assert row["difference_low"] == pytest.approx(4 - scipy_stats.norm.ppf(0.975) * math.sqrt(2))
    assert row["outcome"] == "win"


def test_without_a_number_of_questions_the_tolerance_decides_and_says_so():
    frame = compare_scores(
        scores(student(70.0), vanilla("a", 69.2), vanilla("b", 68.0), vanilla("c", 73.0)),
        tolerance=1.0,
    )
    assert outcomes(frame) == {"a": "tie", "b": "win", "c": "loss"}
    assert set(frame["tie_rule"]) == {"tolerance"}
    assert set(frame["margin"]) == {1.0}


def test_a_rating_is_not_a_percentage():
    rating = {"metric": "rating", "benchmark": "codeforces", "questions": 100}
    frame = compare_scores(
        scores(student(1200, **rating), vanilla("a", 1170, **rating), vanilla("b", 1000, **rating))
    )
    assert outcomes(frame) == {"a": "tie", "b": "win"}
    assert set(frame["tie_rule"]) == {"tolerance"}


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"metric": "cons@64"}, "metric"),
        ({"shots": 5}, "shots"),
        ({"shots": None}, "shots"),
        ({"mode": "thinking"}, "mode"),
        ({"setting_key": "harness-b"}, "setting_key"),
        ({"shots": 4, "mode": "direct"}, "shots, mode"),
    ],
)
def test_what_does_not_match_is_left_out_and_named(change, differs):
    frame = scores(student(80.0), vanilla("v", 60.0, **change))
    assert compare_scores(frame).is_empty()
    assert excluded_pairs(frame)["differs"].to_list() == [differs]


def test_another_benchmark_or_role_is_no_pair():
    frame = scores(
        student(80.0), vanilla("v", 60.0, benchmark="gpqa"), vanilla("p", 60.0, role="proprietary")
    )
    assert compare_scores(frame).is_empty()
    assert excluded_pairs(frame).is_empty()


@pytest.mark.parametrize("unsaid", [{"shots": None}, {"mode": "unstated"}])
def test_an_unstated_setting_matches_only_within_one_source(unsaid):
    within = scores(student(80.0, **unsaid), vanilla("v", 60.0, **unsaid))
    across = scores(student(80.0, **unsaid), vanilla("v", 60.0, source="other", **unsaid))
    assert len(compare_scores(within)) == 1
    assert compare_scores(across).is_empty()
    assert excluded_pairs(across)["differs"].item() in ("shots", "mode")


def test_size_bands_at_their_edges():
    sizes = {4: "<1x", 8: "1-2x", 15: "1-2x", 16: "2-5x", 40: "5-10x", 80: "5-10x", 81: ">10x"}
    frame = compare_scores(
        scores(student(80.0), *(vanilla(f"v{size}", 60.0, size) for size in sizes))
    )
    found = dict(frame.select("vanilla_model", "size_band").rows())
    assert found == {f"v{size}": band for size, band in sizes.items()}


def test_active_parameters_have_a_ratio_of_their_own():
    row = compare_scores(
        scores(
            student(80.0, active_parameters=8_000_000_000),
            vanilla("moe", 60.0, 80, active_parameters=16_000_000_000),
        )
    ).row(0, named=True)
    assert (row["size_ratio"], row["active_ratio"]) == (10.0, 2.0)


def counted(frame, **by):
    return count_outcomes(compare_scores(frame), **by)


def test_counts_by_band():
    frame = scores(
        student(80.0, questions=500),
        vanilla("equal", 60.0, 8),
        vanilla("nine", 79.0, 72),
        vanilla("ten", 60.0, 80),
        vanilla("fifty", 95.0, 400),
        vanilla("unsized", 60.0) | {"parameters": None},
    )
    table = counted(frame)
    assert table["size_band"].to_list() == [*BANDS, "unknown", "all"]
    rows = {row[0]: row[1:] for row in table.select("size_band", "wins", "ties", "losses").rows()}
    assert rows == {
        "<1x": (0, 0, 0),
        "1-2x": (1, 0, 0),
        "2-5x": (0, 0, 0),
        "5-10x": (1, 1, 0),
        ">10x": (0, 0, 1),
        "unknown": (1, 0, 0),
        "all": (3, 1, 1),
    }
    everything = table.filter(size_band="all").row(0, named=True)
    assert everything["on_par_share"] == pytest.approx(0.8)
    # Five comparisons, but one score of the student: the evidence of one.
    assert everything["distilled_scores"] == 1
    assert everything["verdict"] == "undecided"
    assert table.filter(size_band="<1x")["verdict"].item() == "no data"


def test_two_tables_of_one_pair_count_once():
    rows = [
        student(80.0, source="a", questions=500),
        student(60.0, source="b"),
        vanilla("v", 60.0, source="a", questions=500),
        vanilla("v", 95.0, source="b", questions=500),
    ]
    assert len(compare_scores(scores(*rows))) == 4
    table = counted(scores(*rows)).filter(size_band="all").row(0, named=True)
    # Source a says win, source b says loss: the sources disagree.
    assert (table["wins"], table["undecided"], table["losses"]) == (0, 1, 0)
    agreeing = scores(rows[0], rows[2], rows[3])
    table = counted(agreeing).filter(size_band="all").row(0, named=True)
    assert (table["wins"], table["losses"]) == (1, 0)  # one source comes before two


def test_counts_by_model_cover_every_band():
    frame = scores(student(80.0), student(50.0, model="other"), vanilla("v", 70.0))
    table = counted(frame, by=["distilled_model"])
    assert len(table) == 2 * (len(BANDS) + 2)
    everything = table.filter(size_band="all").sort("distilled_model")
    assert everything["wins"].to_list() == [0, 1]
    assert everything["losses"].to_list() == [1, 0]


def test_verdict_follows_from_counts():
    assert verdict(0, 0, 0) == "no data"
    assert verdict(20, 5, 2) == "supported"
    assert verdict(2, 1, 20) == "contradicted"
    assert verdict(5, 2, 6) == "undecided"
    # Twenty-seven comparisons of three scores are three pieces of evidence.
    assert verdict(20, 5, 2, distilled_scores=3) == "undecided"
    interval = scipy_stats.binomtest(25, 27).proportion_ci(method="wilson")
    assert interval.low > 0.5


def test_bad_frames_are_named():
    with pytest.raises(InputError, match="no column where"):
        compare_scores(scores(student(80.0)).drop("where"))
    with pytest.raises(InputError, match="student on math-500"):
        compare_scores(scores(student(1200.0), vanilla("v", 60.0)))
    with pytest.raises(InputError, match="not a percentage"):
        compare_scores(scores(student(None), vanilla("v", 60.0)))


@pytest.mark.parametrize(
    ("own", "other", "differs"),
    [
        ({"samples": 64}, {"samples": 1}, "samples"),
        ({"decoding": "sampled"}, {"decoding": "greedy"}, "decoding"),
        ({"max_output_tokens": 32768}, {"max_output_tokens": 8192}, "max_output_tokens"),
    ],
)
def test_a_setting_that_is_known_to_differ_is_not_compared(own, other, differs):
    frame = scores(student(70.0, **own), vanilla("v", 69.5, **other))
    assert compare_scores(frame).is_empty()
    assert excluded_pairs(frame)["differs"].item() == differs


KNOWN = {"samples": 64, "decoding": "sampled", "max_output_tokens": 32768}
ALL_UNKNOWN = "samples averaged, greedy or sampled, output limit"


@pytest.mark.parametrize(
    ("own", "other", "unknown"),
    [
        (KNOWN, KNOWN, ""),
        (KNOWN, {**KNOWN, "samples": None}, "samples averaged"),
        ({}, {}, ALL_UNKNOWN),
        (KNOWN, {}, ALL_UNKNOWN),
        ({"source": "s"}, {"source": "s"}, ""),  # one table says nothing of either
        ({"source": "s", **KNOWN}, {"source": "s"}, ALL_UNKNOWN),
    ],
)
def test_a_setting_that_is_not_known_keeps_the_pair_and_is_named(own, other, unknown):
    frame = scores(student(70.0, **{"source": "a", **own}), vanilla("v", 69.5, source="b") | other)
    compared = compare_scores(frame)
    assert compared["unknown"].item() == unknown
    assert count_outcomes(compared).row(1, named=True)["unsettled"] == bool(unknown)


def test_makers_and_others_side_by_side():
    frame = scores(
        student(50.4, measured_by="maker", source="own", questions=30, **KNOWN),
        student(43.9, measured_by="independent", source="lab", samples=1, decoding="sampled"),
        student(44.0, measured_by="independent", source="lab", shots=5),
        student(44.0, measured_by=None, source="nobody"),
        vanilla("v", 60.0, measured_by="independent", source="lab"),
    )
    row = remeasured(frame).row(0, named=True)
    assert remeasured(frame).height == 1
    assert (row["maker_score"], row["independent_score"]) == (50.4, 43.9)
    assert row["difference"] == pytest.approx(-6.5)
    assert row["difference_low"] < -6.5 < 0 < row["difference_high"]
    assert (row["differs"], row["unknown"]) == ("samples averaged", "output limit")


def test_a_score_that_one_class_alone_has_stands_beside_nothing():
    assert remeasured(scores(student(50.0, measured_by="maker"))).is_empty()
