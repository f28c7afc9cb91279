"""The tables of a run, beside the folders of its cells."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from distilbench.files import write_parquet
from distilbench.records import REPEATS, SampleRecord, frame
from distilbench.runner._plan import Cell
from distilbench.runner._store import joined, of_cell

if TYPE_CHECKING:
    import polars as pl


def collect(run_dir: Path, cells: list[Cell]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Write the run's two Parquet files: :func:`joined`, which is returned; and beside them what
    cells answered when they were asked again, which is evidence on speed and none on accuracy."""
    samples, records = joined(run_dir, cells)
    write_parquet(run_dir / "samples.parquet", samples)
    write_parquet(run_dir / "cells.parquet", records)
    again = repeated(run_dir, cells)
    if again.is_empty():
        (run_dir / REPEATS).unlink(missing_ok=True)
    else:
        write_parquet(run_dir / REPEATS, again)
    return samples, records


def repeated(run_dir: Path, cells: list[Cell]) -> pl.DataFrame:
    """The sample records of all askings after the first."""
    import polars as pl

    again = (of_cell(run_dir, cell) for cell in cells if cell.repeat > 1)
    parts = [part for found in again if found for part in found[1]]
    return pl.concat([frame([], SampleRecord), *parts], how="diagonal")
