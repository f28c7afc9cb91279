"""Specifications of tasks: the entries under ``tasks:`` in a suite file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    JsonValue,
    Tag,
    model_validator,
)

from distilbench.source import plain_name
from distilbench.tasks._pattern import check_pattern
from distilbench.tasks._template import Extraction, Name, NamedTemplate, Template
from distilbench.yaml_file import HomePath

Grader = Literal["exact", "math"]
Contamination = Literal["public", "private", "generated"]
Reading = Literal["letter", "index", "index_from_1", "text", "worked"]
Likelihood = Literal["acc", "acc_norm"]
_OF_WRITTEN_ANSWERS = ("extract", "pattern", "grader", "max_tokens", "stop")


class _Task(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    instruction: str | None = Field(None, description="system message before everything else")
    grader: Grader = Field("exact", description="exact: same text; math: same value (math-verify)")
    extract: Extraction = Field("whole", description="how to find the answer in the output")
    pattern: str | None = Field(None, description="for extract: regex; group 1, or all of it")
    templates: tuple[NamedTemplate, ...] = Field(
        (), description="formats of the questions; several make one task of each"
    )
    variant_of: Name | None = Field(
        None, description="task whose questions these are; set where several templates are named"
    )
    contamination: Contamination | None = Field(
        None, description="can training data hold the questions; default: generated, or not said"
    )
    epochs: int | None = Field(None, ge=1, description="times each question; default: the suite's")

    @property
    def template(self) -> Template | None:
        """The format of the questions; a suite's task has one at most."""
        return self.templates[0] if self.templates else None

    @property
    def asks_likelihoods(self) -> bool:
        """Whether nothing is written, and choices are told by how likely they are."""
        return False

    @model_validator(mode="after")
    def _regex_has_a_pattern(self) -> Self:
        if (self.extract == "regex") != (self.pattern is not None):
            raise ValueError("'pattern' goes with 'extract: regex', and only with it")
        if self.pattern is not None:
            check_pattern(self.pattern)
        return self


class Subset(BaseModel):
    """A random part of the questions, drawn by the seed: the full score is estimated from it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    questions: int = Field(ge=2, description="how many; shared out by the size of the strata")
    stratify: str | None = Field(
        None, description="column (file) or metadata key (Inspect) that names a question's stratum"
    )


class ReasoningGymTask(_Task):
    """Questions generated offline from the suite's seed by a reasoning-gym data set."""

    reasoning_gym: str = Field(description="name of the data set: distilbench tasks")
    name: Name = Field("", validate_default=False, description="default: the data set's name")
    questions: int = Field(50, ge=1)
    fewshot: int = Field(4, ge=0, description="worked examples before the question")
    params: dict[str, JsonValue] = Field(default_factory=dict, description="its difficulty")
    max_tokens: int = Field(32, ge=1)
    stop: tuple[str, ...] = ("\n",)

    @model_validator(mode="before")
    @classmethod
    def _default_name(cls, data: Any) -> Any:
        return _named(data, "reasoning_gym")


