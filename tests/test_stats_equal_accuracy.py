"""Compute at equal accuracy, by hand and by property."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distilbench.stats import (
    MeasuredCurve,
    equal_accuracy,
    flops_at,
    seed_interval,
    shared_levels,
)


def curve(
    flops: list[float], right: list[float], seeds: int = 3, asked: int = 100
) -> MeasuredCurve:
    """Every seed answers the first ``right`` share of the questions."""
    scores = np.zeros((len(flops), seeds, asked))
    for row, share in enumerate(right):
        scores[row, :, : round(share * asked)] = 1
    return MeasuredCurve(np.repeat(np.array(flops)[:, None], seeds, axis=1), scores)


def test_the_interval_over_seeds_by_hand() -> None:
    # s = 1, t(2) = 4.3027: 4.3027 / sqrt(3) = 2.4841
    found = seed_interval([1.0, 2.0, 3.0])
    assert found.mean == 2.0
    assert found.high == pytest.approx(4.4841, abs=1e-4)
    assert found.low == pytest.approx(-0.4841, abs=1e-4)
    assert seed_interval([0.5]).high == np.inf


def test_a_level_between_two_points_is_met_on_the_logarithm() -> None:
    flops, accuracy = np.array([1e12, 1e14]), np.array([0.2, 0.6])
    assert flops_at(flops, accuracy, 0.4) == pytest.approx(1e13)
    assert flops_at(flops, accuracy, 0.7) == np.inf
    assert flops_at(flops, accuracy, 0.1) == 1e12
    dip = np.array([0.2, 0.1])
    assert flops_at(flops, dip, 0.2) == 1e12
    assert flops_at(flops, dip, 0.25) == np.inf


def test_a_curve_with_a_tenth_of_the_flops_has_ratio_ten() -> None:
    first = curve([1e13, 1e14, 1e15], [0.2, 0.4, 0.8])
    second = curve([1e12, 1e13, 1e14], [0.2, 0.4, 0.8])
    for level in (0.3, 0.5):
        found = equal_accuracy(first, second, level, draws=200)
        assert found.ratio == pytest.approx(10)
        assert found.low <= 10 <= found.high
        assert not found.bounded
    # Seeds agree and the questions are the same: what is left of the draws is equal in both.
    assert found.low == pytest.approx(10)
    assert shared_levels(first, second) == pytest.approx([0.35, 0.5, 0.65, 0.8])


def test_what_is_never_reached_is_not_a_number_in_between() -> None:
    high, low = curve([1e12, 1e13], [0.5, 0.9]), curve([1e12, 1e13], [0.1, 0.2])
    assert shared_levels(low, high) == pytest.approx([0.2])
    reached = equal_accuracy(low, high, 0.8, draws=100)
    assert (reached.ratio, reached.within) == (np.inf, 0.0)
    assert equal_accuracy(high, low, 0.8, draws=100).ratio == 0.0
    assert np.isnan(equal_accuracy(low, low, 0.8, draws=100).ratio)
    assert equal_accuracy(low, high, 0.2, draws=100).bounded


def test_seeds_that_differ_widen_the_interval() -> None:
    even = curve([1e12, 1e14], [0.2, 0.8])
    scores = even.scores.copy()
    scores[0, 0], scores[1, 2] = 0, 1
    spread = MeasuredCurve(even.flops, scores)
    flat = curve([1e13, 1e15], [0.2, 0.8])
    narrow = equal_accuracy(flat, even, 0.5, draws=300)
    wide = equal_accuracy(flat, spread, 0.5, draws=300)
    assert wide.high / wide.low > narrow.high / narrow.low


@given(
    st.lists(st.floats(0.01, 0.99), min_size=2, max_size=6),
    st.floats(0.05, 0.95),
    st.floats(1.5, 50.0),
)
def test_scaling_the_flops_scales_the_crossing(
    accuracy: list[float], level: float, factor: float
) -> None:
    flops = np.logspace(12, 14, len(accuracy))
    here = flops_at(flops, np.array(accuracy), level)
    there = flops_at(factor * flops, np.array(accuracy), level)
    assert there == pytest.approx(factor * here)
    assert flops[0] <= here
    assert here <= flops[-1] * (1 + 1e-9) or np.isinf(here)
    assert np.isinf(here) == (max(accuracy) < level)
