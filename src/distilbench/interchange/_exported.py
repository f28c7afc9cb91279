"""What is exported of a run: its records, the accuracy of each cell, and the time it was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.errors import InputError
from distilbench.files import read_json
from distilbench.runner import Cell, collect, is_finished, load_cells

if TYPE_CHECKING:
    import polars as pl

SOURCE = "distilbench run "
"""How the name of the source begins in a record of Every Eval Ever that this program exported."""
KEY = ("model", "profile", "task", "seed")


@dataclass(frozen=True)
class Exported:
    """``results`` has one row for each model, profile, task and seed: accuracy with its error, and
    the columns of its cell record. ``ungraded`` are the cells without an accuracy: rates, scores
    that another program states, results of which answers are missing (cells of the run that are
    not finished too: ``missing`` says so). ``silent`` are those in which
    the model answered nothing, ``no_answer`` says why: only the records themselves have them.
    ``samples`` of these have no score; what never ran has no seconds. ``plan`` are the cells of its
    own suite."""

    facts: dict[str, Any]
    samples: pl.DataFrame
    results: pl.DataFrame
    ungraded: pl.DataFrame
    silent: pl.DataFrame
    plan: Sequence[Cell]
    hub_models: Mapping[str, str] = field(default_factory=dict)
    """Of models the repository on the hub, where it is known."""
    hub_data: Mapping[str, str] = field(default_factory=dict)
    """Of tasks the data set on the hub, where it is known."""

    @property
    def everything(self) -> pl.DataFrame:
        """``results`` and ``ungraded``, whose accuracy is null."""
        import polars as pl

        return pl.concat([self.results, self.ungraded], how="diagonal")

    @property
    def made(self) -> datetime:
        """When the run was started."""
        return datetime.strptime(self.facts["created"], "%Y-%m-%dT%H:%M:%S%z")

    def entries(self, rows: pl.DataFrame | None = None) -> list[tuple[str, pl.DataFrame]]:
        """Rows (default: of ``results``) by entry: a model under a profile, named as the report
        names it."""
        rows = self.results if rows is None else rows
        profiles = self.profiles
        groups = rows.group_by("model", "profile", maintain_order=True)
        return [
            (f"{model}--{profile}" if profiles[str(model)] > 1 else str(model), rows)
            for (model, profile), rows in groups
        ]

    def of(self, model: str, profile: str) -> Exported:
        """What it holds of one model under one profile."""
        import polars as pl

        mine = (pl.col("model") == model) & (pl.col("profile") == profile)
        frames = (self.samples, self.results, self.ungraded, self.silent)
        samples, results, ungraded, silent = (frame.filter(mine) for frame in frames)
        return replace(self, samples=samples, results=results, ungraded=ungraded, silent=silent)

    @property
    def profiles(self) -> dict[str, int]:
        """Of each model, under how many profiles the run has it."""
        import polars as pl

        both = pl.concat([self.everything, self.silent], how="diagonal")
        return dict(both.group_by("model").agg(pl.col("profile").n_unique()).iter_rows())


def read_exported(run_dir: Path) -> Exported:
    """Read a run. Raises ``InputError`` if it holds no samples."""
    import polars as pl

    from distilbench.stats import accuracy, spent, unanswered

    plan = load_cells(run_dir)
    collected, cells = collect(run_dir, plan)
    samples = collected.collect()
    if samples.is_empty():
        raise InputError(str(run_dir), "holds no samples", "run its suite, or import some")
    facts = read_json(run_dir / "run.json", {"name": str, "created": str})
    nothing = unanswered(samples, cells, ("cell",)).drop("questions")
    cut = pl.col("cell").is_in([c.name for c in plan if not is_finished(run_dir, c)])
    said = pl.format("not finished: {} answers so far", "samples")
    cells = cells.with_columns(pl.when(cut).then(said).otherwise("missing").alias("missing"))
    silent = cells.join(nothing, on="cell").sort(*KEY)
    heard = ~pl.col("cell").is_in(silent["cell"].to_list())
    results = (
        accuracy(samples.filter(heard & ~cut), by=KEY).join(cells, on=KEY, how="left").sort(*KEY)
    )
    ungraded = cells.filter(heard & ~pl.col("cell").is_in(results["cell"].to_list())).sort(*KEY)
    seconds = [name for name in samples.columns if name.endswith("_s") and name != "retry_s"]
    samples = samples.with_columns(
        pl.when(heard).then("score").alias("score"),
        *(pl.when(spent()).then(name).alias(name) for name in seconds),
    )
    return Exported(facts, samples, results, ungraded, silent, plan)


def shots(row: dict[str, Any], facts: dict[str, Any]) -> int | None:
    """Worked examples before each question of a result; null for what is imported."""
    plan = {cell["name"]: cell for cell in facts["plan"]}
    found = plan.get(row["cell"])
    return found["task"].get("fewshot") if found else None
