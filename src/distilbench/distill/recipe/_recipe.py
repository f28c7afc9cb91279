"""The schema of ``recipe.yaml``: who teaches whom, what, and how."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from distilbench.architecture import QUANTIZATIONS
from distilbench.distill.recipe._aim import Aim, aim_of, known_method
from distilbench.distill.recipe._idle import idle_setting
from distilbench.distill.recipe._parts import (
    Data,
    Distillation,
    Generation,
    HeldOut,
    Machine,
    Part,
    Plan,
    Push,
    Teacher,
    Training,
    Validation,
)
from distilbench.distill.recipe._student_spec import StudentSpec
from distilbench.tasks import FileTask, InspectTask, ReasoningGymTask
from distilbench.yaml_file import HomePath

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._\-]*$", max_length=80)]
_SWEPT = (
    "learning_rate",
    "epochs",
    "batch_size",
    "beta",
    "temperature",
    "alpha",
    "on_policy_share",
)


def _known_type(name: str) -> str:
    if name.upper() not in map(str.upper, QUANTIZATIONS):
        raise ValueError(f"it is one of {', '.join(QUANTIZATIONS)}")
    return name


class Recipe(Part):
    """One student, or one for each combination of the sweep, of which the best is kept."""

    name: Name = Field("", validate_default=False, description="default: the file's name")
    method: Annotated[str, AfterValidator(known_method)] = Field(
        description="sequence-level, logit, on-policy, sft, scratch, or of another package"
    )
    student: StudentSpec = StudentSpec()
    teacher: Teacher | None = None
    tokenizer: str | None = Field(None, description="folder; default: of teacher or base")
    data: Data
    held_out: HeldOut = HeldOut()
    validation: Validation = Validation()
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
    export: tuple[Annotated[str, AfterValidator(_known_type)], ...] = Field(
        (), description="GGUF files to write: f16, Q8_0, Q4_K_M, ..."
    )
    push_to_hub: Push | None = None
    seed: int = 0

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.aim.needs and self.teacher is None:
            raise ValueError(f"method {self.method} needs 'teacher'")
        self._check_aim(self.training, self.distillation)
        if not (self.teacher or self.student.model or self.tokenizer):
            raise ValueError("without 'teacher' or 'student.model' it needs 'tokenizer'")
        if not (self.teacher or self.student.model or self.student.new):
            raise ValueError("'student' starts from a 'teacher', a 'model', or 'new'")
        if self.answers == "teacher" and self.teacher is None:
            raise ValueError("'data: {answers: teacher}' needs 'teacher'")
        unknown = [name for name in self.sweep if name not in _SWEPT]
        if unknown or not all(self.sweep.values()):
            raise ValueError(f"'sweep' lists values of: {', '.join(_SWEPT)}")
        for training, distillation in self.trials():  # each value is checked by its own field
            self._check_aim(training, distillation)
        if idle := idle_setting(self):
            raise ValueError(idle)
        return self

    def _check_aim(self, training: Training, distillation: Distillation) -> None:
        aim = aim_of(self.method, distillation)
        if aim.needs_task and self.data.task is None:
            raise ValueError(f"method {self.method} needs 'data: {{task: ...}}'")
        aim.check_settings()
        aim.check(self.student, self.data, training)

    @property
    def aim(self) -> Aim:
        """What the student is trained towards, under the recipe's own settings: a sweep's trials
        may have others."""
        return aim_of(self.method, self.distillation)

    @property
    def task(self) -> ReasoningGymTask | FileTask | None:
        """The task whose questions are trained on."""
        task = self.data.task
        return None if isinstance(task, InspectTask) else task

    @property
    def answers(self) -> Literal["gold", "teacher"]:
        return self.data.answers or ("teacher" if self.aim.needs == "text" else "gold")

    def trials(self) -> list[tuple[Training, Distillation]]:
        """Settings of every student to train: one without a sweep."""
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
            "chat": folder / self.data.chat if self.data.chat else None,
        }
        return self.model_copy(update={"data": self.data.model_copy(update=data)})
