"""Claim (c) on the first screen: on which side of the vanilla curves distilled models stand."""

from __future__ import annotations

from collections.abc import Sequence

from distilbench.claims import (
    AXIS_WORDS,
    CurveVerdict,
    Placement,
    axis_sentence,
    verdicts_by_axis,
)
from distilbench.report.page import NOT_AVAILABLE, Card, Fact, Tone, spread

CLAIM_C = "Claim (c): the performance-to-compute curve"
NO_PLACEMENT = (
    "No data: no distilled model has a published score in the setting of a fitted family."
)
WHAT_A_GAIN_IS = (
    "A model lies above the curve if the vanilla compute for its score is surely more than its own,"
    " and below it if it is surely less (95% intervals). Families of distilled models and"
    " benchmarks are counted, not placements; the claim holds on an axis if it is shown of more"
    " than half of both."
)
_TONES: dict[str, Tone] = {"supported": "good", "contradicted": "bad", "undecided": "open"}
_TOLD = ("student", "lineage", "question")
"""The axes whose sentence stands on the card: narrowest and widest scope, and an answer."""


def curve_card(placements: Sequence[Placement]) -> Card:
    """Its verdict on each axis of compute."""
    found = verdicts_by_axis(placements)
    badge, tone = spread((one.verdict for one in found), _TONES, "by compute")
    facts = [
        Fact(one.axis, _counts(one), f"{AXIS_WORDS[one.axis]}: {one.verdict}") for one in found
    ]
    told = [axis_sentence(one) for one in found if one.axis in _TOLD]
    title = "(c) A superior performance-to-compute curve"
    said = [*told, WHAT_A_GAIN_IS] if badge != "no data" else [NO_PLACEMENT]
    return Card(title, badge, tone, said, facts, more=CLAIM_C)


def _counts(found: CurveVerdict) -> str:
    if found.verdict == "no data":
        return NOT_AVAILABLE
    families, benchmarks = found.families, found.benchmarks
    return (
        f"{families.above} of {families.count} families above, {families.below} below;"
        f" {benchmarks.above} of {benchmarks.count} benchmarks above, {benchmarks.below} below"
    )
