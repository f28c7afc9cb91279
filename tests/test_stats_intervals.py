"""Intervals against formulas written out, SciPy, Inspect, and simulation."""

import math
from collections import defaultdict

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize
from scipy import stats as scipy_stats

from distilbench import records
from distilbench.errors import InputError
from distilbench.stats import accuracy, macro_accuracy, paired_difference


def samples(rows):
    """Sample records from dicts; everything that a test does not say has one value."""
    common = {"model": "m", "task": "t", "profile": "p", "seed": 0, "epoch": 1}
    filled = [
        common | {"cluster": row.get("sample_id"), "sample_id": row.get("sample_id")} | row
        for row in rows
    ]
    return records.frame(filled, records.SampleRecord)


def answers(scores, **more):
    return [{"sample_id": f"q{i}", "score": float(s), **more} for i, s in enumerate(scores)]


def clustered_se_by_hand(scores, clusters):
    """The double sum of Miller 2024, equation 4, with G/(G-1)."""
    n, mean = len(scores), sum(scores) / len(scores)
    total = sum(
        (a - mean) * (b - mean)
        for a, ca in zip(scores, clusters, strict=True)
        for b, cb in zip(scores, clusters, strict=True)
        if ca == cb
    )
    g = len(set(clusters))
    return math.sqrt(total / n**2 * g / (g - 1))


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 5)), min_size=2, max_size=40))
@settings(max_examples=60)
def test_clustered_standard_error_is_the_double_sum(pairs):
    scores, clusters = [s for s, _ in pairs], [c for _, c in pairs]
    rows = [row | {"cluster": f"c{c}"} for row, c in zip(answers(scores), clusters, strict=True)]
    row = accuracy(samples(rows)).row(0, named=True)
    assert row["accuracy"] == pytest.approx(np.mean(scores), abs=1e-12)
    assert row["n_clusters"] == len(set(clusters))
    if len(set(clusters)) == 1:
        assert row["stderr"] is None
    else:
        assert row["stderr"] == pytest.approx(clustered_se_by_hand(scores, clusters), abs=1e-9)
    assert 0 <= row["low"] <= row["accuracy"] + 1e-12
    assert row["accuracy"] - 1e-12 <= row["high"] <= 1
    assert row["high"] > row["low"]


def test_clustered_standard_error_is_that_of_inspect():
    scorer = pytest.importorskip("inspect_ai.scorer")
    random = np.random.default_rng(3)
    scores, clusters = random.random(30), random.integers(0, 7, 30)
    rows = [row | {"cluster": f"c{c}"} for row, c in zip(answers(scores), clusters, strict=True)]
    theirs = scorer.stderr(cluster="c")(
        [
            scorer.SampleScore(score=scorer.Score(value=float(s)), sample_metadata={"c": int(c)})
            for s, c in zip(scores, clusters, strict=True)
        ]
    )
    assert accuracy(samples(rows))["stderr"].item() == pytest.approx(theirs, rel=1e-9)


def test_independent_questions_have_the_plain_standard_error_and_student_interval():
    scores = [0.1, 0.4, 0.35, 0.8, 0.62, 0.5]
    row = accuracy(samples(answers(scores))).row(0, named=True)
    assert row["stderr"] == pytest.approx(scipy_stats.sem(scores))
    low, high = scipy_stats.ttest_1samp(scores, 0).confidence_interval(0.95)
    assert (row["low"], row["high"]) == pytest.approx((low, high))


@pytest.mark.parametrize(("right", "n"), [(0, 20), (1, 20), (13, 20), (20, 20), (50, 120)])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_independent_right_and_wrong_have_wilsons_interval(right, n, level):
    row = accuracy(samples(answers([1] * right + [0] * (n - right))), level=level).row(
        0, named=True
    )
    wilson = scipy_stats.binomtest(right, n).proportion_ci(level, method="wilson")
    assert (row["low"], row["high"]) == pytest.approx((wilson.low, wilson.high), abs=1e-9)


def test_repeating_every_question_adds_no_certainty_but_counts_samples():
    once = answers([1, 0, 1, 1, 0, 1, 0, 1])
    thrice = [row | {"seed": seed, "epoch": e} for row in once for seed in (0, 1) for e in (1, 2)]
    a, b = (accuracy(samples(rows)).row(0, named=True) for rows in (once, thrice))
    assert (b["n_questions"], b["n_samples"]) == (8, 32)
    assert b["stderr"] == pytest.approx(a["stderr"])
    assert b["high"] - b["low"] >= a["high"] - a["low"] - 1e-9


