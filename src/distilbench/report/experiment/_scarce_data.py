"""What a folder of the experiment scarce-data holds: cells, their scores, costs and trials."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distilbench.errors import InputError
from distilbench.files import read_json, read_parquet
from distilbench.report.experiment._data import creation_flops
from distilbench.stats import CrossedMean, crossed_interval

KIND = "scarce-data"
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Cell:
    """One arm on one amount of data. ``tests``: a row for each seed; ``trials``: those of its
    tuning. ``scores``: shape (seeds, test rows), nats a token or right answers; null: a seed
    diverged."""

    arm: str
    unique: int
    taught: bool
    tests: list[dict[str, Any]]
    trials: list[dict[str, Any]]
    scores: Floats | None

    @property
    def diverged(self) -> int:
        return sum(row["loss"] is None for row in self.tests)

    @property
    def found(self) -> CrossedMean | None:
        return None if self.scores is None else crossed_interval(self.scores)

    @property
    def learning_rate(self) -> float:
        return float(self.tests[0]["learning_rate"])

    @property
    def steps(self) -> int:
        return int(self.tests[0]["steps"])

    @property
    def tuning_flops(self) -> float:
        """Of all trials, each with what its teacher did for it."""
        return sum(creation_flops(row, self.taught, 0.0, 1, "pipeline") for row in self.trials)


@dataclass(frozen=True, eq=False)
class ScarceStudy:
    """One study. ``uses``: students that share the teacher's training."""

    name: str
    spec: dict[str, Any]
    teacher: dict[str, Any]
    teacher_score: float
    cells: list[Cell]
    uses: int

    @property
    def is_text(self) -> bool:
        return self.name == "text"

    @property
    def arms(self) -> list[str]:
        return list(dict.fromkeys(cell.arm for cell in self.cells))

    def cell(self, arm: str, unique: int) -> Cell:
        """The arm's cell of that much data, or its only one."""
        found = [cell for cell in self.cells if cell.arm == arm]
        return next((c for c in found if c.unique == unique), found[0])

    def flops(self, cell: Cell, scope: str) -> float:
        """Mean over the seeds of the test; without the tuning."""
        teacher = float(self.teacher["student_training_flops"])
        costs = [creation_flops(r, cell.taught, teacher, self.uses, scope) for r in cell.tests]
        return sum(costs) / len(costs)


@dataclass(frozen=True, eq=False)
class Scarce:
    """The whole experiment. ``facts``: as ``experiment.json`` has them."""

    facts: dict[str, Any]
    studies: list[ScarceStudy]
    wall_s: float


def read_scarce(folder: Path) -> Scarce:
    """Read a finished experiment. Raises ``InputError`` if it is not there or not finished."""
    run = "run: distilbench experiment scarce-data"
    try:
        facts = read_json(folder / "experiment.json", {"experiment": dict, "kind": str})
        trainings = read_parquet(folder / "trainings.parquet").to_dicts()
        scores = read_parquet(folder / "scores.parquet")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(str(folder), "holds no finished experiment", run) from error
    by_name = {
        str(name): part.sort("row")["score"].to_numpy()
        for (name,), part in scores.group_by("name", maintain_order=True)
    }
    spec = facts["experiment"]
    studies = [
        _study(name, spec, [row for row in trainings if row["study"] == name], by_name)
        for name in ("text", "questions")
        if spec[name] is not None
    ]
    return Scarce(facts, studies, sum(row["wall_s"] for row in trainings))


def _study(
    name: str, spec: dict[str, Any], rows: list[dict[str, Any]], scores: dict[str, Floats]
) -> ScarceStudy:
    teacher = next(row for row in rows if row["use"] == "teacher")
    students = [row for row in rows if row["use"] != "teacher"]
    places = dict.fromkeys((row["arm"], row["unique"]) for row in students)
    cells = [
        _cell([row for row in students if (row["arm"], row["unique"]) == place], scores, spec)
        for place in sorted(places, key=lambda place: (_ORDER.index(place[0]), place[1]))
    ]
    made = sum(len(cell.tests) for cell in cells if cell.taught)
    return ScarceStudy(
        name, spec[name], teacher, float(scores[teacher["name"]].mean()), cells,
        spec["uses"] or made,
    )  # fmt: skip


_ORDER = (
    "vanilla", "vanilla-equal-flops", "vanilla-teacher-rows", "vanilla-all-gold", "logit",
    "logit-cached", "teacher-answers", "both",
)  # fmt: skip


def _cell(rows: list[dict[str, Any]], scores: dict[str, Floats], spec: dict[str, Any]) -> Cell:
    first = rows[0]
    tests = sorted((r for r in rows if r["use"] == "test"), key=lambda row: row["seed"])
    if len(tests) != len(spec["seeds"]):
        raise InputError(
            f"{first['study']}, {first['arm']}, {first['unique']}",
            f"has {len(tests)} of {len(spec['seeds'])} tests",
            "run the same command on",
        )
    each = [scores.get(row["name"]) for row in tests]
    whole = None if any(one is None for one in each) else np.array(each)
    trials = [row for row in rows if row["use"] == "tuning"]
    return Cell(first["arm"], first["unique"], first["taught"], tests, trials, whole)
