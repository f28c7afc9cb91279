"""The claims under other terms: thresholds, margins, scopes, whose figures, which settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, get_args

from distilbench.claims._counts import count_outcomes
from distilbench.claims._curves import contemporary
from distilbench.claims._found import MeasuredBy, Modes, Settings, SizeVerdict
from distilbench.claims._scores import at_margins, compare_scores

if TYPE_CHECKING:
    import polars as pl

    from distilbench.catalog import Catalog

MARGINS = (1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 20.0)
"""Percentage points at which the page gives the verdict on claim (b)."""
TIMES = (1.0, 10.0, 100.0, 200.0, 500.0, 1000.0, 1500.0, 2000.0, 3000.0, 5000.0)
"""Ratios of creation compute at which it gives that on claim (a)."""
LARGER = ("5-10x", ">10x")
"""Sizes of the vanilla models that claim (b) is about, of the distilled model's own."""


def size_sensitivity(
    frames: dict[tuple[MeasuredBy, Modes], pl.DataFrame], catalog: Catalog, margins: Sequence[float]
) -> Iterator[SizeVerdict]:
    """Claim (b) under each margin, by whom the scores were measured, with thinking merged and
    apart, with and without pairs of which a setting is not known. ``frames``: the scores."""
    import polars as pl

    for (measured_by, modes), frame in frames.items():
        found = at_margins(contemporary(compare_scores(frame), catalog), margins)
        for settings in get_args(Settings):
            kept = found if settings == "as far as known" else found.filter(pl.col("unknown") == "")
            yield from _each(kept, measured_by, modes, settings, margins)


def _each(
    found: pl.DataFrame,
    measured_by: MeasuredBy,
    modes: Modes,
    settings: Settings,
    margins: Sequence[float],
) -> Iterator[SizeVerdict]:
    counted = {
        (row["margin_points"], row["size_band"]): row
        for row in count_outcomes(found, by=("margin_points",)).to_dicts()
    }
    nothing = dict.fromkeys(("wins", "ties", "losses", "undecided", "unsettled"), 0)
    missing = {**nothing, "on_par_share": None, "low": None, "high": None, "verdict": "no data"}
    for margin in margins:
        for band in LARGER:
            row = counted.get((margin, band), missing)
            yield SizeVerdict(
                band, margin, measured_by, modes, settings, **{name: row[name] for name in missing}
            )
