"""Makes distilled students, and meters every stage of it.

Its rooms, from the ground up: ``recipe``; ``data``, ``weights`` and ``accounts``; ``teacher``;
``training`` with its ``objectives``; ``experiment``. Each says in its docstring what it holds and
imports. All of them import ``meter``, ``compute``, ``catalog``, ``tasks``, ``engines``,
``architecture`` and the ground floor; only ``cli`` and ``forecast`` import them. torch,
transformers and TRL are imported inside functions only: the core does not need them
(``pip install 'distilbench[distill]'``).

The room can be called: ``distilbench.distill(recipe)`` is :func:`make_student`.
"""

import sys
from types import ModuleType
from typing import Any

from distilbench.distill.accounts import StageRecord, read_stages
from distilbench.distill.experiment import (
    DistillResult,
    ExperimentSpec,
    ScarceSpec,
    load_experiment,
    load_scarce,
    make_student,
    plan_scarce,
    run_experiment,
    run_recipe,
    run_scarce,
)
from distilbench.distill.recipe import (
    Recipe,
    StudentSpec,
    accelerate_configuration,
    load_recipe,
    packaged_recipe,
    recipe_names,
)
from distilbench.distill.training import (
    Objective,
    of_this_rank,
    teacher_logits,
    with_loss,
    with_teacher,
)

__all__ = [
    "DistillResult",
    "ExperimentSpec",
    "Objective",
    "Recipe",
    "ScarceSpec",
    "StageRecord",
    "StudentSpec",
    "accelerate_configuration",
    "load_experiment",
    "load_recipe",
    "load_scarce",
    "make_student",
    "of_this_rank",
    "packaged_recipe",
    "plan_scarce",
    "read_stages",
    "recipe_names",
    "run_experiment",
    "run_recipe",
    "run_scarce",
    "teacher_logits",
    "with_loss",
    "with_teacher",
]


class _Lab(ModuleType):
    """``distilbench.distill`` is this package, and the front door's word for what it does."""

    def __call__(self, *args: Any, **options: Any) -> DistillResult:
        return make_student(*args, **options)


sys.modules[__name__].__class__ = _Lab
