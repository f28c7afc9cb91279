"""Rates and lengths that earlier runs measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def seen_runs(out: Path) -> dict[str, Any]:
    """Rates and lengths that the runs in a folder measured, by model name, and model and task.

    A resumed cell has no rate: its wall time is that of the last attempt, its tokens of all.
    """
    import polars as pl

    from distilbench.files import read_parquet
    from distilbench.records import CellRecord, frame

    rates: dict[str, float] = {}
    tokens: dict[tuple[str, str], float] = {}
    for path in sorted(out.glob("*/samples.parquet")):
        cells = path.with_name("cells.parquet")
        if not cells.is_file():
            continue
        answered = read_parquet(path).filter(pl.col("output_tokens") > 0)
        rows = read_parquet(cells).to_dicts()
        walls = (
            frame(rows, CellRecord)
            .filter(pl.col("resumed_samples") == 0, pl.col("suspended_s").fill_null(0) == 0)
            .select("cell", "wall_s")
            .drop_nulls()
        )
        for (model, task), part in answered.group_by("model", "task"):
            tokens[str(model), str(task)] = float(part["output_tokens"].mean())  # type: ignore[arg-type]
        by_cell = answered.group_by("model", "cell").agg(pl.col("output_tokens").sum())
        totals = by_cell.join(walls, on="cell").group_by("model").agg(
            pl.col("output_tokens").sum(), pl.col("wall_s").sum()
        )  # fmt: skip
        for model, count, wall_s in totals.iter_rows():
            if wall_s > 0:
                rates[model] = count / wall_s
    return {"rates": rates, "tokens": tokens}
