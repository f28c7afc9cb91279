"""How many users keep to the objectives, as data: which levels do, and where that ends.

A request keeps to the objectives if it was answered and each of its times is within its limit; one
that failed does not. A level keeps to them if 99% of its requests do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

SHARE = 0.99
"""Of a level's requests so many must keep to every objective."""
LOOSER = 0.90
"""The share that the DistServe paper (arXiv 2401.09670) asks for; told beside ours."""


@dataclass(frozen=True)
class Level:
    """One level: ``users`` at once, ``requests`` sent, ``failed`` of them. ``kept``: how many kept
    to every objective; null where a time that has an objective was not measured."""

    users: int
    requests: int
    failed: int
    kept: int | None

    def keeps(self, share: float = SHARE) -> bool | None:
        """Whether at least ``share`` of the requests kept to the objectives; null: not known."""
        return None if self.kept is None else self.kept >= share * self.requests

    def interval(self) -> tuple[float, float]:
        """Wilson's 95% interval of the share of requests that keep to the objectives."""
        from distilbench.stats import share_interval

        assert self.kept is not None
        return share_interval(self.kept / self.requests, self.requests)


def asked(facts: Mapping[str, Any]) -> dict[str, float]:
    """The objectives that were given: seconds by ``ttft_s``, ``inter_token_s``, ``latency_s``."""
    return {name: most for name, most in facts["objective"].items() if most is not None}


def percentile_of(name: str, percent: int) -> str:
    """The column of a percentile of a time: ``ttft_s`` and 99 give ``ttft_p99_s``."""
    return f"{name.removesuffix('_s')}_p{percent}_s"


def judged(levels: pl.DataFrame, objective: Mapping[str, float]) -> list[Level]:
    """Every level, by rising number of users."""
    return [_level(row, objective) for row in levels.sort("concurrency").to_dicts()]


def users_within(levels: Sequence[Level], share: float = SHARE) -> int:
    """The most users of which the objectives are kept at that level and all lower ones; 0: none."""
    most = 0
    for level in levels:
        if not level.keeps(share):
            break
        most = level.users
    return most


def _level(row: Mapping[str, Any], objective: Mapping[str, float]) -> Level:
    answered = row["requests"] - row["failed"]
    unknown = answered > 0 and any(row[percentile_of(name, 50)] is None for name in objective)
    kept = round(row["goodput_requests_per_s"] * row["duration_s"])
    return Level(row["concurrency"], row["requests"], row["failed"], None if unknown else kept)
