"""The report of distilled against vanilla students: reads the experiment's folder, writes the page.

Creation cost of a student under each scope, from its measured stages. A vanilla student's is its
training, under every scope. A distilled one's:
``student`` its training alone; ``pipeline`` with all
that its teacher generated or scored for it, as if no other student had used it; ``amortised`` with
its share of the teacher's training; ``lineage`` with the pretraining of its base, which students
from scratch do not have. Evaluation on the held-out questions is the measurement, and in no scope.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.durations import duration
from distilbench.errors import InputError
from distilbench.files import read_json, read_parquet
from distilbench.report._experiment_charts import accuracy_against_creation
from distilbench.report._format import percent_range, si
from distilbench.report._page import Chart, Details, Pre, Section, Table, Text, render_page
from distilbench.stats import (
    EqualAccuracy,
    MeasuredCurve,
    equal_accuracy,
    seed_interval,
    shared_levels,
)

if TYPE_CHECKING:
    import polars as pl

SCOPES = ("student", "pipeline", "amortised", "lineage", "one student")
_TITLES = {
    "student": "student: its training alone",
    "pipeline": "pipeline: with the teacher's generation and scoring",
    "amortised": "amortised: with its share of the teacher's training",
    "lineage": "lineage: with its base's pretraining (there is no base: as amortised)",
    "one student": "amortised over one student: the whole teacher's training",
}
_DRAWN = ("student", "pipeline", "amortised", "one student")  # lineage looks as amortised does
_DRAWS = 2000


@dataclass(frozen=True)
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
        """Creation cost of one training under a scope."""
        own = float(row["student_training_flops"])
        if row["arm"] == "vanilla" or scope == "student":
            return own
        pipeline = own + float(row["teacher_generation_flops"]) + float(row["logit_caching_flops"])
        if scope == "pipeline":
            return pipeline
        shared = 1 if scope == "one student" else self.uses
        return pipeline + float(self.teacher["student_training_flops"]) / shared

    def curve(self, arm: str, scope: str) -> MeasuredCurve:
        """The arm's points, shapes as :class:`MeasuredCurve` says."""
        import numpy as np

        flops, scores = [], []
        for budget in self.spec["budgets"]:
            rows = [self._row(arm, budget, seed) for seed in self.spec["seeds"]]
            flops.append([self.flops(row, scope) for row in rows])
            scores.append([self._scores(row["name"]) for row in rows])
        return MeasuredCurve(np.array(flops), np.array(scores))

    def _row(self, arm: str, budget: int, seed: int) -> dict[str, Any]:
        table = self.trainings
        chosen = (table["arm"] == arm) & (table["budget"] == budget) & (table["seed"] == seed)
        return table.filter(chosen).row(0, named=True)

    def _scores(self, name: str) -> list[float]:
        found = self.answers.filter(self.answers["name"] == name).sort("sample_id")
        return [float(score) for score in found["score"]]


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


def write_experiment_report(folder: Path) -> Path:
    """Write ``report/index.html`` of an experiment; returns it."""
    experiment = read_experiment(folder)
    compared = compare(experiment)
    return render_page(
        title="distilbench: distilled against vanilla students",
        lede=lede(experiment, compared),
        sections=[
            _figures(experiment),
            _ratios(compared),
            _points(experiment),
            _stages(experiment),
            _conditions(experiment),
        ],
        out_dir=folder / "report",
    )


Compared = dict[tuple[str, str], list[EqualAccuracy]]


def compare(experiment: Experiment) -> Compared:
    """Compute of the vanilla curve over that of each distilled one, by arm and scope."""
    found: Compared = {}
    for arm in experiment.arms:
        if arm == "vanilla":
            continue
        for scope in SCOPES:
            vanilla, other = (experiment.curve(name, scope) for name in ("vanilla", arm))
            levels = shared_levels(vanilla, other)
            found[arm, scope] = [equal_accuracy(vanilla, other, at, _DRAWS) for at in levels]
    return found


