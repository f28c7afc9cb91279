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


def ranged(low: float | None, high: float | None) -> Cell | None:
    """A range of an estimate; one number where that is all it has."""
    if low is None or high is None:
        return None
    words = f"{low:,.3g}" if low == high else f"{low:,.3g} to {high:,.3g}"
    return Cell(words, kind="estimated")


_ESTIMATES = (
    Shown("model", "entry"),
    Shown("J per question", ("energy_low_j", "energy_high_j"), ranged),
    Shown("J per correct answer", ("correct_low_j", "correct_high_j"), ranged),
    Shown("g CO2e per question", ("co2e_low_g", "co2e_high_g"), ranged),
    Shown("answers without an estimate", "unknown"),
    Shown("method", "method"),
)


def energy(data: RunData) -> Section:
    """Joules of every entry, the idle machine's share taken off, and grams by region; and what
    remote APIs may take, by an estimate, in a table of its own."""
    return Section("Energy", (*_metered(data), *_estimates(data)))


def _metered(data: RunData) -> tuple[Text | Table | Details, ...]:
    import polars as pl

    from distilbench.stats import costs

    known = data.cells.filter(pl.col("energy_total_j").is_not_null())
    if known.is_empty():
        reason = next(iter(data.cells["energy_method"].drop_nulls()), "no sensor")
        reason = reason.removeprefix(f"{NOT_AVAILABLE}: ")
        return (Text(f"Energy: {NOT_AVAILABLE} ({reason})."),)
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
    return (Table.of("Energy of the cells", table, _COLUMNS), Text(note), carbon)


def _estimates(data: RunData) -> tuple[Text | Table | Details, ...]:
    """What remote APIs may take; nothing where the suite did not ask for it."""
    from distilbench.stats import api_ranges

    methods = data.cells.select("entry", "api_energy_method").drop_nulls().unique()
    if methods.is_empty():
        return ()
    ranges = api_ranges(data.used)
    rows = [
        {
            **(ranges[entry]._asdict() if entry in ranges else _NO_RANGE),
            "entry": entry,
            "method": "; ".join(said),
        }
        for entry, said in methods.group_by("entry").agg("api_energy_method").sort("entry").rows()
    ]
    note = (
        "Estimated by EcoLogits from a model's size, published or guessed, and the tokens and"
        " seconds of each answer, with the data centre's overhead: no measurement. The range is"
        " that of its assumptions; whoever computes otherwise may be outside of it. These joules"
        " are added to no others and compared with none, and grams of CO2e are those of the"
        " electricity alone."
    )
    return (Table.of("Remote APIs: estimated, not measured", rows, _ESTIMATES), Text(note))


_NO_RANGE = dict.fromkeys(
    ("energy_low_j", "energy_high_j", "correct_low_j", "correct_high_j", "co2e_low_g",
     "co2e_high_g", "unknown")
)  # fmt: skip


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
