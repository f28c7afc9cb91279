"""Claim (b): distilled models against larger vanilla ones, counted."""

from __future__ import annotations

from functools import partial

from distilbench.claims import Claims, SizeVerdict, count_outcomes
from distilbench.report.claims._answer import CLAIM_B
from distilbench.report.claims._cells import model_cell, source_cell
from distilbench.report.page import Details, Section, Shown, Table, Text

_NOTE = (
    "Every distilled model against every vanilla model, benchmark by benchmark, only where the"
    " metric, the number of shots and the mode agree, and only where the vanilla model is not"
    " older by more than a year and a half. Written-out reasoning counts as one mode,"
    " whether prompted (chain of thought) or the model's own (thinking); a thinking model"
    " writes more, so an equal score is not an equal running cost. Taken as two modes, the"
    " counts are those of the second table. On par is a test of non-inferiority: the 95% interval"
    " of the difference, from the number of questions, lies above minus the margin. Where it does"
    " not, and does not lie below zero either, the pair is undecided: that no difference is shown"
    " does not make two models equal (published scores cannot be paired, so undecided ones are too"
    " many). Where the number of questions is not known, on par is within one point ('by rule')."
    " Samples averaged, greedy or sampled, and the limit of output must not differ where they are"
    " known of both scores. Most publications do not say them all: such a comparison is kept, and"
    " counted as 'settings not all known'."
)
_OUTCOMES = (
    Shown("wins", "wins"),
    Shown("on par", "ties"),
    Shown("losses", "losses"),
    Shown("undecided", "undecided"),
)
_BAND = Shown("vanilla / distilled size", "size_band")
_COUNTS = (
    _BAND,
    Shown("comparisons", "comparisons"),
    *_OUTCOMES,
    Shown("by rule", "by_rule"),
    Shown("settings not all known", "unsettled"),
    Shown("shown on par or better", "on_par_share", lambda s: None if s is None else f"{s:.0%}"),
    Shown("verdict", "verdict"),
)
_FLIPS = "Does the verdict hang on the margin, on who measured, on modes, on settings not known?"
_SENSITIVITY = (
    _BAND,
    Shown("margin, points", "margin", "{:g}"),
    Shown("measured by", "measured_by"),
    Shown("thinking and chain of thought", "modes"),
    Shown("settings", "settings"),
    *_OUTCOMES,
    Shown("verdict", "verdict"),
)
_EXCLUDED = (Shown("settings that differ", "differs"), Shown("pairs", "len"))


def sizes(claims: Claims) -> Section:
    """Claim (b): wins, ties and losses by ratio of sizes, and every comparison behind them."""
    counts = "Distilled against vanilla, by how much larger the vanilla is"
    strict = "The same, chain of thought and thinking kept apart"
    every = _every(claims)
    left_out = claims.excluded.group_by("differs").len().sort("len", "differs", descending=True)
    excluded = Table.of(
        "Pairs on one benchmark that were not compared, by the settings that differ",
        left_out,
        _EXCLUDED,
    )
    return Section(
        CLAIM_B,
        (
            Text(f"{_NOTE} The margin here is {claims.margin:g} percentage points."),
            Table.of(counts, claims.counts, _COUNTS),
            Table.of(strict, claims.strict_counts, _COUNTS),
            Table.of(_FLIPS, _shown(claims), _SENSITIVITY),
            Details("By distilled model", (_by_model(claims),)),
            Details(f"All {len(every.rows)} comparisons, with sources", (every,)),
            Details("What was not compared", (excluded,)),
        ),
    )


def _shown(claims: Claims) -> list[SizeVerdict]:
    """The verdict under other terms, one or two of them changed: all of them are in the controls
    at the head of the page."""
    margins = {1.0, 10.0, claims.margin}
    return [
        one
        for one in claims.sensitivity
        if one.margin in margins
        and (one.settings == "as far as known" or one.margin == claims.margin)
    ]


def _every(claims: Claims) -> Table:
    model = partial(model_cell, claims.catalog)
    columns = (
        Shown("distilled", "distilled_model", model),
        Shown("vanilla", "vanilla_model", model),
        Shown("vanilla size", "size_band"),
        *(Shown(name, name) for name in ("benchmark", "metric", "shots")),
        *(
            Shown(
                f"{role} score", (f"{role}_score", f"{role}_source", f"{role}_where"), source_cell
            )
            for role in ("distilled", "vanilla")
        ),
        Shown("difference", "difference", "{:+.1f}"),
        Shown("margin in standard errors", "margin_se", "{:.1f}"),
        Shown("outcome", "outcome"),
        Shown("not known of both", "unknown"),
    )
    return Table.of("Every comparison", claims.comparisons, columns)


def _by_model(claims: Claims) -> Table:
    counted = count_outcomes(claims.comparisons, by=("distilled_model",))
    larger = counted["size_band"].is_in(["5-10x", ">10x"]) & (counted["comparisons"] > 0)
    model = Shown("distilled model", "distilled_model", partial(model_cell, claims.catalog))
    caption = "By distilled model, against much larger vanilla models"
    return Table.of(caption, counted.filter(larger), (model, _BAND, *_OUTCOMES))
