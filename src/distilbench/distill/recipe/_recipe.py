"""The schema of ``recipe.yaml``: who teaches whom, what, and how."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from distilbench.distill.recipe._student_spec import StudentSpec
from distilbench.source import Source
from distilbench.tasks import FileTask, InspectTask, ReasoningGymTask, TaskSpec
from distilbench.yaml_file import HomePath

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._\-]*$", max_length=80)]
Method = Literal["sft", "scratch", "sequence-level", "logit", "on-policy"]
Divergence = Literal["forward-kl", "reverse-kl", "jsd", "gold"]
NEEDS_TEACHER = ("sequence-level", "logit", "on-policy")
COMPARES_LOGITS = ("logit", "on-policy")
_SWEPT = ("learning_rate", "epochs", "batch_size", "beta", "temperature", "on_policy_share")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Teacher(_Part):
    """The model that is imitated."""

    source: Source | None = Field(
        None,
        description="folder, GGUF path, hf:, pypi:, or inspect:provider/model (text only)",
    )
    recipe: HomePath | None = Field(None, description="recipe that makes the teacher first")
    card: str | None = Field(None, description="id of the teacher's card in the catalog")
    engine: Literal["transformers", "llama.cpp"] | None = Field(
        None, description="what generates text; default: llama.cpp for a GGUF, else transformers"
    )
    uses: int | None = Field(
        None, ge=1, description="students that share the teacher's training; default: not shared"
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.source is None) == (self.recipe is None):
            raise ValueError("it has either 'source' or 'recipe'")
        return self


class Data(_Part):
    """What the student is trained on: questions of a task, or plain text."""

    task: TaskSpec | None = None
    questions: int = Field(100, ge=1, description="training questions of the task")
    seed: int = Field(1, description="seed of the training questions")
    text: HomePath | None = Field(None, description=".txt, or .jsonl with a column of text")
    column: str = Field("text", description="column of the JSON Lines file")
    answers: Literal["gold", "teacher"] | None = Field(
        None, description="default: teacher for sequence-level, else gold (the task's own)"
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.task is None) == (self.text is None):
            raise ValueError("it has either 'task' or 'text'")
        if isinstance(self.task, InspectTask):
            raise ValueError("a benchmark is not trained on; use 'reasoning_gym' or 'file'")
        return self


class HeldOut(_Part):
    """What the student is judged on; never trained on."""

    questions: int = Field(50, ge=1, description="questions of the task")
    seed: int = Field(0, description="seed of the held-out questions")
    share: float = Field(0.1, gt=0, lt=1, description="of plain text: the last part of it")
    accuracy: bool = Field(True, description="let the student answer, not only its loss")


class Generation(_Part):
    """How the teacher samples its answers."""

    samples: int = Field(1, ge=1, description="answers to each question")
    temperature: float = Field(0.0, ge=0)
    top_p: float | None = Field(None, gt=0, le=1)
    max_tokens: int | None = Field(None, ge=1, description="default: the task's")
    reject: bool = Field(True, description="keep right answers only")
    batch: int = Field(16, ge=1, description="answers in flight")


class Lora(_Part):
    """Low-rank adapters instead of full training; merged into the weights at the end."""

    rank: int = Field(16, ge=1)
    alpha: float = Field(32.0, gt=0)
    dropout: float = Field(0.0, ge=0, lt=1)
    targets: tuple[str, ...] | Literal["all-linear"] = "all-linear"


class Distillation(_Part):
    """The objective of the methods that compare distributions."""

    divergence: Divergence = Field(
        "forward-kl", description="gold: between different tokenizers (TRL's GOLD)"
    )
    beta: float = Field(0.5, ge=0, le=1, description="of jsd, gold; 0: forward KL, 1: reverse KL")
    temperature: float = Field(
        1.0, gt=0, description="of the loss (logit), of sampling (on-policy)"
    )
    top_k: int | None = Field(
        None, ge=1, description="cache the teacher's k best logits first; default: online, all"
    )
    tail: Literal["renormalise", "bucket"] = Field(
        "bucket",
        description="probability beyond top_k: dropped and the rest renormalised, or one bucket",
    )
    on_policy_share: float = Field(1.0, ge=0, le=1, description="steps on the student's own text")

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.divergence == "gold" and self.top_k:
            raise ValueError("gold compares all tokens, online; leave 'top_k' out")
        if self.tail == "renormalise" and self.top_k and self.beta_of_divergence == 1:
            raise ValueError("reverse KL is infinite where the teacher has 0; use 'tail: bucket'")
        return self

    @property
    def beta_of_divergence(self) -> float:
        return {"forward-kl": 0.0, "reverse-kl": 1.0}.get(self.divergence, self.beta)


def by_distillation_trainer(method: Method, distillation: Distillation) -> bool:
    """Whether TRL's DistillationTrainer trains: where every step is on the student's own text."""
    return method == "on-policy" and distillation.on_policy_share == 1


class Training(_Part):
    """How the student is trained. Names and meanings are those of transformers' Trainer."""

    epochs: float = Field(1.0, gt=0)
    max_steps: int | None = Field(None, ge=1, description="optimizer steps; goes before epochs")
    max_flops: float | None = Field(
        None, gt=0, description="budget of the stage's own FLOPs by formula; goes before both"
    )
    batch_size: int = Field(8, ge=1)
    gradient_accumulation: int = Field(1, ge=1)
    learning_rate: float = Field(2e-4, gt=0)
    schedule: Literal["constant", "linear", "cosine"] = "cosine"
    warmup_share: float = Field(0.05, ge=0, lt=1)
    weight_decay: float = Field(0.0, ge=0)
    max_length: int = Field(512, ge=2, description="tokens; longer examples are cut")
    precision: Literal["float32", "bfloat16"] = "float32"
    attention: Literal["eager", "sdpa", "flash_attention_2"] = "sdpa"
    gradient_checkpointing: bool = False
    checkpoint_every: int = Field(200, ge=1, description="steps between checkpoints")
    lora: Lora | None = None


