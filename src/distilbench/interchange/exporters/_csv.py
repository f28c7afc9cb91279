"""The records as CSV: samples, cells with their accuracy."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from distilbench.files import whole_file
from distilbench.interchange._exported import Exported
from distilbench.interchange._exporter import Exporter

_FORMULA = r"^[=+\-@\t\r]"  # how a text begins that a spreadsheet would run


class Csv(Exporter):
    """Texts that a spreadsheet would take for a formula get an apostrophe before them, unless they
    are numbers. Where a model answered nothing accuracy and scores are empty, and ``no_answer`` in
    ``results.csv`` says why."""

    format = "csv"
    writes = "samples.csv and results.csv: the records"

    def has_content(self, run: Exported) -> bool:
        return True

    def write(self, run: Exported, out: Path) -> list[Path]:
        files = [out / "samples.csv", out / "results.csv"]
        cells = pl.concat([run.everything, run.silent], how="diagonal")
        for frame, file in zip((run.samples, cells), files, strict=True):
            texts = [name for name, kind in frame.schema.items() if kind == pl.String]
            with whole_file(file) as partial:
                frame.with_columns(_harmless(pl.col(name)) for name in texts).write_csv(partial)
        return files


def _harmless(text: pl.Expr) -> pl.Expr:
    runs = text.str.contains(_FORMULA) & text.cast(pl.Float64, strict=False).is_null()
    return pl.when(runs).then(pl.lit("'") + text).otherwise(text).name.keep()
