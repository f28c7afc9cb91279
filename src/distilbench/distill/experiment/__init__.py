"""Holds runs: of one recipe, from teacher to card, and of the experiment distil-vs-vanilla. Imports
all other rooms of ``distill``; none of them imports it.
"""

from distilbench.distill.experiment._experiment import run_experiment
from distilbench.distill.experiment._experiment_spec import ExperimentSpec, load_experiment
from distilbench.distill.experiment._run import DistillResult, make_student, run_recipe

__all__ = [
    "DistillResult",
    "ExperimentSpec",
    "load_experiment",
    "make_student",
    "run_experiment",
    "run_recipe",
]
