"""Power, margins, several comparisons, frontiers over costs, density and epochs, against
statsmodels and against sums written out."""

import itertools
import math
from unittest.mock import patch

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

from distilbench.errors import InputError
from distilbench.stats import (
    accuracy,
    bootstrap_accuracies,
    by_epoch,
    capability_density,
    decide,
    discordance,
    equivalent,
    fit_curve,
    frontier_probability,
    holm,
    hypervolume,
    paired_difference,
    pareto,
    power,
    questions_needed,
    same_questions,
    smallest_difference,
    stdev_of_difference,
)
from tests.test_stats_intervals import answers, pair, samples

THEIRS = TTestPower()


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
@pytest.mark.parametrize("questions", [5, 30, 400, 5000])
@pytest.mark.parametrize("difference", [0.0, 0.01, 0.05, -0.1])
def test_power_is_that_of_statsmodels(difference, questions, level):
    effect = abs(difference) / 0.45
    wanted = THEIRS.power(effect, questions, 1 - level, alternative="two-sided")
    if math.isnan(wanted):  # it takes a tail of SciPy's that has no number so far out
        wanted = power_by_integration(effect, questions, level)
    assert power(difference, 0.45, questions, level) == pytest.approx(wanted, abs=1e-9)


def power_by_integration(effect, questions, level):
    """The chance that a normal over the root of a chi-square over its degrees passes Student's."""
    df, shift = questions - 1, effect * math.sqrt(questions)
    t = scipy_stats.t.ppf(0.5 + level / 2, df)

    w = scipy_stats.chi2.ppf((np.arange(200_000) + 0.5) / 200_000, df)
    tails = scipy_stats.norm.sf(t * np.sqrt(w / df) - shift)  # the other tail is 0 in doubles
    return float(tails.mean())


@pytest.mark.parametrize("questions", [20, 320, 3000])
@pytest.mark.parametrize("wanted", [0.5, 0.8, 0.95])
def test_smallest_difference_is_seen_with_the_power_asked_for(questions, wanted):
    found = smallest_difference(0.3, questions, wanted)
    theirs = THEIRS.power(found / 0.3, questions, 0.05, alternative="two-sided")
    assert theirs == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("difference", [0.9, 0.2, 0.05, -0.013])
def test_questions_needed_is_the_fewest(difference):
    found = questions_needed(difference, 0.4)
    assert power(difference, 0.4, found) >= 0.8
    assert found == 2 or power(difference, 0.4, found - 1) < 0.8


def test_a_difference_of_nothing_needs_more_questions_than_there_are():
    assert questions_needed(0.0, 0.4) is None
    assert questions_needed(1e-6, 0.4) is None


def test_power_is_how_often_a_simulation_finds_the_difference():
    """With discordance from assumptions: 0.7 and 0.6 right, correlated by 0.4."""
    a, b, r, n, trials = 0.7, 0.6, 0.4, 250, 4000
    both = a * b + r * math.sqrt(a * (1 - a) * b * (1 - b))
    share = discordance(a, b, r)
    assert share == pytest.approx(a + b - 2 * both)
    random = np.random.default_rng(4)
    kinds = random.choice(3, p=[1 - share, a - both, b - both], size=(trials, n))
    d = (kinds == 1).astype(float) - (kinds == 2)
    found = scipy_stats.ttest_1samp(d, 0, axis=1).pvalue < 0.05
    told = power(a - b, stdev_of_difference(share, a - b), n)
    assert found.mean() == pytest.approx(told, abs=0.025)


def test_epochs_lower_only_what_is_within_a_question():
    once = stdev_of_difference(0.3, 0.1)
    assert once == pytest.approx(math.sqrt(0.3 - 0.01))
    assert stdev_of_difference(0.3, 0.1, epochs=4) == pytest.approx(once / 2)
    kept = stdev_of_difference(0.3, 0.1, epochs=10_000, questions_alone=0.25)
    assert kept == pytest.approx(once / 2, rel=1e-3)


def test_what_cannot_be_is_refused():
    with pytest.raises(InputError, match="correlation"):
        discordance(0.9, 0.2, 0.9)
    with pytest.raises(InputError, match="discordant"):
        stdev_of_difference(0.01, 0.5)
    with pytest.raises(InputError, match="stdev"):
        power(0.1, 0.0, 20)
    with pytest.raises(InputError, match="questions"):
        smallest_difference(0.3, 1)


