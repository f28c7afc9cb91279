"""The experiment scarce-data: every arm tuned alike, then trained anew with other seeds and tested.

    <out>/experiment.json        the experiment, the data with its hash, the machine
    <out>/text, <out>/questions  data and tokenizer of each study, made once
    <out>/finished/NAME.json     a training's row; its presence means: finished
    <out>/trainings/NAME/        its stages; of a teacher its weights too
    <out>/trainings.parquet      one row for each training
    <out>/scores.parquet         one row for each tested training and test row or question

Work is a generator of lists of orders: it is sent the rows of each list when all of them are
finished, and so decides what comes next. Several go side by side (``_side_by_side``).
"""

from __future__ import annotations

import platform
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from distilbench.distill.experiment._experiment import check_same, make_tokenizer
from distilbench.distill.experiment._grid import Row, best, middle, rates_alone
from distilbench.distill.experiment._scarce_spec import (
    QuestionStudy,
    ScarceSpec,
    StudyName,
    TextStudy,
    study_of,
)
from distilbench.distill.experiment._scarce_training import (
    Order,
    asked_of,
    teacher_order,
    tokenizer_of_questions,
    trained,
)
from distilbench.distill.experiment._side_by_side import side_by_side
from distilbench.distill.experiment._source_text import kept_rows
from distilbench.errors import InputError
from distilbench.events import Noted, OnEvent, TrainingFinished, ignore
from distilbench.files import alone, write_json, write_parquet
from distilbench.meter import describe_hardware

Work = Generator[list[Order], list[Row], Any]
KIND = "scarce-data"


@dataclass(frozen=True)
class Arm:
    """An arm of a study. ``taught``: it needs the teacher. ``sizes``: on how much data it is."""

    name: str
    taught: bool
    sizes: tuple[int, ...]


def arms_of(study: TextStudy | QuestionStudy) -> list[Arm]:
    """The arms, vanilla first."""
    sizes = study.unique
    if isinstance(study, TextStudy):
        return [
            Arm("vanilla", False, sizes),
            Arm("vanilla-teacher-rows", False, (study.teacher.unique,)),
            Arm("logit", True, sizes),
            Arm("logit-cached", True, sizes),
            Arm("vanilla-equal-flops", True, sizes),
        ]
    return [
        Arm("vanilla", False, sizes),
        Arm("vanilla-all-gold", False, (study.unlabelled,)),
        Arm("teacher-answers", True, (0,)),
        Arm("both", True, sizes),
    ]


def run_scarce(spec: ScarceSpec, out: Path, workers: int = 1, on_event: OnEvent = ignore) -> Path:
    """Make what is missing of the experiment in ``out``, ``workers`` trainings at a time, each on a
    thread of its own; returns ``out``.

    Raises ``InputError`` if ``out`` holds another experiment, or a teacher is too poor.
    """
    out.mkdir(parents=True, exist_ok=True)
    with alone(out):
        _keep_spec(spec, out)
        rows: list[Row] = []

        def note(row: Row) -> None:
            rows.append(row)
            on_event(TrainingFinished(row["name"], row["accuracy"], row["loss"]))

        total = sum(1 + _trainings(study, spec) for study in spec.studies.values())
        said = f"{total} trainings, {workers} at a time; those that are finished are kept"
        on_event(Noted(said))
        train = partial(trained, spec=spec, out=out)
        side_by_side(_first(spec), train, workers, note, on_event)
        _check_teachers(spec, rows)
        side_by_side(_second(spec, rows), train, workers, note, on_event)
        _write_tables(rows, out)
    return out


def _trainings(study: TextStudy | QuestionStudy, spec: ScarceSpec) -> int:
    cells = sum(len(arm.sizes) for arm in arms_of(study))
    return cells * (study.tuning.trials + len(spec.seeds))


def _keep_spec(spec: ScarceSpec, out: Path) -> None:
    file, asked = out / "experiment.json", spec.model_dump(mode="json")
    check_same(file, asked)
    data = {name: make_data(study, out / name) for name, study in spec.studies.items()}
    python = platform.python_version()
    facts = {"kind": KIND, "experiment": asked, "data": data, "python": python}
    write_json(file, {**facts, "hardware": str(describe_hardware())})


def make_data(study: TextStudy | QuestionStudy, place: Path) -> dict[str, Any]:
    """Data and tokenizer, made once; what is told of them."""
    if isinstance(study, QuestionStudy):
        if not (place / "tokenizer").is_dir():
            tokenizer_of_questions(study, place)
        return {"questions": {name: len(them) for name, them in asked_of(study, place).items()}}

    def encoder(split: dict[str, list[Path]]) -> Any:
        from tokenizers import Tokenizer

        if not (place / "tokenizer").is_dir():
            texts = (path.read_text("ascii") for path in split["teacher"])
            make_tokenizer(texts, study.tokenizer, place / "tokenizer", across_words=False)
        made = Tokenizer.from_file(str(place / "tokenizer" / "tokenizer.json"))
        return lambda text: [end for _, end in made.encode(text).offsets]

    return kept_rows(study, place, encoder)