class Machine(_Part):
    """The machine that is paid for."""

    name: str = Field(min_length=1)
    usd_per_hour: float = Field(ge=0)


class Plan(_Part):
    """What --dry-run assumes of work that no one has done yet."""

    accelerator: str = Field("h100-sxm", description="key of accelerators.yaml")
    gpus: int = Field(1, ge=1)
    tokens_per_sample: float | None = Field(
        None, gt=0, description="prompt and answer; default: training.max_length, the most"
    )
    acceptance_rate: float | None = Field(
        None, gt=0, le=1, description="share of answers that are kept; default: all, the most"
    )
    student_card: str | None = Field(
        None, description="card with the student's size; default: by the recipe's own fields"
    )


class Recipe(_Part):
    """One student, or one for each combination of the sweep, of which the best is kept."""

    name: Name = Field("", validate_default=False, description="default: the file's name")
    method: Method
    student: StudentSpec = StudentSpec()
    teacher: Teacher | None = None
    tokenizer: str | None = Field(None, description="folder; default: of teacher or base")
    data: Data
    held_out: HeldOut = HeldOut()
    generation: Generation = Generation()
    distillation: Distillation = Distillation()
    training: Training = Training()
    sweep: dict[str, tuple[float, ...]] = Field(
        default_factory=dict, description=f"values to try of: {', '.join(_SWEPT)}"
    )
    machine: Machine | None = None
    plan: Plan = Plan()
    accelerate: HomePath | None = Field(
        None, description="configuration of accelerate launch, for training in several processes"
    )
    export: tuple[str, ...] = Field((), description="GGUF files to write: f16, Q8_0, Q4_K_M, ...")
    seed: int = 0

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.method in NEEDS_TEACHER and self.teacher is None:
            raise ValueError(f"method {self.method} needs 'teacher'")
        if self.method == "scratch" and self.student.new is None:
            raise ValueError("method scratch needs 'student: {new: ...}'")
        if not (self.teacher or self.student.model or self.tokenizer):
            raise ValueError("without 'teacher' or 'student.model' it needs 'tokenizer'")
        if not (self.teacher or self.student.model or self.student.new):
            raise ValueError("'student' starts from a 'teacher', a 'model', or 'new'")
        if self.method == "sequence-level" and self.data.task is None:
            raise ValueError("method sequence-level needs 'data: {task: ...}'")
        if self.method == "on-policy" and self.data.task is None:
            raise ValueError("method on-policy needs 'data: {task: ...}' for its prompts")
        if self.distillation.divergence == "gold" and (
            self.method != "logit" or self.data.task is None
        ):
            raise ValueError("'divergence: gold' needs method logit and 'data: {task: ...}'")
        if self.answers == "teacher" and self.teacher is None:
            raise ValueError("'data: {answers: teacher}' needs 'teacher'")
        unknown = [name for name in self.sweep if name not in _SWEPT]
        if unknown or not all(self.sweep.values()):
            raise ValueError(f"'sweep' lists values of: {', '.join(_SWEPT)}")
        self.trials()  # each value is checked by the field it is for
        return self

    @property
    def task(self) -> ReasoningGymTask | FileTask | None:
        """The task whose questions are trained on."""
        task = self.data.task
        return None if isinstance(task, InspectTask) else task

    @property
    def answers(self) -> Literal["gold", "teacher"]:
        return self.data.answers or ("teacher" if self.method == "sequence-level" else "gold")

    def trials(self) -> list[tuple[Training, Distillation]]:
        """Settings of every student to train: one without a sweep."""
        from itertools import product

        made = []
        for values in product(*self.sweep.values()):
            chosen = dict(zip(self.sweep, values, strict=True))
            training = {k: v for k, v in chosen.items() if k in Training.model_fields}
            distillation = {k: v for k, v in chosen.items() if k in Distillation.model_fields}
            made.append(
                (
                    Training.model_validate({**self.training.model_dump(), **training}),
                    Distillation.model_validate({**self.distillation.model_dump(), **distillation}),
                )
            )
        return made

    def within(self, folder: Path) -> Recipe:
        """The same recipe with the paths of its data taken from ``folder``."""
        task = self.data.task
        data = {
            "task": task.within(folder) if isinstance(task, FileTask) else task,
            "text": folder / self.data.text if self.data.text else None,
        }
        return self.model_copy(update={"data": self.data.model_copy(update=data)})