def test_a_question_repeated_more_often_does_not_count_more():
    rows = answers([1, 0]) + [{"sample_id": "q0", "score": 1.0, "epoch": e} for e in (2, 3, 4)]
    assert accuracy(samples(rows))["accuracy"].item() == 0.5


def in_clusters(counts, **more):
    """Samples of clusters, each of so many right answers of so many questions."""
    return samples(
        {"sample_id": f"q{c}-{i}", "cluster": f"c{c}", "score": float(i < right), **more}
        for c, (right, asked) in enumerate(counts)
        for i in range(asked)
    )


def limits_by_hand(counts):
    """The equation of each limit, solved by SciPy: the normal tails of a share, averaged over the
    correlations at the middles of 24 parts of Jeffreys' prior by their beta-binomial probability,
    are 5%."""
    right, asked = (np.array(column) for column in zip(*counts, strict=True))
    n, share = asked.sum(), asked / asked.sum()
    p, centre = right.sum() / n, (right.sum() + 0.5) / (n + 1)
    rhos = scipy_stats.beta(0.5, 0.5).ppf((np.arange(24) + 0.5) / 24)
    designs = (1 - rhos) / n + rhos * (share**2).sum()

    def weights(mean):
        log = [
            scipy_stats.betabinom.logpmf(right, asked, mean * s, (1 - mean) * s).sum()
            for s in (1 - rhos) / rhos
        ]
        return np.exp(log - max(log)) / np.exp(log - max(log)).sum()

    residuals = right - p * asked
    variance = (residuals**2 / (1 - share)).sum() / n**2
    kurtosis = len(counts) * (residuals**4).sum() / max((residuals**2).sum(), 1e-30) ** 2
    a = 1 / (1 - share)
    uneven = (share**2).sum() + (a * share**2).sum() ** 2 - (a**2 * share**4).sum()
    df = max(1, 1 / (uneven + max(0, kurtosis - 3) / (2 * len(counts))))
    model = centre * (1 - centre) * weights(centre) @ designs
    factor = (variance / model) ** (df / (df + 10)) if variance else 1.0

    def tails(limit):
        angles = np.arcsin(np.sqrt([centre, limit]))
        errors = np.sqrt(limit * (1 - limit) * designs * factor)
        tail = 2 * scipy_stats.norm.sf(abs(p - limit) / errors)
        return weights(np.sin(angles.mean()) ** 2) @ tail - 0.05

    inner = min(max(p, 1e-9), 1 - 1e-9)
    ends = ((1e-9, inner), (inner, 1 - 1e-9))
    return [
        end if p == end else optimize.brentq(tails, *bracket, xtol=1e-12)
        for end, bracket in zip((0.0, 1.0), ends, strict=True)
    ]


COUNTS = {
    "fives": [(3, 5), (5, 5), (0, 5), (2, 5), (4, 5), (5, 5)],
    "uneven": [(1, 1), (0, 1), (9, 12), (2, 3), (0, 4), (1, 2), (7, 7)],
    "all in one": [(10, 10), *[(0, 10)] * 9],
    "none right": [(0, 8)] * 5,
    "all right": [(4, 4), (2, 2), (9, 9)],
    "spread evenly": [(1, 10)] * 10,
    "two clusters": [(3, 20), (17, 20)],
    "many": [(k % 4, 4) for k in range(200)],
}


@pytest.mark.parametrize("counts", COUNTS.values(), ids=COUNTS)
def test_clustered_shares_have_the_limits_of_the_equation(counts):
    row = accuracy(in_clusters(counts)).row(0, named=True)
    assert (row["low"], row["high"]) == pytest.approx(limits_by_hand(counts), abs=1e-7)


def test_a_clustered_interval_does_not_hang_on_its_company_or_its_order():
    """Groups are calculated together, until all are: none may move another's limits."""
    table = pl.concat(
        in_clusters(counts, model=name).sample(fraction=1, shuffle=True, seed=1)
        for name, counts in COUNTS.items()
    )
    together = accuracy(table)
    for name, counts in COUNTS.items():
        alone = accuracy(in_clusters(counts, model=name)).row(0, named=True)
        row = together.row(by_predicate=pl.col("model") == name, named=True)
        assert (row["low"], row["high"]) == pytest.approx((alone["low"], alone["high"]), abs=1e-8)


def test_right_and_wrong_are_mirrored():
    for counts in COUNTS.values():
        row = accuracy(in_clusters(counts)).row(0, named=True)
        other = accuracy(in_clusters([(n - k, n) for k, n in counts])).row(0, named=True)
        assert (1 - other["high"], 1 - other["low"]) == pytest.approx(
            (row["low"], row["high"]), abs=1e-7
        )


