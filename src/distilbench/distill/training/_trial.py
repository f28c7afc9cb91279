"""One student of a recipe, under one combination of its sweep: started, trained and judged."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.distill.data import (
    Corpus,
    Example,
    Texts,
    chat_notes,
    held_out_examples,
    length_notes,
    load_corpus,
    packed,
    prompt_ids,
    some_texts,
    validation_examples,
)
from distilbench.distill.recipe import Recipe, StudentSpec
from distilbench.distill.teacher import Scorer, Teaching, cache_logits, find_teacher
from distilbench.distill.training._apart import check_apart
from distilbench.distill.training._bench import Bench
from distilbench.distill.training._evaluate import Judged, held_out_loss
from distilbench.distill.training._job import Job
from distilbench.distill.training._launch import check_started, is_launched, launch
from distilbench.distill.training._objective import Objective, objective_of
from distilbench.distill.training._pruned import PRUNED, Search, pruned_words
from distilbench.distill.training._train import train
from distilbench.distill.training._validating import Validating
from distilbench.distill.weights import Loaded, gguf_kind, load, parent_of, prepare, start_student
from distilbench.events import Noted, TrialJudged, WeightsLoading, ignore
from distilbench.files import read_json, write_json
from distilbench.source import Source

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass
class Trial:
    """The student ``number`` of a bench's recipe, in ``trials/NUMBER``."""

    bench: Bench
    number: int
    corpus: Corpus
    texts: Texts
    """Answers that it learns from, for each training question."""
    teaching: Teaching
    logits: list[str] | None = None
    """In a launched process: what its parent cached."""

    def __post_init__(self) -> None:
        self.training, self.distillation = self.bench.recipe.trials()[self.number]
        self.place = self.bench.place / "trials" / str(self.number)

    @cached_property
    def objective(self) -> Objective:
        return objective_of(self.bench.recipe.method, self.distillation)

    def judged(self) -> tuple[Path, Judged]:
        """The trained student's folder, and how good it is; what is there already is kept."""
        noted = self.place / "judged.json"
        if noted.is_file():
            return self.place / "model", Judged(**read_json(noted, {"tokens": int}))
        if not (self.place / "model").is_dir():
            self.train()
        judged = self._judge(load(Source.at(self.place / "model"), Path(), self.bench.where))
        write_json(noted, asdict(judged))
        shutil.rmtree(self.place / "checkpoints", ignore_errors=True)
        self.bench.on_event(TrialJudged(self.number, judged.loss))
        if trouble := judged.trouble(self.loss_before()):
            self.bench.on_event(Noted(f"trial {self.number}: {trouble}"))
        return self.place / "model", judged

    def train(self) -> None:
        """Train it, here or in the processes of the recipe's ``accelerate``."""
        bench, recipe = self.bench, self.bench.recipe
        teacher = self._teacher()
        student = self._started(teacher)
        if teacher is not None:
            self.objective.check_models(student, teacher, bench.where)
        self._judge_start(student)
        examples = self.objective.examples(
            self.corpus, self.texts, student.tokenizer, teacher.tokenizer if teacher else None,
            self.training.max_length, bench.where,
        )  # fmt: skip
        examples = self._in_order(examples)
        self._note_lengths(student, examples)
        logits = self._cached_logits(examples, student.tokenizer)
        if recipe.accelerate is not None and not is_launched():
            source = self.teaching.source
            self.teaching.release()
            del teacher, student
            launch(recipe, source, bench.folder, bench.place, self.number, self.texts, logits)
            return
        grouped = None if logits is None else [[file] for file in logits]
        if self.training.packing:
            for loaded in (student, teacher if self.objective.needs == "live" else None):
                check_apart(loaded, bench.where)
            count = len(examples)
            examples, grouped = packed(examples, logits, self.training.max_length)
            bench.on_event(Noted(f"{count:,} examples are packed into {len(examples):,} rows"))
        job = self._job(examples, grouped, student)
        try:
            self._metered(job, student, teacher)
        finally:
            if job.scorer is not None:
                job.scorer.close()

    def _job(
        self,
        examples: Sequence[Example],
        logits: Sequence[Sequence[str]] | None,
        student: Loaded,
    ) -> Job:
        bench, recipe, task = self.bench, self.bench.recipe, self.bench.recipe.task
        return Job(
            objective=self.objective,
            training=self.training,
            examples=examples,
            folder=self.place,
            seed=recipe.seed,
            max_new_tokens=recipe.generation.max_tokens or (task.max_tokens if task else 1),
            scorer=self._scorer(student.tokenizer) if self.objective.needs == "served" else None,
            logits=logits,
            ordered=recipe.data.curriculum is not None,
            validation=validation_examples(
                self.corpus, student.tokenizer, self.training.max_length, bench.where
            ),
        )

    def _started(self, teacher: Loaded | None) -> Loaded:
        """The student before its training."""
        bench = self.bench
        bench.on_event(WeightsLoading("the student as it starts"))
        texts = some_texts(self.corpus, self.texts)
        parent, tokenizer = parent_of(bench.recipe, bench.folder, teacher, bench.where)
        recipe = self._pruned(parent, tokenizer, texts)
        return start_student(recipe, parent, tokenizer, teacher, texts, bench.where)

    def _pruned(
        self, parent: Loaded | None, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]
    ) -> Recipe:
        """The recipe, with the depth and widths that its student's budget allows: searched once."""
        bench, recipe = self.bench, self.bench.recipe
        spec = recipe.student
        if spec.prune is None or not spec.prune.has_budget:
            return recipe
        found = self._found()
        if found is None:
            assert parent is not None  # 'new' has no 'prune'
            kind = gguf_kind(next(iter(recipe.export), "F16"))
            where = f"{bench.where}: field 'student.prune'"
            with bench.meter.stage("pruning") as attempt:
                parent = replace(parent, tokenizer=tokenizer)
                search = Search(spec, parent, texts, kind, attempt, where, bench.on_event)
                found = search.found()
                write_json(
                    self.place.parent / PRUNED, found.model_dump(mode="json", exclude_none=True)
                )
        return recipe.model_copy(update={"student": found})

    def pruned_to(self) -> str | None:
        """In words, what the search for the student's budget chose; null: there was none."""
        found = self._found()
        return None if found is None else pruned_words(found)

    def _found(self) -> StudentSpec | None:
        """What the search for the student's budget chose, once it is done."""
        noted = self.place.parent / PRUNED
        if not noted.is_file():
            return None
        return StudentSpec.model_validate(read_json(noted, {"prune": dict}))

    def _in_order(self, examples: Sequence[Example]) -> Sequence[Example]:
        """The examples in the order of the recipe's curriculum, if it has one, which is said."""
        order = self.bench.recipe.data.curriculum
        if order is None:
            return examples
        if order == "length":
            examples = sorted(examples, key=lambda example: len(example.ids))
            by = f"by length, from {len(examples[0].ids):,} to {len(examples[-1].ids):,} tokens"
        else:
            by = f"by the column {order!r}, low first"
        said = f"curriculum: {len(examples):,} examples {by}, in this order in every epoch"
        self.bench.on_event(Noted(said))
        return examples

    def _note_lengths(self, student: Loaded, examples: Sequence[Example]) -> None:
        """Say what is left out, cut, or longer than the student's context."""
        length = self.training.max_length
        for said in chat_notes(
            student.tokenizer, self.corpus.train_chats, length, self.bench.where
        ):
            self.bench.on_event(Noted(said))
        prompts = [len(prompt_ids(student.tokenizer, asked)) for asked in self.corpus.train]
        context = getattr(student.model.config, "max_position_embeddings", None)
        for said in length_notes(prompts, [len(e.ids) for e in examples], length, context):
            self.bench.on_event(Noted(said))

    def _metered(self, job: Job, student: Loaded, teacher: Loaded | None) -> None:
        meter, validation = self.bench.meter, None
        with meter.stage("student_training", self.number) as attempt:
            online = self.objective.needs in ("live", "served")
            scoring = meter.beside(attempt, "logit_caching") if online else None
            if job.validation:
                inner = meter.within(attempt, "evaluation")
                validation = Validating(job, student, attempt, inner, self.bench.on_event)
            try:
                prepare(student.model, self.training)
                train(job, student, teacher, attempt, scoring, self.bench.on_event, validation)
            finally:
                if validation is not None:
                    validation.close()
                if scoring is not None:
                    done = attempt.record.last_step is not None
                    scoring.status = "done" if done else "failed"

    def _teacher(self) -> Loaded | None:
        """The teacher's weights, if its logits, its words or its weights to start from are
        needed."""
        spec, recipe = self.bench.recipe.student, self.bench.recipe
        own_start = spec.new is not None or spec.model is not None
        own_words = recipe.tokenizer is not None or spec.model is not None
        scores = self.objective.compares_logits and self.logits is None
        if self.teaching.is_served and self.objective.needs in ("cached logits", "served"):
            scores = False  # its server tells them
        if not scores and own_start and own_words:
            return None
        self.bench.on_event(WeightsLoading(f"the weights of {self.teaching.source}"))
        return self.teaching.loaded()

    def _cached_logits(
        self, examples: Sequence[Example], tokenizer: PreTrainedTokenizerBase
    ) -> list[str] | None:
        """Places of the teacher's logits, where the objective needs them kept. Launched processes
        are given those that were made before they began."""
        if self.objective.needs != "cached logits":
            return None
        if self.logits is not None:
            return self.logits
        bench, at_once = self.bench, self.training.batch_size
        with bench.meter.stage("logit_caching", self.number) as attempt:
            scorer = self._scorer(tokenizer)
            try:
                return cache_logits(
                    examples, scorer, self.distillation, at_once, bench.cache, bench.user, attempt,
                    bench.on_event,
                )  # fmt: skip
            finally:
                scorer.close()

    def _scorer(self, tokenizer: PreTrainedTokenizerBase) -> Scorer:
        return self.teaching.scorer(self.distillation, tokenizer, self.training.batch_size)

    def _judge_start(self, student: Loaded) -> None:
        """The held-out loss before training, of students that do not start from nothing."""
        noted = self.place / "start.json"
        if self.bench.recipe.student.new is None and not noted.is_file():
            write_json(noted, asdict(self._judge(student)))

    def _judge(self, student: Loaded) -> Judged:
        with self.bench.meter.stage("evaluation", self.number) as attempt:
            length = self.training.max_length
            held = held_out_examples(self.corpus, student.tokenizer, length, self.bench.where)
            return held_out_loss(student, held, self.training.batch_size, attempt)

    def loss_before(self) -> float | None:
        """Held-out loss before training; null if it started from nothing."""
        noted = self.place / "start.json"
        return read_json(noted, {"tokens": int})["loss"] if noted.is_file() else None


def train_launched(job: dict[str, Any]) -> None:
    """Train one student in each of several processes; ``job`` is what :func:`launch` wrote."""
    recipe, place = Recipe.model_validate(job["recipe"]), Path(job["place"])
    bench = Bench(recipe, Path(job["folder"]), place, ignore)
    check_started(recipe, bench.folder)
    corpus = load_corpus(recipe, bench.where)
    teaching = find_teacher(recipe, bench.folder, place, bench.where, bench.on_event, _made_before)
    logits = job["logits"]
    Trial(bench, job["number"], corpus, job["texts"], teaching, logits).train()


def _made_before(*_: object) -> None:
    raise AssertionError("who launches names the teacher's folder, not its recipe")
