"""Published scores of two models side by side."""

from __future__ import annotations

from typing import Any

from distilbench.catalog._card import Card, Score

_SETTING = ("benchmark", "metric", "shots", "mode")


def common_scores(a: Card, b: Card) -> list[dict[str, Any]]:
    """Scores of both on one benchmark in one setting: rows of benchmark, metric, shots, mode, and a
    column for each card, in the benchmark's own unit."""
    of_b = {_setting(score): score.value for score in b.scores}
    return [
        {**dict(zip(_SETTING, _setting(score), strict=True)), a.id: score.value, b.id: of_b[at]}
        for score in a.scores
        if (at := _setting(score)) in of_b
    ]


def _setting(score: Score) -> tuple[Any, ...]:
    return tuple(getattr(score, name) for name in _SETTING)
