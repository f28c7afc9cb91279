"""The two tables of a run, read in little memory, and refused where no run of ours wrote them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from distilbench.errors import InputError
from distilbench.files import read_columns
from distilbench.records import KEY, OUTCOMES

if TYPE_CHECKING:
    import polars as pl


def read_table(run_dir: Path, name: str) -> pl.DataFrame:
    """One of the two tables of all cells, which can be made again."""
    path, remedy = run_dir / f"{name}.parquet", f"make it again: distilbench report {run_dir}"
    try:
        return _compact(map(_known, read_columns(path, remedy)))
    except FileNotFoundError as error:
        raise InputError(str(path), "is missing", remedy) from error


def refuse_strange(samples: pl.DataFrame, path: Path) -> None:
    """Raises ``InputError`` where a record bears no name, or ended as no record of ours does: whole
    tables come from strangers too."""
    remedy = "put back a copy of the run's records, or run the suite again"
    for name in KEY:
        if empty := samples[name].null_count():
            raise InputError(f"{path}: column {name!r}", f"is empty in {empty:,} rows", remedy)
    ended = samples["outcome"].unique(maintain_order=True).drop_nulls().to_list()
    for outcome in ended:
        if outcome not in OUTCOMES:
            said = f"holds {str(outcome)[:40]!r}, which is none of {', '.join(OUTCOMES)}"
            raise InputError(f"{path}: column 'outcome'", said, remedy)


def _compact(columns: Iterable[pl.Series]) -> pl.DataFrame:
    """A table in little memory. Each column in one piece: were there several, polars would copy the
    whole table when a column is put beside. And one that holds the same everywhere, as most names
    of a run and all that was not measured, as one value."""
    import polars as pl

    kept: list[pl.Series] = []
    same: list[pl.Expr] = []
    names: list[str] = []
    for column in columns:
        names.append(column.name)
        if is_one := _is_one_value(column):
            same.append(pl.lit(column[0], column.dtype).alias(column.name))
        if not is_one or not kept:
            kept.append(column.rechunk())
    return pl.DataFrame(kept).with_columns(same).select(names)


def _is_one_value(column: pl.Series) -> bool:
    """Looked at from its beginning: most columns tell soon that they are not."""
    first, start = column[:1], 0
    while start < len(column):
        part = column[start : 16 * start + 1000]
        if not part.eq_missing(first.new_from_index(0, len(part))).all():
            return False
        start += len(part)
    return len(column) > 1


def _known(column: pl.Series) -> pl.Series:
    """With null for what is no number, but for a score: that is refused where it is used."""
    if column.name == "score" or not column.dtype.is_float() or not column.is_nan().any():
        return column
    return column.fill_nan(None)
