"""Reads a recipe, and says what is wrong with it in one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from distilbench.distill.recipe._aim import aims
from distilbench.distill.recipe._recipe import Recipe
from distilbench.errors import InputError
from distilbench.source import plain_name
from distilbench.yaml_file import read_given

RecipeLike = Recipe | Mapping[str, Any] | Path | str
_ROOM = files("distilbench.distill.recipe")
_RECIPES = _ROOM / "recipes"


def read_recipe(given: RecipeLike) -> tuple[Recipe, Path]:
    """Read and validate a recipe: a file, its data as a dict, or a ``Recipe``; and the folder where
    the relative paths of its models start.

    Raises ``InputError`` naming the file, the field, the remedy.
    """
    remedy = "make one: distilbench init --recipe template"
    file, folder = read_given(given, "recipe", "'method:' and 'student:'", remedy)
    file.data.setdefault("name", plain_name(Path(file.where).stem, "recipe"))
    aims()  # another package's objective may be broken: not the recipe's fault
    return file.validated(Recipe).within(folder), folder


def load_recipe(given: RecipeLike) -> Recipe:
    """The recipe alone: :func:`read_recipe`."""
    return read_recipe(given)[0]


def recipe_names() -> list[str]:
    """Recipes that come with the package."""
    found = (Path(entry.name) for entry in _RECIPES.iterdir())
    return sorted(entry.stem for entry in found if entry.suffix == ".yaml")


def packaged_recipe(name: str) -> str:
    """Text of a recipe that comes with the package."""
    if name not in recipe_names():
        raise InputError(f"recipe {name!r}", "there is none", f"use {', '.join(recipe_names())}")
    return (_RECIPES / f"{name}.yaml").read_text("utf-8")


def accelerate_configuration() -> str:
    """Text of the configuration of accelerate launch for eight GPUs (FSDP)."""
    return (_ROOM / "accelerate" / "fsdp-8.yaml").read_text("utf-8")