def lede(experiment: Experiment, compared: Compared) -> str:
    """What came out, in plain words, from the numbers."""
    said = [
        f"Teacher: {experiment.teacher['accuracy']:.1%} of {experiment.spec['held_out']} held-out"
        " questions."
    ]
    for arm in experiment.arms:
        if arm == "vanilla":
            continue
        parts = []
        for scope in ("student", "pipeline", "amortised"):
            parts.append(f"{scope} {_ratio(_middle(compared[arm, scope]))}")
        level = _middle(compared[arm, "student"]).level
        said.append(f"At {level:.0%}, vanilla compute over {arm} compute: {'; '.join(parts)}.")
    return " ".join(said) + " Above 1 distillation is cheaper. In brackets: 95% interval."


def _middle(found: list[EqualAccuracy]) -> EqualAccuracy:
    """The one half way through the common range, or the only one."""
    return found[1] if len(found) > 1 else found[0]


def _ratio(found: EqualAccuracy) -> str:
    """The ratio with its interval, or who did not reach the level."""
    if found.bounded:
        return "not measured"
    if math.isnan(found.ratio):
        return "not reached by either"
    if found.ratio == 0:
        return "not reached by the distilled"
    if math.isinf(found.ratio):
        return "not reached by the vanilla"
    return f"{_number(found.ratio)} ({_number(found.low)} to {_number(found.high)})"


def _number(value: float) -> str:
    if math.isnan(value):
        return "not known"
    return "∞" if math.isinf(value) else f"{value:.2f}"


def _figures(experiment: Experiment) -> Section:
    charts = [_chart(experiment, scope) for scope in _DRAWN]
    note = (
        "Large points: mean over seeds, with Student's 95% interval over seeds (it holds the"
        " spread of trainings, not of questions). Small points: seeds."
    )
    return Section("Accuracy against creation compute", (Text(note), *charts))


def _chart(experiment: Experiment, scope: str) -> Chart:
    means, seeds = [], []
    for row in experiment.trainings.to_dicts():
        cost = experiment.flops(row, scope)
        seeds.append({k: row[k] for k in ("arm", "seed", "budget", "accuracy")} | {"flops": cost})
    for arm in experiment.arms:
        for budget in experiment.spec["budgets"]:
            group = [r for r in seeds if r["arm"] == arm and r["budget"] == budget]
            found = seed_interval([row["accuracy"] for row in group])
            means.append(
                {
                    "arm": arm,
                    "budget": budget,
                    "flops": sum(row["flops"] for row in group) / len(group),
                    "accuracy": found.mean,
                    "low": max(0.0, found.low),
                    "high": min(1.0, found.high),
                }
            )
    words = "; ".join(f"{r['arm']} {r['accuracy']:.1%} at {si(r['flops'])}" for r in means)
    drawn = accuracy_against_creation(means, seeds, experiment.arms, f"creation FLOPs, {scope}")
    name = f"curve-{scope.replace(' ', '-')}"
    return Chart(name, f"Scope {_TITLES[scope]}. Measured FLOPs.", words, drawn)


def _ratios(compared: Compared) -> Section:
    rows = []
    for (arm, scope), found in compared.items():
        for one in found:
            note = "a curve is above it at the smallest budget" if one.bounded else ""
            rows.append(
                (
                    arm,
                    scope,
                    f"{one.level:.1%}",
                    _flops(one.first_flops),
                    _flops(one.second_flops),
                    _ratio(one),
                    f"{one.within:.0%}",
                    note,
                )
            )
    columns = (
        "arm", "scope", "accuracy", "vanilla FLOPs", "distilled FLOPs", "ratio (95%)",
        "both reach it", "",
    )  # fmt: skip
    note = (
        "Ratio: FLOPs that the vanilla curve needs for an accuracy over those that the distilled"
        " one needs; above 1 distillation is cheaper. Curves are joined by straight lines against"
        " the logarithm of FLOPs, and never extrapolated. Accuracies: a quarter, half and three"
        " quarters of the range that both curves cover, and the best of the vanilla students."
        f" Intervals: {_DRAWS} bootstrap draws over seeds and questions, pairs kept; with few"
        " seeds they are rough."
    )
    scopes = Table("Scopes", ("scope", "what it counts"), list(_TITLES.items()))
    return Section(
        "Compute at equal accuracy",
        (Text(note), Table("Vanilla over distilled", columns, rows), scopes),
    )