class FileTask(_Task):
    """Questions from a JSON Lines, JSON, CSV, TSV or Parquet file with named columns.

    A column inside of another is named with a dot: ``choices.text``.
    """

    file: HomePath
    name: Name = Field("", validate_default=False, description="default: the file's name")
    question: str = Field("question", description="column of the question")
    answer: str = Field("answer", description="column of the reference answer")
    choices: str | tuple[str, ...] | None = Field(
        None, description="column with the list of choices, or one column for each choice"
    )
    labels: str | None = Field(
        None, description="column with the labels of the choices that the answers name"
    )
    answer_is: Reading | None = Field(
        None,
        description="what the answers are where they can be read in two ways: a choice's letter, "
        "index (from 0) or text, or a worked solution that ends in the answer",
    )
    likelihood: Likelihood | None = Field(
        None,
        description="choose by likelihood, nothing is written: acc, the most likely choice; "
        "acc_norm, by likelihood over its characters, as lm-evaluation-harness does",
    )
    scored: Literal["text", "letter"] = Field(
        "text", description="with likelihood: of which the likelihood is, a choice's or its letter"
    )
    blank: str | None = Field(
        None,
        min_length=1,
        description="with likelihood: what in the question each choice takes the place of; the "
        "likelihood is that of the text behind it",
    )
    rows: str | None = Field(
        None, description="of a .json file: where its list of rows is; default: its only one"
    )
    columns: tuple[str, ...] | None = Field(
        None, description="names of the columns of a CSV file that has no row of headings"
    )
    bad_rows: Literal["refuse", "skip"] = Field(
        "refuse", description="skip: leave out rows that cannot be asked; the report counts them"
    )
    id: str | None = Field(None, description="column that names a question; default: its row")
    cluster: str | None = Field(None, description="column shared by questions of one source")
    questions: int | None = Field(None, ge=1, description="the first so many; default: all")
    subset: Subset | None = Field(None, description="a random part in place of the first so many")
    fewshot: int = Field(0, ge=0, description="worked examples before the question")
    fewshot_file: HomePath | None = Field(
        None, description="file of the examples; default: drawn from the file, then not asked"
    )
    extract: Extraction = "last_number"
    grader: Grader = "math"
    max_tokens: int = Field(512, ge=1)
    stop: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _default_name(cls, data: Any) -> Any:
        return _named(data, "file")

    @model_validator(mode="after")
    def _first_or_random(self) -> Self:
        _one_choice(self.questions, self.subset)
        return self

    @model_validator(mode="after")
    def _answers_as_said(self) -> Self:
        if self.choices is not None and not self.choices:
            raise ValueError("'choices' names no column; name one, or drop it")
        if self.labels and not self.choices:
            raise ValueError("'labels' are those of 'choices'; name that column too")
        if self.columns and len(set(self.columns)) < len(self.columns):
            raise ValueError("'columns' has two of one name; name each by another")
        if self.labels and self.answer_is not in (None, "text"):
            raise ValueError("with 'labels', answers are labels; drop 'answer_is'")
        if self.answer_is and (self.answer_is == "worked") == bool(self.choices):
            raise ValueError(
                "'answer_is' is worked for a task without 'choices', and one of letter, index, "
                "index_from_1, text with them"
            )
        return self

    @model_validator(mode="after")
    def _likelihood_as_said(self) -> Self:
        if self.likelihood is None:
            for name in ("scored", "blank"):
                if self._differs(name):
                    raise ValueError(f"{name!r} goes with 'likelihood', and only with it")
            return self
        if not self.choices:
            raise ValueError("'likelihood' is that of choices; name their column with 'choices'")
        for name in _OF_WRITTEN_ANSWERS:
            if self._differs(name):
                raise ValueError(f"with 'likelihood' nothing is written; drop {name!r}")
        for template in self.templates:
            if template.extract or template.max_tokens or template.stop:
                raise ValueError(
                    f"template {template.name!r} is for written answers; use 'question-answer', or "
                    "one that sets neither extract, max_tokens nor stop"
                )
        if self.blank and (self.likelihood == "acc_norm" or self.fewshot or self.scored != "text"):
            raise ValueError(
                "with 'blank' all choices have the same text scored, and no examples are shown; "
                "use 'likelihood: acc', without 'fewshot' and 'scored'"
            )
        return self

    def _differs(self, name: str) -> bool:
        """Whether a field is not as it is by default: a plan names all fields."""
        return bool(getattr(self, name) != type(self).model_fields[name].default)

    @property
    def asks_likelihoods(self) -> bool:
        return self.likelihood is not None

    @property
    def lists_choices(self) -> bool:
        """Whether the question shows its choices with letters."""
        return bool(self.choices) and (self.likelihood is None or self.scored == "letter")

    def within(self, folder: Path) -> FileTask:
        """The same task with its paths taken from ``folder``."""
        examples = folder / self.fewshot_file if self.fewshot_file else None
        return self.model_copy(update={"file": folder / self.file, "fewshot_file": examples})


