"""Published scores of two models side by side."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from distilbench.catalog._card import Card, Score

_SETTING = ("benchmark", "version", "metric", "shots", "mode")
_WHERE_KNOWN = ("samples", "decoding", "max_output_tokens")


def common_scores(a: Card, b: Card, versioned: Collection[str] = ()) -> list[dict[str, Any]]:
    """Scores of both on one benchmark in one setting: rows of benchmark, version, metric, shots,
    mode, a column for each card, in the benchmark's own unit, and the sources of both. Where
    several sources published one, each is a row. What the settings that few sources state
    (samples averaged, greedy or sampled, output limit) are known to differ in is left out, and so
    is a benchmark of ``versioned`` of which two sources do not say the version."""
    return [
        {
            **{name: getattr(score, name) for name in _SETTING},
            a.id: score.value,
            b.id: other.value,
            "sources": f"{score.source} / {other.source}",
        }
        for score in a.scores
        for other in b.scores
        if _comparable(score, other)
        and (score.benchmark not in versioned or score.version or score.source == other.source)
    ]


def _comparable(one: Score, other: Score) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in _SETTING) and all(
        None in (getattr(one, name), getattr(other, name))
        or getattr(one, name) == getattr(other, name)
        for name in _WHERE_KNOWN
    )
