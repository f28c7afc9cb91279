"""Distilled against vanilla students: trains all of them, and keeps what each took and answered.

    <out>/experiment.json     the experiment, the teacher, the machine
    <out>/tokenizer/          the tokenizer that all of them share
    <out>/recipes/NAME/       what ``run_recipe`` keeps of each training
    <out>/finished/NAME.json  a training's row and its answers; its presence means: finished
    <out>/trainings.parquet   one row for each training
    <out>/answers.parquet     one row for each training and held-out question

Students of one seed start from the same weights and see their questions in the same order; the
questions of a smaller budget are the first of a larger one. A killed experiment keeps the trainings
that are finished.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distilbench.distill.accounts import StageRecord
from distilbench.distill.data import Asked, Task, load_corpus
from distilbench.distill.experiment._experiment_spec import Arm, ExperimentSpec
from distilbench.distill.experiment._run import DistillResult, run_recipe
from distilbench.distill.recipe import Generation, Recipe
from distilbench.distill.teacher import Sampling, TransformersGenerator, accepted
from distilbench.distill.weights import Loaded, load
from distilbench.errors import InputError
from distilbench.events import OnEvent, TrainingFinished, TrainingNamed, ignore
from distilbench.files import read_json, whole_alone, write_json, write_parquet
from distilbench.meter import describe_hardware
from distilbench.source import Source
from distilbench.tasks import make_questions

AT_ONCE = 100  # questions answered together
TOKENIZER_TEXTS = 2000


@dataclass(frozen=True)
class _Training:
    """One model to make."""

    name: str
    arm: str
    budget: int
    seed: int
    recipe: Recipe


def run_experiment(spec: ExperimentSpec, out: Path, on_event: OnEvent = ignore) -> Path:
    """Make what is missing of the experiment in ``out``; returns ``out``.

    Raises ``InputError`` if ``out`` holds another experiment.
    """
    _keep_spec(spec, out)
    tokenizer = _tokenizer(spec, out)
    teacher = _Training("teacher", "teacher", spec.teacher.questions, 0, _teacher(spec, tokenizer))
    rows = [_finished(teacher, out, on_event)]
    place = str((out / "recipes" / "teacher" / "student").resolve())
    wanted = [
        _Training(f"{arm}-{budget}-{seed}", arm, budget, seed, recipe)
        for budget in spec.budgets
        for seed in spec.seeds
        for arm in spec.arms
        for recipe in [_student(spec, arm, budget, seed, tokenizer, place)]
    ]
    for number, training in enumerate(wanted, start=1):
        on_event(TrainingNamed(training.name, number, len(wanted)))
        rows.append(_finished(training, out, on_event))
        _write_tables(rows, out)
    return out


def _keep_spec(spec: ExperimentSpec, out: Path) -> None:
    file = out / "experiment.json"
    asked = spec.model_dump(mode="json")
    check_same(file, asked)
    machine = describe_hardware()
    write_json(file, {"experiment": asked, "hardware": str(machine)})


def check_same(file: Path, asked: dict[str, Any]) -> None:
    """Raises ``InputError`` if the folder of ``file`` holds another experiment than ``asked``."""
    if file.is_file() and read_json(file, {"experiment": dict})["experiment"] != asked:
        raise InputError(str(file.parent), "holds another experiment", "give another --out")


def _tokenizer(spec: ExperimentSpec, out: Path) -> Path:
    """Trained on the task's questions; made once."""
    place = out / "tokenizer"
    if not place.is_dir():
        count = min(TOKENIZER_TEXTS, spec.teacher.questions)
        asked = make_questions(spec.task.model_copy(update={"questions": count}), 1)
        texts = [f"Question: {q.text}\nAnswer: {q.worked}" for q in asked.questions]
        make_tokenizer(texts, spec.tokenizer, place, across_words=True)
    return place.resolve()


