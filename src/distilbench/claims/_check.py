"""The three claims of arXiv 2602.20164, checked on the published figures of the catalog.

(a) Creating a distilled 8B model takes over 2,000 times less compute than its vanilla counterpart.
(b) Distilled models reason on par with, or better than, vanilla models ten times their size.
(c) Distillation gives a superior performance-to-compute curve.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, get_args

from distilbench.catalog import Card, Catalog, Score
from distilbench.claims._counts import count_outcomes
from distilbench.claims._curves import contemporary, fit_families, place
from distilbench.claims._found import Claims, FamilyCurve, MeasuredBy, Modes, Placement
from distilbench.claims._matched import SCORE_SCHEMA, excluded_pairs
from distilbench.claims._remeasured import remeasured
from distilbench.claims._scores import MARGIN_POINTS, compare_scores
from distilbench.claims._sides import curve_verdict
from distilbench.claims._terms import MARGINS, size_sensitivity
from distilbench.compute import (
    SCOPES,
    CostRatio,
    Quantity,
    Unavailable,
    active_parameters,
    check_headline,
    cost_ratio,
    student_parameters,
    validation_table,
)

if TYPE_CHECKING:
    import polars as pl

VANILLA, DISTILLED = "llama-3.1-8b", "deepseek-r1-distill-llama-8b"


def check_claims(
    catalog: Catalog,
    draws: int = 10_000,
    seed: int = 0,
    margin: float = MARGIN_POINTS,
    measured_by: MeasuredBy = "all",
    on_step: Callable[[str], None] = lambda doing: None,
) -> Claims:
    """Check the claims, with ``draws`` Monte Carlo draws of ranges from ``seed``. A model is on par
    if surely less than ``margin`` points below; ``measured_by`` takes only scores that makers
    publish of their own models, or only others'. ``on_step`` is told of each step as it begins."""
    on_step("comparing published scores")
    frames = _frames(catalog)
    reasoned, scores = frames[measured_by, "merged"], frames[measured_by, "apart"]
    comparisons = contemporary(compare_scores(reasoned, margin=margin), catalog)
    strict = contemporary(compare_scores(scores, margin=margin), catalog)
    on_step("creation cost")
    pair = catalog.card(VANILLA), catalog.card(DISTILLED)
    headline = check_headline(*pair, catalog.cards, catalog.accelerators, draws=draws, seed=seed)
    on_step("performance-to-compute curves")
    (curves, placements), (_, alone) = (
        _placed(frames["all", "merged"], catalog, draws, seed, share) for share in (True, False)
    )
    return Claims(
        catalog=catalog,
        headline=headline,
        ratios=tuple(ratios_to_base(catalog)),
        comparisons=comparisons,
        strict=strict,
        counts=count_outcomes(comparisons),
        strict_counts=count_outcomes(strict),
        excluded=excluded_pairs(reasoned),
        remeasured=remeasured(frames["all", "apart"]),
        margin=margin,
        measured_by=measured_by,
        sensitivity=tuple(size_sensitivity(frames, catalog, sorted({*MARGINS, margin}))),
        curves=curves,
        placements=_by(measured_by, placements),
        placed_alone=_by(measured_by, alone),
        curve_words=curve_verdict(_by(measured_by, placements)),
        every_placement=placements,
        validation=tuple(validation_table(catalog.cards.values())),
        draws=draws,
        seed=seed,
    )


def _placed(
    scores: pl.DataFrame, catalog: Catalog, draws: int, seed: int, share_slopes: bool
) -> tuple[tuple[FamilyCurve, ...], tuple[Placement, ...]]:
    curves = tuple(fit_families(scores, catalog, share_slopes))
    return curves, tuple(place(scores, catalog, curves, draws, seed))


def _by(measured_by: MeasuredBy, placements: Iterable[Placement]) -> tuple[Placement, ...]:
    return tuple(one for one in placements if measured_by in ("all", one.measured_by))


