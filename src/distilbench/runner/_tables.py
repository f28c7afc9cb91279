"""The tables of a run, beside the folders of its cells."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.files import in_a_row, write_parquet
from distilbench.records import (
    REPEAT_CELLS,
    REPEATS,
    SUSTAINED,
    CellRecord,
    SampleRecord,
    frame,
    schema,
)
from distilbench.runner._plan import Cell
from distilbench.runner._store import imported, of_cell
from distilbench.runner._sustained import sustained_minutes

if TYPE_CHECKING:
    import polars as pl


def collect(run_dir: Path, cells: list[Cell]) -> tuple[pl.LazyFrame, pl.DataFrame]:
    """Write the run's two Parquet files: :func:`joined`, which is returned, the samples as they
    stand in their file; and beside them what cells answered when they were asked again, which is
    evidence on speed and none on accuracy, and the minutes of models kept under load."""
    import polars as pl

    file = run_dir / "samples.parquet"
    samples, records = joined(run_dir, cells)
    write_parquet(file, samples)
    write_parquet(run_dir / "cells.parquet", records)
    again, of_again = _asked_again(run_dir, cells)
    for name, table in ((REPEATS, again), (REPEAT_CELLS, of_again)):
        if table is None:
            (run_dir / name).unlink(missing_ok=True)
        else:
            write_parquet(run_dir / name, table)
    minutes = sustained_minutes(run_dir, cells)
    if minutes.is_empty():
        (run_dir / SUSTAINED).unlink(missing_ok=True)
    else:
        write_parquet(run_dir / SUSTAINED, minutes)
    return pl.scan_parquet(file, glob=False), records


def joined(run_dir: Path, cells: list[Cell]) -> tuple[pl.LazyFrame, pl.DataFrame]:
    """The sample records and the cell records of all cells, and of those imported. Of cells that
    are asked several times, those of the first asking: :func:`repeated` has the others.

    An unfinished cell gives the samples that its logs hold. A finished one is kept as it is, but
    for what the suite and the cards say of its model, which sets no result. Each file is looked
    through here, one at a time, and read again when its samples are asked for.
    """
    pieces: list[pl.DataFrame | Path] = [frame([], SampleRecord)]
    rows: list[dict[str, Any]] = []
    for cell in cells:
        found = of_cell(run_dir, cell) if cell.repeat == 1 else None
        if found is not None:
            pieces += found[0]
            rows.append(found[1])
    for file, record in imported(run_dir):
        pieces.append(file)
        rows.append(record)
    return in_a_row(pieces, schema(SampleRecord)), _records(rows)


def _records(rows: list[dict[str, Any]]) -> pl.DataFrame:
    known = schema(CellRecord)
    return frame([{k: v for k, v in row.items() if k in known} for row in rows], CellRecord)


def repeated(run_dir: Path, cells: list[Cell]) -> pl.LazyFrame | None:
    """The sample records of all askings after the first; null: there are none."""
    return _asked_again(run_dir, cells)[0]


def _asked_again(
    run_dir: Path, cells: list[Cell]
) -> tuple[pl.LazyFrame | None, pl.DataFrame | None]:
    """And the cell records of those askings."""
    each = [of_cell(run_dir, cell) for cell in cells if cell.repeat > 1]
    found = [one for one in each if one]
    if not found:
        return None, None
    pieces = [piece for one in found for piece in one[0]]
    return in_a_row(pieces, schema(SampleRecord)), _records([record for _, record in found])
