"""The sizes of models that a plan needs, before any of them is made or loaded."""

from __future__ import annotations

from pathlib import Path

from distilbench.architecture import ModelDescription
from distilbench.catalog import Card, Catalog, described_card
from distilbench.distill.accounts import find_origin
from distilbench.distill.recipe import Recipe, StudentSpec
from distilbench.engines import describe_model
from distilbench.errors import InputError


def teacher_card(recipe: Recipe, folder: Path, catalog: Catalog, where: str) -> Card:
    """The teacher's card, or one with the size that its files state."""
    assert recipe.teacher is not None
    if recipe.teacher.card is not None:
        return catalog.card(recipe.teacher.card)
    if recipe.teacher.source is None:
        raise InputError(f"{where}: field 'teacher'", "is not made yet", "name its size by a card")
    origin = find_origin(recipe.teacher, recipe.teacher.source, folder, where)
    if origin.card is not None:
        return catalog.card(origin.card)
    return described_card(_teacher(recipe, folder, where), "teacher")


def student_card(recipe: Recipe, folder: Path, catalog: Catalog, where: str) -> Card:
    """The card of the student's size that the recipe names, or its size by its own fields."""
    if recipe.plan.student_card is not None:
        return catalog.card(recipe.plan.student_card)
    spec = recipe.student
    if spec.model is not None:
        parent = describe_model(spec.model, folder, f"{where}: field 'student.model'")
    elif spec.new is not None:
        shape = spec.new.described(_vocabulary(recipe, folder, where))
        parent = ModelDescription(where=where, format="recipe", architecture=shape)
    else:
        parent = _teacher(recipe, folder, where)
    return described_card(_shrunk(spec, parent, f"{where}: field 'student'"), "student")


def _teacher(recipe: Recipe, folder: Path, where: str) -> ModelDescription:
    assert recipe.teacher is not None
    source = recipe.teacher.source
    if source is None or not source.has_files:
        raise InputError(f"{where}: field 'teacher.card'", "is missing", "name the teacher's card")
    return describe_model(source, folder, f"{where}: field 'teacher.source'")


def _vocabulary(recipe: Recipe, folder: Path, where: str) -> int:
    shape = _teacher(recipe, folder, where).architecture
    if shape is None or recipe.tokenizer is not None:
        raise InputError(
            f"{where}: field 'plan.student_card'",
            "is missing, and the vocabulary of the new student is not known before it is made",
            "name a card of the student's size",
        )
    return shape.vocab


def _shrunk(spec: StudentSpec, parent: ModelDescription, where: str) -> ModelDescription:
    """``parent`` without the layers that are dropped; all layers alike, as in all that can be."""
    shape = parent.architecture
    total = shape.total_params if spec.new and shape else parent.parameters
    if shape is None or total is None or spec.prune is not None:
        raise InputError(
            f"{where}: its size",
            "is not known before it is made" if spec.prune is None else "is not planned if pruned",
            "name a card of that size: plan: {student_card: ...}",
        )
    kept = spec.layers or len(spec.keep_layers or ()) or shape.layer_count
    if kept > shape.layer_count:
        raise InputError(
            where, f"asks for {kept} layers of {shape.layer_count}", "keep at most what there is"
        )
    outside = shape.embedding_params
    count, active = (
        outside + (weights - outside) * kept // shape.layer_count
        for weights in (total, shape.active_params)
    )
    return parent.model_copy(
        update={
            "parameters": count,
            "active_parameters": active,
            "embedding_parameters": None,
            "architecture": None,
        }
    )
