"""Which requirements an entry does not meet, and by how much."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from distilbench.stats._choice import NAMED_COSTS, Closest, NamedCost, Requirements
from distilbench.stats._utility import unusable

FAILURES = ("out_of_memory", "crash", "error", "timeout", "over_energy", "context_overflow")
_BUSY = " (measured on a busy machine)"
_OF_THE_CLOCK = ("p95_s", "ttft_p95_s", "decode_tokens_per_s")
_OF_JOULES = ("energy_j", "co2e_g")
RANGES = tuple(f"{cost}_{end}" for cost in _OF_JOULES for end in ("low", "high"))


class Shortfall(NamedTuple):
    """A requirement that is not met; ``gap`` null: without a figure to be near the limit."""

    what: str
    said: str
    gap: float | None = None
    value: str = ""
    limit: str = ""
    missing: str = ""


def shortfalls(
    row: dict[str, Any], required: Requirements, weights: Mapping[str, float]
) -> Iterator[Shortfall]:
    """Each requirement that an entry does not meet, with its figure; and what is weighted, but not
    known of it."""
    for name in FAILURES:
        if 2 * row[name] > row["questions"]:
            yield Shortfall(name, f"{row[name]} of {row['questions']} questions ended {name}")
    bounded = {cost.column for cost, _ in required.bounds()}
    for cost, bound in required.bounds():
        yield from _bounded(row, cost, bound)
    for name, weight in weights.items():
        weighted = NAMED_COSTS.get(name)
        if weighted is not None and weight > 0 and weighted.column not in bounded:
            yield from _unknown(row, weighted)
    for said in unusable(row, weights):
        yield Shortfall("utility", said)
    least = required.min_accuracy
    if least is not None and not reached(row["accuracy"], least):
        value, limit = f"{row['accuracy']:.1%}", f"{least:.1%}"
        gap = least - row["accuracy"]
        missing = f"{100 * gap:.1f} percentage points less"
        yield Shortfall("accuracy", f"accuracy {value} < {limit}", gap, value, limit, missing)


def _bounded(row: dict[str, Any], cost: NamedCost, bound: float) -> Iterator[Shortfall]:
    figure = row[cost.column]
    if figure is None and row.get(f"{cost.column}_high") is not None:
        yield from _estimate_within(row, cost, bound)
        return
    over = figure is not None and (figure < bound if cost.more_is_better else figure > bound)
    if not over:  # a mean without some may be too low: those that ran out of time took most
        yield from _unknown(row, cost)
        return
    surely = row["creation_surely"] or 0.0
    if cost.column == "creation_flops" and row["creation_at_most"]:
        if surely > bound:
            said = f"{cost.words} of at least {cost.said(surely)} > {cost.said(bound)}"
            gap, value = surely - bound, f"at least {cost.said(surely)}"
            missing = f"{cost.said(gap)} more at least"
            yield Shortfall(cost.words, said, gap, value, cost.said(bound), missing)
            return
        said = f"{cost.words} are not known to be within {cost.said(bound)}"
        yield Shortfall(
            cost.words, f"{said}: at most {cost.said(figure)} ({row['creation_at_most']})"
        )
        return
    gap = abs(figure - bound)
    value, limit = cost.said(figure), cost.said(bound)
    value += _BUSY if cost.column in _OF_THE_CLOCK and row["busy"] else ""
    value += _estimated(row, cost)
    sign, word = ("<", "less") if cost.more_is_better else (">", "more")
    said = f"{cost.words} {value} {sign} {limit}"
    yield Shortfall(cost.words, said, gap, value, limit, f"{cost.said(gap)} {word}")


def _estimate_within(row: dict[str, Any], cost: NamedCost, bound: float) -> Iterator[Shortfall]:
    """Of a cost that is a range: what both its ends decide, and that they do not."""
    low, high = row[f"{cost.column}_low"], row[f"{cost.column}_high"]
    value, limit = _range(row, cost), cost.said(bound)
    if low > bound:
        missing, said = cost.said(low - bound), f"{cost.words} {value} > {limit}"
        yield Shortfall(cost.words, said, low - bound, value, limit, f"{missing} more at least")
    elif high > bound:
        yield Shortfall(cost.words, f"{cost.words} is not known to be within {limit}: {value}")


def _range(row: dict[str, Any], cost: NamedCost) -> str:
    low, high = (cost.said(row[f"{cost.column}_{end}"]) for end in ("low", "high"))
    return f"{low} (estimated)" if low == high else f"{low} to {high} (estimated)"


def _estimated(row: dict[str, Any], cost: NamedCost) -> str:
    guessed = cost.column in _OF_JOULES and row["energy_known"] == "estimated"
    return " (estimated)" if guessed else ""


def _unknown(row: dict[str, Any], cost: NamedCost) -> Iterator[Shortfall]:
    if row[cost.column] is None:
        why = row["why"].get(cost.column)
        if row.get(f"{cost.column}_high") is not None:
            why = f"{_range(row, cost)} by EcoLogits, which is not ranked against what is measured"
        yield Shortfall(cost.words, f"{cost.words} is not available{f' ({why})' if why else ''}")
        return
    unknown = row.get(f"{cost.column}_unknown") or 0
    if unknown:
        said = f"{cost.words} is not known of {unknown} of {row['questions']} questions"
        yield Shortfall(cost.words, said)


def closest(broken: dict[str, tuple[Shortfall, ...]]) -> tuple[Closest, ...]:
    """Of the entries that break the fewest limits, each by a known figure, the nearest to each."""
    known = {e: gaps for e, gaps in broken.items() if all(gap.gap is not None for gap in gaps)}
    fewest = min(map(len, known.values()), default=0)
    nearest: dict[str, tuple[float, str, Shortfall]] = {}
    for entry, gaps in sorted(known.items()):
        for gap in gaps if len(gaps) == fewest else ():
            found = (gap.gap or 0.0, entry, gap)
            nearest[gap.what] = min(nearest.get(gap.what, found), found, key=lambda one: one[:2])
    return tuple(
        Closest(entry, gap.what, gap.value, gap.limit, gap.missing)
        for _, entry, gap in nearest.values()
    )


def reached(accuracy: Any, least: float) -> Any:
    """Whether an accuracy, or each of several, is so much: the mean of 70% on three tasks is a
    little less than 0.7 in floats, and 70% all the same."""
    return accuracy >= least - 1e-12
