"""Claim (c) as records: on which side of the vanilla curves distilled models stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import get_args

from distilbench.claims._counts import on_par_limits
from distilbench.claims._counts import verdict as word_of_counts
from distilbench.claims._found import Claims, MeasuredBy, Placement, curve_counts
from distilbench.claims._publications import publications
from distilbench.claims._record import Estimate, Evidence, Placed, Span, Terms, Verdict
from distilbench.claims._sentences import placed_sentence
from distilbench.compute import SCOPES, Scope

_METHOD = (
    "Wilson, at as many trials as there are distilled models: the lower limit of what lies above,"
    " the upper one of what does not lie below"
)


def curve_verdicts(claims: Claims) -> Iterator[Verdict]:
    """Under every scope and class of sources."""
    for measured_by in get_args(MeasuredBy):
        places = claims.placements_by(measured_by)
        for scope in SCOPES:
            yield _verdict(claims, places, scope, measured_by)


def _verdict(
    claims: Claims, places: Sequence[Placement], scope: Scope, measured_by: MeasuredBy
) -> Verdict:
    known = [place for place in places if scope in place.gains]
    above, below, rest = curve_counts(places)[scope]
    models = len({place.model for place in known})
    share = above / len(known) if known else None
    low, high = on_par_limits(above, 0, below, rest, models)
    word = word_of_counts(above, 0, below, rest, models)
    families = sorted({place.family for place in known})
    return Verdict(
        claim="c",
        claimed="distillation gives a superior performance-to-compute curve",
        scope=scope,
        terms=Terms(measured_by=measured_by, modes="merged"),
        estimate=Estimate(
            what="share of placements that lie surely above the curve of a vanilla family",
            value=share,
            unit="share",
        ),
        interval=None if share is None else Span(low=low, high=high, level=0.95, method=_METHOD),
        verdict=word,
        evidence=Evidence(
            sentence=placed_sentence(word, scope, above, below, rest, families),
            counts={
                "placements": len(known), "above": above, "below": below, "undecided": rest,
                "models": models, "families": len(families),
            },
            placements=tuple(_placed(place, scope) for place in known),
            sources=tuple(
                publications(claims.catalog, ((place.model, place.source) for place in known))
            ),
        ),
    )  # fmt: skip


def _placed(place: Placement, scope: Scope) -> Placed:
    gain = place.gains[scope]
    return Placed(
        distilled=place.model, family=place.family, benchmark=place.benchmark, score=place.score,
        gain=gain.value, gain_low=gain.low, gain_high=gain.high, source=place.source,
    )  # fmt: skip