def _flops(value: float) -> str:
    return "not reached" if math.isinf(value) else si(value)


def _points(experiment: Experiment) -> Section:
    rows = []
    for arm in experiment.arms:
        for budget in experiment.spec["budgets"]:
            table = experiment.trainings
            group = table.filter((table["arm"] == arm) & (table["budget"] == budget)).to_dicts()
            found = seed_interval([row["accuracy"] for row in group])
            each = ", ".join(f"{row['accuracy']:.1%}" for row in group)
            mean_loss = sum(row["loss"] for row in group) / len(group)
            interval = percent_range(max(0.0, found.low), min(1.0, found.high))
            rows.append(
                (arm, f"{budget:,}", f"{found.mean:.1%}", interval, each, f"{mean_loss:.3f}")
            )
    columns = ("arm", "training questions", "accuracy", "95% over seeds", "seeds", "held-out loss")
    return Section("Points", (Table("Held-out accuracy", columns, rows),))


def _stages(experiment: Experiment) -> Section:
    rows = [_stage_row("teacher", [experiment.teacher])]
    for arm in experiment.arms:
        for budget in experiment.spec["budgets"]:
            table = experiment.trainings
            group = table.filter((table["arm"] == arm) & (table["budget"] == budget)).to_dicts()
            rows.append(_stage_row(f"{arm}, {budget:,} questions", group))
    columns = (
        "mean of a training", "training tokens", "training FLOPs, counted", "by formula",
        "counted / formula", "by 6ND", "teacher generation", "teacher scoring", "answers rejected",
    )  # fmt: skip
    note = (
        "Counted: torch's FlopCounterMode on sample steps, scaled by tokens. By formula: from the"
        " shape, attention included. 6ND leaves out attention, and what TRL's fused output layer"
        " computes twice. Retries are counted."
    )
    return Section("Stages", (Text(note), Table("FLOPs of each stage", columns, rows)))


def _stage_row(name: str, group: list[dict[str, Any]]) -> tuple[str, ...]:
    def mean(field: str) -> float:
        return sum(float(row[field]) for row in group) / len(group)

    counted, formula = mean("student_training_flops"), mean("student_training_formula_flops")
    generated = sum(row["generated"] for row in group)
    rejected = sum(row["rejected"] for row in group)
    return (
        name,
        f"{mean('tokens'):,.0f}",
        si(counted),
        si(formula),
        f"{counted / formula:.3f}",
        si(mean("student_training_6nd_flops")),
        si(mean("teacher_generation_flops")),
        si(mean("logit_caching_flops")),
        f"{rejected / generated:.1%}" if generated else "none generated",
    )


def _conditions(experiment: Experiment) -> Section:
    spec = experiment.spec
    seconds = float(experiment.trainings["wall_s"].sum()) + float(experiment.teacher["wall_s"])
    rows = [
        ("seeds", len(spec["seeds"])),
        ("held-out questions, the same for all", spec["held_out"]),
        ("teacher's accuracy on them", f"{experiment.teacher['accuracy']:.1%}"),
        ("teacher's training, measured FLOPs", si(experiment.teacher["student_training_flops"])),
        ("students that share the teacher", experiment.uses),
        ("time of all stages", duration(seconds)),
        ("machine", experiment.hardware),
    ]
    text = json.dumps(spec, indent=1)
    return Section(
        "Conditions",
        (Table("Conditions", ("what", "value"), rows), Details("The experiment", (Pre(text),))),
    )
