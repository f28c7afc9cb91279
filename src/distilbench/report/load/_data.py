"""What a sweep's folder holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.errors import InputError
from distilbench.files import read_json, read_parquet

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Sweep:
    """A row for each level of concurrency, and what was asked."""

    levels: pl.DataFrame
    facts: dict[str, Any]


def read_sweep(folder: Path) -> Sweep:
    """Read a sweep. Raises ``InputError`` if it is not there."""
    try:
        return Sweep(read_parquet(folder / "load.parquet"), read_json(folder / "load.json"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(str(folder), "holds no sweep", "run: distilbench load MODEL") from error