def _first(spec: ScarceSpec) -> list[Work]:
    """The teachers, and the arms that need none."""
    teachers = [_alone(teacher_order(name, spec)) for name in spec.studies]
    arms = [
        _tuned(spec, name, arm.name, size)
        for name, study in spec.studies.items()
        for arm in arms_of(study)
        for size in arm.sizes
        if not arm.taught
    ]
    return [*teachers, *arms]


def _second(spec: ScarceSpec, rows: Sequence[Row]) -> list[Work]:
    """The arms that need a teacher. One at the FLOPs of another follows that one."""
    works = []
    for name, study in spec.studies.items():
        for arm in arms_of(study):
            if not arm.taught or arm.name == "vanilla-equal-flops":
                continue
            for size in arm.sizes:
                if arm.name == "logit":
                    works.append(_with_equal_flops(spec, name, size, _step_flops(rows, name)))
                else:
                    works.append(_tuned(spec, name, arm.name, size))
    return works


def _alone(order: Order) -> Work:
    yield [order]


def _tuned(
    spec: ScarceSpec, study: StudyName, arm: str, unique: int
) -> Generator[list[Order], list[Row], Row]:
    """Learning rates at the middle number of steps, the other steps at the best of them, and what
    won with the seeds of the test. Returns a row of those."""
    tuning = study_of(spec, study).tuning
    order = partial(Order, study, arm, unique, "tuning", tuning.seed)
    rows = yield [order(rate, middle(tuning.steps)) for rate in tuning.learning_rates]
    found, rate = list(rows), best(rows, f"{study}, {arm}, {unique}")["learning_rate"]
    found += yield [order(rate, steps) for steps in tuning.steps if steps != middle(tuning.steps)]
    won = best(found, f"{study}, {arm}, {unique}")
    tested = yield _tests(spec, study, arm, unique, won)
    return tested[0]


def _with_equal_flops(spec: ScarceSpec, study: StudyName, unique: int, step_flops: float) -> Work:
    """Logit online; then vanilla on the same rows with as many FLOPs as that took in all, at the
    best of as many learning rates as others have trials."""
    logit = yield from _tuned(spec, study, "logit", unique)
    steps = max(1, round(pipeline_flops(logit) / step_flops))
    tuning, arm = study_of(spec, study).tuning, "vanilla-equal-flops"
    rates = rates_alone(tuning.learning_rates, tuning.trials)
    order = partial(Order, study, arm, unique, "tuning", tuning.seed)
    rows = yield [order(rate, steps) for rate in rates]
    yield _tests(spec, study, arm, unique, best(rows, f"{study}, {arm}, {unique}"))


def _tests(spec: ScarceSpec, study: StudyName, arm: str, unique: int, won: Row) -> list[Order]:
    settings = won["learning_rate"], won["steps"]
    return [Order(study, arm, unique, "test", seed, *settings) for seed in spec.seeds]


def pipeline_flops(row: Row) -> float:
    """Of one training: its own, and its teacher's for it."""
    names = ("student_training_flops", "teacher_generation_flops", "logit_caching_flops")
    return float(sum(row[name] for name in names))


def _step_flops(rows: Sequence[Row], study: StudyName) -> float:
    """Of a vanilla student, counted; all its steps are of one size."""
    row = next(r for r in rows if r["study"] == study and r["arm"] == "vanilla")
    return float(row["student_training_flops"] / row["steps"])


def _check_teachers(spec: ScarceSpec, rows: Sequence[Row]) -> None:
    for row in rows:
        study = study_of(spec, row["study"])
        if row["arm"] != "teacher":
            continue
        if row["loss"] is None:
            raise InputError(
                f"field '{row['study']}.teacher'", "its training diverged", "lower 'learning_rate'"
            )
        if isinstance(study, QuestionStudy) and row["accuracy"] < study.least_accuracy:
            raise InputError(
                "field 'questions.teacher'",
                f"it answers {row['accuracy']:.1%} of the validation questions, and"
                f" 'least_accuracy' is {study.least_accuracy:.0%}",
                "raise its 'steps', 'unique' or 'shape', or lower 'least_accuracy'",
            )


def _write_tables(rows: Sequence[Row], out: Path) -> None:
    import polars as pl

    rows = sorted(rows, key=lambda row: str(row["name"]))  # whatever ended first
    plain = [{k: v for k, v in row.items() if k != "scores"} for row in rows]
    trainings = pl.DataFrame(plain, infer_schema_length=None)
    scores = [
        {"name": row["name"], "row": number, "score": score}
        for row in rows
        for number, score in enumerate(row["scores"] or ())
    ]
    write_parquet(out / "trainings.parquet", trainings)
    write_parquet(out / "scores.parquet", pl.DataFrame(scores))
