"""Claim (c) as records: on which side of the vanilla curves families of distilled models stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import get_args

from distilbench.claims._found import Axis, Claims, MeasuredBy, Placement
from distilbench.claims._publications import publications
from distilbench.claims._record import Estimate, Evidence, Placed, Span, Terms, Verdict
from distilbench.claims._sides import CurveVerdict, Tally, axis_sentence, verdicts_by_axis

_METHOD = (
    "Wilson, at as many trials as there are families: the lower limit of those above, the upper one"
    " of those not below; the verdict asks the same of benchmarks"
)


def curve_verdicts(claims: Claims) -> Iterator[Verdict]:
    """On every axis of compute, by class of sources."""
    for measured_by in get_args(MeasuredBy):
        places = claims.placements_by(measured_by)
        for found in verdicts_by_axis(places):
            yield _verdict(claims, places, found, measured_by)


def _verdict(
    claims: Claims, places: Sequence[Placement], found: CurveVerdict, measured_by: MeasuredBy
) -> Verdict:
    known = [place for place in places if found.axis in place.gains]
    low, high = found.families.limits
    share = found.families.above / found.families.count if found.families.count else None
    return Verdict(
        claim="c",
        claimed="distillation gives a superior performance-to-compute curve",
        scope=found.axis,
        terms=Terms(measured_by=measured_by, modes="merged"),
        estimate=Estimate(
            what="share of families of distilled models that stand above vanilla curves",
            value=share,
            unit="share",
        ),
        interval=None if share is None else Span(low=low, high=high, level=0.95, method=_METHOD),
        verdict=found.verdict,
        evidence=Evidence(
            sentence=axis_sentence(found),
            counts={
                **_counted("families", found.families),
                **_counted("benchmarks", found.benchmarks),
                "models": found.models, "scores": found.scores, "cost_at_least": found.open,
                "cost_not_known": found.unknown, "curves": len(found.rests_on),
            },
            placements=tuple(_placed(place, found.axis) for place in known),
            sources=tuple(
                publications(claims.catalog, ((place.model, place.source) for place in known))
            ),
        ),
    )  # fmt: skip


def _counted(name: str, tally: Tally) -> dict[str, int]:
    return {f"{name}_{side}": count for side, count in asdict(tally).items()}


def _placed(place: Placement, axis: Axis) -> Placed:
    gain = place.gains[axis]
    return Placed(
        distilled=place.model, family=place.family, benchmark=place.benchmark, score=place.score,
        gain=gain.value, gain_low=gain.low, gain_high=gain.high, source=place.source,
    )  # fmt: skip