class InspectTask(BaseModel):
    """A benchmark: an Inspect task with its own solver and scorer: of an installed package, of a
    file on PYTHONPATH, or that a data set of the hub describes. No name is a path to code."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    inspect: str = Field(
        pattern=r"^(hf/[A-Za-z0-9_.\-]+(/[A-Za-z0-9_.\-]+){1,2}(@[A-Za-z0-9_./\-]+)?"
        r"|[A-Za-z0-9_]+\.py@[A-Za-z0-9_]+|[A-Za-z0-9_\-]+(/[A-Za-z0-9_\-]+)+)$",
        description="registered name, as inspect_evals/gsm8k (distilbench tasks); hf/OWNER/NAME;"
        " FILE.py@TASK on PYTHONPATH",
    )
    name: Name = Field("", validate_default=False, description="default: the last part of it")
    args: dict[str, JsonValue] = Field(default_factory=dict, description="arguments of the task")
    score: str | None = Field(
        None,
        description="which score counts: a scorer's name, or a key of its values, or key/key",
    )
    questions: int | None = Field(None, ge=1, description="the first so many; default: all")
    subset: Subset | None = Field(None, description="a random part in place of the first so many")
    epochs: int | None = Field(None, ge=1, description="times each question; default: the suite's")
    cluster: str | None = Field(None, description="metadata key shared by questions of one source")
    max_tokens: int | None = Field(
        None,
        ge=1,
        description="most output tokens of each answer; default: the task's own, or 2048",
    )
    sandbox: str | None = Field(
        None, pattern=r"^[a-z0-9_\-]+$", description="where code is run; default: the task's own"
    )

    contamination: Contamination = Field(
        "public", description="can training data hold the questions"
    )

    @property
    def template(self) -> Template | None:
        return None  # a benchmark has its own

    @property
    def asks_likelihoods(self) -> bool:
        return False

    @property
    def variant_of(self) -> str | None:
        return None

    @model_validator(mode="before")
    @classmethod
    def _default_name(cls, data: Any) -> Any:
        return _named(data, "inspect")

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if "local" in (self.sandbox, self.args.get("sandbox")):
            raise ValueError(
                "the sandbox 'local' would run a model's code on this machine unguarded; "
                "use docker, or another sandbox that Inspect knows"
            )
        _one_choice(self.questions, self.subset)
        return self


def _one_choice(questions: int | None, subset: Subset | None) -> None:
    if questions is not None and subset is not None:
        raise ValueError(
            "'questions' (the first so many) and 'subset' (a random part) exclude "
            "each other; remove one"
        )


def one_for_each_template(spec: TaskSpec) -> list[TaskSpec]:
    """A task of several templates as one task for each, on the same questions."""
    if isinstance(spec, InspectTask) or len(spec.templates) < 2:
        return [spec]
    return [
        spec.model_copy(
            update={
                "name": f"{spec.name}-{template.name}",
                "templates": (template,),
                "variant_of": spec.name,
            }
        )
        for template in spec.templates
    ]


def contamination_of(spec: TaskSpec) -> Contamination | None:
    """Whether training data can hold the questions: as the suite says, else by their kind. Null:
    a file, of which nobody has said where it comes from."""
    return spec.contamination or ("generated" if isinstance(spec, ReasoningGymTask) else None)


_KINDS: dict[str, Any] = {
    "reasoning_gym": ReasoningGymTask,
    "file": FileTask,
    "inspect": InspectTask,
}


def _kind(data: Any) -> str | None:
    keys = data.keys() if isinstance(data, dict) else ()
    for key, kind in _KINDS.items():
        if key in keys or isinstance(data, kind):
            return f"<{key}>"
    return None


TaskSpec = Annotated[
    Annotated[ReasoningGymTask, Tag("<reasoning_gym>")]
    | Annotated[FileTask, Tag("<file>")]
    | Annotated[InspectTask, Tag("<inspect>")],
    Discriminator(
        _kind,
        custom_error_type="task_kind",
        custom_error_message="it has the key 'reasoning_gym' (generated), 'file' (your own data) "
        "or 'inspect' (a benchmark)",
    ),
]


def _named(data: Any, key: str) -> Any:
    if isinstance(data, dict) and not data.get("name") and isinstance(data.get(key), str):
        before, _, behind = data[key].partition("@")
        named = behind if before.endswith(".py") else Path(before).name
        stem = Path(data[key]).stem if key == "file" else named
        return {**data, "name": plain_name(stem, "task")}
    return data