def test_the_same_share_is_less_sure_the_more_it_stands_together():
    """Ten right of a hundred, in ten clusters, in two and in one; never surer than a hundred
    questions that were asked alone."""
    spreads = [[1] * 10, [5, 5, *[0] * 8], [10, *[0] * 9]]
    found = [accuracy(in_clusters([(k, 10) for k in spread])) for spread in spreads]
    lows, highs = ([table[end].item() for table in found] for end in ("low", "high"))
    wilson = scipy_stats.binomtest(10, 100).proportion_ci(method="wilson")
    assert wilson.low + 1e-9 > lows[0] > lows[1] > lows[2] > 0
    assert wilson.high - 1e-9 < highs[0] < highs[1] < highs[2] < 0.5


def test_one_cluster_tells_nothing_about_the_error():
    rows = [row | {"cluster": "only"} for row in answers([0.2, 0.5, 0.9])]
    row = accuracy(samples(rows)).row(0, named=True)
    assert (row["stderr"], row["low"], row["high"]) == (None, 0.0, 1.0)


def simulate(random, clusters, size, binary):
    """Questions in clusters of one difficulty each; the true mean is 0.7."""
    difficulty = np.repeat(random.beta(2.8, 1.2, clusters), size)
    scores = random.random(len(difficulty)) < difficulty if binary else difficulty
    return [
        {"sample_id": f"q{i}", "cluster": f"c{i // size}", "score": float(s)}
        for i, s in enumerate(scores)
    ]


@pytest.mark.parametrize(("clusters", "size"), [(30, 5), (60, 1)])
@pytest.mark.parametrize("binary", [True, False])
def test_intervals_cover_the_truth_as_often_as_they_say(clusters, size, binary):
    random = np.random.default_rng(11)
    rows = [
        row | {"model": f"m{trial}"}
        for trial in range(600)
        for row in simulate(random, clusters, size, binary)
    ]
    table = accuracy(samples(rows))
    covered = ((table["low"] <= 0.7) & (table["high"] >= 0.7)).mean()
    assert 0.92 <= covered <= 0.98
    if size > 1:  # the same data taken as independent questions is overconfident
        naive = accuracy(samples(rows).with_columns(cluster=pl.col("sample_id")))
        assert ((naive["low"] <= 0.7) & (naive["high"] >= 0.7)).mean() < 0.9


def test_groups_are_apart_and_sorted():
    rows = answers([1, 1], model="b") + answers([0, 1], model="a") + answers([0], task="u")
    table = accuracy(samples(rows))
    assert table.select("model", "task", "accuracy").rows() == [
        ("a", "t", 0.5), ("b", "t", 1.0), ("m", "u", 0.0)
    ]  # fmt: skip


def test_macro_accuracy_weighs_tasks_alike_and_adds_variances():
    rows = answers([1, 0, 1, 1], task="short") + answers([0, 1] * 20, task="long")
    tasks = accuracy(samples(rows))
    row = macro_accuracy(samples(rows)).row(0, named=True)
    assert row["accuracy"] == pytest.approx((0.75 + 0.5) / 2)
    assert row["stderr"] == pytest.approx(math.hypot(*tasks["stderr"]) / 2)
    assert (row["n_tasks"], row["n_questions"]) == (2, 44)
    below = math.hypot(*(tasks["accuracy"] - tasks["low"])) / 2
    assert row["low"] == pytest.approx(row["accuracy"] - below)


def test_macro_accuracy_of_nothing_right_keeps_its_width():
    rows = answers([0] * 30, task="t") + answers([0] * 30, task="u")
    row = macro_accuracy(samples(rows)).row(0, named=True)
    assert (row["stderr"], row["low"]) == (0.0, 0.0)
    assert 0.05 < row["high"] < 0.1


def test_a_score_out_of_range_or_a_missing_column_is_named():
    with pytest.raises(InputError, match="score"):
        accuracy(samples(answers([1.2])))
    with pytest.raises(InputError, match="score"):
        accuracy(samples([{"sample_id": "q", "score": None}]))
    with pytest.raises(InputError, match="no column cluster"):
        accuracy(samples(answers([1])).drop("cluster"))


def pair(a, b, **more):
    return answers(a, model="a", **more) + answers(b, model="b", **more)


