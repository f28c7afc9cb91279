"""A vanilla family's score against compute, and where a distilled model stands on it.

Scores of a family rise as an S-curve of log compute (Owen 2024, arXiv 2401.04757, fits such curves
to benchmarks). With ``f`` the share of the way from ``lower`` (chance) to 100 percent:
``logit f = intercept + slope * (log10 x - centre) / width``.

Families have few sizes, often three to six, so the uncertainty must be honest about not knowing the
scatter itself. The fit solves the logistic score equations ``sum (y - f) = sum z (y - f) = 0``
(fractional logit, Papke and Wooldridge 1996), where scatter shrinks towards 0 and 100 as that of
proportions does; no point has to be moved off 0, 100 or chance as a logit of the data would need.
The scatter is Pearson's dispersion on n - 2 degrees of freedom. The bootstrap is parametric: each
draw first draws the dispersion itself (``phi nu / chi2_nu``), then new scores about the fitted
curve, and refits. For a straight line with normal errors this gives Student's t intervals exactly.
Resampling the points instead would be worthless: of three points, most resamples hold fewer
distinct ones than the curve has parameters. Where standard errors of the scores are given, a draw's
scatter at a point is never less than they are.

Three points leave one degree of freedom, and intervals so wide that they seldom decide anything.
Families or benchmarks may lend each other their scatter (``pool_scatter``), at the price of one
assumption to be stated beside the result: that the scatter is alike in all of them. They may lend
each other their slope too (``slope``, see :mod:`distilbench.stats._slopes`): the score equation of
the slope then has a normal prior, and each draw moves both the scores and the prior's mean, which
for a straight line with normal errors draws from the posterior exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import expit, logit

from distilbench.errors import InputError
from distilbench.stats._slopes import OwnSlope, Prior, SlopePrior

Bound = Literal["=", ">=", "<="]
Floats = NDArray[np.float64]

# Scores of 0 and 100 only (or nearly) want an infinite slope: this one, per standard deviation of
# log compute, is as good as a step.
STEEPEST = 12.0


@dataclass(frozen=True)
class Scatter:
    """Pearson's dispersion of models about their curve, and the degrees of freedom it rests on."""

    dispersion: float
    freedom: int


@dataclass(frozen=True, eq=False)
class Curve:
    """A fitted curve. ``low_end`` and ``high_end`` are the range of ``scale`` the family covers, in
    its unit (FLOPs or parameters); ``own_scatter`` is that of its points, ``scatter`` the one that
    its intervals rest on: the same, unless pooled."""

    scale: str
    lower: float
    low_end: float
    high_end: float
    points: int
    centre: float
    width: float
    intercept: float
    slope: float
    own_scatter: Scatter
    scatter: Scatter
    draws: Floats = field(repr=False)
    dispersion_draws: Floats = field(repr=False)
    stderr: float = 0.0
    """Root mean square of the given standard errors, as a share of the score range."""
    slopes_of: int = 1
    """Families whose slopes the curve's rests on; 1: its own alone."""


@dataclass(frozen=True)
class Equivalent:
    """Where the vanilla curve reaches a score: ``value`` on ``scale``, and its interval.

    ``bound`` says how to read ``value``: "=" as it is; ">=" the score lies above the curve's end,
    and ``value`` is the largest vanilla model's; "<=" below its beginning, and it is the
    smallest's. An interval end that lies outside the fitted range is None: not known, and not
    extrapolated.
    """

    scale: str
    value: float
    bound: Bound
    low: float | None
    high: float | None
    level: float


def fit_curve(
    points: pl.DataFrame,
    scale: str = "compute_flops",
    stderr: str | None = None,
    lower: float = 0.0,
    scatter: Scatter | None = None,
    slope: SlopePrior | None = None,
    draws: int = 2000,
    seed: int = 0,
    where: str = "vanilla family",
) -> Curve:
    """Fit one family's curve: one row a model, column ``scale`` in FLOPs or parameters, column
    ``score`` in percent, ``lower`` the score of chance in percent (a score below it counts as it).

    ``stderr`` names a column of standard errors in percent; a null there sets no floor. ``scatter``
    replaces the points' own scatter (see :func:`pool_scatter`). ``slope`` is what other families
    say of this one's slope (see :func:`pool_slopes`). ``where`` names the family in messages.
    Raises InputError below 3 distinct values of ``scale``, for a value out of range, and for a
    family whose score does not rise with ``scale``.
    """
    x, y, errors = _columns(points, scale, stderr, lower, where)
    centre, width = float(x.mean()), float(x.std())
    z = (x - centre) / width
    alone, f, own = _alone(z, y, scale, where)
    used = scatter or own
    drawn, scores = _drawn_scores(f, errors, used, draws, seed)
    central = slope.centre(width, used.dispersion) if slope else None
    fitted = _fit(z, y[None, :], central)[0] if slope else alone
    return Curve(
        scale=scale,
        lower=lower,
        low_end=float(points[scale].min()),  # type: ignore[arg-type]
        high_end=float(points[scale].max()),  # type: ignore[arg-type]
        points=len(y),
        centre=centre,
        width=width,
        intercept=float(fitted[0]),
        slope=float(fitted[1]),
        own_scatter=own,
        scatter=used,
        draws=_fit(z, scores, slope.drawn(width, drawn, seed) if slope else None),
        dispersion_draws=drawn,
        stderr=float(np.sqrt((errors**2).mean())),
        slopes_of=slope.families if slope else 1,
    )


