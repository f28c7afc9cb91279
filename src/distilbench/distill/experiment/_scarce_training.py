"""One training of the experiment scarce-data: from its order to its row.

A recipe and its data are put together, trained and judged on the validation split by the lab's own
``Trial``; what is of the test is scored afterwards, on a split that no recipe names.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from distilbench.distill.accounts import StageMeter
from distilbench.distill.data import (
    Asked,
    Corpus,
    Example,
    held_out_examples,
    load_corpus,
    to_batch,
)
from distilbench.distill.experiment._experiment import (
    AT_ONCE,
    TOKENIZER_TEXTS,
    answered_right,
    costs,
    make_tokenizer,
)
from distilbench.distill.experiment._scarce_spec import (
    QuestionStudy,
    ScarceSpec,
    StudyName,
    TextStudy,
    study_of,
)
from distilbench.distill.experiment._source_text import read_rows
from distilbench.distill.recipe import Generation, Recipe
from distilbench.distill.teacher import (
    Sampling,
    TeacherCache,
    TransformersGenerator,
    accepted,
    find_teacher,
    teacher_answers,
)
from distilbench.distill.training import Bench, Trial
from distilbench.distill.weights import Loaded, load
from distilbench.engines import few_shot_prompt
from distilbench.errors import InputError
from distilbench.events import OnEvent, ignore
from distilbench.files import read_json, write_json
from distilbench.source import Source

Use = Literal["teacher", "tuning", "test"]
_MORE = 1.05  # questions made for each that is wanted: some differ in capital letters alone
_NEVER = 10**6  # steps: a training that was killed begins anew
_METHODS = {"logit": "logit", "logit-cached": "logit"}
_TAUGHT = (*_METHODS, "teacher-answers", "both")


@dataclass(frozen=True)
class Order:
    """One model to train. ``unique``: rows of text, or questions with gold answers."""

    study: StudyName
    arm: str
    unique: int
    use: Use
    seed: int
    learning_rate: float
    steps: int

    @property
    def name(self) -> str:
        settings = f"{self.learning_rate}-{self.steps}-{self.seed}"
        return f"{self.study}-{self.arm}-{self.unique}-{settings}"


def teacher_order(study: StudyName, spec: ScarceSpec) -> Order:
    teacher = study_of(spec, study).teacher
    return Order(
        study, "teacher", teacher.unique, "teacher", 0, teacher.learning_rate, teacher.steps
    )


def row_file(out: Path, order: Order) -> Path:
    return out / "finished" / f"{order.name}.json"


def trained(
    order: Order, spec: ScarceSpec, out: Path, on_event: OnEvent = ignore
) -> dict[str, Any]:
    """The row of a training: from its file, or made now on one thread, so that it is the same
    whatever else runs."""
    file = row_file(out, order)
    if file.is_file():
        return read_json(file)
    place = out / "trainings" / order.name
    shutil.rmtree(place, ignore_errors=True)  # of a killed one: what it did counts nowhere
    with _one_thread():
        row = _train(order, spec, out, Bench(_recipe(order, spec, out), Path(), place, on_event))
    write_json(file, row)
    if order.use != "teacher":
        shutil.rmtree(place / "trials", ignore_errors=True)
    return row


@contextmanager
def _one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _train(order: Order, spec: ScarceSpec, out: Path, bench: Bench) -> dict[str, Any]:
    study = study_of(spec, order.study)
    corpus, texts, asked_flops = _data(order, study, out)
    teaching = find_teacher(
        bench.recipe, Path(), out / "trainings", bench.where, bench.on_event, _made_before
    )
    folder, judged = Trial(bench, 0, corpus, texts, teaching).judged()
    student = load(Source.at(folder), Path(), bench.where)
    row: dict[str, Any] = {
        "name": order.name, "study": order.study, "arm": order.arm, "unique": order.unique,
        "taught": order.arm in _TAUGHT, "use": order.use, "seed": order.seed,
        "learning_rate": order.learning_rate, "steps": order.steps,
        "loss": judged.loss, "guessing": judged.guessing, "accuracy": None,
        **costs(bench.meter.records(), order.name),
        "teacher_generation_flops": asked_flops,
    }  # fmt: skip
    if isinstance(study, QuestionStudy) and judged.loss is not None:
        right = answered_right(student, corpus.held_out, study.task)
        row["accuracy"] = sum(right) / len(right)
    row["scores"] = _test_scores(order, study, out, student) if judged.loss is not None else None
    if order.arm == "teacher" and isinstance(study, QuestionStudy):
        row |= _answers(student, study, out, bench)
    return row


def _made_before(*_: object) -> None:
    raise AssertionError("the teacher is named by its folder, not by a recipe")


def _recipe(order: Order, spec: ScarceSpec, out: Path) -> Recipe:
    study, is_teacher = study_of(spec, order.study), order.arm == "teacher"
    training = {
        "batch_size": study.batch_size, "max_length": study.max_length,
        "checkpoint_every": _NEVER, "learning_rate": order.learning_rate,
        "max_steps": order.steps,
    }  # fmt: skip
    fields: dict[str, Any] = {
        "name": order.name,
        "method": _METHODS.get(order.arm, "scratch"),
        "student": {"new": (study.teacher.shape if is_teacher else study.student).model_dump()},
        "tokenizer": str((out / order.study / "tokenizer").resolve()),
        "training": training,
        "seed": order.seed,
    }
    if isinstance(study, TextStudy):
        text = str((out / "text" / f"{_split_of(order)}.jsonl").resolve())
        fields |= {"data": {"text": text}, "held_out": {"accuracy": False}}
    else:
        task = study.task.model_dump(mode="json")
        asked = study.unlabelled if order.arm in _TAUGHT else order.unique
        fields |= {"data": {"task": task, "questions": asked}}
    if fields["method"] == "logit":
        fields["teacher"] = {"source": str(teacher_folder(order.study, spec, out))}
    if order.arm == "logit-cached":
        assert isinstance(study, TextStudy)
        fields["distillation"] = {"top_k": study.top_k}
    return Recipe.model_validate(fields)


def teacher_folder(study: StudyName, spec: ScarceSpec, out: Path) -> Path:
    name = teacher_order(study, spec).name
    return (out / "trainings" / name / "trials" / "0" / "model").resolve()


def _split_of(order: Order) -> str:
    return "teacher" if order.arm in ("teacher", "vanilla-teacher-rows") else "student"


def _data(
    order: Order, study: TextStudy | QuestionStudy, out: Path
) -> tuple[Corpus, list[list[str]], float]:
    """What is trained on and validated on, the answers of each question, and the FLOPs that its
    teacher took to write those of them that are its own."""
    if isinstance(study, TextStudy):
        rows = read_rows(out / "text", _split_of(order))[: order.unique]
        held = read_rows(out / "text", "validation")
        return Corpus(train_texts=tuple(rows), held_out_texts=tuple(held)), [], 0.0
    asked = asked_of(study, out / "questions")
    pool = asked["teacher"] if order.arm == "teacher" else asked["student"]
    gold = [[one.gold] for one in pool]
    if order.arm not in ("teacher-answers", "both"):
        few = pool[: order.unique]
        return Corpus(train=few, held_out=asked["validation"]), gold[: order.unique], 0.0
    made = read_json(out / "questions" / "teacher-answers.json", {"texts": list})
    known = order.unique if order.arm == "both" else 0
    texts = gold[:known] + made["texts"][known:]
    flops = made["flops"] * (len(texts) - known) / len(texts)
    return Corpus(train=pool, held_out=asked["validation"]), texts, flops


def asked_of(study: QuestionStudy, place: Path) -> dict[str, tuple[Asked, ...]]:
    """The questions of each split: all different, also but for capital letters; made once in a
    process."""
    return _asked(study.model_dump_json(), str(place / "tokenizer"))


@cache
def _asked(study_json: str, tokenizer: str) -> dict[str, tuple[Asked, ...]]:
    study = QuestionStudy.model_validate_json(study_json)
    sizes = {
        "test": study.test,
        "validation": study.validation,
        "student": study.unlabelled,
        "teacher": study.teacher.unique,
    }
    recipe = Recipe.model_validate(
        {
            "name": "questions",
            "method": "scratch",
            "student": {"new": study.student.model_dump()},
            "tokenizer": tokenizer,
            "data": {
                "task": study.task.model_dump(mode="json"),
                "questions": round(_MORE * sum(sizes.values())),
            },
            "held_out": {"questions": 1},
        }
    )
    corpus = load_corpus(recipe, "study of questions")
    made = {one.question.text.casefold(): one for one in corpus.train}
    if len(made) < sum(sizes.values()):
        raise InputError(
            "field 'questions'",
            f"the task has {len(made):,} different questions, and {sum(sizes.values()):,} are asked"
            " for ('test', 'validation', 'unlabelled', 'teacher.unique' together)",
            "ask for fewer, or give 'task.params' with more of them",
        )
    found, at, everything = {}, 0, tuple(made.values())
    for name, size in sizes.items():
        found[name] = everything[at : at + size]
        at += size
    return found


def tokenizer_of_questions(study: QuestionStudy, place: Path) -> None:
    """Trained on the teacher's questions and answers."""
    texts = [
        f"{few_shot_prompt(list(one.messages))} {one.gold}"
        for one in asked_of(study, place)["teacher"]
    ]
    make_tokenizer(texts[:TOKENIZER_TEXTS], study.tokenizer, place / "tokenizer", across_words=True)


