"""The three claims of arXiv 2602.20164, checked on the published figures of the catalog.

(a) Creating a distilled 8B model takes over 2,000 times less compute than its vanilla counterpart.
(b) Distilled models reason on par with, or better than, vanilla models ten times their size.
(c) Distillation gives a superior performance-to-compute curve.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from distilbench.catalog import Card, Catalog
from distilbench.compute import (
    SCOPES,
    CostRatio,
    Headline,
    Interval,
    Quantity,
    Scope,
    Unavailable,
    ValidationRow,
    active_parameters,
    check_headline,
    cost_ratio,
    interval,
    scope_cost,
    student_parameters,
    validation_table,
)
from distilbench.errors import InputError

if TYPE_CHECKING:
    import polars as pl

    from distilbench.stats import Curve, Equivalent, Gain

VANILLA, DISTILLED = "llama-3.1-8b", "deepseek-r1-distill-llama-8b"
CONTEMPORARY_DAYS = 548
"""A vanilla model more than a year and a half older is no counterpart: data and recipes of all
models improve with time, and a comparison would count that as distillation's."""
_SETTING = ("benchmark", "metric", "shots", "mode")


@dataclass(frozen=True)
class FamilyCurve:
    """One vanilla family on one benchmark in one setting. ``curve`` null: why there is none."""

    family: str
    benchmark: str
    metric: str
    shots: int | None
    mode: str
    scale: str
    points: pl.DataFrame
    curve: Curve | None
    refused: str | None


@dataclass(frozen=True)
class Placement:
    """Where a distilled model stands on a vanilla family's curve."""

    model: str
    benchmark: str
    metric: str
    shots: int | None
    mode: str
    family: str
    score: float
    active_parameters: int | None
    size: Equivalent
    gains: Mapping[str, Gain]
    """Compute-equivalent gain by scope of the distilled model's own creation cost. Where only a
    lower bound of the cost is known the gain is an upper bound; where nothing is, it is absent."""


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
    curves: tuple[FamilyCurve, ...]
    placements: tuple[Placement, ...]
    validation: tuple[ValidationRow, ...]
    draws: int
    seed: int

    def summary(self) -> dict[str, Any]:
        """Verdicts in words and the numbers behind them, for machines."""
        return {
            "verdicts": {
                "(a) creation over 2,000 times cheaper": self.headline.verdict,
                "(b) on par with models ten times the size": size_verdict(self.counts),
                "(c) superior performance-to-compute curve": curve_verdict(self.placements),
            },
            "ratio_by_scope": {
                v.scope: v.ratio.central if isinstance(v.ratio, Interval) else None
                for v in self.headline.scopes
            },
            "counts": self.counts.to_dicts(),
            "placements": len(self.placements),
        }


def check_claims(
    catalog: Catalog,
    draws: int = 10_000,
    seed: int = 0,
    on_step: Callable[[str], None] = lambda doing: None,
) -> Claims:
    """Check the claims. Ranges go through by Monte Carlo with ``draws`` draws from ``seed``.
    ``on_step`` is told each of the three steps as it begins."""
    from distilbench.stats import compare_scores, count_outcomes, excluded_pairs

    on_step("comparing published scores")
    scores = score_frame(catalog)
    reasoned = reasoning_aligned(scores)
    comparisons = contemporary(compare_scores(reasoned), catalog)
    strict = contemporary(compare_scores(scores), catalog)
    on_step("creation cost")
    headline = check_headline(
        catalog.card(VANILLA),
        catalog.card(DISTILLED),
        catalog.cards,
        catalog.accelerators,
        draws=draws,
        seed=seed,
    )
    on_step("performance-to-compute curves")
    curves = tuple(fit_families(reasoned, catalog))
    return Claims(
        catalog=catalog,
        headline=headline,
        ratios=tuple(ratios_to_base(catalog)),
        comparisons=comparisons,
        strict=strict,
        counts=count_outcomes(comparisons),
        strict_counts=count_outcomes(strict),
        excluded=excluded_pairs(reasoned),
        curves=curves,
        placements=tuple(place(reasoned, catalog, curves, draws, seed)),
        validation=tuple(validation_table(catalog.cards.values())),
        draws=draws,
        seed=seed,
    )


