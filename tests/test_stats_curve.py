"""The curve on families whose curve is known."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from distilbench.errors import InputError
from distilbench.stats import (
    compute_equivalent_gain,
    equivalent,
    fit_curve,
    pool_scatter,
    predict,
)


def true_score(log_compute, lower=0.0, middle=23.0, slope=1.3):
    return lower + (100 - lower) * expit(slope * (np.asarray(log_compute) - middle))


def family(log_compute, scores, **more):
    return pl.DataFrame({"compute_flops": 10.0 ** np.asarray(log_compute), "score": scores, **more})


@given(
    lower=st.sampled_from([0.0, 20.0, 25.0]),
    middle=st.floats(21, 25),
    slope=st.floats(0.3, 2.5),
    logs=st.lists(st.floats(20, 26), min_size=3, max_size=6, unique_by=lambda v: round(v, 1)),
)
@settings(max_examples=40)
def test_fit_recovers_the_curve_and_a_point_on_it_has_gain_one(lower, middle, slope, logs):
    if max(logs) - min(logs) < 0.5:
        return
    curve = fit_curve(family(logs, true_score(logs, lower, middle, slope)), lower=lower, draws=200)
    assert curve.slope / curve.width == pytest.approx(slope, rel=1e-3)
    assert curve.centre - curve.width * curve.intercept / curve.slope == pytest.approx(
        middle, abs=0.01
    )
    inside = (min(logs) + max(logs)) / 2
    found = equivalent(curve, float(true_score(inside, lower, middle, slope)))
    gain = compute_equivalent_gain(found, own=10**inside)
    assert gain.bound == "="
    assert gain.value == pytest.approx(1, rel=0.02)
    assert gain.low <= 1.02
    assert gain.high >= 0.98


def test_fit_is_the_maximum_likelihood_of_a_logistic_regression():
    """For counts, the score equations are those of logistic regression: check their solution by
    minimising the deviance directly."""
    from scipy.optimize import minimize

    logs, share = np.array([21.0, 22.0, 23.5, 24.0]), np.array([0.1, 0.35, 0.5, 0.9])
    curve = fit_curve(family(logs, 100 * share))

    def deviance(ab):
        f = expit(ab[0] + ab[1] * (logs - 22))
        return -(share * np.log(f) + (1 - share) * np.log(1 - f)).sum()

    a, b = minimize(
        deviance, [0, 1], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-14}
    ).x
    mine = predict(curve, list(10.0**logs))["score"].to_numpy()
    assert mine == pytest.approx(100 * expit(a + b * (logs - 22)), abs=1e-4)


@pytest.mark.parametrize("points", [3, 4, 6])
def test_intervals_cover_the_truth(points):
    """Equivalent compute, the curve and one further model, with scatter of unknown size."""
    random = np.random.default_rng(points)
    logs = np.linspace(21.5, 24.5, points)
    trials, found, on_curve, next_one = 250, 0, 0, 0
    for trial in range(trials):
        noisy = true_score(logs) + random.normal(0, 4, points)
        try:
            curve = fit_curve(family(logs, np.clip(noisy, 0, 100)), draws=400, seed=trial)
        except InputError:
            found, on_curve, next_one = found + 1, on_curve + 1, next_one + 1
            continue
        answer = equivalent(curve, float(true_score(23.3)))
        found += (answer.low or 0) <= 10**23.3 <= (answer.high or math.inf)
        row = predict(curve, [10**23.3]).row(0, named=True)
        on_curve += row["low"] <= true_score(23.3) <= row["high"]
        further = true_score(23.3) + random.normal(0, 4)
        next_one += row["next_low"] <= further <= row["next_high"]
    assert found / trials >= 0.90
    assert on_curve / trials >= 0.90
    assert next_one / trials >= 0.90
    if points == 6:  # with so many the interval is not just "anything"
        assert on_curve / trials <= 0.99


def test_a_score_above_the_range_is_a_lower_bound_and_never_extrapolated():
    logs = [22.0, 23.0, 24.0]
    curve = fit_curve(family(logs, true_score(logs)))
    above = equivalent(curve, float(true_score(25.0)))
    assert (above.bound, above.value, above.high) == (">=", pytest.approx(1e24), None)
    assert above.low == pytest.approx(1e24)
    below = equivalent(curve, float(true_score(21.0)))
    assert (below.bound, below.value, below.low) == ("<=", pytest.approx(1e22), None)
    assert equivalent(curve, 100.0).bound == ">="
    assert equivalent(curve, 0.0).bound == "<="
    gain = compute_equivalent_gain(above, own=1e21)
    assert (gain.bound, gain.value, gain.high) == (">=", pytest.approx(1000), None)


def test_an_interval_end_beyond_the_range_is_unknown():
    logs = [22.0, 23.0, 24.0]
    curve = fit_curve(family(logs, true_score(logs)))
    near_the_end = equivalent(curve, float(true_score(23.9)), stderr=5.0)
    assert near_the_end.bound == "="
    assert near_the_end.high is None
    assert 1e22 < near_the_end.low < 10**23.9


def test_standard_errors_widen_the_interval_of_points_that_fit_by_luck():
    logs = [22.0, 23.0, 24.0]
    exact = family(logs, true_score(logs))
    lucky = fit_curve(exact)
    honest = fit_curve(exact.with_columns(se=pl.lit(3.0)), stderr="se")
    narrow, wide = (predict(c, [1e23]).row(0, named=True) for c in (lucky, honest))
    assert narrow["high"] - narrow["low"] < 0.1
    # Delta method at the middle of a symmetric design: d intercept = sum(errors) / sum(f (1 - f)).
    f = true_score(logs) / 100
    error = 0.25 * 3 * math.sqrt(3) / (f * (1 - f)).sum()
    assert wide["high"] - wide["low"] == pytest.approx(2 * 1.96 * error, rel=0.1)
    assert wide["next_high"] - wide["next_low"] > wide["high"] - wide["low"]


def test_predict_marks_extrapolation_and_rises():
    logs = [21.0, 22.0, 23.0, 24.0]
    curve = fit_curve(family(logs, true_score(logs) + np.array([1.0, -1.0, 1.0, -1.0])))
    table = predict(curve, [1e20, 1e21, 1e22, 1e24, 1e25])
    assert table["in_range"].to_list() == [False, True, True, True, False]
    assert table["score"].is_sorted()
    for low, high in (("low", "high"), ("next_low", "next_high")):
        assert ((table[low] <= table["score"]) & (table["score"] <= table[high])).all()


def test_scores_at_chance_and_at_the_ceiling_need_no_shifting():
    curve = fit_curve(family([21, 22, 23, 24], [24.0, 25.0, 70.0, 100.0]), lower=25.0)
    middle = equivalent(curve, 62.5)
    assert middle.bound == "="
    assert 22 < math.log10(middle.value) < 23


def test_the_scale_may_be_parameters():
    sizes = np.array([1e9, 8e9, 70e9])
    scores = 100 * expit(logit(0.5) + np.log10(sizes / 8e9))
    curve = fit_curve(pl.DataFrame({"parameters": sizes, "score": scores}), scale="parameters")
    found = equivalent(curve, 50.0)
    assert (found.scale, found.value) == ("parameters", pytest.approx(8e9, rel=1e-3))


def test_gain_takes_the_range_of_its_own_compute_end_against_end():
    logs = [22.0, 23.0, 24.0]
    curve = fit_curve(family(logs, true_score(logs)))
    found = equivalent(curve, float(true_score(23.0)), stderr=1.0)
    gain = compute_equivalent_gain(found, own=1e20, own_low=5e19, own_high=4e20)
    assert gain.low == pytest.approx(found.low / 4e20)
    assert gain.high == pytest.approx(found.high / 5e19)
    with pytest.raises(InputError, match="own compute"):
        compute_equivalent_gain(found, own=0)


@pytest.mark.parametrize(
    ("frame", "problem"),
    [
        (family([22, 23], [40, 60]), "2 distinct"),
        (family([22, 23, 23], [40, 60, 61]), "2 distinct"),
        (family([22, 23, 24], [60, 50, 40]), "does not rise"),
        (family([22, 23, 24], [60, None, 40]), "score is missing"),
        (family([22, 23, 24], [40, 60, 140]), "not in percent"),
        (pl.DataFrame({"compute_flops": [0.0, 1, 2], "score": [1, 2, 3]}), "not above 0"),
        (pl.DataFrame({"score": [1, 2, 3]}), "no column compute_flops"),
    ],
)
def test_what_makes_no_curve_is_refused(frame, problem):
    with pytest.raises(InputError, match=problem):
        fit_curve(frame, where="family x")


def test_draws_are_repeatable():
    frame = family([21, 22, 23, 24], [20, 35, 50, 80])
    first, second = (equivalent(fit_curve(frame), 60.0, stderr=2.0) for _ in range(2))
    assert first == second


def test_pooled_scatter_is_honest_and_narrower_than_that_of_three_points():
    """Eight benchmarks of one family of three sizes, all with the same dispersion."""
    random = np.random.default_rng(2)
    logs, phi = np.array([21.5, 23.0, 24.5]), 0.004
    f = true_score(logs) / 100
    covered, widths = 0, {"own": [], "pooled": []}
    for _ in range(30):
        noise = np.sqrt(phi * f * (1 - f)) * random.standard_normal((8, 3))
        frames = [family(logs, np.clip(100 * (f + row), 0, 100)) for row in noise]
        curves = [fit_curve(frame, draws=400) for frame in frames]
        pool = pool_scatter(curves)
        assert pool.freedom == 8
        for frame, curve in zip(frames, curves, strict=True):
            again = fit_curve(frame, draws=400, scatter=pool)
            assert (again.intercept, again.slope) == (curve.intercept, curve.slope)
            assert again.own_scatter == curve.own_scatter
            for name, one in (("own", curve), ("pooled", again)):
                row = predict(one, [10**23.3]).row(0, named=True)
                widths[name].append(row["high"] - row["low"])
            covered += row["low"] <= true_score(23.3) <= row["high"]
    assert 0.9 <= covered / 240 <= 0.99
    assert np.mean(widths["pooled"]) < 0.6 * np.mean(widths["own"])
    with pytest.raises(InputError, match="no curve"):
        pool_scatter([])
