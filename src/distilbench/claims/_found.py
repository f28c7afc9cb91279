"""What was found on the claims, as data, and the verdicts in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from distilbench.catalog import Catalog
from distilbench.claims._lengths import Tokens
from distilbench.compute import CostRatio, Headline, ValidationRow

if TYPE_CHECKING:
    import polars as pl

    from distilbench.stats import Curve, Equivalent, Gain, Spent


MeasuredBy = Literal["all", "maker", "independent"]
"""Whose scores: all, those that makers publish of their own models, those of others."""
Modes = Literal["merged", "apart"]
"""Thinking and prompted chain of thought as one mode, or as two."""
Settings = Literal["as far as known", "all known"]
"""Whether a comparison counts of which a setting is not known."""
Word = Literal["supported", "refuted", "contradicted", "not decidable", "undecided", "no data"]
"""A verdict: of claim (a) by draws (supported, refuted, not decidable), of the others by counts."""


@dataclass(frozen=True)
class SizeVerdict:
    """Claim (b) in one band of sizes under one margin, one class of sources, with prompted
    chain of thought and thinking "merged" or "apart", and with settings matched "as far as known"
    or "all known". ``unsettled`` of the comparisons have a setting that is not known.
    ``low`` and ``high``: see ``count_outcomes``."""

    size_band: str
    margin: float
    measured_by: MeasuredBy
    modes: Modes
    settings: Settings
    wins: int
    ties: int
    losses: int
    undecided: int
    unsettled: int
    on_par_share: float | None
    low: float | None
    high: float | None
    verdict: Word

    @property
    def comparisons(self) -> int:
        return self.wins + self.ties + self.losses + self.undecided


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
    measured_by: MeasuredBy | None
    """Who published its score and all scores of the curve; null: not one class alone."""
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


@dataclass(frozen=True, eq=False)
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
    remeasured: pl.DataFrame
    """Makers' scores beside those of others, whoever's count."""
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
    every_placement: tuple[Placement, ...]
    """Those of ``placements``, whoever measured."""
    validation: tuple[ValidationRow, ...]
    draws: int
    seed: int

    def placements_by(self, measured_by: MeasuredBy) -> tuple[Placement, ...]:
        """Those whose score and curve rest on the scores of one class alone."""
        return tuple(p for p in self.every_placement if measured_by in ("all", p.measured_by))

    def in_words(self) -> dict[str, str]:
        """A verdict in words for each claim; as data: :func:`distilbench.claims.verdicts`."""
        return {
            "(a) creation over 2,000 times cheaper": self.headline.verdict,
            "(b) on par with models ten times the size": (
                f"margin {self.margin:g} points; thinking and chain of thought merged:"
                f" {size_verdict(self.counts)}; apart: {size_verdict(self.strict_counts)}"
            ),
            "(c) superior performance-to-compute curve": self.curve_words,
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