def score_frame(catalog: Catalog) -> pl.DataFrame:
    """Published scores of all cards in the columns of ``stats.SCORE_SCHEMA``. Benchmarks where
    less is better (perplexity) are left out."""
    import polars as pl

    from distilbench.stats import SCORE_SCHEMA

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
            "setting_key": None,
            "score": score.value,
            "stderr": None,
            "questions": score.questions or catalog.benchmarks[score.benchmark].questions,
            "source": score.source,
            "where": score.where,
        }
        for card in catalog.cards.values()
        for score in card.scores
        if catalog.benchmarks[score.benchmark].higher_is_better
    ]
    return pl.DataFrame(rows, schema=SCORE_SCHEMA)


def reasoning_aligned(scores: pl.DataFrame) -> pl.DataFrame:
    """Scores with the modes "cot" and "thinking" taken as one: in both the model writes out its
    reasoning before the answer, prompted to or by itself. What a thinking model writes is longer,
    so equal scores are not equal running costs; the page says so."""
    import polars as pl

    reasoned = pl.col("mode").is_in(["cot", "thinking"])
    return scores.with_columns(
        pl.when(reasoned).then(pl.lit("reasoned")).otherwise("mode").alias("mode")
    )


def contemporary(comparisons: pl.DataFrame, catalog: Catalog) -> pl.DataFrame:
    """Comparisons without those against a vanilla model that is much older, or of unknown date."""
    import polars as pl

    pairs = comparisons.select("distilled_model", "vanilla_model").unique()
    kept = [row for row in pairs.iter_rows() if _contemporary(catalog, row[0], [row[1]])]
    wanted = pl.DataFrame(kept, schema=pairs.schema, orient="row")
    return comparisons.join(wanted, on=pairs.columns, how="semi")


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


def fit_families(scores: pl.DataFrame, catalog: Catalog) -> Iterator[FamilyCurve]:
    """A curve for every vanilla family with three or more sizes on a benchmark in one setting,
    against creation compute and against parameters; scatter pooled over each scale's curves."""
    import polars as pl

    from distilbench.stats import pool_scatter

    vanilla = scores.filter((pl.col("role") == "vanilla") & (pl.col("metric") != "rating"))
    with_cost = vanilla.with_columns(
        pl.Series("compute_flops", _creation_flops(vanilla["model"], catalog), pl.Float64)
    )
    for scale in ("compute_flops", "parameters"):
        first = list(_fit_each(with_cost, scale))
        fitted = [found.curve for found in first if found.curve is not None]
        pooled = pool_scatter(fitted) if fitted else None
        yield from _fit_each(with_cost, scale, pooled)


def place(
    scores: pl.DataFrame,
    catalog: Catalog,
    curves: Iterable[FamilyCurve],
    draws: int,
    seed: int,
) -> Iterator[Placement]:
    """Equivalent vanilla size and compute-equivalent gain of each distilled model on each curve
    fitted in its setting."""
    import polars as pl

    from distilbench.stats import equivalent

    fitted = {(c.scale, c.family, *_key(c)): c for c in curves if c.curve is not None}
    distilled = scores.filter(pl.col("role") == "distilled")
    for row in distilled.iter_rows(named=True):
        setting = tuple(row[name] for name in _SETTING)
        for (scale, family, *key), found in fitted.items():
            size = fitted.get(("parameters", family, *key))
            if scale != "compute_flops" or tuple(key) != setting or size is None:
                continue
            if not _contemporary(catalog, row["model"], found.points["model"]):
                continue
            assert found.curve is not None
            assert size.curve is not None
            error = _standard_error(row["score"], row["questions"])
            compute = equivalent(found.curve, row["score"], error)
            yield Placement(
                model=row["model"],
                benchmark=row["benchmark"],
                metric=row["metric"],
                shots=row["shots"],
                mode=row["mode"],
                family=family,
                score=row["score"],
                active_parameters=row["active_parameters"],
                size=equivalent(size.curve, row["score"], error),
                gains=dict(_gains(compute, catalog.cards[row["model"]], catalog, draws, seed)),
            )


