"""Holds the recipe file: its schema, its reading, the recipes that come with the package, and what
a recipe asks of an objective (:class:`Aim`) with the registry of all objectives. Imports no other
room of ``distill``, nor torch.
"""

from distilbench.distill.recipe._aim import ENTRY_POINT, Aim, Need, aim_of, aims, distilling_methods
from distilbench.distill.recipe._load import (
    RecipeLike,
    accelerate_configuration,
    load_recipe,
    packaged_recipe,
    read_recipe,
    recipe_names,
)
from distilbench.distill.recipe._parts import (
    Data,
    Distillation,
    FurtherDivergence,
    Generation,
    HiddenLoss,
    Machine,
    Part,
    Teacher,
    Training,
)
from distilbench.distill.recipe._recipe import Recipe
from distilbench.distill.recipe._student_spec import NewShape, StudentSpec, WidthPruning
from distilbench.distill.recipe._vllm import Vllm

__all__ = [
    "ENTRY_POINT",
    "Aim",
    "Data",
    "Distillation",
    "FurtherDivergence",
    "Generation",
    "HiddenLoss",
    "Machine",
    "Need",
    "NewShape",
    "Part",
    "Recipe",
    "RecipeLike",
    "StudentSpec",
    "Teacher",
    "Training",
    "Vllm",
    "WidthPruning",
    "accelerate_configuration",
    "aim_of",
    "aims",
    "distilling_methods",
    "load_recipe",
    "packaged_recipe",
    "read_recipe",
    "recipe_names",
]
