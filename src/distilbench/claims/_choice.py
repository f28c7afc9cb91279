"""What a choice among a run's models rests on beyond the records: prices, electricity, cards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from distilbench.claims._prices import entry_facts, priced, with_usd
from distilbench.compute import Quantity, Scope, ScopeCost, Unavailable, joules_to_kwh, scope_cost

if TYPE_CHECKING:
    import polars as pl

    from distilbench.catalog import Card, Catalog
    from distilbench.stats import ApiRange, Facts


def choice_facts(
    samples: pl.DataFrame,
    cells: pl.DataFrame,
    catalog: Catalog,
    scope: Scope = "lineage",
    g_co2e_per_kwh: float | None = None,
) -> Facts:
    """Of each entry of ``samples`` (of the questions in common) US dollars and grams of CO2e of a
    question, and FLOPs of creation under ``scope``; words where one is not known.
    ``creation_at_most``: why those FLOPs are an upper bound, or null;
    ``creation_surely``: what of them was surely spent. ``<cost>_low`` and
    ``<cost>_high`` of energy_j and co2e_g: the range of an estimate, where a remote API has one.

    ``g_co2e_per_kwh``: the electricity; null: what the suite states.
    """
    import polars as pl

    from distilbench.stats import api_ranges, costs, mean_over_tasks, spent

    joules = costs(samples).rows_by_key("entry", named=True)
    answers = with_usd(samples, cells, catalog).filter(spent())
    usd = mean_over_tasks(answers, ("entry",), ("usd",)).rows_by_key("entry", named=True)
    unknown = dict(answers.group_by("entry").agg(pl.col("usd").null_count()).iter_rows())
    no_usd = _no_usd(cells, catalog)
    stated, ranges = stated_grid(cells), api_ranges(samples)
    cards = dict(cells.group_by("entry").agg(pl.col("card").drop_nulls().first()).iter_rows())
    made: dict[str, dict[str, float | str | None]] = {}
    for entry, [row] in joules.items():
        grid = stated.get(entry) if g_co2e_per_kwh is None else g_co2e_per_kwh
        price = usd[entry][0]["usd"]
        made[entry] = {
            "usd": price if price is not None else no_usd[entry],
            "usd_unknown": unknown[entry],
            "co2e_g": _grams(row, grid),
            "co2e_g_unknown": row["energy_j_unknown"],
            **_estimated(ranges.get(entry), g_co2e_per_kwh),
            **_creation(catalog.cards.get(cards[entry] or ""), catalog, scope),
        }
    return made


def _estimated(found: ApiRange | None, g_co2e_per_kwh: float | None) -> dict[str, Any]:
    """The range of what a remote API takes; nothing where an answer has no estimate: a mean without
    some may be too low."""
    if found is None or found.unknown:
        return {}
    joules = (found.energy_low_j, found.energy_high_j)
    grams: tuple[float, ...] = (found.co2e_low_g, found.co2e_high_g)
    if g_co2e_per_kwh is not None:
        grams = tuple(joules_to_kwh(end) * g_co2e_per_kwh for end in joules)
    ends = zip(("low", "high"), joules, grams, strict=True)
    return {f"{n}_{end}": v for end, j, g in ends for n, v in (("energy_j", j), ("co2e_g", g))}


def _no_usd(cells: pl.DataFrame, catalog: Catalog) -> dict[str, str]:
    """Of each entry why no answer's dollars are known, if none is."""
    facts = entry_facts(cells)
    rates, hourly = priced(facts, catalog)
    why = {}
    for row in facts:
        entry = row["entry"]
        why[entry] = (
            "its cells state several prices"
            if row["prices"] > 1
            else "it has a price, but the tokens of no answer are known"
            if entry in rates
            else "its machine has a price, but the time of no cell is known"
            if entry in hourly
            else "no price in the suite or on its card"
        )
    return why


def stated_grid(cells: pl.DataFrame) -> dict[str, float]:
    """The carbon intensity that the suite states for each entry, in g CO2e / kWh; without those
    whose cells state several (the suite was changed meanwhile): none is that of all their joules.
    """
    import polars as pl

    if "grid_g_co2e_per_kwh" not in cells.columns:
        return {}
    stated = cells.select("entry", "grid_g_co2e_per_kwh").drop_nulls().unique()
    return dict(stated.filter(pl.len().over("entry") == 1).iter_rows())


def _grams(row: dict[str, Any], grid: float | None) -> float | str:
    if row["energy_j"] is None:
        return "no joules"
    if grid is None:
        return "the suite does not state the electricity: give --region"
    return float(joules_to_kwh(row["energy_j"]) * grid)


def _creation(card: Card | None, catalog: Catalog, scope: Scope) -> dict[str, float | str | None]:
    if card is None:
        return {"creation_flops": "no card", "creation_at_most": None, "creation_surely": None}
    cost = scope_cost(card, catalog.cards, scope, catalog.accelerators)
    flops = _flops(cost)
    at_most = "; ".join(cost.exceeds) if cost.bound == "<=" else None
    surely = cost.at_least.central if at_most and cost.at_least is not None else None
    return {"creation_flops": flops, "creation_at_most": at_most, "creation_surely": surely}


def _flops(cost: ScopeCost) -> float | str:
    least = f"; at least {cost.at_least.central:.3g}" if cost.at_least is not None else ""
    if isinstance(cost.flops, Unavailable):
        return f"scope {cost.scope}: {cost.flops.reason}{least}"
    if cost.omits:
        return f"scope {cost.scope}: not counted: {', '.join(cost.omits)}{least}"
    assert isinstance(cost.flops, Quantity)
    return cost.flops.central
