"""Compute at equal accuracy: two measured curves of accuracy against FLOPs, over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

Array: TypeAlias = NDArray[np.float64]


class SeedMean(NamedTuple):
    """Mean over seeds with Student's interval."""

    mean: float
    low: float
    high: float
    seeds: int


class MeasuredCurve(NamedTuple):
    """One way of making a model, at several budgets with several seeds.

    ``flops``: shape (budgets, seeds), rising with the budget. ``scores``: shape (budgets, seeds,
    questions), each in [0, 1]; the questions and the seeds are the same for all curves compared.
    """

    flops: Array
    scores: Array


class EqualAccuracy(NamedTuple):
    """Compute that two curves need for one accuracy.

    ``ratio`` is the first curve's FLOPs over the second's; above 1 the second is cheaper. It is
    infinite where the first never reaches the level, 0 where the second never does, and NaN where
    neither does. ``low`` and ``high`` bound 95% of the bootstrap's draws. ``within``: share of the
    draws in which both reach the level. ``bounded``: a curve is above the level at its smallest
    budget already, whose FLOPs then stand for what are at most so many.
    """

    level: float
    first_flops: float
    second_flops: float
    ratio: float
    low: float
    high: float
    within: float
    bounded: bool


def seed_interval(values: Sequence[float], level: float = 0.95) -> SeedMean:
    """Mean of one value a seed, with ``mean +- t(n-1) s/sqrt(n)``; infinite for a single seed.

    >>> found = seed_interval([0.4, 0.5, 0.6])  # s = 0.1, t(2) = 4.303
    >>> round(found.low, 3), round(found.high, 3)
    (0.252, 0.748)
    """
    given = np.asarray(values, dtype=np.float64)
    mean, count = float(given.mean()), len(given)
    if count < 2:
        return SeedMean(mean, -np.inf, np.inf, count)
    quantile = float(stdtrit(count - 1, 0.5 + level / 2))
    half = quantile * float(given.std(ddof=1)) / count**0.5
    return SeedMean(mean, mean - half, mean + half, count)


def flops_at(flops: Array, accuracy: Array, level: float) -> float:
    """FLOPs at which a curve first reaches ``level``; infinite if it never does.

    The curve joins its points, ordered by FLOPs, with straight lines against the logarithm of the
    FLOPs. Nothing is extrapolated: a curve that starts above the level gives its first FLOPs.
    """
    if accuracy[0] >= level:
        return float(flops[0])
    for i in range(1, len(flops)):
        if accuracy[i] >= level:
            share = (level - accuracy[i - 1]) / (accuracy[i] - accuracy[i - 1])
            return float(flops[i - 1] * (flops[i] / flops[i - 1]) ** share)
    return float("inf")


def shared_levels(first: MeasuredCurve, second: MeasuredCurve) -> list[float]:
    """Accuracies to compare at: a quarter, half and three quarters of the way through the range
    that both curves cover, and the best that the first curve reaches.

    If they cover no common range, the last alone.
    """
    ends = [(_accuracy(curve).min(), _accuracy(curve).max()) for curve in (first, second)]
    low, high = max(e[0] for e in ends), min(e[1] for e in ends)
    best = float(ends[0][1])
    if high <= low:
        return [best]
    inside = [float(low + share * (high - low)) for share in (0.25, 0.5, 0.75)]
    return [*inside, best]


def equal_accuracy(
    first: MeasuredCurve, second: MeasuredCurve, level: float, draws: int = 2000, seed: int = 0
) -> EqualAccuracy:
    """FLOPs of the first curve over those of the second at one accuracy, with its interval.

    The interval is a percentile bootstrap over seeds and questions: each draw takes seeds with
    replacement, the same for both curves and all budgets, and questions likewise (pairs stay
    pairs). With three seeds there are only ten different samples of seeds, so read it as rough.
    """
    at_first, at_second = (
        flops_at(c.flops.mean(axis=1), _accuracy(c), level) for c in (first, second)
    )
    rng = np.random.default_rng(seed)
    seeds, questions = first.scores.shape[1:]
    chosen = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=draws) / seeds
    asked = rng.multinomial(questions, np.full(questions, 1 / questions), size=draws) / questions
    redrawn = [_redrawn(curve, chosen, asked) for curve in (first, second)]
    drawn, both = [], 0
    for i in range(draws):
        found = [flops_at(flops[i], accuracy[i], level) for flops, accuracy in redrawn]
        both += bool(np.isfinite(found).all())
        drawn.append(_ratio(*found))
    known = np.sort([value for value in drawn if not np.isnan(value)])
    low, high = (
        np.quantile(known, [0.025, 0.975], method="nearest") if len(known) else (np.nan, np.nan)
    )
    starts = any(_accuracy(c)[0] >= level for c in (first, second))
    return EqualAccuracy(
        level,
        at_first,
        at_second,
        _ratio(at_first, at_second),
        float(low),
        float(high),
        both / draws,
        starts,
    )


def _accuracy(curve: MeasuredCurve) -> Array:
    """Mean over seeds and questions, shape (budgets,)."""
    return np.asarray(curve.scores.mean(axis=(1, 2)), dtype=np.float64)


def _redrawn(curve: MeasuredCurve, seeds: Array, questions: Array) -> tuple[Array, Array]:
    """FLOPs and accuracy of each draw, both of shape (draws, budgets), from the weights of seeds
    and questions, shapes (draws, seeds) and (draws, questions)."""
    flops = seeds @ curve.flops.T
    accuracy = [((seeds @ scores) * questions).sum(axis=1) for scores in curve.scores]
    return flops, np.stack(accuracy, axis=1)


def _ratio(first: float, second: float) -> float:
    if np.isinf(first) and np.isinf(second):
        return float("nan")
    return first / second if np.isfinite(second) else 0.0
