"""Claim (a) as records: the ratio of creation compute under each scope, put to each threshold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import get_args

from distilbench.claims._found import Claims, MeasuredBy, Word
from distilbench.claims._publications import publications, published
from distilbench.claims._record import Estimate, Evidence, Given, Span, Terms, Verdict
from distilbench.claims._sentences import no_figures_sentence, ratio_sentence
from distilbench.claims._terms import TIMES
from distilbench.compute import (
    SCOPES,
    CostRatio,
    Input,
    Interval,
    Quantity,
    ScopeVerdict,
    Unavailable,
    cost_ratio,
    judge_ratio,
)

_WHAT = "compute to create {} over compute to create {}"


def creation_verdicts(claims: Claims) -> Iterator[Verdict]:
    """Under every scope, threshold and class of sources."""
    catalog, head = claims.catalog, claims.headline
    pair = catalog.card(head.vanilla), catalog.card(head.distilled)
    for scope in SCOPES:
        found = cost_ratio(*pair, catalog.cards, scope, catalog.accelerators)
        for times in sorted({*TIMES, head.claimed_ratio}):
            judged = judge_ratio(found, times, claims.draws, claims.seed)
            for measured_by in get_args(MeasuredBy):
                yield _verdict(claims, found, judged, times, measured_by)


def _verdict(
    claims: Claims, found: CostRatio, judged: ScopeVerdict, times: float, measured_by: MeasuredBy
) -> Verdict:
    inputs = _inputs(found)
    known, others = _classes(claims, inputs, measured_by)
    figure, bound = (judged.ratio, judged.bound)
    if isinstance(figure, Unavailable) and judged.at_most is not None:
        figure, bound = judged.at_most, "<="
    word: Word = judged.verdict
    sentence = ratio_sentence(judged, times)
    if others or not known:
        word, sentence = "no data", no_figures_sentence(measured_by, others, known)
        figure = Unavailable(sentence)
    there = figure if isinstance(figure, Interval) else None
    names = (claims.catalog.card(found.numerator.card), claims.catalog.card(found.denominator.card))
    return Verdict(
        claim="a",
        claimed=f"a distilled model takes over {times:,.0f} times less compute to create than its"
        " vanilla counterpart",
        scope=found.scope,
        terms=Terms(times=times, measured_by=measured_by),
        estimate=Estimate(
            what=_WHAT.format(*(card.name for card in names)),
            value=there and there.central,
            unit="ratio",
            bound=bound,
            kind=there.kind if there else "derived",
        ),
        interval=there
        and Span(
            low=there.p5, high=there.p95, level=0.9,
            method=f"5% and 95% of {there.draws:,} Monte Carlo draws over the figures' ranges",
        ),
        verdict=word,
        evidence=Evidence(
            sentence=sentence,
            counts={"figures": known, "figures_of_others": others},
            figures=tuple(_given(one) for one in inputs.values()),
            sources=tuple(publications(claims.catalog, map(_cited, inputs.values()))),
        ),
    )  # fmt: skip


def _inputs(found: CostRatio) -> Mapping[str, Input]:
    """The figures that the ratio, else its bound, was computed from."""
    if isinstance(found.ratio, Quantity):
        return found.ratio.inputs
    return found.at_most.inputs if found.at_most is not None else {}


def _classes(
    claims: Claims, inputs: Mapping[str, Input], measured_by: MeasuredBy
) -> tuple[int, int]:
    """How many of the figures are a publication's on a model, and how many of them are not of the
    wanted class. Makers: the developers of the models that the ratio holds; a publisher that is not
    entered is of neither class. Peak rates of accelerators and this program's assumptions are of
    both."""
    cards = claims.catalog.cards
    cited = [_cited(one) for one in inputs.values()]
    makers = {cards[card].developer for card, _ in cited if card in cards}
    sources = [published(claims.catalog, card, key) for card, key in cited if card in cards]
    publishers = [source.by for source in sources if source is not None]
    if measured_by == "all":
        return len(publishers), 0
    if measured_by == "maker":
        return len(publishers), sum(by not in makers for by in publishers)
    return len(publishers), sum(by is None or by in makers for by in publishers)


def _cited(given: Input) -> tuple[str, str]:
    """The card and the key of the source of a figure."""
    return given.name.partition(": ")[0], given.source.partition(": ")[0]


def _given(given: Input) -> Given:
    return Given(
        name=given.name, value=given.central, low=given.low, high=given.high, kind=given.kind,
        source=given.source, note=given.note,
    )  # fmt: skip
