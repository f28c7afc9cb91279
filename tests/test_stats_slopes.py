"""Partial pooling of slopes: against the textbook's example, by another way of integrating, and on
families whose slopes are known."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import stats
from scipy.special import expit

from distilbench.errors import InputError
from distilbench.stats import (
    OwnSlope,
    Scatter,
    equivalent,
    fit_curve,
    pool_slopes,
    predict,
    slope_of,
)

SCHOOLS = [(28, 15), (8, 10), (-3, 16), (7, 11), (-1, 9), (1, 11), (18, 10), (12, 18)]
"""Effects of coaching in eight schools and their standard errors: Rubin 1981, and table 5.2 of
Bayesian Data Analysis."""


def test_the_eight_schools_of_the_textbook() -> None:
    """Its posterior: mu about 8 with a standard deviation of about 5; tau has its median near 5,
    and its 95% interval reaches to about 20."""
    found = pool_slopes([OwnSlope(b, s**2) for b, s in SCHOOLS], 1.0, draws=20_000)
    assert found.mean == pytest.approx(8.0, abs=0.3)
    assert found.means.std() == pytest.approx(5.1, abs=0.4)
    assert found.spread == pytest.approx(5.1, abs=0.4)
    assert np.quantile(found.spreads, 0.975) == pytest.approx(20, rel=0.15)


@pytest.mark.parametrize(
    "slopes", [SCHOOLS, [(0.7, 0.1), (0.8, 0.1), (1.4, 0.2), (0.9, 0.1), (1.1, 0.1)]]
)
def test_mean_and_spread_by_integration_over_the_plane(slopes: list[tuple[float, float]]) -> None:
    """Mean of mu and median of tau by sums over a grid of both, which knows nothing of the formula
    for mu given tau."""
    b, s = np.array(slopes).T
    reach = 8 * float(b.std() + s.max())
    mu = np.linspace(b.mean() - reach, b.mean() + reach, 801)[:, None]
    tau = np.linspace(0, 60 * float(s.max()), 3001)[None, :]
    density = np.ones((801, 3001))
    for value, error in slopes:
        density *= stats.norm.pdf(value, mu, np.hypot(error, tau)) * error * 3
    found = pool_slopes([OwnSlope(x, e**2) for x, e in slopes], 1.0)
    assert found.mean == pytest.approx(float((density * mu).sum() / density.sum()), rel=0.02)
    of_tau = density.sum(axis=0).cumsum()
    median = float(tau[0, np.searchsorted(of_tau, of_tau[-1] / 2)])
    assert found.spread == pytest.approx(median, rel=0.05)


def test_families_that_agree_are_pooled_and_those_that_differ_are_not() -> None:
    alike = pool_slopes([OwnSlope(1.0 + 0.01 * n, 0.04) for n in range(6)], 1.0)
    apart = pool_slopes([OwnSlope(float(n), 0.0001) for n in range(6)], 1.0)
    assert alike.spread < 0.2 < 1 < apart.spread
    with pytest.raises(InputError, match="2 families"):
        pool_slopes([OwnSlope(1.0, 0.1), OwnSlope(2.0, 0.1)], 1.0)


def family(logs: np.ndarray, level: float, slope: float, noise: np.ndarray) -> pl.DataFrame:
    """Scores above guessing among four."""
    f = expit(slope * (logs - level))
    share = np.clip(f + noise * np.sqrt(f * (1 - f)), 0, 1)
    return pl.DataFrame({"compute_flops": 10.0**logs, "score": 25 + 75 * share})


def test_a_slope_by_itself_is_that_of_the_curve() -> None:
    logs = np.array([21.5, 23.0, 24.5])
    points = family(logs, 23.0, 0.9, np.array([0.05, -0.02, 0.01]))
    curve = fit_curve(points, lower=25.0, draws=10)
    own = slope_of(points, "compute_flops", 25.0, "f")
    assert own.value == pytest.approx(curve.slope / curve.width)
    two = slope_of(points[:2], "compute_flops", 25.0, "f")
    assert two.value > 0
    falling = points.with_columns(pl.col("score").reverse())
    assert slope_of(falling, "compute_flops", 25.0, "f").value < 0
    with pytest.raises(InputError, match="1 distinct"):
        slope_of(points[:1], "compute_flops", 25.0, "f")


def simulate(trials: int, seed: int) -> tuple[dict[str, float], dict[str, float]]:
    """Share of intervals that hold the truth, and their mean width in tenfolds, of the family of
    three sizes among five, alone and pooled; slopes differ between families, scatter is known to
    twenty degrees."""
    random = np.random.default_rng(seed)
    phi, logs = 0.004, np.array([22.0, 23.0, 24.0])
    held: dict[str, list[bool]] = {"alone": [], "pooled": [], "next": []}
    widths: dict[str, list[float]] = {"alone": [], "pooled": []}
    for trial in range(trials):
        slopes = np.abs(random.normal(1.0, 0.2, 5))
        levels = random.normal(23, 0.5, 5)
        frames = [
            family(logs, level, slope, np.sqrt(phi) * random.standard_normal(3))
            for level, slope in zip(levels, slopes, strict=True)
        ]
        scatter = Scatter(phi * random.chisquare(20) / 20, 20)
        prior = pool_slopes(
            [slope_of(f, "compute_flops", 25.0, "f") for f in frames], scatter.dispersion
        )
        truth = 23.4
        score = 25 + 75 * float(expit(slopes[0] * (truth - levels[0])))
        for name, slope in (("alone", None), ("pooled", prior)):
            try:
                curve = fit_curve(
                    frames[0], lower=25.0, scatter=scatter, slope=slope, draws=400, seed=trial
                )
            except InputError:
                continue
            at = equivalent(curve, score)
            low, high = np.log10(at.low or 1e0), np.log10(at.high or 1e99)
            held[name].append(bool(low <= truth <= high))
            widths[name].append(min(high, 24.0) - max(low, 22.0))
            if name == "pooled":
                row = predict(curve, [10**truth]).row(0, named=True)
                held["next"].append(row["low"] <= score <= row["high"])
    return (
        {name: float(np.mean(each)) for name, each in held.items()},
        {name: float(np.mean(each)) for name, each in widths.items()},
    )


def test_pooled_intervals_hold_the_truth_and_are_narrower() -> None:
    held, widths = simulate(60, seed=5)
    assert held["pooled"] >= 0.88
    assert widths["pooled"] < widths["alone"]


@pytest.mark.long
def test_coverage_of_pooled_curves() -> None:
    """Nominal 95%, over 2,000 sets of five families (standard error of a coverage: 0.6%): docs/
    claims.md states what comes out."""
    held, widths = simulate(2000, seed=11)
    assert held["pooled"] == pytest.approx(0.93, abs=0.015), held
    assert held["alone"] == pytest.approx(0.935, abs=0.015), held
    assert held["next"] >= 0.915, held
    assert widths["pooled"] < widths["alone"]
