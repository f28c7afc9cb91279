"""The entries of a run, and which rows of its records are whose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distilbench.records import ORIGIN

if TYPE_CHECKING:
    import polars as pl


def with_entries(samples: pl.DataFrame, cells: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Both with ``entry``: the model, and its profile if the run has the model under several."""
    import polars as pl

    both = pl.concat([samples.select("model", "profile"), cells.select("model", "profile")])
    several = both.group_by("model").agg(pl.col("profile").n_unique() > 1)
    names = several.filter("profile")["model"].to_list()
    entry = (
        pl.when(pl.col("model").is_in(names))
        .then(pl.format("{} · {}", "model", "profile"))
        .otherwise("model")
    )
    return samples.with_columns(entry=entry), cells.with_columns(entry=entry)


def with_variant(samples: pl.DataFrame, cells: pl.DataFrame) -> pl.DataFrame:
    """Samples with what their cell knows of the task. Templates of one task are one ``task``, so
    that a mean over tasks counts them once; ``variant`` is the task as the suite names it."""
    import polars as pl

    columns = ("variant_of", "template", "contamination")
    of_cells = pl.coalesce("variant_of", "task").alias("task")
    facts = cells.select("cell", *columns, of_cells).unique("cell")
    # Joined alone and put beside: a join of the samples would copy all of them.
    known = samples.select("cell").join(facts, on="cell", how="left", maintain_order="left")
    return samples.with_columns(known.select(columns)).with_columns(
        variant="task", task=known["task"]
    )


def others(samples: pl.DataFrame, used: pl.DataFrame) -> pl.DataFrame:
    """The samples of the entries that are not among the used ones."""
    import polars as pl

    if used.is_empty():
        return samples  # no copy of what may be gigabytes
    return samples.filter(~pl.col("entry").is_in(used["entry"].unique().to_list()))


def foreign(cells: pl.DataFrame) -> pl.DataFrame:
    """The cells that another program measured."""
    import polars as pl

    return cells.filter(pl.col("origin").is_not_null() & (pl.col("origin") != ORIGIN))


def names(frame: pl.DataFrame) -> str:
    """The entries of a frame, once each."""
    return ", ".join(frame["entry"].unique(maintain_order=True))
