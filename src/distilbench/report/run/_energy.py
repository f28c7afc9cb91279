"""The section of a run's report on energy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distilbench.report.page import (
    NOT_AVAILABLE,
    Cell,
    Details,
    Known,
    Section,
    Shown,
    Table,
    Text,
    number,
)

if TYPE_CHECKING:
    import polars as pl

    from distilbench.report.run._data import RunData

_JOULES_PER_KWH = 3.6e6


def _joules(joules: float, known: Known) -> Cell:
    return Cell(f"{joules:,.4g}", kind=known)


_COLUMNS = (
    Shown("model", "entry"),
    Shown("J per question, idle taken off", "energy_j", "{:,.4g}", "derived"),
    Shown("total J", ("energy_total_j", "energy_known"), _joules),
    Shown("of it idle J", ("energy_idle_j", "energy_known"), _joules),
    Shown("method", "energy_method"),
)


def energy(data: RunData) -> Section:
    """Joules of every entry, the idle machine's share taken off, and grams by region."""
    import polars as pl

    from distilbench.stats import costs

    known = data.cells.filter(pl.col("energy_total_j").is_not_null())
    if known.is_empty():
        reason = next(iter(data.cells["energy_method"].drop_nulls()), "no sensor")
        reason = reason.removeprefix(f"{NOT_AVAILABLE}: ")
        return Section("Energy", (Text(f"Energy: {NOT_AVAILABLE} ({reason})."),))
    table = (
        known.group_by("entry", maintain_order=True)
        .agg(
            pl.col("energy_total_j", "energy_idle_j").sum(),
            pl.col("energy_method").drop_nulls().unique().sort().str.join("; "),
            pl.col("energy_known").min(),  # a sum with an estimate in it is an estimate
        )
        .join(
            costs(data.heard).select("entry", "energy_j"),
            on="entry",
            how="left",
            maintain_order="left",
        )
    )
    note = (
        "A cell's joules less what the idle machine takes in the same time are shared among"
        " the questions in flight at each instant."
    )
    carbon = Details("Carbon by region", (_carbon(table),))
    return Section("Energy", (Table.of("Energy of the cells", table, _COLUMNS), Text(note), carbon))


def _carbon(table: pl.DataFrame) -> Table:
    """Grams of CO2 equivalent of a thousand questions, by region of the electricity."""
    from distilbench.compute import REGIONS

    rows = [
        (
            region.name,
            f"{region.g_co2e_per_kwh:g}",
            *(
                number(j and 1000 * j / _JOULES_PER_KWH * region.g_co2e_per_kwh, "{:.3g}")
                for j in table["energy_j"]
            ),
            f"{region.source}, {region.year}",
        )
        for region in REGIONS.values()
    ]
    columns = ("region", "g CO2e / kWh", *table["entry"], "source")
    return Table("Grams of CO2e for 1,000 questions (derived; no cooling)", columns, rows)