def make_tokenizer(texts: Iterable[str], size: int, place: Path, *, across_words: bool) -> None:
    """Train byte-level BPE with digits apart into ``place``.

    ``across_words``: what all texts share becomes a single token and costs no compute.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=not across_words),
        ]
    )
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=["<|end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(texts, trainer)
    kept = PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<|end|>", pad_token="<|end|>")
    with whole_alone(place) as partial:
        kept.save_pretrained(partial)


def _teacher(spec: ExperimentSpec, tokenizer: Path) -> Recipe:
    teacher = spec.teacher
    return _recipe(
        spec,
        {
            "name": "teacher",
            "method": "scratch",
            "student": {"new": teacher.shape.model_dump()},
            "questions": teacher.questions,
            "seed": 0,
        },
        tokenizer,
        epochs=teacher.epochs,
        learning_rate=teacher.learning_rate,
    )


def _student(
    spec: ExperimentSpec, arm: Arm, budget: int, seed: int, tokenizer: Path, teacher: str
) -> Recipe:
    """The arms differ in method and in nothing else: as many steps of as many questions."""
    fields: dict[str, Any] = {
        "name": f"{arm}-{budget}-{seed}",
        "method": "scratch" if arm == "vanilla" else arm,
        "student": {"new": spec.student.model_dump()},
        "questions": budget,
        "seed": seed,
    }
    if arm != "vanilla":
        fields["teacher"] = {"source": teacher}
    # The verifier rejects some of the teacher's answers: the others are then seen more often.
    steps = max(1, budget // spec.batch_size)
    return _recipe(
        spec, fields, tokenizer, epochs=1000, max_steps=steps, learning_rate=spec.learning_rate
    )


def _recipe(
    spec: ExperimentSpec, fields: dict[str, Any], tokenizer: Path, **training: Any
) -> Recipe:
    data = {"task": spec.task.model_dump(mode="json"), "questions": fields["questions"], "seed": 1}
    common = {
        "batch_size": spec.batch_size,
        "max_length": spec.max_length,
        "checkpoint_every": 1000,
    }
    return Recipe.model_validate(
        {
            **{key: value for key, value in fields.items() if key != "questions"},
            "tokenizer": str(tokenizer),
            "data": data,
            "held_out": {"questions": spec.held_out, "seed": 0, "accuracy": False},
            "generation": {"batch": AT_ONCE},
            "training": {**common, **training},
        }
    )


def _finished(training: _Training, out: Path, on_event: OnEvent) -> dict[str, Any]:
    """The training's row and answers, from its file or made now."""
    file = out / "finished" / f"{training.name}.json"
    if file.is_file():
        return read_json(file)
    made = run_recipe(training.recipe, Path(), out / "recipes", on_event)
    answers = _answers(training.recipe, made)
    row = {
        "name": training.name,
        "arm": training.arm,
        "budget": training.budget,
        "seed": training.seed,
        "loss": made.loss,
        "accuracy": sum(answers.values()) / len(answers),
        **costs(made.stages, training.name),
        "answers": answers,
    }
    write_json(file, row)
    shutil.rmtree(made.folder / "trials", ignore_errors=True)  # the student's folder has its copy
    on_event(TrainingFinished(training.name, row["accuracy"]))
    return row


def _answers(recipe: Recipe, made: DistillResult) -> dict[str, float]:
    """Score of each held-out question by id, answered greedily."""
    task = recipe.task
    assert task is not None
    asked = load_corpus(recipe, recipe.name).held_out
    student = load(Source.at(made.student_dir), Path(), recipe.name)
    scores = answered_right(student, asked, task)
    return {one.question.id: score for one, score in zip(asked, scores, strict=True)}


def answered_right(student: Loaded, asked: Sequence[Asked], task: Task) -> list[float]:
    """Of each question whether it is answered right, greedily: 1 or 0."""
    generator = TransformersGenerator(student, Sampling.of(Generation(), task, 0))
    scores: list[float] = []
    for at in range(0, len(asked), AT_ONCE):
        part = asked[at : at + AT_ONCE]
        answers = generator.answer([(one, 0) for one in part])
        scores += [
            float(accepted(one, answer.text, task))
            for one, answer in zip(part, answers, strict=True)
        ]
    return scores


def costs(stages: list[StageRecord], owner: str) -> dict[str, Any]:
    """FLOPs of the stages that made one model, every attempt counted.

    Teacher outputs that an earlier student paid for are counted as if this student had paid: so
    the costs of a student do not depend on the order of the trainings. What a later attempt finds
    in the cache is an earlier attempt's own work.
    """
    own = [record for record in stages if record.owner == owner]
    trained = [record for record in own if record.stage == "student_training"]
    asked = [record for record in own if record.stage == "teacher_generation"]
    scored = [record for record in own if record.stage == "logit_caching"]
    rejection = [record for record in own if record.stage == "rejection"][-1:]
    return {
        "steps": max((record.last_step or 0 for record in trained), default=0),
        "tokens": sum(record.tokens for record in trained),
        "samples": sum(record.samples for record in trained),
        "student_training_flops": _sum(trained, "flops"),
        "student_training_formula_flops": _sum(trained, "flops_formula"),
        "student_training_6nd_flops": _sum(trained, "flops_6nd"),
        "teacher_generation_flops": _sum(asked, "flops") + _sum(asked[:1], "saved_flops"),
        "logit_caching_flops": _sum(scored, "flops") + _sum(scored[:1], "saved_flops"),
        "generated": sum(record.samples for record in rejection),
        "rejected": sum(record.rejected or 0 for record in rejection),
        "wall_s": _sum(own, "wall_s"),
    }


def _sum(records: list[StageRecord], field: str) -> float:
    return float(sum(getattr(record, field) or 0.0 for record in records))


def _write_tables(rows: list[dict[str, Any]], out: Path) -> None:
    import polars as pl

    trainings = pl.DataFrame([{k: v for k, v in row.items() if k != "answers"} for row in rows])
    answers = pl.DataFrame(
        [
            {"name": row["name"], "sample_id": id_, "score": score}
            for row in rows
            for id_, score in row["answers"].items()
        ]
    )
    for name, table in (("trainings", trainings), ("answers", answers)):
        write_parquet(out / f"{name}.parquet", table)
