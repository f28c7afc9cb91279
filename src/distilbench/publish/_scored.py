"""What a run says of one model on one task: its accuracy over all seeds, and how it came about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.errors import InputError, use_one_of
from distilbench.interchange import Exported
from distilbench.records import ORIGIN
from distilbench.runner import Cell, is_finished

if TYPE_CHECKING:
    import polars as pl

FAILED = ("error",)
"""Outcomes of questions that the model was not to blame for: they are asked again."""
LIMITED = ("timeout", "over_energy", "out_of_memory", "crash", "context_overflow")
"""Outcomes of questions that a limit of the profile, or the machine, kept from an answer."""


@dataclass(frozen=True)
class Scored:
    """One model on one task under one profile. ``outcomes`` counts how its answers ended; ``rows``
    are its cell records, ``cell`` what was planned (null: imported), ``ended`` when its last
    question was begun, or else the run. Scores in [0, 1]."""

    model: str
    profile: str
    task: str
    accuracy: float
    low: float
    high: float
    stderr: float | None
    n_questions: int
    n_samples: int
    seeds: int
    outcomes: Mapping[str, int]
    rows: Sequence[Mapping[str, Any]]
    cell: Cell | None
    ended: datetime
    samples: pl.DataFrame = field(repr=False, compare=False)

    @property
    def row(self) -> Mapping[str, Any]:
        """The first of its cell records."""
        return self.rows[0]

    @property
    def limited(self) -> int:
        """Answers that a limit, or the machine, kept from coming."""
        return self._count(LIMITED)

    @property
    def failed(self) -> int:
        """Answers that ended in an error, which is not the model's."""
        return self._count(FAILED)

    def _count(self, outcomes: Sequence[str]) -> int:
        return sum(self.outcomes.get(one, 0) for one in outcomes)

    def one_of(self, name: str) -> Any:
        """What all its cell records say of a column; null if they do not agree."""
        said = {row[name] for row in self.rows}
        return said.pop() if len(said) == 1 else None


@dataclass(frozen=True)
class Choice:
    """What of a run is published: names of models and tasks (empty: all), and the profile where a
    model ran under several."""

    models: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    profile: str | None = None

    def holds(self, model: str, task: str, profile: str) -> bool:
        return (
            (not self.models or model in self.models)
            and (not self.tasks or task in self.tasks)
            and self.profile in (None, profile)
        )


def refuse_unknown(choice: Choice, run_dir: Path, everything: pl.DataFrame) -> None:
    """Raises ``InputError`` where a name is none of the run's."""
    asked = (
        ("--model", choice.models, "model"),
        ("--task", choice.tasks, "task"),
        ("--profile", (choice.profile,) if choice.profile else (), "profile"),
    )
    for option, names, column in asked:
        known = sorted(set(everything[column]))
        for name in names:
            if name not in known:
                raise InputError(
                    f"{option} {name}", f"{run_dir} has no such {column}", use_one_of(name, known)
                )


def refuse_unfinished(run_dir: Path, plan: Sequence[Cell], choice: Choice) -> None:
    """Raises ``InputError`` if a cell that would be published is not finished."""
    chosen = [c for c in plan if choice.holds(c.model.name, c.task.name, c.profile.name)]
    open_ = [cell for cell in chosen if not is_finished(run_dir, cell)]
    if open_:
        first = open_[0]
        raise InputError(
            str(run_dir),
            f"{len(open_)} of {len(chosen)} cells are not finished, as {first.model.name} on"
            f" {first.task.name}",
            "run its suite again, which goes on where it stopped, or name what is finished with"
            " --model and --task",
        )


def scored(run: Exported, choice: Choice, whole: bool = True) -> list[Scored]:
    """One for each model, profile and task of the chosen ones that has an accuracy.

    ``whole``: raises ``InputError`` if an answer failed, which is no model's fault: the figure
    would be too low, without a word.
    """
    cells = {cell.name: cell for cell in run.plan}
    return [
        _one(rows, samples, cells, run.made)
        for rows, samples in _groups(run, choice)
        if not (whole and _refuse_failed(run, samples))
    ]


def _groups(run: Exported, choice: Choice) -> Iterator[tuple[list[dict[str, Any]], pl.DataFrame]]:
    import polars as pl

    by = ("model", "profile", "task")
    for part in run.results.sort("cell").partition_by(by, maintain_order=True):
        rows = part.to_dicts()
        if choice.holds(rows[0]["model"], rows[0]["task"], rows[0]["profile"]):
            yield rows, run.samples.filter(pl.col("cell").is_in(part["cell"].to_list()))


def _refuse_failed(run: Exported, samples: pl.DataFrame) -> bool:
    import polars as pl

    failed = samples.filter(pl.col("outcome").is_in(FAILED))
    if failed.is_empty():
        return False
    one = failed.row(0, named=True)
    raise InputError(
        f"{run.facts['name']}: {one['model']} on {one['task']}",
        f"{failed.height} of {samples.height} questions failed ({one['error'] or 'no reason said'})"
        " and count as wrong",
        "run its suite again, which asks them again, or leave it out with --model and --task",
    )


def _one(
    rows: list[dict[str, Any]], samples: pl.DataFrame, cells: Mapping[str, Cell], made: datetime
) -> Scored:
    from distilbench.stats import accuracy

    found = accuracy(samples, ("model", "profile", "task")).row(0, named=True)
    names = ("model", "profile", "task", "accuracy", "low", "high", "stderr", "n_questions",
             "n_samples")  # fmt: skip
    counted = samples.group_by("outcome").len().drop_nulls()
    own = all(row["origin"] == ORIGIN for row in rows)
    return Scored(
        **{name: found[name] for name in names},
        seeds=len({row["seed"] for row in rows}),
        outcomes=dict(counted.iter_rows()),
        rows=rows,
        cell=cells.get(rows[0]["cell"]) if own else None,
        ended=_ended(samples) or made,
        samples=samples,
    )


def _ended(samples: pl.DataFrame) -> datetime | None:
    """When the last question was begun; null: not known."""
    last = samples["begun_s"].max()
    return datetime.fromtimestamp(float(last), UTC) if isinstance(last, int | float) else None
