"""What the experiment scarce-data will take: trainings, steps, FLOPs by formula, and time from a
few steps that are timed now."""

from __future__ import annotations

import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from distilbench.architecture import ModelShape
from distilbench.distill.accounts import TrainingShape, forward_flops
from distilbench.distill.experiment._grid import middle
from distilbench.distill.experiment._scarce import Arm, arms_of, make_data
from distilbench.distill.experiment._scarce_spec import (
    QuestionStudy,
    ScarceSpec,
    StudyName,
    TextStudy,
)
from distilbench.distill.experiment._scarce_training import Order, teacher_order, trained
from distilbench.distill.recipe import NewShape

_SHORT, _LONG = 5, 25  # steps: the difference is the steps', the rest every training's own


@dataclass(frozen=True)
class Part:
    """The trainings of an arm, or of the teacher. ``steps`` of all of them and ``flops`` with the
    teacher's part: at most, as the longest training may win. ``core_s``: CPU seconds."""

    study: StudyName
    what: str
    trainings: int
    steps: int
    flops: float
    core_s: float


@dataclass(frozen=True)
class ScarcePlan:
    parts: list[Part]
    workers: int
    timed_steps: int

    @property
    def trainings(self) -> int:
        return sum(part.trainings for part in self.parts)

    @property
    def wall_s(self) -> float:
        """A teacher is one training: no more than one core works on it."""
        teachers = [part.core_s for part in self.parts if part.what == "teacher"]
        return max(sum(part.core_s for part in self.parts) / self.workers, *teachers)

    @property
    def facts(self) -> dict[str, Any]:
        return {
            "parts": [asdict(part) for part in self.parts],
            "trainings": self.trainings,
            "workers": self.workers,
            "wall_s_at_most": self.wall_s,
            "timed_steps": self.timed_steps,
        }


@dataclass(frozen=True)
class _Pace:
    """CPU seconds of a training, and of each of its steps."""

    begin_s: float
    step_s: float

    def of(self, trainings: int, steps: int) -> float:
        return trainings * self.begin_s + steps * self.step_s


def plan_scarce(spec: ScarceSpec, workers: int) -> ScarcePlan:
    """Time a few steps of each kind in a folder that is removed again, and add all up."""
    parts, timed = [], 0
    with tempfile.TemporaryDirectory() as folder:
        for name, study in spec.studies.items():
            small = _shrunk(spec, name)
            make_data(small.studies[name], Path(folder) / name)
            pace = _paces(small, name, Path(folder))
            timed += len(pace) * (_SHORT + _LONG)
            parts += [_teacher(name, study, pace["teacher"])]
            parts += [_part(name, study, arm, len(spec.seeds), pace) for arm in arms_of(study)]
    return ScarcePlan(parts, workers, timed)


def _shrunk(spec: ScarceSpec, name: StudyName) -> ScarceSpec:
    """The same shapes, batches and lengths on little data."""
    study = spec.studies[name]
    size = 2 * study.batch_size
    teacher = study.teacher.model_copy(update={"unique": size, "steps": _SHORT})
    less: dict[str, Any] = {
        "teacher": teacher, "unique": (study.batch_size, size), "unlabelled": size + 1,
    }  # fmt: skip
    if isinstance(study, TextStudy):
        less.pop("unlabelled")
    return spec.model_copy(update={name: study.model_copy(update=less)})


def _paces(spec: ScarceSpec, name: StudyName, out: Path) -> dict[str, _Pace]:
    study = spec.studies[name]
    teacher = teacher_order(name, spec)
    size = study.unique[-1]
    orders = {"teacher": teacher}
    for arm in ("vanilla", "logit", "logit-cached") if name == "text" else ("vanilla",):
        orders[arm] = Order(name, arm, size, "test", 0, study.tuning.learning_rates[0], _SHORT)
    trained(replace(orders["vanilla"], seed=1), spec, out)  # imports, caches
    return {what: _pace(order, spec, out) for what, order in orders.items()}


def _pace(order: Order, spec: ScarceSpec, out: Path) -> _Pace:
    short, long = (_seconds(replace(order, steps=s), spec, out) for s in (_SHORT, _LONG))
    step = max(0.0, long - short) / (_LONG - _SHORT)
    return _Pace(max(0.0, short - _SHORT * step), step)


def _seconds(order: Order, spec: ScarceSpec, out: Path) -> float:
    before = time.process_time()
    trained(order, spec, out)
    return time.process_time() - before


def _teacher(name: StudyName, study: TextStudy | QuestionStudy, pace: _Pace) -> Part:
    steps = study.teacher.steps
    flops = steps * _step_flops(study, study.teacher.shape)
    return Part(name, "teacher", 1, steps, flops, pace.of(1, steps))


def _part(
    name: StudyName,
    study: TextStudy | QuestionStudy,
    arm: Arm,
    seeds: int,
    paces: dict[str, _Pace],
) -> Part:
    own, scored = _step_flops(study, study.student), _scoring_flops(study)
    tuning, cells = study.tuning, len(arm.sizes)
    trainings = cells * (tuning.trials + seeds)
    longest = tuning.steps[-1]
    others = sum(tuning.steps) - middle(tuning.steps)
    steps = len(tuning.learning_rates) * middle(tuning.steps) + others + seeds * longest
    if arm.name == "vanilla-equal-flops":
        steps = round((tuning.trials + seeds) * longest * (own + scored) / own)
    flops = float(cells * steps * own)
    if arm.name == "logit":
        flops += cells * steps * scored
    pace = paces.get(arm.name, paces["vanilla"])
    return Part(name, arm.name, trainings, cells * steps, flops, pace.of(trainings, cells * steps))


def _step_flops(study: TextStudy | QuestionStudy, shape: NewShape) -> float:
    rows, length = study.batch_size, study.max_length
    return TrainingShape(_model(study, shape)).step(rows, length, rows * length)


def _scoring_flops(study: TextStudy | QuestionStudy) -> float:
    return forward_flops(_model(study, study.teacher.shape), study.batch_size, study.max_length)


def _model(study: TextStudy | QuestionStudy, shape: NewShape) -> ModelShape:
    return shape.described(study.tokenizer)
