"""What an experiment's folder holds, and the creation cost of its trainings.

Costs are those of ``compute``'s scopes, from a student's measured stages; what its teacher
generated or scored for it is counted as if no other student had used it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from distilbench.compute import Input, Quantity, Scope, Stage, StageName, known, stages_cost
from distilbench.errors import InputError
from distilbench.files import read_json, read_parquet
from distilbench.stats import MeasuredCurve

if TYPE_CHECKING:
    import polars as pl

ALONE = "one student"
"""Scope amortised, with the teacher's whole training for one student."""
_INFERENCE: tuple[StageName, ...] = ("teacher_generation", "logit_caching")


def _measured(name: str, value: float) -> Quantity:
    """A figure of the experiment."""
    value = float(value)
    return known(Input(name, value, value, value, kind="measured", source="trainings.parquet"))


@dataclass(frozen=True, eq=False)
class Experiment:
    """What the folder holds. ``trainings`` and ``answers`` without the teacher's rows."""

    spec: dict[str, Any]
    hardware: str
    teacher: dict[str, Any]
    trainings: pl.DataFrame
    answers: pl.DataFrame

    @property
    def arms(self) -> list[str]:
        return list(self.spec["arms"])

    @property
    def uses(self) -> int:
        """Students that share the teacher's training."""
        made = self.trainings.filter(self.trainings["arm"] != "vanilla").height
        return int(self.spec["teacher"]["uses"] or made)

    def flops(self, row: dict[str, Any], scope: str) -> float:
        """Creation cost of one training under a scope, or amortised over one student. A vanilla
        student's is its training, under every scope."""
        taught, teacher = row["arm"] != "vanilla", self.teacher["student_training_flops"]
        return creation_flops(row, taught, teacher, self.uses, scope)

    def curve(self, arm: str, scope: str) -> MeasuredCurve:
        """The arm's points, shapes as :class:`MeasuredCurve` says."""
        import numpy as np

        flops, scores = [], []
        for budget in self.spec["budgets"]:
            rows = [self._row(arm, budget, seed) for seed in self.spec["seeds"]]
            flops.append([self.flops(row, scope) for row in rows])
            scores.append([self._scores(row["name"]) for row in rows])
        return MeasuredCurve(np.array(flops), np.array(scores))

    def groups(self) -> list[dict[str, Any]]:
        """Trainings of one arm at one budget, in order: both, and of every other column the values
        of the seeds."""
        by = ("arm", "budget")
        found = self.trainings.group_by(by, maintain_order=True).all().to_dicts()
        known = {(group["arm"], group["budget"]): group for group in found}
        return [known[arm, budget] for arm in self.arms for budget in self.spec["budgets"]]

    def _row(self, arm: str, budget: int, seed: int) -> dict[str, Any]:
        table = self.trainings
        chosen = (table["arm"] == arm) & (table["budget"] == budget) & (table["seed"] == seed)
        return table.filter(chosen).row(0, named=True)

    def _scores(self, name: str) -> list[float]:
        found = self.answers.filter(self.answers["name"] == name).sort("sample_id")
        return [float(score) for score in found["score"]]


def creation_flops(
    row: dict[str, Any], taught: bool, teacher_flops: float, uses: int, scope: str
) -> float:
    """Creation cost of one training, whose teacher's own took ``teacher_flops`` and is shared by
    ``uses`` students, or has this one (``ALONE``). Of one that is not ``taught``: its training,
    under every scope."""
    own = _measured("student_training", row["student_training_flops"])
    if not taught:
        return own.central
    alone = scope == ALONE
    shared = _measured("teacher_training", teacher_flops)
    stages = (
        Stage("student_training", own, "measured"),
        *(Stage(n, _measured(n, row[f"{n}_flops"]), "measured") for n in _INFERENCE),
        Stage("teacher_training", shared, "measured", uses=_measured("uses", 1 if alone else uses)),
    )
    cost = stages_cost(row["name"], "amortised" if alone else cast(Scope, scope), stages).flops
    assert isinstance(cost, Quantity)
    return cost.central


def read_experiment(folder: Path) -> Experiment:
    """Read a finished experiment. Raises ``InputError`` if it is not there or not finished."""
    import polars as pl

    try:
        facts = read_json(folder / "experiment.json", {"experiment": dict, "hardware": str})
        trainings = read_parquet(folder / "trainings.parquet")
        answers = read_parquet(folder / "answers.parquet")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(
            str(folder), "holds no experiment", "run: distilbench experiment distil-vs-vanilla"
        ) from error
    spec = facts["experiment"]
    students = trainings.filter(pl.col("arm") != "teacher")
    wanted = len(spec["arms"]) * len(spec["budgets"]) * len(spec["seeds"])
    if students.height < wanted:
        raise InputError(
            str(folder), f"has {students.height} of {wanted} trainings", "run the same command on"
        )
    teacher = trainings.filter(pl.col("arm") == "teacher").row(0, named=True)
    return Experiment(spec, facts["hardware"], teacher, students, answers)