@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=12))
@settings(max_examples=80)
def test_holm_is_that_of_statsmodels(p_values):
    known = [p for p in p_values if p is not None]
    with patch("gc.collect"):  # theirs searches all memory for garbage, half a second each time
        theirs = iter(multipletests(known, method="holm")[1] if known else ())
    wanted = [None if p is None else float(next(theirs)) for p in p_values]
    assert holm(p_values) == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.001, 0.1, "better"),
        (0.0, 0.1, "non-inferior"),
        (-0.049, 0.02, "non-inferior"),
        (-0.05, 0.02, "undecided"),
        (-0.3, 0.3, "undecided"),
        (-0.04, -0.01, "within the margin"),
        (-0.2, -0.01, "worse"),
        (-0.2, -0.1, "worse"),
    ],
)
def test_an_interval_and_a_margin_decide(low, high, said):
    assert decide(low, high, 0.05) == said


def test_no_margin_is_no_question():
    with pytest.raises(ValueError, match="margin"):
        decide(-0.1, 0.1, 0.0)


def test_non_inferiority_is_the_one_sided_paired_test_of_scipy():
    random = np.random.default_rng(9)
    for _ in range(20):
        a, b = random.random(30), random.random(30)
        row = paired_difference(samples(pair(a, b)), "a", "b").row(0, named=True)
        p = scipy_stats.ttest_rel(a + 0.1, b, alternative="greater").pvalue
        assert (row["low"] > -0.1) == (p < 0.025)


def cr2_by_matrices(scores, clusters):
    """Variance and degrees of freedom of a mean by Bell and McCaffrey, from the matrices."""
    n = len(scores)
    x = np.ones((n, 1))
    hat = x @ x.T / n
    residual = scores - scores.mean()
    variance, columns = 0.0, []
    for c in np.unique(clusters):
        mine = np.flatnonzero(clusters == c)
        values, vectors = np.linalg.eigh(np.eye(len(mine)) - hat[np.ix_(mine, mine)])
        adjust = vectors @ np.diag(values**-0.5) @ vectors.T
        variance += (np.ones(len(mine)) @ adjust @ residual[mine] / n) ** 2
        columns.append((np.eye(n) - hat)[:, mine] @ adjust @ np.ones(len(mine)))
    gram = np.stack(columns, axis=1)
    eigenvalues = np.linalg.eigvalsh(gram.T @ gram)
    return variance, eigenvalues.sum() ** 2 / (eigenvalues**2).sum()


def test_intervals_of_uneven_clusters_rest_on_cr2_and_its_degrees_of_freedom():
    random = np.random.default_rng(12)
    checked = 0
    for _ in range(30):
        clusters = random.integers(0, 6, 40)
        scores = random.random(40) + 0.05 * clusters / 5
        scores /= scores.max()
        rows = [r | {"cluster": f"c{c}"} for r, c in zip(answers(scores), clusters, strict=True)]
        row = accuracy(samples(rows)).row(0, named=True)
        sums = np.array([(scores - scores.mean())[clusters == c].sum() for c in range(6)])
        tails = max(0.0, 6 * (sums**4).sum() / (sums**2).sum() ** 2 - 3)
        variance, df = cr2_by_matrices(scores, clusters)
        half = scipy_stats.t.ppf(0.975, 1 / (1 / df + tails / 12)) * math.sqrt(variance)
        wanted = (max(0.0, scores.mean() - half), min(1.0, scores.mean() + half))
        assert (row["low"], row["high"]) == pytest.approx(wanted, abs=1e-9)
        checked += tails == 0
    assert 0 < checked < 30


POINT = st.tuples(*[st.integers(0, 4).map(float)] * 3)


@given(st.lists(POINT, max_size=15))
@settings(max_examples=80)
def test_a_frontier_over_two_costs_is_what_nothing_beats(points):
    frame = pl.DataFrame(points, schema=["flops", "joules", "accuracy"], orient="row")
    found = pareto(frame.cast(pl.Float64), ["flops", "joules"], "accuracy")["on_frontier"]
    beaten = [
        any(o != p and o[0] <= p[0] and o[1] <= p[1] and o[2] >= p[2] for o in points)
        for p in points
    ]
    assert found.to_list() == [not one for one in beaten]


