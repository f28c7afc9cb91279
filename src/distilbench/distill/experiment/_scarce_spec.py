"""The schema of the experiment scarce-data: a study of text, a study of questions, or both."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from distilbench.distill.experiment._grid import trials
from distilbench.distill.recipe import NewShape, Part
from distilbench.errors import InputError
from distilbench.tasks import ReasoningGymTask
from distilbench.yaml_file import HomePath, parse_yaml, read_yaml

_EXPERIMENTS = files("distilbench.distill.experiment") / "experiments"

StudyName = Literal["text", "questions"]


class Tuning(Part):
    """What is tried of each arm, on the validation split and with one seed."""

    learning_rates: tuple[float, ...] = Field(min_length=2, description="tried first")
    steps: tuple[int, ...] = Field(min_length=2, description="then, at the best learning rate")
    seed: int = 0

    @model_validator(mode="after")
    def _rises(self) -> Self:
        for name in ("learning_rates", "steps"):
            values = getattr(self, name)
            if list(values) != sorted(set(values)) or values[0] <= 0:
                raise ValueError(f"'{name}' rises from above 0, without repeats")
        return self

    @property
    def trials(self) -> int:
        return trials(self.learning_rates, self.steps)


class ScarceTeacher(Part):
    """Trained from scratch on data of its own, before any student."""

    shape: NewShape
    unique: int = Field(ge=1, description="rows of text, or questions with gold answers")
    steps: int = Field(ge=1)
    learning_rate: float = Field(gt=0)


class Study(Part):
    """What text and questions share: who is trained, on how much, judged on what."""

    tokenizer: int = Field(ge=257, description="size of the byte-level BPE vocabulary")
    teacher: ScarceTeacher
    student: NewShape
    unique: tuple[int, ...] = Field(min_length=2, description="unique rows, or gold answers")
    validation: int = Field(ge=2, description="what trials are judged on")
    test: int = Field(ge=2, description="what no trial is judged on")
    batch_size: int = Field(ge=1)
    max_length: int = Field(ge=8, description="tokens of a row, or at most of a question")
    tuning: Tuning

    @model_validator(mode="after")
    def _unique_rises(self) -> Self:
        if list(self.unique) != sorted(set(self.unique)) or self.unique[0] < 1:
            raise ValueError("'unique' rises from 1 or above, without repeats")
        return self


class TextStudy(Study):
    """Next-token prediction of source text; split by file."""

    folder: HomePath | None = Field(None, description="default: the library of this Python")
    pattern: str = Field("*.py", description="files of the folder, searched to its depth")
    top_k: int = Field(32, ge=1, description="of the arm with the teacher's logits in a cache")

    @model_validator(mode="after")
    def _steps_are_alike(self) -> Self:
        """A step of every arm is one size, so that a budget in FLOPs is a number of steps."""
        counts = (*self.unique, self.teacher.unique)
        if any(count % self.batch_size for count in counts):
            raise ValueError(
                f"'unique' and 'teacher.unique' are multiples of 'batch_size' ({self.batch_size})"
            )
        return self


class QuestionStudy(Study):
    """A task of which few answers are known, and many questions."""

    task: ReasoningGymTask
    unlabelled: int = Field(ge=1, description="questions in all, those with gold answers among")
    least_accuracy: float = Field(
        0.9, ge=0, le=1, description="of the teacher; below it the experiment stops"
    )

    @model_validator(mode="after")
    def _few_of_many(self) -> Self:
        if self.unique[-1] >= self.unlabelled:
            raise ValueError("the highest 'unique' (gold answers) is below 'unlabelled'")
        return self


class ScarceSpec(Part):
    """One student's shape in each study, from scratch, tuned for each arm alike."""

    text: TextStudy | None = None
    questions: QuestionStudy | None = None
    seeds: tuple[int, ...] = Field((1, 2, 3), min_length=1, description="of the test")
    uses: int | None = Field(
        None, ge=1, description="students that share a teacher's training; default: those made here"
    )

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if not self.studies:
            raise ValueError("it has 'text', 'questions', or both")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("'seeds' lists one twice")
        for name, study in self.studies.items():
            if study.tuning.seed in self.seeds:
                raise ValueError(f"'{name}.tuning.seed' is none of 'seeds', which are the test's")
        return self

    @property
    def studies(self) -> dict[StudyName, TextStudy | QuestionStudy]:
        found: dict[StudyName, TextStudy | QuestionStudy] = {}
        if self.text is not None:
            found["text"] = self.text
        if self.questions is not None:
            found["questions"] = self.questions
        return found


def load_scarce(path: Path | None) -> ScarceSpec:
    """Read an experiment's file, or the one that comes with the package.

    Raises ``InputError`` naming the file, the field and the remedy; ``OSError`` if it cannot be
    read.
    """
    start = "'text:' or 'questions:'"
    if path is not None:
        spec = read_yaml(path, start).validated(ScarceSpec)
        folder = spec.text.folder if spec.text else None
        if spec.text and folder and not folder.is_absolute():
            text = spec.text.model_copy(update={"folder": (path.parent / folder).resolve()})
            return spec.model_copy(update={"text": text})
        return spec
    packaged = (_EXPERIMENTS / "scarce-data.yaml").read_text("utf-8")
    return parse_yaml(packaged, start, "experiment 'scarce-data'").validated(ScarceSpec)


def study_of(spec: ScarceSpec, name: StudyName) -> TextStudy | QuestionStudy:
    found = spec.studies.get(name)
    if found is None:
        raise InputError("experiment", f"has no study of {name}", "add it")
    return found
