"""The schema of an experiment: one teacher, one student's shape, budgets, seeds, arms."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from distilbench.distill.recipe import NewShape, Part, distilling_methods
from distilbench.errors import InputError
from distilbench.tasks import ReasoningGymTask
from distilbench.yaml_file import parse_yaml, read_yaml

_EXPERIMENTS = files("distilbench.distill.experiment") / "experiments"


def _known_arm(name: str) -> str:
    if name not in (names := ("vanilla", *distilling_methods())):
        raise ValueError(f"it is one of {', '.join(names)}")
    return name


Arm = Annotated[str, AfterValidator(_known_arm)]
"""``vanilla``, or the method of an objective that has a teacher."""


class TeacherSpec(Part):
    """The teacher, trained from scratch on gold answers before any student."""

    shape: NewShape
    questions: int = Field(ge=1, description="training questions")
    epochs: float = Field(1.0, gt=0)
    learning_rate: float = Field(1e-3, gt=0)
    uses: int | None = Field(
        None, ge=1, description="students that share its training; default: those made here"
    )


class ExperimentSpec(Part):
    """Vanilla and distilled students of one shape, from the same first weights, on the same
    numbers of training steps."""

    task: ReasoningGymTask
    tokenizer: int = Field(384, ge=257, description="size of the byte-level BPE vocabulary")
    teacher: TeacherSpec
    student: NewShape
    budgets: tuple[int, ...] = Field(min_length=2, description="training questions, each seen once")
    seeds: tuple[int, ...] = Field((0, 1, 2), min_length=1)
    arms: tuple[Arm, ...] = ("vanilla", "sequence-level", "logit")
    held_out: int = Field(200, ge=2, description="questions that no model is trained on")
    batch_size: int = Field(32, ge=1)
    learning_rate: float = Field(1e-3, gt=0)
    max_length: int = Field(128, ge=8)


def load_experiment(path: Path | None) -> ExperimentSpec:
    """Read an experiment's file, or the one that comes with the package.

    Raises ``InputError`` naming the file, the field and the remedy; ``OSError`` if it cannot be
    read.
    """
    where = str(path or "experiment 'small'")
    start = "'task:' and 'teacher:'"
    if path is None:
        text = (_EXPERIMENTS / "small.yaml").read_text("utf-8")
        file = parse_yaml(text, start, where)
    else:
        file = read_yaml(path, start)
    spec = file.validated(ExperimentSpec)
    if list(spec.budgets) != sorted(set(spec.budgets)):
        raise InputError(f"{where}: field 'budgets'", "does not rise", "list them from low to high")
    if "vanilla" not in spec.arms or len(spec.arms) < 2:
        raise InputError(f"{where}: field 'arms'", "compares nothing", "list vanilla and another")
    return spec
