"""What was found on the claims, as data, and the verdicts in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from distilbench.catalog import Catalog
from distilbench.claims._lengths import Tokens
from distilbench.compute import CostRatio, Headline, Interval, ValidationRow

if TYPE_CHECKING:
    import polars as pl

    from distilbench.stats import Curve, Equivalent, Gain, Spent


MeasuredBy = Literal["all", "maker", "independent"]
"""Whose scores: all, those that makers publish of their own models, those of others."""


@dataclass(frozen=True)
class SizeVerdict:
    """Claim (b) in one band of sizes under one margin, one class of sources, and with prompted
    chain of thought and thinking "merged" or "apart"."""

    size_band: str
    margin: float
    measured_by: MeasuredBy
    modes: str
    wins: int
    ties: int
    losses: int
    undecided: int
    verdict: str


@dataclass(frozen=True)
class FamilyCurve:
    """One vanilla family on one benchmark in one setting. ``curve`` null: why there is none."""

    family: str
    benchmark: str
    metric: str
    shots: int | None
    mode: str
    version: str | None
    scale: str
    points: pl.DataFrame
    curve: Curve | None
    refused: str | None


Axis = Literal["student", "pipeline", "amortised", "lineage", "token", "question"]
AXES: tuple[Axis, ...] = get_args(Axis)
"""Compute that a curve may be against: of creation, by scope; of inference, by token and by
answered question."""


@dataclass(frozen=True)
class Placement:
    """Where one published score of a distilled model stands on a vanilla family's curve.
    ``own_family``: the distilled model's; ``version``: what else of the setting agrees.
    ``curve_points``: the vanilla models of the curve; ``slopes_of``: the families whose slopes it
    rests on. ``writes`` and ``family_writes``: tokens of an answer, null where not known."""

    model: str
    own_family: str
    benchmark: str
    metric: str
    shots: int | None
    mode: str
    version: str | None
    family: str
    curve_points: int
    slopes_of: int
    score: float
    questions: int | None
    source: str
    active_parameters: int | None
    writes: Tokens | None
    family_writes: Tokens | None
    size: Equivalent
    own: Mapping[Axis, Spent]
    """The distilled model's compute by axis; where nothing is known of it, the axis is absent."""
    gains: Mapping[Axis, Gain]
    """Equivalent vanilla compute over the distilled model's own, by axis; an end is open where
    nothing bounds its cost on that side."""

    @property
    def curve(self) -> tuple[str, str, str, int | None, str, str | None]:
        """Which curve it is: its family, and the setting."""
        return self.family, self.benchmark, self.metric, self.shots, self.mode, self.version


@dataclass(frozen=True)
class Claims:
    """All that the claims page shows. Frames have the columns that ``stats`` documents."""

    catalog: Catalog
    headline: Headline
    ratios: tuple[tuple[str, str, tuple[CostRatio, ...]], ...]
    comparisons: pl.DataFrame
    strict: pl.DataFrame
    counts: pl.DataFrame
    strict_counts: pl.DataFrame
    excluded: pl.DataFrame
    margin: float
    """Percentage points that a model on par may score less."""
    measured_by: MeasuredBy
    sensitivity: tuple[SizeVerdict, ...]
    curves: tuple[FamilyCurve, ...]
    placements: tuple[Placement, ...]
    placed_alone: tuple[Placement, ...]
    """The same with every curve's slope from its own family alone."""
    curve_words: str
    """Claim (c) in words, from ``placements``."""
    validation: tuple[ValidationRow, ...]
    draws: int
    seed: int

    def summary(self) -> dict[str, Any]:
        """Verdicts in words and the numbers behind them, for machines."""
        return {
            "verdicts": {
                "(a) creation over 2,000 times cheaper": self.headline.verdict,
                "(b) on par with models ten times the size": (
                    f"margin {self.margin:g} points; thinking and chain of thought merged:"
                    f" {size_verdict(self.counts)}; apart: {size_verdict(self.strict_counts)}"
                ),
                "(c) superior performance-to-compute curve": self.curve_words,
            },
            "ratio_by_scope": {
                v.scope: v.ratio.central if isinstance(v.ratio, Interval) else None
                for v in self.headline.scopes
            },
            "ratio_bound_by_scope": {v.scope: v.bound for v in self.headline.scopes},
            "ratio_reason_by_scope": {v.scope: v.reason for v in self.headline.scopes},
            "counts": self.counts.to_dicts(),
            "strict_counts": self.strict_counts.to_dicts(),
            "margin_points": self.margin,
            "measured_by": self.measured_by,
            "sensitivity": [asdict(one) for one in self.sensitivity],
            "placements": len(self.placements),
        }


def size_verdict(counts: pl.DataFrame) -> str:
    """Claim (b) in words, from the counts against vanilla models of 5 to 10 times the size and
    more."""
    import polars as pl

    parts = []
    for band in ("5-10x", ">10x"):
        row = counts.filter(pl.col("size_band") == band).row(0, named=True)
        parts.append(
            f"{band}: {row['wins']} wins, {row['ties']} on par, {row['losses']} losses, "
            f"{row['undecided']} undecided "
            f"({row['verdict']})"
        )
    return "; ".join(parts)
