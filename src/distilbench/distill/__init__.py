"""Makes distilled students, and meters every stage of it.

Holds the recipe file (``_recipe.py``), the methods on TRL, the stage meter, the caches of teacher
outputs, checkpoints, and the card that a student leaves for the catalog. Imports ``meter``,
``compute``, ``catalog``, ``tasks``, ``engines``, ``architecture``, ``records`` and ``errors``;
nobody but ``cli`` imports it. torch, transformers and TRL are imported inside functions only: the
core does not need them (``pip install 'distilbench[distill]'``).
"""

from distilbench.distill._experiment import run_experiment
from distilbench.distill._experiment_spec import ExperimentSpec, load_experiment
from distilbench.distill._load import (
    accelerate_configuration,
    load_recipe,
    packaged_recipe,
    recipe_names,
)
from distilbench.distill._planning import PlannedStudent, plan_recipe
from distilbench.distill._recipe import Recipe
from distilbench.distill._run import DistillResult, run_recipe
from distilbench.distill._stages import StageRecord, read_stages
from distilbench.distill._student_spec import StudentSpec

__all__ = [
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
