"""Holds runs: of one recipe, from teacher to card, and of the experiments distil-vs-vanilla and
scarce-data. Imports
all other rooms of ``distill``; none of them imports it.
"""

from distilbench.distill.experiment._experiment import run_experiment
from distilbench.distill.experiment._experiment_spec import ExperimentSpec, load_experiment
from distilbench.distill.experiment._run import DistillResult, make_student, run_recipe
from distilbench.distill.experiment._scarce import run_scarce
from distilbench.distill.experiment._scarce_plan import ScarcePlan, plan_scarce
from distilbench.distill.experiment._scarce_spec import ScarceSpec, load_scarce

__all__ = [
    "DistillResult",
    "ExperimentSpec",
    "ScarcePlan",
    "ScarceSpec",
    "load_experiment",
    "load_scarce",
    "make_student",
    "plan_scarce",
    "run_experiment",
    "run_recipe",
    "run_scarce",
]
