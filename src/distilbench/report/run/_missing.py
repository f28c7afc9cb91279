"""The section of a run's report on what is not available, each with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from distilbench.report.page import NOT_AVAILABLE, Section, Shown, Table, Text

if TYPE_CHECKING:
    import polars as pl

    from distilbench.report.run._data import RunData


class _Figure(NamedTuple):
    """A column of the cell records, and that which says why it has no value."""

    name: str
    column: str
    reason: str


_FIGURES = (
    _Figure("peak memory", "peak_memory_bytes", "memory_method"),
    _Figure("peak GPU memory", "peak_gpu_memory_bytes", "gpu_memory_method"),
    _Figure("energy", "energy_total_j", "energy_method"),
)
_COLUMNS = (Shown("model", "entry"), Shown("figure", "figure"), Shown("why", "why"))


def missing(data: RunData) -> Section:
    """Each figure that a measured model has not, and why: of cells that this program measured."""
    import polars as pl

    found = [
        data.cells.filter(pl.col(one.column).is_null() & pl.col(one.reason).is_not_null()).select(
            "entry",
            pl.lit(one.name).alias("figure"),
            pl.col(one.reason).str.strip_prefix(f"{NOT_AVAILABLE}: ").alias("why"),
        )
        for one in _FIGURES
    ]
    found += [_of_answers(data)]
    rows = pl.concat(found).unique(maintain_order=True)
    if rows.is_empty():
        return Section("Not available, and why")
    order = {entry: place for place, entry in enumerate(data.cells["entry"].unique().sort())}
    rows = rows.sort(pl.col("entry").replace_strict(order), maintain_order=True)
    note = "What stands in no row was measured, or is told where it is shown how it is known."
    return Section("Not available, and why", (Table.of("Figures", rows, _COLUMNS), Text(note)))


def _of_answers(data: RunData) -> pl.DataFrame:
    """Time to first token and FLOPs, of entries that answered and have none."""
    import polars as pl

    answered = data.heard.group_by("entry").agg(
        pl.col("ttft_s", "flops").is_null().all(),
    )
    why = data.cells.select(
        "entry",
        pl.col("clock").str.extract(r"not available: (.*)").alias("ttft_s_why"),
        pl.col("flops_source").str.strip_prefix(f"{NOT_AVAILABLE}: ").alias("flops_why"),
    ).unique()
    joined = answered.join(why, on="entry")
    return pl.concat(
        joined.filter(column).select(
            "entry",
            pl.lit(name).alias("figure"),
            pl.col(f"{column}_why").fill_null(otherwise).alias("why"),
        )
        for column, name, otherwise in (
            ("ttft_s", "time to first token", "the program that measured does not say"),
            ("flops", "FLOPs", "no card names its architecture"),
        )
    )
