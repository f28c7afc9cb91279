"""The chart under the first screen: any score against any cost that is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from distilbench.claims import choice_facts, stated_grid
from distilbench.compute import (
    BOUND_MARKS,
    REGIONS,
    SCOPES,
    Bound,
    Quantity,
    Scope,
    ScopeCost,
    bound_of,
    creation_money,
    scope_cost,
    scope_costs,
    training_utilisation,
)
from distilbench.report.page import Axis, Choice, Explorer, Section
from distilbench.report.run._measures import measured
from distilbench.report.run._vanilla import vanilla

if TYPE_CHECKING:
    from distilbench.catalog import Card, Catalog
    from distilbench.report.run._data import RunData

_CARD = "from the model's card"
_AXES = (
    Axis("flops", "inference FLOPs a question", ".2~s", "derived from tokens and architecture",
         each=True, scale="flops"),
    Axis("total_s", "mean seconds a question", ".3~g", "measured", each=True),
    Axis("p95_s", "p95 seconds of an answer", ".3~g", "measured", "at most"),
    Axis("ttft_median_s", "median TTFT in seconds", ".3~g", "measured"),
    Axis("energy_j", "joules a question", ".3~g", "as the energy section says", "at most",
         each=True),
    Axis("co2e_g", "grams of CO2e a question", ".2~g", "derived", "at most", each=True),
    Axis("usd", "US dollars a question", ".2~g", "derived from the price", "at most", each=True),
    Axis("peak_memory_mib", "peak memory in MiB", ",.3~r", "measured", "at most"),
    Axis("output_tokens", "output tokens a question", ",.3~r", "measured", each=True),
    Axis("parameters", "parameters", ".3~s", "read from the model's file", scale="parameters"),
    *(
        Axis(f"creation {scope}", f"creation FLOPs, scope {scope}", ".1~e", _CARD,
             scale="compute_flops")
        for scope in SCOPES
    ),
    *(
        Axis(f"money {scope}", f"creation in US dollars, scope {scope}", ".2~s", _CARD)
        for scope in SCOPES
    ),
)  # fmt: skip
_CAPTION = (
    "Shape: role; colour: family; bars: 95% intervals; dashed: the Pareto frontier of what keeps to"
    " the limits; band: the curve of a vanilla family. On hover, and in the table below, the"
    " figures, how they are known, how often a model stands on that frontier when the questions are"
    " drawn again, and the vanilla models that score the same. CO2e and money of creation rest on"
    " what you state above, and on nothing else. The address of this page holds the view."
)


def explorer(data: RunData) -> Section:
    """The chart; nothing where fewer than two models can be compared."""
    title = "Accuracy against any cost"
    if not data.comparable or data.overall.height < 2:
        return Section(title)
    rows = _in_order(data)
    entries = [row["entry"] for row in rows]
    points = _points(data, rows)
    known = [axis for axis in _AXES if any(_is_known(point, axis.key) for point in points)]
    if not known:
        return Section(title)
    found = measured(data, entries)
    for place, point in enumerate(points):
        point["scores"] = {one.measure.key: one.scores[place] for one in found}
    curves, placed = vanilla(data, rows, points, found)
    words = "; ".join(f"{row['entry']} {row['accuracy']:.1%}" for row in rows)
    keys = {axis.key for axis in known}
    block = Explorer(
        "any-cost",
        _CAPTION,
        f"Accuracy against a chosen cost: {words}. The numbers stand in the tables below.",
        known,
        [one.measure for one in found],
        points,
        {one.measure.key: one.standings for one in found},
        curves,
        placed,
        _grids() if "co2e_g" in keys else (),
        _accelerators(data.catalog) if any(key.startswith("money") for key in keys) else (),
    )
    return Section(title, (block,))


def _in_order(data: RunData) -> list[dict[str, Any]]:
    """The compared entries as the recommendation ranks them, so that of equals the same is picked;
    behind them those that fall out."""
    ranks = {one.entry: place for place, one in enumerate(data.recommendation.candidates)}
    return sorted(data.overall.to_dicts(), key=lambda row: ranks.get(row["entry"], len(ranks)))


def _points(data: RunData, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Everything of a point but its scores."""
    energy = _energy(data)
    facts = choice_facts(data.used, data.cells, data.catalog)
    barred = {out.entry: "; ".join(out.reasons) for out in data.recommendation.fallen_out}
    alike = _alike(data)
    made = []
    for row in rows:
        entry, card = row["entry"], data.catalog.cards.get(row["card"] or "")
        costs = {axis.key: row.get(axis.key) for axis in _AXES if not axis.key.startswith("money")}
        usd = facts[entry]["usd"]
        made_by = scope_costs(card, data.catalog.cards, data.catalog.accelerators) if card else {}
        costs |= {"usd": None if isinstance(usd, str) else usd} | _creation(made_by)
        joules, grid = energy.get(entry, (None, None))
        made.append(
            {
                "entry": entry,
                "role": data.roles.get(entry) or "not said",
                "family": card.family if card else str(row["model"]),
                "costs": costs,
                "known": {"energy_j": joules or "not available"} | _bounds(made_by),
                "marks": {f"creation {s}": BOUND_MARKS[_bound(one)] for s, one in made_by.items()},
                "ends": _ends(made_by),
                "barred": barred.get(entry, ""),
                "partly": _partly(row, facts[entry]),
                "alike": alike.get(entry, -1),
                "grid": grid,
                "money": _money(data, card),
            }
        )
    return made


