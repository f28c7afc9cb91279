"""What is known of a cell, from what is known of its shards.

Each worker leaves facts beside a shard's logs. Here they become those of the cell: most are the
same for all shards, and what is not is added up, or its largest value counts, or it is told that it
differs. ``docs/records.md`` says which is which.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

Facts = dict[str, Any]
Span = tuple[float, float]
"""Beginning and end, seconds of the wall clock."""

# Null if it is not known of one shard: a part is not the whole.
_ADDED = ("samples", "resumed_samples", "energy_total_j", "energy_idle_j")
_LARGEST = ("peak_memory_bytes", "peak_gpu_memory_bytes")
_IF_ONE_IS = ("others_asked",)
# Of the shards that have it: a worker loads once, and warms up once for all its shards of a cell.
_ADDED_IF_ANY = ("warmup_s",)
_LARGEST_IF_ANY = ("load_s", "warmup_tokens")
_OF_A_SHARD = ("begun", "wall_s", "machine", "window", "stated")
_KNOWN = {"measured": 0, "estimated": 1, None: 2}  # from best to worst


def together(shards: Sequence[Facts]) -> Facts:
    """The facts of a cell. Those of one shard are the cell's own."""
    names = dict.fromkeys(name for facts in shards for name in facts if name not in _OF_A_SHARD)
    machines: dict[str, list[Span]] = defaultdict(list)
    for facts in shards:
        machines[facts["machine"]].append(span(facts))
    return {
        **{name: _one(name, [facts.get(name) for facts in shards]) for name in names},
        "shards": len(shards),
        "side_by_side": max(map(most_at_once, machines.values())),
        "wall_s": sum(map(covered_s, machines.values())),
    }


def span(facts: Facts) -> Span:
    """When a shard was answered. The length is that of a clock which nobody sets."""
    return facts["begun"], facts["begun"] + facts["wall_s"]


def covered_s(spans: Iterable[Span]) -> float:
    """Seconds that lie in one of the spans at least.

    >>> covered_s([(0, 2), (1, 4), (10, 11)])
    5.0
    """
    total, end = 0.0, float("-inf")
    for begun, ended in sorted(spans):
        total += max(0.0, ended - max(begun, end))
        end = max(end, ended)
    return total


def most_at_once(spans: Iterable[Span]) -> int:
    """How many spans share a moment, at most. One that begins as another ends shares none.

    >>> most_at_once([(0, 2), (2, 4), (1, 3)])
    2
    """
    now = most = 0
    for _, change in sorted(mark for a, b in spans for mark in ((a, 1), (b, -1))):
        now += change
        most = max(most, now)
    return most


def _one(name: str, values: list[Any]) -> Any:
    known = [value for value in values if value is not None]
    if name == "energy_known":
        return max(values, key=lambda value: _KNOWN[value])
    if name in (*_ADDED, *_LARGEST) and len(known) < len(values):
        return None
    if not known:
        return None
    if name in _IF_ONE_IS:
        return any(known)
    if name in (*_ADDED, *_ADDED_IF_ANY):
        return sum(known)
    if name in (*_LARGEST, *_LARGEST_IF_ANY):
        return max(known)
    return _same(values)


def _same(values: list[Any]) -> Any:
    """The one value of all; of texts that differ, each, in order of their first; else none."""
    distinct: list[Any] = []
    for value in values:
        if value not in distinct:
            distinct.append(value)
    if len(distinct) == 1:
        return distinct[0]
    texts = ["not available" if value is None else value for value in distinct]
    return f"differs: {' | '.join(texts)}" if all(isinstance(t, str) for t in texts) else None