def _test_scores(
    order: Order, study: TextStudy | QuestionStudy, out: Path, student: Loaded
) -> list[float] | None:
    """Of each test row its nats a token, or of each test question whether it is answered right;
    null: what was trained for tuning is not tested."""
    if order.use == "tuning":
        return None
    if isinstance(study, QuestionStudy):
        return answered_right(student, asked_of(study, out / "questions")["test"], study.task)
    corpus = Corpus(held_out_texts=tuple(read_rows(out / "text", "test")))
    examples = held_out_examples(corpus, student.tokenizer, study.max_length, "test")
    if len(examples) != study.test:
        raise InputError("study of text", "a test row is no row of the tokens", "report it")
    return row_losses(student, examples, study.batch_size)


def row_losses(student: Loaded, examples: Sequence[Example], batch_size: int) -> list[float]:
    """Nats a token of each example, all of one length: (examples,)."""
    import torch

    losses: list[float] = []
    for at in range(0, len(examples), batch_size):
        batch = to_batch(examples[at : at + batch_size], int(student.tokenizer.pad_token_id))
        with torch.inference_mode():
            logits = student.model(batch["input_ids"], batch["attention_mask"]).logits
        found = torch.nn.functional.cross_entropy(
            logits[:, :-1].transpose(1, 2).float(), batch["labels"][:, 1:], reduction="none"
        )
        losses += found.mean(dim=1).tolist()
    return [loss if math.isfinite(loss) else math.inf for loss in losses]


def _answers(teacher: Loaded, study: QuestionStudy, out: Path, bench: Bench) -> dict[str, Any]:
    """Let the teacher answer all of the student's questions, right or wrong: nobody knows."""
    pool = asked_of(study, out / "questions")["student"]
    sampling = Sampling.of(Generation(), study.task, 0)
    meter = StageMeter(f"{bench.recipe.name}-answers", bench.place / "answers")
    with meter.stage("teacher_generation") as attempt:
        texts = teacher_answers(
            pool, TransformersGenerator(teacher, sampling), sampling, Generation(batch=AT_ONCE),
            TeacherCache(bench.place / "cache"), "all", attempt, bench.on_event,
        )  # fmt: skip
        record = attempt.record
    # Of a question whose answer is empty there is none to learn from: it is answered wrongly.
    right = [
        any(accepted(one, text, study.task) for text in given)
        for one, given in zip(pool, texts, strict=True)
    ]
    kept = {"texts": texts, "flops": record.flops}
    write_json(out / "questions" / "teacher-answers.json", kept)
    return {"answers_flops": record.flops, "answers_right": sum(right) / len(right)}
