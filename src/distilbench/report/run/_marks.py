"""Marks beside seconds that are not the model's own: the machine was busy, or stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

BUSY = "†"
"""Marks seconds and rates that were measured, in part or all, on a busy machine."""
STOPPED = "‡"
"""Marks those that leave out questions which were stopped while they were answered."""


def marks(cells: pl.DataFrame) -> pl.DataFrame:
    """Columns entry and mark: what an entry's seconds bear in tables and charts, empty if nothing.
    One cell is enough: its questions are in the means."""
    import polars as pl

    def mark(condition: pl.Expr, sign: str) -> pl.Expr:
        return pl.when(condition.any()).then(pl.lit(sign)).otherwise(pl.lit(""))

    return cells.group_by("entry", maintain_order=True).agg(
        pl.concat_str(
            mark(pl.col("busy").fill_null(False), BUSY),
            mark(pl.col("suspended_s").fill_null(0.0) > 0, STOPPED),
        ).alias("mark")
    )


def explained(signs: str) -> str:
    """What the marks among ``signs`` mean, as sentences that follow another."""
    said = {
        BUSY: " Measured on a busy machine: not the model's own speed.",
        STOPPED: " Questions that were stopped meanwhile are left out: they have no latency.",
    }
    return "".join(f" {sign}{text}" for sign, text in said.items() if sign in signs)
