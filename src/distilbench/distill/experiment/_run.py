"""Runs a recipe: teacher, data, students, choice, evaluation, card.

    <out>/<name>/recipe.yaml           the recipe
    <out>/<name>/attempts/*.json       one record for each attempt of each stage, as it goes on
    <out>/<name>/trials/N/checkpoints  transformers' checkpoints of a training under way
    <out>/<name>/trials/N/model        a trained student; its presence means: trained
    <out>/<name>/student/              the kept student: safetensors, tokenizer, GGUF files,
                                       card.yaml, lineage/*.yaml, stages.parquet, result.json

A run that was killed is resumed: what is in the folder is kept, a training goes on from its last
checkpoint, and teacher outputs are in the cache.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.cache import cache_folder
from distilbench.distill.accounts._card import CardFacts, check_lineage, write_card
from distilbench.distill.accounts._stages import (
    Attempt,
    StageMeter,
    StageRecord,
    read_stages,
    write_stages,
)
from distilbench.distill.data._corpus import Corpus, Example, load_corpus
from distilbench.distill.data._examples import (
    held_out_examples,
    some_texts,
    training_examples,
    training_pairs,
)
from distilbench.distill.recipe._recipe import COMPARES_LOGITS, Distillation, Recipe, Training
from distilbench.distill.teacher._answers import (
    Sampling,
    accepted,
    teacher_answers,
)
from distilbench.distill.teacher._cache import TeacherCache
from distilbench.distill.teacher._logits import cache_logits
from distilbench.distill.teacher._teaching import Teaching, find_teacher
from distilbench.distill.training._evaluate import Judged, held_out_accuracy, held_out_loss
from distilbench.distill.training._launch import check_accelerate, is_launched, is_main, launch
from distilbench.distill.training._train import Job, train
from distilbench.distill.weights._models import Loaded, check_tokens, load, prepare, start_student
from distilbench.errors import InputError
from distilbench.files import alone, whole_alone, write_json, write_text
from distilbench.source import Source
from distilbench.yaml_file import yaml_text

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

OnEvent = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class DistillResult:
    """What a recipe made. ``loss`` in nats for each held-out token; ``accuracy`` null if the data
    is plain text, or it was not asked for."""

    folder: Path
    student_dir: Path
    card_file: Path
    stages: list[StageRecord]
    loss: float
    loss_before: float | None
    """Before training; null for a student that started from nothing."""
    accuracy: float | None
    questions: int | None
    trial: int
    """Which values of the sweep were kept."""


def run_recipe(
    recipe: Recipe,
    folder: Path = Path(),
    out: Path = Path("students"),
    on_event: OnEvent = lambda event: None,
) -> DistillResult:
    """Make the student of a recipe, or what is missing of it, in ``out/<name>``.

    ``folder`` is where the relative paths of models start. Raises ``InputError`` on a bad recipe
    before any work, and if another run is at work in the same folder.
    """
    place = out / recipe.name
    place.mkdir(parents=True, exist_ok=True)
    with alone(place):
        _keep_recipe(recipe, place)
        return _Run(recipe, folder, place, on_event).result()


def train_launched(job: dict[str, Any]) -> None:
    """Train one student in each of several processes; ``job`` is what :func:`launch` wrote."""
    recipe, place, number = Recipe.model_validate(job["recipe"]), Path(job["place"]), job["number"]
    logits = None if job["logits"] is None else [Path(file) for file in job["logits"]]
    run = _Run(recipe, Path(job["folder"]), place, lambda event: None, logits)
    corpus = load_corpus(recipe, run.where)
    teaching = find_teacher(recipe, run.folder, place, run.where, run.on_event, run_recipe)
    training, distillation = recipe.trials()[number]
    folder = place / "trials" / str(number)
    run._train(number, folder, training, distillation, corpus, job["texts"], teaching)


@dataclass
class _Run:
    recipe: Recipe
    folder: Path
    place: Path
    on_event: OnEvent
    logits: list[Path] | None = None
    """In a launched process: what its parent cached."""

    def __post_init__(self) -> None:
        self.where = f"recipe {self.recipe.name!r}"
        self.student_dir = self.place / "student"
        attempts = self.place / "attempts" if is_main() else Path(tempfile.mkdtemp())
        self.meter = StageMeter(self.recipe.name, attempts, self.recipe.machine)
        self.cache = TeacherCache(cache_folder() / "distill")
        # Two students of one name in two folders are two users of a teacher's output.
        self.user = str(self.place.resolve())

    def result(self) -> DistillResult:
        check_accelerate(self.recipe, self.folder, self.where)
        corpus = load_corpus(self.recipe, self.where)
        teaching = find_teacher(
            self.recipe, self.folder, self.place.parent, self.where, self.on_event, run_recipe
        )
        if not (self.student_dir / "result.json").is_file():
            check_lineage(self.recipe, teaching, self.folder)
            trial, judged = self._make(corpus, teaching)
            write_json(self.student_dir / "result.json", {"trial": trial, **asdict(judged)})
        return self._finish(corpus, teaching)

    def _make(self, corpus: Corpus, teaching: Teaching) -> tuple[int, Judged]:
        """Train the student of every trial, and keep the best by held-out loss."""
        texts = self._texts(corpus, teaching)
        found: list[tuple[Path, Judged]] = []
        for number, (training, distillation) in enumerate(self.recipe.trials()):
            found.append(self._trial(number, training, distillation, corpus, texts, teaching))
        best = min(range(len(found)), key=lambda n: found[n][1].loss)
        model, judged = found[best]
        with whole_alone(self.student_dir) as partial:
            shutil.copytree(model, partial)
        if self.recipe.held_out.accuracy and corpus.held_out:
            judged = self._accuracy(corpus, judged)
        return best, judged

    def _texts(self, corpus: Corpus, teaching: Teaching) -> list[list[str]]:
        """The answers that the student learns from, for each training question."""
        if not corpus.train:
            return []
        if self.recipe.answers == "gold":
            return [[asked.gold] for asked in corpus.train]
        recipe, task = self.recipe, self.recipe.task
        assert task is not None
        sampling = Sampling.of(recipe.generation, task, recipe.seed)
        self.on_event({"event": "load", "what": f"the teacher, {teaching.source}"})
        with self.meter.stage("teacher_generation") as attempt:
            generator = teaching.generator(sampling, recipe.generation.batch)
            try:
                texts = teacher_answers(
                    corpus.train, generator, sampling, recipe.generation, self.cache, self.user,
                    attempt, self.on_event,
                )  # fmt: skip
            finally:
                generator.close()
        return self._kept(corpus, texts) if recipe.generation.reject else texts

    def _kept(self, corpus: Corpus, texts: list[list[str]]) -> list[list[str]]:
        """Rejection: right answers, each once."""
        task = self.recipe.task
        assert task is not None
        with self.meter.stage("rejection") as attempt:
            passed = [
                [text for text in group if accepted(asked, text, task)]
                for asked, group in zip(corpus.train, texts, strict=True)
            ]
            right = sum(map(len, passed))
            total = sum(map(len, texts))
            attempt.record.samples, attempt.record.rejected = total, total - right
            attempt.record.work(0.0)
        self.on_event({"event": "rejected", "kept": right, "total": total})
        if not right:
            raise InputError(
                self.where,
                f"the teacher answered none of {total} questions right",
                "use a better teacher, easier questions, or 'generation: {reject: false}'",
            )
        return [list(dict.fromkeys(group)) for group in passed]

    def _trial(
        self,
        number: int,
        training: Training,
        distillation: Distillation,
        corpus: Corpus,
        texts: list[list[str]],
        teaching: Teaching,
    ) -> tuple[Path, Judged]:
        """One student, trained and judged by its loss; what is there already is kept."""
        place = self.place / "trials" / str(number)
        noted = place / "judged.json"
        if noted.is_file():
            return place / "model", Judged(**json.loads(noted.read_text()))
        if not (place / "model").is_dir():
            self._train(number, place, training, distillation, corpus, texts, teaching)
        student = load(Source.at(place / "model"), Path(), self.where)
        with self.meter.stage("evaluation", number) as attempt:
            held = held_out_examples(corpus, student.tokenizer, training.max_length, self.where)
            judged = held_out_loss(student, held, training.batch_size, attempt)
        write_json(noted, asdict(judged))
        shutil.rmtree(place / "checkpoints", ignore_errors=True)
        self.on_event({"event": "trial", "trial": number, "loss": judged.loss})
        return place / "model", judged

    def _train(
        self,
        number: int,
        place: Path,
        training: Training,
        distillation: Distillation,
        corpus: Corpus,
        texts: list[list[str]],
        teaching: Teaching,
    ) -> None:
        recipe = self.recipe
        needed = self._needs_teacher_weights()
        if needed:
            self.on_event({"event": "load", "what": f"the weights of {teaching.source}"})
        teacher = teaching.loaded() if needed else None
        self.on_event({"event": "load", "what": "the student as it starts"})
        student, tokenizer = start_student(
            recipe, self.folder, teacher, some_texts(corpus, texts), self.where
        )
        if teacher is not None and recipe.method in COMPARES_LOGITS:
            check_tokens(distillation, tokenizer, student, teacher, self.where)
        self._judge_start(number, place, Loaded(student, tokenizer, ""), corpus, training)
        examples, its_examples = self._examples(corpus, texts, tokenizer, teacher, training)
        logits = self._cached_logits(number, examples, teacher, training, distillation)
        if recipe.accelerate is not None and not is_launched():
            source = teaching.source
            teaching.release()
            del teacher, student
            launch(recipe, source, self.folder, self.place, number, texts, logits)
            return
        task = recipe.task
        job = Job(
            method=recipe.method,
            training=training,
            distillation=distillation,
            examples=examples,
            teacher_examples=its_examples,
            folder=place,
            seed=recipe.seed,
            max_new_tokens=recipe.generation.max_tokens or (task.max_tokens if task else 1),
            logits=logits,
        )
        online = recipe.method in COMPARES_LOGITS and logits is None
        with self.meter.stage("student_training", number) as attempt:
            scoring = self.meter.beside(attempt, "logit_caching") if online else None
            try:
                prepare(student, training)
                train(job, student, tokenizer, teacher, attempt, scoring, self.on_event)
            finally:
                self._end_beside(attempt, scoring)

    def _cached_logits(
        self,
        number: int,
        examples: list[Example],
        teacher: Loaded | None,
        training: Training,
        distillation: Distillation,
    ) -> list[Path] | None:
        """Files of the teacher's logits, where the recipe caches them. Launched processes are given
        those that were made before they began."""
        if self.recipe.method != "logit" or distillation.top_k is None:
            return None
        if self.logits is not None:
            return self.logits
        assert teacher is not None
        with self.meter.stage("logit_caching", number) as attempt:
            return cache_logits(
                examples, teacher, distillation, training.batch_size, self.cache, self.user,
                attempt, self.on_event,
            )  # fmt: skip

    def _judge_start(
        self, number: int, place: Path, student: Loaded, corpus: Corpus, training: Training
    ) -> None:
        """The held-out loss before training, of students that do not start from nothing."""
        noted = place / "start.json"
        if self.recipe.student.new is not None or noted.is_file():
            return
        with self.meter.stage("evaluation", number) as attempt:
            held = held_out_examples(corpus, student.tokenizer, training.max_length, self.where)
            judged = held_out_loss(student, held, training.batch_size, attempt)
        write_json(noted, asdict(judged))

    def _loss_before(self, trial: int) -> float | None:
        noted = self.place / "trials" / str(trial) / "start.json"
        return float(json.loads(noted.read_text())["loss"]) if noted.is_file() else None

    def _end_beside(self, attempt: Attempt, scoring: StageRecord | None) -> None:
        if scoring is not None:
            done = attempt.record.last_step is not None
            scoring.status = "done" if done else "failed"

    def _needs_teacher_weights(self) -> bool:
        spec = self.recipe.student
        own_start = spec.new is not None or spec.model is not None
        own_words = self.recipe.tokenizer is not None or spec.model is not None
        scores = self.recipe.method in COMPARES_LOGITS and self.logits is None
        return scores or not (own_start and own_words)

    def _examples(
        self,
        corpus: Corpus,
        texts: list[list[str]],
        tokenizer: PreTrainedTokenizerBase,
        teacher: Loaded | None,
        training: Training,
    ) -> tuple[list[Example], list[Example] | None]:
        """Training examples, and the same in the teacher's tokens where they are other ones."""
        length = training.max_length
        if self.recipe.distillation.divergence != "gold":
            return training_examples(corpus, texts, tokenizer, length, self.where), None
        assert teacher is not None
        pairs = training_pairs(corpus, texts, tokenizer, teacher.tokenizer, length, self.where)
        return [mine for mine, _ in pairs], [its for _, its in pairs]

    def _accuracy(self, corpus: Corpus, judged: Judged) -> Judged:
        task = self.recipe.task
        assert task is not None
        student = load(Source.at(self.student_dir), Path(), self.where)
        with self.meter.stage("evaluation") as attempt:
            accuracy = held_out_accuracy(
                student, corpus.held_out, task, self.recipe.generation.batch, attempt
            )
        self.on_event({"event": "accuracy", "accuracy": accuracy})
        return replace(judged, accuracy=accuracy, questions=len(corpus.held_out))

    def _finish(self, corpus: Corpus, teaching: Teaching) -> DistillResult:
        """Records, exports and card. Also of a finished student: its teacher's outputs may have
        found further users since."""
        noted = json.loads((self.student_dir / "result.json").read_text())
        records = [*teaching.records(), *self.meter.records()]
        records = [
            replace(r, kept=r.trial == noted["trial"]) if r.trial is not None else r
            for r in records
        ]
        write_stages(records, self.student_dir / "stages.parquet")
        facts = CardFacts(
            recipe=self.recipe,
            records=[r for r in records if r.owner == self.recipe.name],
            shared=self.cache.shared_costs(self.user),
            data_digest=corpus.digest,
            loss=noted["loss"],
            accuracy=noted["accuracy"],
        )
        card_file = write_card(facts, self.student_dir, teaching, self.folder)
        self._export()
        return DistillResult(
            folder=self.place,
            student_dir=self.student_dir,
            card_file=card_file,
            stages=read_stages(self.student_dir / "stages.parquet"),
            loss=noted["loss"],
            loss_before=self._loss_before(noted["trial"]),
            accuracy=noted["accuracy"],
            questions=noted["questions"],
            trial=noted["trial"],
        )

    def _export(self) -> None:
        for quantization in self.recipe.export:
            file = self.student_dir / f"{self.recipe.name}-{quantization}.gguf"
            if not file.is_file():
                from distilbench.distill.weights._gguf_export import export_gguf

                kind = None if quantization.lower() == "f16" else quantization
                export_gguf(self.student_dir, file, kind)


def _keep_recipe(recipe: Recipe, place: Path) -> None:
    """A folder holds one recipe: its stages could not be told apart otherwise."""
    file = place / "recipe.yaml"
    text = yaml_text(recipe.model_dump(mode="json", exclude_defaults=True))
    if file.is_file() and file.read_text("utf-8") != text:
        raise InputError(
            str(place), "holds a student of another recipe", "give the recipe another 'name'"
        )
    write_text(file, text)
