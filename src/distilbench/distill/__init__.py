"""Makes distilled students, and meters every stage of it.

Its rooms, from the ground up: ``recipe``; ``data``, ``weights`` and ``accounts``; ``teacher``;
``training`` with its ``objectives``; ``experiment``. Each says in its docstring what it holds and
imports. All of them import ``meter``, ``compute``, ``catalog``, ``tasks``, ``engines``,
``architecture`` and the ground floor; nobody but ``cli`` imports them. torch, transformers and TRL
are imported inside functions only: the core does not need them
(``pip install 'distilbench[distill]'``).
"""

from distilbench.distill.accounts._planning import PlannedStudent, plan_recipe
from distilbench.distill.accounts._stages import STAGE_COLUMNS, StageRecord, read_stages
from distilbench.distill.experiment._experiment import run_experiment
from distilbench.distill.experiment._experiment_spec import ExperimentSpec, load_experiment
from distilbench.distill.experiment._run import DistillResult, run_recipe
from distilbench.distill.recipe._load import (
    accelerate_configuration,
    load_recipe,
    packaged_recipe,
    recipe_names,
)
from distilbench.distill.recipe._recipe import Recipe
from distilbench.distill.recipe._student_spec import StudentSpec

__all__ = [
    "STAGE_COLUMNS",
    "DistillResult",
    "ExperimentSpec",
    "PlannedStudent",
    "Recipe",
    "StageRecord",
    "StudentSpec",
    "accelerate_configuration",
    "load_experiment",
    "load_recipe",
    "packaged_recipe",
    "plan_recipe",
    "read_stages",
    "recipe_names",
    "run_experiment",
    "run_recipe",
]