def _alone(z: Floats, y: Floats, scale: str, where: str) -> tuple[Floats, Floats, Scatter]:
    """Intercept and slope of a family by itself, the curve at its points, the scatter about it."""
    alone = _fit(z, y[None, :])[0]
    if alone[1] <= 1e-9:
        raise InputError(
            where, f"score does not rise with {scale}", "leave the family's curve out, or mend data"
        )
    f = expit(alone[0] + alone[1] * z)
    freedom = len(y) - 2
    return alone, f, Scatter(float(((y - f) ** 2 / _variance(f)).sum() / freedom), freedom)


def slope_of(points: pl.DataFrame, scale: str, lower: float, where: str) -> OwnSlope:
    """The slope of one family by itself, whatever its sign, from 2 or more values of ``scale``;
    arguments and errors as of :func:`fit_curve`."""
    x, y, _ = _columns(points, scale, None, lower, where, least=2)
    width = float(x.std())
    z = (x - x.mean()) / width
    intercept, slope = _fit(z, y[None, :])[0]
    f = expit(intercept + slope * z)
    weight = _variance(f)
    middle = (weight * z).sum() / weight.sum()
    unit = 1 / (weight * (z - middle) ** 2).sum()
    return OwnSlope(float(slope / width), float(unit / width**2))


def _drawn_scores(
    f: Floats, errors: Floats, scatter: Scatter, draws: int, seed: int
) -> tuple[Floats, Floats]:
    """Dispersions (draws) and scores (draws, models) that the curve ``f`` could have given."""
    random = np.random.default_rng(seed)
    drawn = scatter.dispersion * scatter.freedom / random.chisquare(scatter.freedom, draws)
    spread = np.sqrt(np.maximum(drawn[:, None] * _variance(f), errors**2))
    return drawn, np.clip(f + spread * random.standard_normal((draws, len(f))), 0, 1)


def pool_scatter(curves: Sequence[Curve]) -> Scatter:
    """The scatter of several curves together, each weighing its degrees of freedom.

    For families or benchmarks whose models are assumed to scatter alike about their curves; fit
    each, pool, and fit each again with ``scatter``. Raises InputError without a curve.
    """
    if not curves:
        raise InputError("scatter", "no curve to pool", "give at least one fitted curve")
    freedom = sum(curve.own_scatter.freedom for curve in curves)
    total = sum(curve.own_scatter.dispersion * curve.own_scatter.freedom for curve in curves)
    return Scatter(total / freedom, freedom)


def predict(curve: Curve, scale: Floats | list[float], level: float = 0.95) -> pl.DataFrame:
    """The curve at given values of its scale.

    Columns: the scale, score, low and high (interval of the curve itself), next_low and next_high
    (interval of the score of one further model of the family: the curve's uncertainty and the
    scatter about it), in_range (false: an extrapolation; mark it or leave it out). Percent.
    """
    at = np.asarray(scale, dtype=np.float64)
    z = (np.log10(at) - curve.centre) / curve.width
    f = expit(curve.draws[:, :1] + curve.draws[:, 1:] * z)
    scatter = np.maximum(curve.dispersion_draws[:, None] * _variance(f), curve.stderr**2)
    noise = np.random.default_rng(0).standard_normal(f.shape)
    further = np.clip(f + np.sqrt(scatter) * noise, 0, 1)
    ends = [0.5 - level / 2, 0.5 + level / 2]
    central = expit(curve.intercept + curve.slope * z)
    low, high = np.quantile(f, ends, axis=0)
    next_low, next_high = np.quantile(further, ends, axis=0)
    shares = {
        "score": central,
        # The draws are skewed near the ends of the scale: keep the curve inside its own interval.
        "low": np.minimum(low, central),
        "high": np.maximum(high, central),
        "next_low": np.minimum(next_low, central),
        "next_high": np.maximum(next_high, central),
    }
    percent = {k: curve.lower + (100 - curve.lower) * share for k, share in shares.items()}
    inside = (at >= curve.low_end) & (at <= curve.high_end)
    return pl.DataFrame({curve.scale: at, **percent, "in_range": inside})