def _partly(row: dict[str, Any], facts: Mapping[str, Any]) -> dict[str, str]:
    """Costs that some answers do not tell: the mean may be too low, and keeps to no limit."""
    unknown = {name: row.get(f"{name}_unknown") or 0 for name in ("flops", "energy_j")}
    unknown |= {"co2e_g": unknown["energy_j"], "usd": facts["usd_unknown"]}
    return {
        name: f"not known of {count} of {row['n_samples']} questions"
        for name, count in unknown.items()
        if count
    }


def _is_known(point: dict[str, Any], key: str) -> bool:
    if key == "co2e_g":
        return point["costs"]["energy_j"] is not None
    if key.startswith("money "):
        return key.removeprefix("money ") in point["money"]
    return point["costs"][key] is not None


def _energy(data: RunData) -> dict[str, tuple[str | None, float | None]]:
    """How the joules of each entry are known, and the carbon intensity that the suite states."""
    import polars as pl

    name = "energy_known"
    there = name if name in data.cells.columns else pl.lit(None, pl.String).alias(name)
    # A mean with an estimate in it is an estimate.
    known = data.cells.select("entry", there).group_by("entry").agg(pl.col(name).min())
    stated = stated_grid(data.cells)
    return {entry: (how, stated.get(entry)) for entry, how in known.iter_rows()}


def _alike(data: RunData) -> dict[str, int]:
    """Entries that answer identically have one number."""
    found: dict[str, int] = {}
    for number, one in enumerate(data.recommendation.candidates):
        for entry in (one.entry, *one.same_as):
            found.setdefault(entry, number)
    others = [e for e in data.overall["entry"] if e not in found]
    return found | {entry: -2 - place for place, entry in enumerate(others)}


def _creation(found: Mapping[Scope, ScopeCost]) -> dict[str, float | None]:
    return {
        f"creation {scope}": cost.flops.central if isinstance(cost.flops, Quantity) else None
        for scope, cost in found.items()
    }


def _ends(found: Mapping[Scope, ScopeCost]) -> dict[str, list[float | None]]:
    """Of creation that is a bound, the least and the most it may be."""
    made: dict[str, list[float | None]] = {}
    for scope, cost in found.items():
        bound = _bound(cost)
        if bound != "=" and isinstance(cost.flops, Quantity):
            told = cost.flops.central
            surely = cost.at_least.central if cost.at_least else 0.0
            least = told if bound == ">=" else surely
            made[f"creation {scope}"] = [least, told if bound == "<=" else None]
    return made


def _bounds(found: Mapping[Scope, ScopeCost]) -> dict[str, str]:
    """How creation is known where it is a bound."""
    return {
        f"creation {scope}": f"{_CARD}; {why}"
        for scope, cost in found.items()
        if (why := _why_bound(cost))
    }


def _why_bound(cost: ScopeCost) -> str:
    low, high = ", ".join(cost.omits), ", ".join(cost.exceeds)
    said = {
        "=": "",
        ">=": f"at least, not counted: {low}",
        "<=": f"at most, it may be counted too high: {high}",
        "~": f"it may be counted too high: {high}; not counted: {low}",
    }
    return said[_bound(cost)]


def _bound(cost: ScopeCost) -> Bound:
    """Of what the cost says, apart from whether its FLOPs are known: hours may be."""
    return bound_of(bool(cost.omits), bool(cost.exceeds))


def _money(data: RunData, card: Card | None) -> dict[str, dict[str, Any]]:
    """By scope what there is to tell the money of creation; without the scopes that nothing is
    known of."""
    if card is None:
        return {}
    cards, accelerators = data.catalog.cards, data.catalog.accelerators
    found: dict[str, dict[str, Any]] = {}
    for scope in SCOPES:
        money = creation_money(card, cards, scope, accelerators)
        cost = scope_cost(card, cards, scope, accelerators)
        if money.usd is not None or money.hours or money.flops:
            found[scope] = {
                "usd": money.usd, "known": money.known, "hours": money.hours, "flops": money.flops,
                "mark": BOUND_MARKS[_bound(cost)], "bound": _why_bound(cost),
            }  # fmt: skip
    return found


def _grids() -> tuple[Choice, ...]:
    return tuple(
        Choice(f"{region.name}, {region.year}", region.g_co2e_per_kwh, region.source)
        for region in REGIONS.values()
    )


def _accelerators(catalog: Catalog) -> tuple[Choice, ...]:
    """Accelerators with the rate that training reaches on them."""
    share = training_utilisation("any").central
    return tuple(
        Choice(
            one.name,
            one.peak_bf16_flops.value * share,
            f"{share:.0%} of its peak rate (assumed)",
        )
        for one in catalog.accelerators.values()
        if one.peak_bf16_flops is not None
    )