@given(st.lists(POINT, max_size=7))
@settings(max_examples=60)
def test_hypervolume_is_that_of_the_union_of_boxes(points):
    """By inclusion and exclusion over all sets of boxes."""
    frame = pl.DataFrame(points, schema={n: pl.Float64 for n in "abv"}, orient="row")
    worst = {"a": 3.5, "b": 4.0, "v": 0.5}
    boxes = [(3.5 - a, 4.0 - b, v - 0.5) for a, b, v in points if a < 3.5 and b < 4 and v > 0.5]
    union = sum(
        (-1) ** (k + 1) * math.prod(map(min, zip(*chosen, strict=True)))
        for k in range(1, len(boxes) + 1)
        for chosen in itertools.combinations(boxes, k)
    )
    assert hypervolume(frame, ["a", "b"], "v", worst) == pytest.approx(union, abs=1e-9)


def test_a_cost_that_is_not_known_adds_no_volume():
    frame = pl.DataFrame({"usd": [1.0, None], "accuracy": [0.5, 1.0]})
    assert hypervolume(frame, "usd", "accuracy", {"usd": 2.0, "accuracy": 0.0}) == 0.5


def test_the_probability_of_the_frontier_is_its_share_of_the_draws():
    random = np.random.default_rng(2)
    drawn = random.random((500, 4)).round(1)
    cost = [1.0, 2.0, 2.0, None]
    found = frontier_probability(cost, drawn)
    on = np.zeros(3)
    for draw in drawn:
        frame = pl.DataFrame({"cost": cost[:3], "accuracy": draw[:3]})
        on += pareto(frame, "cost", "accuracy")["on_frontier"].to_numpy()
    assert found == pytest.approx([*(on / 500), None])


def test_bootstrap_of_accuracies_has_the_standard_error():
    scores = {"a": [1, 0, 1, 1] * 20, "b": [0, 0, 1, 0] * 20}
    rows = samples([r for m, s in scores.items() for r in answers(s, model=m)])
    drawn = bootstrap_accuracies(rows.with_columns(entry="model"), ["a", "b"], 20_000)
    assert drawn.mean(axis=0) == pytest.approx([0.75, 0.25], abs=0.002)
    assert drawn.std(axis=0) == pytest.approx([math.sqrt(0.75 * 0.25 / 80)] * 2, rel=0.03)


def test_capability_density_is_effective_over_own_parameters():
    sizes = pl.DataFrame({"parameters": [1e9, 4e9, 16e9], "score": [30.0, 50.0, 70.0]})
    curve = fit_curve(sizes, "parameters")
    found = capability_density(equivalent(curve, 50.0), 1e9)
    assert found.value == pytest.approx(4.0, rel=1e-6)
    assert found.bound == "="
    beyond = capability_density(equivalent(curve, 90.0), 1e9)
    assert (beyond.bound, beyond.value) == (">=", 16.0)
    flops = fit_curve(sizes.rename({"parameters": "compute_flops"}))
    with pytest.raises(InputError, match="sizes"):
        capability_density(equivalent(flops, 50.0), 1e9)


def test_asking_again_moves_what_differs_within_questions():
    """The pooled variance within questions is the mean square of an analysis of variance."""
    random = np.random.default_rng(3)
    scores = random.random((12, 5))
    rows = [
        {"sample_id": f"q{q}", "epoch": e + 1, "score": float(scores[q, e])}
        for q in range(12)
        for e in range(5)
    ]
    row = same_questions(samples(rows)).row(0, named=True)
    within = scores.var(axis=1, ddof=1).mean()
    assert row["stderr_again"] == pytest.approx(math.sqrt(within / 60), abs=1e-12)
    between = scipy_stats.f_oneway(*scores).statistic * within
    whole = accuracy(samples(rows)).row(0, named=True)
    assert whole["stderr"] ** 2 == pytest.approx(between / 60, abs=1e-12)
    assert (row["n_questions"], row["epochs"]) == (12, 5)
    each = by_epoch(samples(rows)).sort("epoch")
    assert each["accuracy"].to_list() == pytest.approx(scores.mean(axis=0).tolist())


def test_questions_asked_once_tell_nothing_of_asking_again():
    row = same_questions(samples(answers([1, 0, 1]))).row(0, named=True)
    assert (row["accuracy"], row["stderr_again"], row["low"]) == (pytest.approx(2 / 3), None, None)


def test_greedy_answers_do_not_move():
    rows = [r | {"epoch": e} for r in answers([1, 0, 1]) for e in (1, 2)]
    row = same_questions(samples(rows)).row(0, named=True)
    assert (row["stderr_again"], row["low"], row["high"]) == pytest.approx((0, 2 / 3, 2 / 3))
