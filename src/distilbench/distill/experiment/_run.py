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

import shutil
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from distilbench.distill.accounts import (
    CardFacts,
    StageRecord,
    check_lineage,
    read_stages,
    usd_of,
    write_card,
    write_stages,
)
from distilbench.distill.data import Corpus, load_corpus
from distilbench.distill.experiment._push import check_push, push
from distilbench.distill.recipe import Recipe, RecipeLike, read_recipe
from distilbench.distill.teacher import (
    Sampling,
    Teaching,
    accepted,
    find_teacher,
    teacher_answers,
)
from distilbench.distill.training import (
    Bench,
    Judged,
    Trial,
    check_accelerate,
    check_reporters,
    check_schedule,
    check_vllm,
    held_out_accuracy,
)
from distilbench.distill.weights import check_export, export_gguf, load
from distilbench.errors import InputError
from distilbench.events import (
    AccuracyMeasured,
    AnswersJudged,
    Noted,
    OnEvent,
    WeightsLoading,
    ignore,
)
from distilbench.files import alone, read_json, whole_alone, write_json, write_text
from distilbench.source import Source
from distilbench.yaml_file import parse_yaml, read_yaml, yaml_text

_RECIPE = "recipe.yaml"
_MAY_CHANGE = frozenset({"export", "machine", "plan", "push_to_hub"})


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
    trouble: str | None = None
    """In words, why the kept student is no trained model: its loss is that of guessing, or above
    that before training. Null: nothing was found."""


def make_student(
    recipe: RecipeLike, out: str | Path = "students", on_event: OnEvent = lambda event: None
) -> DistillResult:
    """Make a distilled model, or what is missing of it, with every stage metered.

    ``recipe`` is a :class:`Recipe`, its data as a dict, or a file (YAML); the student and all that
    was measured are in ``out/<name>``. Raises ``InputError`` on a bad recipe before any work, and
    where the extra ``distilbench[distill]`` is not installed ``ImportError``.
    """
    made, folder = read_recipe(recipe)
    return run_recipe(made, folder, Path(out), on_event)


def run_recipe(
    recipe: Recipe,
    folder: Path = Path(),
    out: Path = Path("students"),
    on_event: OnEvent = ignore,
) -> DistillResult:
    """Make the student of a recipe, or what is missing of it, in ``out/<name>``.

    ``folder`` is where the relative paths of models start. Raises ``InputError`` on a bad recipe
    before any work, and if another run is at work in the same folder.
    """
    place = out / recipe.name
    place.mkdir(parents=True, exist_ok=True)
    with alone(place):
        _check_same(recipe, place)
        run = _Run(Bench(recipe, folder, place, on_event))
        try:
            return run.result()
        except InputError:
            if not _has_trained(place):  # what is corrected may be any part of it
                shutil.rmtree(place / "trials", ignore_errors=True)
                (place / _RECIPE).unlink(missing_ok=True)
            raise


