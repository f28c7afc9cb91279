"""Several weights as one utility: ratios to the best, on a logarithmic scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distilbench.errors import InputError, use_one_of
from distilbench.stats._choice import NAMED_COSTS

Array = NDArray[np.float64]
ACCURACY = "accuracy"


def check_weights(weights: Mapping[str, float]) -> None:
    """Raise InputError unless each is of accuracy or of a cost, and a number that is not negative,
    and one is above zero."""
    for name, weight in weights.items():
        if name not in (ACCURACY, *NAMED_COSTS):
            remedy = use_one_of(name, [ACCURACY, *NAMED_COSTS])
            raise InputError("weight", f"of {name!r} is not known", remedy)
        if not 0 <= weight < float("inf"):
            raise InputError(f"weight of {name}", f"is {weight}", "give a number from 0 on")
    if weights and not any(weights.values()):
        raise InputError("weights", "are all 0", "give one above 0")


def utility_words(weights: Mapping[str, float]) -> str:
    """The utility as a formula."""
    parts: list[str] = []
    for name, weight in _given(weights).items():
        cost = NAMED_COSTS.get(name)
        more = cost is None or cost.more_is_better
        words = cost.words if cost else ACCURACY
        sign = ("+ " if more else "- ") if parts else ("" if more else "-")
        parts.append(f"{sign}{weight:g} x log2({words} / {'best' if more else 'least'})")
    return " ".join(parts)


def unusable(row: Mapping[str, Any], weights: Mapping[str, float]) -> list[str]:
    """Why an entry has no utility: words on each weighted figure that has no ratio to the best."""
    said = []
    for name in _given(weights):
        if name == ACCURACY:
            if row["accuracy"] <= 0:
                said.append("accuracy 0.0% has no ratio to the best")
        elif row[NAMED_COSTS[name].column] == 0:
            said.append(f"{NAMED_COSTS[name].words} of 0 has no ratio to the best")
    return said


def utilities(rows: list[dict[str, Any]], accuracies: Array, weights: Mapping[str, float]) -> Array:
    """Utility of each entry (``rows``, all of whose weighted costs are above 0) at each of its
    ``accuracies``, in their shape (draws, entries). The best is that of the entries as measured,
    so that 0 is what is best in everything. A logarithm of ratios: another reference, or another
    entry beside, adds the same to all and changes no order."""
    total = np.zeros_like(accuracies)
    for name, weight in _given(weights).items():
        if name == ACCURACY:
            best = max(row["accuracy"] for row in rows)
            with np.errstate(divide="ignore"):
                total += weight * np.log2(accuracies / best)
            continue
        cost = NAMED_COSTS[name]
        values = np.array([row[cost.column] for row in rows], dtype=np.float64)
        if cost.more_is_better:
            total += weight * np.log2(values / values.max())
        else:
            total -= weight * np.log2(values / values.min())
    return total


def utility_most(
    row: Mapping[str, Any], utility: float | None, weights: Mapping[str, float]
) -> float | None:
    """The utility if creation, where it is weighted and an upper bound, took only what was surely
    spent; null: there is none, or nothing is known to be spent, so that nothing bounds it."""
    weight = weights.get("creation", 0.0)
    if utility is None or not weight or row["creation_at_most"] is None:
        return utility
    surely = row["creation_surely"]
    return utility + weight * float(np.log2(row["creation_flops"] / surely)) if surely else None


def _given(weights: Mapping[str, float]) -> dict[str, float]:
    """Those above 0, accuracy first."""
    order = (ACCURACY, *NAMED_COSTS)
    return {name: weights[name] for name in order if weights.get(name, 0) > 0}