def _frames(catalog: Catalog) -> dict[tuple[MeasuredBy, Modes], pl.DataFrame]:
    """Scores by whose they are, with thinking merged and apart."""
    frames: dict[tuple[MeasuredBy, Modes], pl.DataFrame] = {}
    for who in get_args(MeasuredBy):
        scores = score_frame(catalog, who)
        frames |= {(who, "merged"): reasoning_aligned(scores), (who, "apart"): scores}
    return frames


def score_frame(catalog: Catalog, measured_by: MeasuredBy = "all") -> pl.DataFrame:
    """Published scores of all cards in the columns of ``stats.SCORE_SCHEMA``. Benchmarks where
    less is better (perplexity) are left out."""
    import polars as pl

    rows = [
        {
            "model": card.id,
            "role": card.role,
            "family": card.family,
            "parameters": _count(card.parameters.total, card, catalog),
            "active_parameters": _active(card, catalog),
            "benchmark": score.benchmark,
            "metric": score.metric,
            "shots": score.shots,
            "mode": score.mode,
            "setting_key": _version(score, catalog),
            "samples": score.samples,
            "decoding": score.decoding,
            "max_output_tokens": score.max_output_tokens,
            "score": score.value,
            "stderr": None,
            "questions": score.questions or catalog.benchmarks[score.benchmark].questions,
            "measured_by": _measured_by(card, score, catalog),
            "source": score.source,
            "where": score.where,
        }
        for card in catalog.cards.values()
        for score in card.scores
        if catalog.benchmarks[score.benchmark].higher_is_better
        and measured_by in ("all", _measured_by(card, score, catalog))
    ]
    return pl.DataFrame(rows, schema=SCORE_SCHEMA)


def _measured_by(card: Card, score: Score, catalog: Catalog) -> MeasuredBy | None:
    """Who published the score: the model's maker or another; null: not entered."""
    by = catalog.source(card, score.source).by
    if by is None:
        return None
    return "maker" if by == card.developer else "independent"


def _version(score: Score, catalog: Catalog) -> str | None:
    """The benchmark's version; where that matters and is not said, the source stands for it."""
    if score.version is None and catalog.benchmarks[score.benchmark].versions:
        return f"version not said by {score.source}"
    return score.version


def reasoning_aligned(scores: pl.DataFrame) -> pl.DataFrame:
    """Scores with the modes "cot" and "thinking" taken as one: in both the model writes out its
    reasoning before the answer, prompted to or by itself. What a thinking model writes is longer,
    so equal scores are not equal running costs; the page says so.
    ``written`` is the mode by itself."""
    import polars as pl

    reasoned = pl.col("mode").is_in(["cot", "thinking"])
    return scores.with_columns(
        pl.when(reasoned).then(pl.lit("reasoned")).otherwise("mode").alias("mode"),
        pl.col("mode").alias("written"),
    )


def ratios_to_base(catalog: Catalog) -> Iterator[tuple[str, str, tuple[CostRatio, ...]]]:
    """Each distilled model beside the vanilla model it started from, under every scope."""
    for card in catalog.cards.values():
        base = catalog.cards.get(card.lineage.base or "")
        if card.role != "distilled" or base is None:
            continue
        found = tuple(
            cost_ratio(base, card, catalog.cards, scope, catalog.accelerators) for scope in SCOPES
        )
        if any(isinstance(one.ratio, Quantity) or one.at_most for one in found):
            yield card.id, base.id, found


def _count(figure: Any, card: Card, catalog: Catalog) -> int | None:
    if figure is not None:
        return int(figure.value)
    found = student_parameters(card, catalog.cards)
    return None if isinstance(found, Unavailable) else int(found.central)


def _active(card: Card, catalog: Catalog) -> int | None:
    found = active_parameters(card)
    if isinstance(found, Unavailable):
        return _count(None, card, catalog)
    return int(found.central)