@dataclass
class _Run:
    bench: Bench

    def __post_init__(self) -> None:
        self.recipe, self.student_dir = self.bench.recipe, self.bench.place / "student"

    def result(self) -> DistillResult:
        bench, recipe = self.bench, self.recipe
        check_accelerate(recipe, bench.folder, bench.where)
        check_vllm(recipe, bench.where)
        check_reporters(recipe, bench.where)
        check_schedule(recipe, bench.where)
        check_push(recipe, self.student_dir, bench.where)
        check_export(recipe, bench.folder, bench.where)
        corpus = load_corpus(recipe, bench.where)
        teaching = find_teacher(
            recipe, bench.folder, bench.place.parent, bench.where, bench.on_event, run_recipe
        )
        if not (self.student_dir / "result.json").is_file():
            check_lineage(recipe, teaching, bench.folder)
        write_text(bench.place / _RECIPE, _text(recipe))
        if not (self.student_dir / "result.json").is_file():
            trial, judged = self._make(corpus, teaching)
            write_json(self.student_dir / "result.json", {"trial": trial, **asdict(judged)})
        return self._finish(corpus, teaching)

    def _make(self, corpus: Corpus, teaching: Teaching) -> tuple[int, Judged]:
        """Train the student of every trial, and keep the best by held-out loss."""
        texts = self._texts(corpus, teaching)
        found = [
            Trial(self.bench, number, corpus, texts, teaching).judged()
            for number in range(len(self.recipe.trials()))
        ]
        best = self._best([judged.loss for _, judged in found])
        model, judged = found[best]
        with whole_alone(self.student_dir) as partial:
            shutil.copytree(model, partial)
        if self.recipe.held_out.accuracy and corpus.held_out:
            judged = self._accuracy(corpus, judged)
        return best, judged

    def _best(self, losses: list[float | None]) -> int:
        """The trial with the lowest loss; one that is not a number has lost."""
        left = [n for n, loss in enumerate(losses) if loss is not None]
        if not left:
            of = "the training" if len(losses) == 1 else f"each of the {len(losses)} trainings"
            raise InputError(
                self.bench.where,
                f"{of} diverged: the held-out loss is not a number",
                "lower 'training.learning_rate', and give the recipe another 'name'",
            )
        return min(left, key=lambda n: losses[n] or 0.0)

    def _texts(self, corpus: Corpus, teaching: Teaching) -> list[list[str]]:
        """The answers that the student learns from, for each training question."""
        if not corpus.train:
            return []
        if self.recipe.answers == "gold":
            return [[asked.gold] for asked in corpus.train]
        bench, recipe, task = self.bench, self.recipe, self.recipe.task
        assert task is not None
        sampling = Sampling.of(recipe.generation, task, recipe.seed)
        bench.on_event(WeightsLoading(f"the teacher, {teaching.source}"))
        with bench.meter.stage("teacher_generation") as attempt:
            generator = teaching.generator(sampling, recipe.generation.batch)
            try:
                texts = teacher_answers(
                    corpus.train, generator, sampling, recipe.generation, bench.cache, bench.user,
                    attempt, bench.on_event,
                )  # fmt: skip
            finally:
                generator.close()
        return self._kept(corpus, texts) if recipe.generation.reject else texts

    def _kept(self, corpus: Corpus, texts: list[list[str]]) -> list[list[str]]:
        """Rejection: right answers, each once."""
        task = self.recipe.task
        assert task is not None
        with self.bench.meter.stage("rejection") as attempt:
            passed = [
                [text for text in group if accepted(asked, text, task)]
                for asked, group in zip(corpus.train, texts, strict=True)
            ]
            right = sum(map(len, passed))
            total = sum(map(len, texts))
            attempt.record.samples, attempt.record.rejected = total, total - right
            attempt.record.work(0.0)
        self.bench.on_event(AnswersJudged(right, total))
        if not right:
            raise InputError(
                self.bench.where,
                f"the teacher answered none of {total} questions right",
                "use a better teacher, easier questions, or 'generation: {reject: false}'",
            )
        return [list(dict.fromkeys(group)) for group in passed]

    def _accuracy(self, corpus: Corpus, judged: Judged) -> Judged:
        bench, task = self.bench, self.recipe.task
        assert task is not None
        student = load(Source.at(self.student_dir), Path(), bench.where)
        with bench.meter.stage("evaluation") as attempt:
            accuracy = held_out_accuracy(
                student, corpus.held_out, task, self.recipe.generation.batch, attempt
            )
        bench.on_event(AccuracyMeasured(accuracy))
        return replace(judged, accuracy=accuracy, questions=len(corpus.held_out))

    def _finish(self, corpus: Corpus, teaching: Teaching) -> DistillResult:
        """Records, exports and card. Also of a finished student: its teacher's outputs may have
        found further users since."""
        bench = self.bench
        noted = read_json(self.student_dir / "result.json", {"trial": int, "loss": float})
        judged = Judged(**{field.name: noted[field.name] for field in fields(Judged)})
        kept = Trial(bench, noted["trial"], corpus, (), teaching)
        trouble = judged.trouble(kept.loss_before())
        records = self._records(teaching, noted["trial"])
        write_stages(records, self.student_dir / "stages.parquet")
        facts = CardFacts(
            recipe=self.recipe,
            records=[r for r in records if r.owner == self.recipe.name],
            shared=bench.cache.shared_costs(bench.user),
            data_digest=corpus.digest,
            loss=noted["loss"],
            accuracy=noted["accuracy"],
            trouble=trouble,
            size=teaching.size if teaching.is_served else None,
            pruned=kept.pruned_to(),
        )
        card_file = write_card(facts, self.student_dir, teaching, bench.folder)
        self._export()
        if pushed := push(recipe=self.recipe, folder=self.student_dir, where=bench.where):
            bench.on_event(Noted(pushed))
        return DistillResult(
            folder=bench.place,
            student_dir=self.student_dir,
            card_file=card_file,
            stages=read_stages(self.student_dir / "stages.parquet"),
            loss=noted["loss"],
            loss_before=kept.loss_before(),
            accuracy=noted["accuracy"],
            questions=noted["questions"],
            trial=noted["trial"],
            trouble=trouble,
        )

    def _records(self, teaching: Teaching, kept: int) -> list[StageRecord]:
        """The teacher's and the student's own, of which the trial ``kept`` is marked."""
        own = [self._paid(record) for record in self.bench.meter.records()]
        records = [*teaching.records(), *own]
        return [replace(r, kept=r.trial == kept) if r.trial is not None else r for r in records]

    def _paid(self, record: StageRecord) -> StageRecord:
        """With its price, if the recipe's machine was not named yet when it was made."""
        machine = self.recipe.machine
        if machine is None or record.machine is not None or record.wall_s is None:
            return record
        usd = usd_of(record.wall_s, machine.usd_per_hour)
        return replace(record, machine=machine.name, usd=usd)

    def _export(self) -> None:
        for quantization in self.recipe.export:
            file = self.student_dir / f"{self.recipe.name}-{quantization}.gguf"
            if not file.is_file():
                export_gguf(self.student_dir, file, quantization)


def _check_same(recipe: Recipe, place: Path) -> None:
    """A folder holds one recipe: its stages could not be told apart otherwise. What is done with a
    student when it is finished, and what is known of the machine, may change."""
    file = place / _RECIPE
    if not file.is_file():
        return
    kept = read_yaml(file, "'method:' and 'student:'").data
    given = parse_yaml(_text(recipe), "'method:' and 'student:'", str(file)).data
    differ = {name for name in {*kept, *given} if kept.get(name) != given.get(name)}
    if other := sorted(differ - _MAY_CHANGE):
        raise InputError(
            str(place),
            f"holds a student of another recipe (the fields that differ: {', '.join(other)})",
            "give the recipe another 'name'",
        )


def _text(recipe: Recipe) -> str:
    return yaml_text(recipe.model_dump(mode="json", exclude_defaults=True))


def _has_trained(place: Path) -> bool:
    """Whether a training has left a checkpoint or a model."""
    return any(
        any(place.glob(f"trials/*/{kind}")) for kind in ("checkpoints/checkpoint-*", "model")
    )