def equivalent(
    curve: Curve, score: float, stderr: float = 0.0, level: float = 0.95, seed: int = 1
) -> Equivalent:
    """Vanilla compute (or parameters: the curve's scale) at which the curve reaches ``score``.

    ``score`` and its standard error ``stderr`` in percent. The interval is the bootstrap's
    percentiles over the curve's draws and draws of the score. Nothing is extrapolated: beyond the
    range that the family covers the answer is a bound (see :class:`Equivalent`).
    """
    low_end, high_end = np.log10(curve.low_end), np.log10(curve.high_end)
    share = (score - curve.lower) / (100 - curve.lower)
    noise = np.random.default_rng(seed).standard_normal(len(curve.draws))
    shares = share + stderr / (100 - curve.lower) * noise
    central = np.array([[curve.intercept, curve.slope]])
    found = float(_invert(curve, central, np.array([share]))[0])
    ends = np.quantile(
        _invert(curve, curve.draws, shares),
        [0.5 - level / 2, 0.5 + level / 2],
        method="inverted_cdf",  # the draws may be infinite: do not interpolate
    )
    bound: Bound = "="
    # A score on the curve at an end of the range is within it, rounding apart.
    if found > high_end + 1e-6:
        bound = ">="
    elif found < low_end - 1e-6:
        bound = "<="
    value = min(max(found, low_end), high_end)
    low, high = min(ends[0], value), max(ends[1], value)
    return Equivalent(
        scale=curve.scale,
        value={">=": curve.high_end, "<=": curve.low_end}.get(bound, float(10**value)),
        bound=bound,
        low=float(10**low) if low >= low_end - 1e-6 and bound != "<=" else None,
        high=float(10**high) if high <= high_end + 1e-6 and bound != ">=" else None,
        level=level,
    )


def _columns(
    points: pl.DataFrame, scale: str, stderr: str | None, lower: float, where: str, least: int = 3
) -> tuple[Floats, Floats, Floats]:
    """log10 of scale, and score and its error as shares of the way from ``lower`` to 100."""
    wanted = [scale, "score"] + ([stderr] if stderr else [])
    if missing := [name for name in wanted if name not in points.columns]:
        raise InputError(where, f"no column {', '.join(missing)}", "name the frame's columns")
    x = points[scale].cast(pl.Float64)
    y = points["score"].cast(pl.Float64)
    if x.null_count() or not (x.is_finite() & (x > 0)).all():
        raise InputError(where, f"{scale} is missing or not above 0", "leave such models out")
    if y.null_count() or not y.is_between(0, 100).all():
        raise InputError(where, "score is missing or not in percent", "leave such models out")
    if x.n_unique() < least:
        raise InputError(
            where,
            f"{x.n_unique()} distinct values of {scale} do not make a curve",
            f"give at least {least} sizes",
        )
    errors = (
        points[stderr].cast(pl.Float64).fill_null(0.0).to_numpy() if stderr else np.zeros(len(x))
    )
    span = 100 - lower
    return np.log10(x.to_numpy()), np.maximum(y.to_numpy() - lower, 0) / span, errors / span


def _variance(share: Floats) -> Floats:
    """Variance of a proportion up to the dispersion; floored where it would vanish."""
    return np.maximum(share * (1 - share), 1e-4)


def _fit(z: Floats, y: Floats, prior: Prior | None = None) -> Floats:
    """Solve the logistic score equations for each row of ``y`` (rows, points) by damped Newton
    steps: array (rows, 2) of intercept and slope, the slope held within STEEPEST. ``prior``: mean
    of the slope, and its weight, one or one for each row."""
    found = np.zeros((len(y), 2))
    mean, pull = prior if prior is not None else (0.0, 0.0)
    for _ in range(200):
        f = expit(found[:, :1] + found[:, 1:] * z)
        weight = np.maximum(f * (1 - f), 1e-7)
        g0 = (y - f).sum(axis=1)
        g1 = ((y - f) * z).sum(axis=1) - pull * (found[:, 1] - mean)
        h00, h01 = weight.sum(axis=1), (weight * z).sum(axis=1)
        h11 = (weight * z**2).sum(axis=1) + pull
        # The cross-term makes this positive for 2 or more distinct z (Cauchy-Schwarz).
        determinant = h00 * h11 - h01**2
        step = np.stack([h11 * g0 - h01 * g1, h00 * g1 - h01 * g0], axis=1) / determinant[:, None]
        slope = found[:, 1]
        pinned = (np.abs(slope) >= STEEPEST) & (np.sign(step[:, 1]) == np.sign(slope))
        step[pinned] = np.stack([g0 / h00, 0 * g0], axis=1)[pinned]
        new = np.clip(found + np.clip(step, -1, 1), [-40, -STEEPEST], [40, STEEPEST])
        moved = float(np.abs(new - found).max())
        found = new
        if moved < 1e-10:
            break
    return found


def _invert(curve: Curve, parameters: Floats, shares: Floats) -> Floats:
    """log10 of the scale at which each curve (rows, 2) reaches each share; infinite if never.

    A draw that falls with compute reaches a score nowhere (+inf), unless it is above it from the
    start (-inf).
    """
    intercept, slope = parameters[:, 0], parameters[:, 1]
    start = (np.log10(curve.low_end) - curve.centre) / curve.width
    inside = np.clip(shares, 1e-12, 1 - 1e-12)
    with np.errstate(divide="ignore", invalid="ignore"):
        rising = curve.centre + curve.width * (logit(inside) - intercept) / slope
    falling = np.where(expit(intercept + slope * start) >= shares, -np.inf, np.inf)
    return np.where(
        shares >= 1, np.inf, np.where(shares <= 0, -np.inf, np.where(slope > 0, rising, falling))
    )
