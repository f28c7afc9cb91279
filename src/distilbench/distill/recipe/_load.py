"""Reads a recipe file, and says what is wrong with it in one sentence."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from distilbench.distill.recipe._recipe import Recipe
from distilbench.errors import InputError
from distilbench.yaml_file import read_yaml

_ROOM = files("distilbench.distill.recipe")
_RECIPES = _ROOM / "recipes"


def load_recipe(path: Path) -> Recipe:
    """Read and validate a recipe. Raises ``InputError`` naming the file, the field, the remedy."""
    if not path.is_file():
        raise InputError(
            str(path),
            "there is no such recipe file",
            "make one: distilbench init --recipe template",
        )
    file = read_yaml(path, "'method:' and 'student:'")
    file.data.setdefault("name", _file_name(path))
    recipe = file.validated(Recipe)
    return recipe.within(path.parent)


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


def _file_name(path: Path) -> str:
    cleaned = "".join(c if c.isalnum() or c in "._-" else "-" for c in path.stem)
    return cleaned.lstrip("._-") or "recipe"