def test_paired_difference_is_the_paired_t_test():
    random = np.random.default_rng(5)
    a, b = random.random(25), random.random(25)
    row = paired_difference(samples(pair(a, b)), "a", "b").row(0, named=True)
    test = scipy_stats.ttest_rel(a, b)
    interval = test.confidence_interval()
    assert row["difference"] == pytest.approx(a.mean() - b.mean())
    assert row["p_value"] == pytest.approx(test.pvalue)
    assert (row["low"], row["high"]) == pytest.approx((interval.low, interval.high))


def test_paired_difference_clusters():
    random = np.random.default_rng(6)
    a, b, clusters = random.random(40), random.random(40), [f"c{i % 8}" for i in range(40)]
    rows = [row | {"cluster": clusters[i % 40]} for i, row in enumerate(pair(a, b))]
    row = paired_difference(samples(rows), "a", "b").row(0, named=True)
    assert row["stderr"] == pytest.approx(clustered_se_by_hand(list(a - b), clusters))
    assert row["n_clusters"] == 8


def test_pairing_is_by_seed_and_question_and_leaves_out_the_rest():
    rows = [
        {"model": "a", "sample_id": "q0", "seed": 0, "score": 1.0},
        {"model": "a", "sample_id": "q0", "seed": 1, "score": 0.0},
        {"model": "a", "sample_id": "q1", "seed": 0, "score": 1.0},
        {"model": "b", "sample_id": "q0", "seed": 0, "score": 0.0},
        {"model": "b", "sample_id": "q1", "seed": 0, "score": 1.0},
        {"model": "b", "sample_id": "q2", "seed": 0, "score": 1.0},
    ]
    row = paired_difference(samples(rows), "a", "b").row(0, named=True)
    assert (row["n_questions"], row["difference"]) == (2, 0.5)
    assert (row["accuracy_a"], row["accuracy_b"]) == (1.0, 0.5)


def test_paired_difference_overall_is_the_mean_of_tasks():
    random = np.random.default_rng(7)
    rows = pair(random.random(20), random.random(20), task="t") + pair(
        random.random(60), random.random(60), task="u"
    )
    table = paired_difference(samples(rows), "a", "b")
    assert table["task"].to_list() == ["t", "u", None]
    assert table["difference"][2] == pytest.approx(table["difference"][:2].mean())
    assert table["stderr"][2] == pytest.approx(math.hypot(*table["stderr"][:2]) / 2)
    assert table["low"][2] < table["difference"][2] < table["high"][2]


def test_agreement_on_every_question_is_not_certainty():
    row = paired_difference(samples(pair([1, 0] * 25, [1, 0] * 25)), "a", "b").row(0, named=True)
    assert (row["difference"], row["stderr"], row["p_value"]) == (0.0, 0.0, 1.0)
    bonett_price = scipy_stats.t.ppf(0.975, 49) * math.sqrt(2 / 52 / 52)
    assert (row["low"], row["high"]) == pytest.approx((-bonett_price, bonett_price))


def test_winning_every_question_is_significant_and_stays_in_range():
    row = paired_difference(samples(pair([1] * 30, [0] * 30)), "a", "b").row(0, named=True)
    assert row["p_value"] < 1e-6
    assert row["high"] == 1.0
    assert 0.8 < row["low"] < 1.0


def test_paired_p_values_are_uniform_without_a_difference():
    random = np.random.default_rng(8)
    ability = defaultdict(lambda: random.random(40))
    rows = [
        row | {"task": f"t{trial}"}
        for trial in range(400)
        for row in pair(random.random(40) < ability[trial], random.random(40) < ability[trial])
    ]
    p = paired_difference(samples(rows), "a", "b").filter(pl.col("task").is_not_null())["p_value"]
    assert 0.02 <= (p < 0.05).mean() <= 0.08


def test_swapping_models_mirrors_the_difference():
    rows = samples(pair([1, 0, 1, 1, 0], [0, 0, 1, 0, 1]))
    ab, ba = (paired_difference(rows, *names).row(0, named=True) for names in ("ab", "ba"))
    assert ab["difference"] == -ba["difference"]
    assert (ab["low"], ab["high"]) == pytest.approx((-ba["high"], -ba["low"]))
    assert ab["p_value"] == pytest.approx(ba["p_value"])


def test_models_without_a_common_question_are_refused():
    rows = answers([1], model="a", seed=0) + answers([1], model="b", seed=1)
    with pytest.raises(InputError, match="share no question"):
        paired_difference(samples(rows), "a", "b")
    with pytest.raises(InputError, match="'c' has none"):
        paired_difference(samples(rows), "a", "c")
