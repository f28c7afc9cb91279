"""Curves of vanilla families, and where distilled models stand on them: claim (c)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from distilbench.catalog import Card, Catalog
from distilbench.claims._found import FamilyCurve, MeasuredBy, Placement
from distilbench.compute import SCOPES, Interval, Quantity, Scope, interval, scope_cost
from distilbench.errors import InputError

if TYPE_CHECKING:
    import polars as pl

    from distilbench.stats import Equivalent, Gain

CONTEMPORARY_DAYS = 548
"""A vanilla model more than a year and a half older is no counterpart: data and recipes of all
models improve with time, and a comparison would count that as distillation's."""
_SETTING = ("benchmark", "metric", "shots", "mode")


def contemporary(comparisons: pl.DataFrame, catalog: Catalog) -> pl.DataFrame:
    """Comparisons without those against a vanilla model that is much older, or of unknown date."""
    import polars as pl

    pairs = comparisons.select("distilled_model", "vanilla_model").unique()
    kept = [row for row in pairs.iter_rows() if _contemporary(catalog, row[0], [row[1]])]
    wanted = pl.DataFrame(kept, schema=pairs.schema, orient="row")
    return comparisons.join(wanted, on=pairs.columns, how="semi")


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
    own = {
        model: own_costs(catalog.cards[model], catalog, draws, seed)
        for model in distilled["model"].unique()
    }
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
            at = row["score"], _standard_error(row["score"], row["questions"])
            yield Placement(
                model=row["model"],
                benchmark=row["benchmark"],
                metric=row["metric"],
                shots=row["shots"],
                mode=row["mode"],
                family=family,
                score=row["score"],
                questions=row["questions"],
                source=row["source"],
                active_parameters=row["active_parameters"],
                measured_by=_one_class([row["measured_by"], *found.points["measured_by"]]),
                size=equivalent(size.curve, *at),
                gains=dict(gains(equivalent(found.curve, *at), own[row["model"]])),
            )


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


def own_costs(
    card: Card, catalog: Catalog, draws: int = 10_000, seed: int = 0
) -> dict[Scope, tuple[Interval, bool]]:
    """Creation cost of a model under each scope, and whether it is whole or a lower bound; without
    the scopes of which nothing is known."""
    found: dict[Scope, tuple[Interval, bool]] = {}
    for scope in SCOPES:
        cost = scope_cost(card, catalog.cards, scope, catalog.accelerators)
        if cost.at_least is None:
            continue
        least = interval(cost.at_least, draws, seed)
        whole = isinstance(cost.flops, Quantity) and not cost.omits
        if isinstance(cost.flops, Quantity) and whole:
            # a share of the teacher's training lies between none of it and what is charged
            full = interval(cost.flops, draws, seed)
            found[scope] = replace(full, p2_5=least.p2_5, p5=least.p5), whole
        else:
            found[scope] = least, whole
    return found


def gains(
    compute: Equivalent, own: Mapping[Scope, tuple[Interval, bool]]
) -> Iterator[tuple[Scope, Gain]]:
    """Compute-equivalent gain under each scope, from :func:`own_costs`."""
    from distilbench.stats import compute_equivalent_gain

    for scope, (cost, whole) in own.items():
        # a range that lies to one side of its central value still has to hold it
        low, high = min(cost.p2_5, cost.central), max(cost.p97_5, cost.central)
        gain = compute_equivalent_gain(compute, cost.central, low, high)
        if whole:
            yield scope, gain
        elif gain.bound != ">=":  # a cost that is at least so much bounds the gain from above
            yield scope, replace(gain, bound="<=", low=None)


def _creation_flops(models: Iterable[str], catalog: Catalog) -> list[float | None]:
    """Central creation cost of vanilla models; what post-training adds is mostly unpublished."""
    known: dict[str, float | None] = {}
    for model in models:
        if model not in known:
            cost = scope_cost(catalog.cards[model], catalog.cards, "lineage", catalog.accelerators)
            counted = cost.flops if isinstance(cost.flops, Quantity) else cost.at_least
            known[model] = counted.central if counted else None
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


def _one_class(classes: Iterable[MeasuredBy | None]) -> MeasuredBy | None:
    """The class of sources that all share; null: there is none."""
    found = set(classes)
    return found.pop() if len(found) == 1 else None


def _key(curve: FamilyCurve) -> tuple[Any, ...]:
    return curve.benchmark, curve.metric, curve.shots, curve.mode
