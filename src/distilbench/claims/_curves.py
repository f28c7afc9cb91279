"""Curves of vanilla families, and where distilled models stand on them: claim (c)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from distilbench.catalog import Catalog
from distilbench.claims._found import FamilyCurve, MeasuredBy, Placement
from distilbench.claims._lengths import answer_tokens, family_tokens
from distilbench.claims._own import (
    creation_gains,
    inference_costs,
    inference_gains,
    own_costs,
)
from distilbench.compute import Quantity, Scope, scope_cost
from distilbench.errors import InputError

if TYPE_CHECKING:
    import polars as pl

    from distilbench.stats import Scatter, SlopePrior, Spent

CONTEMPORARY_DAYS = 548
"""A vanilla model more than a year and a half older is no counterpart: data and recipes of all
models improve with time, and a comparison would count that as distillation's."""
SIZES = 3
"""Sizes of a family below which it has no curve; two lend their slope to others."""
_SETTING = ("benchmark", "metric", "shots", "mode", "setting_key")
_SAID = ("model", "score", "questions", "source", "active_parameters")
_SCALES = ("compute_flops", "parameters", "active_parameters")


def contemporary(comparisons: pl.DataFrame, catalog: Catalog) -> pl.DataFrame:
    """Comparisons without those against a vanilla model that is much older, or of unknown date."""
    import polars as pl

    pairs = comparisons.select("distilled_model", "vanilla_model").unique()
    kept = [row for row in pairs.iter_rows() if _contemporary(catalog, row[0], [row[1]])]
    wanted = pl.DataFrame(kept, schema=pairs.schema, orient="row")
    return comparisons.join(wanted, on=pairs.columns, how="semi")


def fit_families(
    scores: pl.DataFrame, catalog: Catalog, share_slopes: bool = True
) -> Iterator[FamilyCurve]:
    """A curve for every vanilla family with SIZES sizes or more on a benchmark in one setting,
    against creation compute, parameters, and active parameters where those are fewer.

    Its lower asymptote is the benchmark's level of chance. Scatter is pooled over each scale's
    curves; slopes are partially pooled over the families of one setting, where there are enough of
    them and ``share_slopes``.
    """
    import polars as pl

    from distilbench.stats import pool_scatter

    vanilla = scores.filter((pl.col("role") == "vanilla") & (pl.col("metric") != "rating"))
    with_cost = vanilla.with_columns(
        pl.Series("compute_flops", _creation_flops(vanilla["model"], catalog), pl.Float64)
    )
    for scale in _SCALES:
        groups = list(_groups(with_cost, scale, catalog))
        first = [_fitted(one, scale, draws=2) for one in groups if one.sizes >= SIZES]
        fitted = [found.curve for found in first if found.curve is not None]
        if not fitted:
            yield from first
            continue
        scatter = pool_scatter(fitted)
        slopes = _slopes(groups, scale, scatter) if share_slopes else {}
        for one in groups:
            if one.sizes >= SIZES:
                yield _fitted(one, scale, scatter, slopes.get(one.setting))


@dataclass(frozen=True)
class _Group:
    """The models of one family in one setting, each once."""

    family: str
    setting: tuple[Any, ...]
    points: pl.DataFrame
    sizes: int
    chance: float | None

    @property
    def where(self) -> str:
        return f"{self.family} on {self.setting[0]}"


def _groups(scores: pl.DataFrame, scale: str, catalog: Catalog) -> Iterator[_Group]:
    import polars as pl

    usable = scores.filter(pl.col(scale).is_not_null())
    for key, points in usable.group_by("family", *_SETTING, maintain_order=True):
        one_each = points.unique("model", keep="first", maintain_order=True)
        dense = (one_each["parameters"] == one_each["active_parameters"]).all()
        if scale == "active_parameters" and dense:
            continue  # the same curve as against parameters
        chance = catalog.benchmarks[str(key[1])].chance
        yield _Group(str(key[0]), key[1:], one_each, one_each[scale].n_unique(), chance)


def _slopes(
    groups: Sequence[_Group], scale: str, scatter: Scatter
) -> Mapping[tuple[Any, ...], SlopePrior]:
    """What the families of each setting say of each other's slopes; also those of two sizes, and
    those whose score falls, since to choose among slopes would raise their mean."""
    from distilbench.stats import FEWEST_FAMILIES, pool_slopes, slope_of

    found: dict[tuple[Any, ...], list[Any]] = {}
    for one in groups:
        if one.sizes > 1 and one.chance is not None:
            slope = slope_of(one.points, scale, one.chance, one.where)
            found.setdefault(one.setting, []).append(slope)
    return {
        setting: pool_slopes(slopes, scatter.dispersion)
        for setting, slopes in found.items()
        if len(slopes) >= FEWEST_FAMILIES
    }


def _fitted(
    one: _Group,
    scale: str,
    scatter: Scatter | None = None,
    slope: SlopePrior | None = None,
    draws: int = 2000,
) -> FamilyCurve:
    from distilbench.stats import fit_curve

    curve, refused = None, None
    if one.chance is None:
        refused = f"what guessing gives on {one.setting[0]} is not one number"
    else:
        try:
            curve = fit_curve(
                one.points, scale=scale, lower=one.chance, scatter=scatter, slope=slope,
                draws=draws, where=one.where,
            )  # fmt: skip
        except InputError as error:
            refused = str(error)
    benchmark, metric, shots, mode, version = one.setting
    return FamilyCurve(
        one.family, benchmark, metric, shots, mode, version, scale, one.points, curve, refused
    )


def place(
    scores: pl.DataFrame,
    catalog: Catalog,
    curves: Iterable[FamilyCurve],
    draws: int,
    seed: int,
) -> Iterator[Placement]:
    """Each published score of a distilled model on each curve fitted in its setting: equivalent
    vanilla size, and the gain in compute of creation and of inference."""
    import polars as pl

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
            if _contemporary(catalog, row["model"], found.points["model"]):
                active = fitted.get(("active_parameters", family, *key), size)
                yield _placed(row, (found, size, active), own[row["model"]], catalog)


def _placed(
    row: Mapping[str, Any],
    curves: tuple[FamilyCurve, FamilyCurve, FamilyCurve],
    creation: Mapping[Scope, Spent],
    catalog: Catalog,
) -> Placement:
    """One score on a family's curves against creation compute, parameters, active parameters."""
    from distilbench.stats import equivalent

    found, benchmark = curves[0], row["benchmark"]
    error = _standard_error(row["score"], row["questions"])
    compute, size, active = (
        equivalent(one.curve, row["score"], error)  # type: ignore[arg-type]
        for one in curves
    )
    writes = answer_tokens(catalog.cards[row["model"]], benchmark, row["written"], catalog)
    written = found.points.select("model", "written").iter_rows()
    theirs = family_tokens(written, benchmark, catalog)
    running = inference_costs(row["active_parameters"], writes)
    return Placement(
        **{name: row[name] for name in (*_SETTING[:4], *_SAID)},
        own_family=row["family"],
        measured_by=_one_class([row["measured_by"], *found.points["measured_by"]]),
        version=row["setting_key"],
        family=found.family,
        curve_points=found.points.height,
        slopes_of=found.curve.slopes_of,  # type: ignore[union-attr]
        writes=writes,
        family_writes=theirs,
        size=size,
        own=dict(chain(creation.items(), running.items())),
        gains=dict(
            chain(creation_gains(compute, creation), inference_gains(active, running, theirs))
        ),
    )


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
    return curve.benchmark, curve.metric, curve.shots, curve.mode, curve.version
