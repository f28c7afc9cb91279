"""Which trials are made for an arm, and which of them has won: pure functions.

Learning rates are tried first, at the middle number of steps; then the other numbers of steps at
the best of them. An arm whose steps are given tries as many learning rates as the others try in
all, so that every arm has the same number of trials.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from distilbench.errors import InputError

Row = Mapping[str, Any]
"""A finished training, as its file has it."""


def middle(steps: Sequence[int]) -> int:
    return steps[len(steps) // 2]


def trials(learning_rates: Sequence[float], steps: Sequence[int]) -> int:
    """Trials of one arm on one amount of data."""
    return len(learning_rates) + len(steps) - 1


def rates_alone(learning_rates: Sequence[float], count: int) -> list[float]:
    """``count`` learning rates from the lowest to the highest, in equal ratios.

    >>> rates_alone([0.001, 0.003, 0.016], 5)
    [0.001, 0.002, 0.004, 0.008, 0.016]
    """
    low, high = min(learning_rates), max(learning_rates)
    ratio = (high / low) ** (1 / (count - 1))
    return [float(f"{low * ratio**n:.6g}") for n in range(count)]


def best(rows: Sequence[Row], where: str) -> Row:
    """The trial that did best on the validation split; one that diverged has lost.

    By accuracy where there is one, then by loss. Raises ``InputError`` if all diverged.
    """
    left = [row for row in rows if row["loss"] is not None and math.isfinite(row["loss"])]
    if not left:
        raise InputError(
            where,
            f"each of its {len(rows)} trials diverged: the validation loss is not a number",
            "lower 'tuning.learning_rates', and give another --out",
        )
    return min(left, key=lambda row: (-(row["accuracy"] or 0.0), row["loss"]))
