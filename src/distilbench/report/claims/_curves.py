"""Claim (c): the verdict on each axis, the fitted families, and where distilled models stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from distilbench.claims import (
    AXES,
    AXIS_WORDS,
    Claims,
    FamilyCurve,
    Support,
    axis_sentence,
    verdicts_by_axis,
)
from distilbench.report.claims._cells import (
    gain_text,
    model_cell,
    size_range,
    size_text,
    source_cell,
    tokens_text,
)
from distilbench.report.claims._curve_card import CLAIM_C, NO_PLACEMENT
from distilbench.report.claims._placed import setting
from distilbench.report.page import Cell, Details, Section, Shown, Table, Text

_FIT = (
    "A curve is fitted to each vanilla family with three or more sizes, on each benchmark in one"
    " setting, from what guessing gives on the benchmark up to 100. The scatter about the curves is"
    " taken to be alike in all of them. Where three or more families have two sizes in one setting,"
    " their slopes (not their levels) are taken as draws of one normal distribution, whose mean and"
    " spread are drawn from what the families say of them: partial pooling."
    " Distilled models are placed on the curves of families not older than themselves by more than"
    " a year and a half. The equivalent vanilla size is where the curve reaches the distilled"
    " model's score; a gain is the vanilla compute at that point over the distilled model's own."
    " Nothing is extrapolated: ≥ and ≤ are bounds, at the ends of the family or of the model's own"
    " cost; ~ may lie on either side; an end that is not known stands as a question mark."
)
_INFERENCE = (
    "Inference: of a token it is 2 FLOPs for each active parameter. Of an answered question it is"
    " that times the tokens that the model writes, thoughts among them: published lengths where"
    " there are any, else a range; ranges of both sides are combined end against end. The prompt,"
    " which both read, and attention are left out. Direct answers count as one token on both sides."
)


def curves(claims: Claims) -> Section:
    """Every verdict in a sentence, and what it rests on."""
    if not claims.placements:
        return Section(CLAIM_C, (Text(NO_PLACEMENT), *_refused(claims)))
    found = verdicts_by_axis(claims.placements)
    return Section(
        CLAIM_C,
        (
            *(Text(axis_sentence(one)) for one in found),
            _verdicts(claims),
            Text(_FIT),
            Text(_INFERENCE),
            Details("Every score beside the curves", (_placements(claims),)),
            Details("Tokens of an answer, and where they are from", (_lengths(claims),)),
            Details("The curves", (_fitted(claims),)),
            *_refused(claims),
        ),
    )


def _verdicts(claims: Claims) -> Table:
    frame = [
        {"slopes": slopes, "axis": one.axis, "by": one.verdict, "found": one}
        for slopes, placed in (("pooled", claims.placements), ("alone", claims.placed_alone))
        for one in verdicts_by_axis(placed)
    ]
    columns = (
        Shown("compute", "axis", lambda axis: AXIS_WORDS[axis].removeprefix("by ")),
        Shown("slopes of families", "slopes"),
        Shown("verdict", "by"),
        Shown("families", "found", lambda one: one.families.words),
        Shown("benchmarks", "found", lambda one: one.benchmarks.words),
        Shown("models", "found", lambda one: one.models),
        Shown("compute at least", "found", lambda one: one.open),
        Shown("compute not known", "found", lambda one: one.unknown),
        Shown("decided on", "found", lambda one: _supports(one.rests_on)),
    )
    caption = "The verdict on each axis, with slopes partially pooled and each family's alone"
    return Table.of(caption, frame, columns)


def _supports(found: Sequence[Support]) -> str:
    each = (f"{one.family} on {one.benchmark} ({one.points} points)" for one in found)
    return "; ".join(each) or "–"


def _placements(claims: Claims) -> Table:
    columns = (
        Shown("distilled model", "model", partial(model_cell, claims.catalog)),
        Shown("benchmark", "benchmark"),
        Shown("shots", "shots"),
        Shown("score", "score", "{:.1f}"),
        Shown("measured by", "source"),
        Shown("against family", "family"),
        Shown("equivalent vanilla size", "size", size_text),
        Shown("95% interval", "size", lambda size: size_range(size.low, size.high)),
        *(
            Shown(f"gain: {axis}", "gains", lambda gains, axis=axis: gain_text(gains.get(axis)))
            for axis in AXES
        ),
    )
    return Table.of("Equivalent size and gain in compute", claims.placements, columns)


def _lengths(claims: Claims) -> Table:
    """Lengths of the placed models and of the families beside them, each once on a benchmark."""
    columns = (
        Shown("of", "of"),
        Shown("benchmark", "benchmark"),
        Shown("tokens of an answer", "tokens", tokens_text),
        Shown("known", ("known", "why"), lambda known, why: Cell(known, title=why)),
        Shown("from", "why"),
    )
    return Table.of("Tokens of an answer", _each_length(claims), columns)


def _each_length(claims: Claims) -> Iterator[dict[str, Any]]:
    seen = set()
    for one in claims.placements:
        name = claims.catalog.cards[one.model].name
        for of, tokens in ((name, one.writes), (f"family {one.family}", one.family_writes)):
            if tokens is not None and (of, one.benchmark, one.mode) not in seen:
                seen.add((of, one.benchmark, one.mode))
                yield {
                    "of": of, "benchmark": one.benchmark, "tokens": tokens, "known": tokens.known,
                    "why": tokens.why,
                }  # fmt: skip


def _fitted(claims: Claims) -> Table:
    frame = [
        {"family": one.family, "setting": setting(one), "against": one.scale, "curve": one.curve,
         "models": _sources(claims, one)}
        for one in claims.curves
        if one.curve is not None
    ]  # fmt: skip
    columns = (
        Shown("family", "family"),
        Shown("benchmark", "setting"),
        Shown("against", "against"),
        Shown("points", "curve", lambda curve: curve.points),
        Shown("guessing gives", "curve", lambda curve: f"{curve.lower:g}"),
        Shown("logits a tenfold", "curve", lambda curve: f"{curve.slope / curve.width:.2f}"),
        Shown("slopes of families", "curve", lambda curve: curve.slopes_of),
        Shown("scores", "models"),
    )
    return Table.of("Curves of vanilla families", frame, columns)


def _sources(claims: Claims, one: FamilyCurve) -> Cell:
    rows = one.points.select("model", "score", "source", "where").to_dicts()
    words = "; ".join(f"{claims.catalog.cards[r['model']].name} {r['score']:g}" for r in rows)
    return source_cell(words, rows[0]["source"], rows[0]["where"])


def _refused(claims: Claims) -> tuple[Details, ...]:
    refused = [curve for curve in claims.curves if curve.refused]
    if not refused:
        return ()
    why = (
        Shown("family", "family"),
        Shown("benchmark", "benchmark"),
        Shown("against", "scale"),
        Shown("reason", "refused"),
    )
    return (Details("Families without a curve", (Table.of("Why", refused, why),)),)