def size_verdict(counts: pl.DataFrame) -> str:
    """Claim (b) in words, from the counts against vanilla models of 5 to 10 times the size and
    more."""
    import polars as pl

    parts = []
    for band in ("5-10x", ">10x"):
        row = counts.filter(pl.col("size_band") == band).row(0, named=True)
        parts.append(
            f"{band}: {row['wins']} wins, {row['ties']} ties, {row['losses']} losses "
            f"({row['verdict']})"
        )
    return "; ".join(parts)


def curve_verdict(placements: tuple[Placement, ...]) -> str:
    """Claim (c) in words: on how many placements the gain is surely above, or below, one."""
    parts = []
    for scope in SCOPES:
        gains = [p.gains[scope] for p in placements if scope in p.gains]
        if not gains:
            parts.append(f"{scope}: no data")
            continue
        above = sum(g.low is not None and g.low > 1 for g in gains)
        below = sum(g.high is not None and g.high < 1 for g in gains)
        rest = len(gains) - above - below
        parts.append(f"{scope}: gain above 1 in {above}, below in {below}, undecided in {rest}")
    return "; ".join(parts)


def _fit_each(scores: pl.DataFrame, scale: str, pooled: Any = None) -> Iterator[FamilyCurve]:
    import polars as pl

    from distilbench.stats import fit_curve

    usable = scores.filter(pl.col(scale).is_not_null())
    for key, points in usable.group_by("family", *_SETTING, maintain_order=True):
        one_each = points.unique("model", keep="first", maintain_order=True)
        if one_each[scale].n_unique() < 3:
            continue
        family, benchmark, metric, shots, mode = key
        curve, refused = None, None
        try:
            curve = fit_curve(
                one_each, scale=scale, scatter=pooled, where=f"{family} on {benchmark}"
            )
        except InputError as error:
            refused = str(error)
        yield FamilyCurve(
            str(family), str(benchmark), str(metric), shots, str(mode), scale, one_each, curve,
            refused,
        )  # fmt: skip


def _gains(
    compute: Equivalent, card: Card, catalog: Catalog, draws: int, seed: int
) -> Iterator[tuple[Scope, Gain]]:
    from distilbench.stats import compute_equivalent_gain

    for scope in SCOPES:
        cost = scope_cost(card, catalog.cards, scope, catalog.accelerators)
        if cost.at_least is None:
            continue
        own = interval(cost.at_least, draws, seed)
        # a range that lies to one side of its central value still has to hold it
        low, high = min(own.p2_5, own.central), max(own.p97_5, own.central)
        gain = compute_equivalent_gain(compute, own.central, low, high)
        if isinstance(cost.flops, Quantity) and not cost.omits:
            yield scope, gain
        elif gain.bound != ">=":  # a cost that is at least so much bounds the gain from above
            yield scope, replace(gain, bound="<=", low=None)


def _creation_flops(models: Iterable[str], catalog: Catalog) -> list[float | None]:
    """Central creation cost of vanilla models; what post-training adds is mostly unpublished."""
    known: dict[str, float | None] = {}
    for model in models:
        if model not in known:
            cost = scope_cost(catalog.cards[model], catalog.cards, "lineage", catalog.accelerators)
            known[model] = cost.at_least.central if cost.at_least else None
    return [known[model] for model in models]


def _contemporary(catalog: Catalog, distilled: str, vanilla: Iterable[str]) -> bool:
    """Whether some of the vanilla models came out at most CONTEMPORARY_DAYS before."""
    own = catalog.cards[distilled].released
    dates = [catalog.cards[model].released for model in vanilla]
    return own is not None and any(
        (own - date).days <= CONTEMPORARY_DAYS for date in dates if date is not None
    )


def _standard_error(score: float, questions: int | None) -> float:
    """Binomial, in percent; 0 where the number of questions is not known."""
    return 0.0 if not questions else (score * (100 - score) / questions) ** 0.5


def _key(curve: FamilyCurve) -> tuple[Any, ...]:
    return curve.benchmark, curve.metric, curve.shots, curve.mode


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
