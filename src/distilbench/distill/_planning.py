"""What a recipe would take: the planner of ``compute`` on the recipe's own sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distilbench.catalog import Card, Catalog, load_catalog
from distilbench.compute import (
    Plan,
    PlannedRecipe,
    active_parameters,
    default_site,
    plan_distillation,
)
from distilbench.compute import Quantity as _Quantity
from distilbench.distill._recipe import COMPARES_LOGITS, NEEDS_TEACHER, Recipe, Training
from distilbench.distill._recipe import Plan as PlanSettings
from distilbench.distill._teaching import find_teacher
from distilbench.engines import describe_model
from distilbench.errors import InputError

_ADAM_BYTES = 16
"""Bytes for each trained weight under Adam in mixed precision: weight 2, gradient 2, and in float32
weight, momentum and variance 12 (Rajbhandari et al. 2020, arXiv 1910.02054, section 3.1)."""
_LORA_BYTES = 2
"""Bytes for each frozen weight under LoRA, in bfloat16."""


@dataclass(frozen=True)
class PlannedStudent:
    """The plan, and further facts: memory for each GPU, hours of the machine."""

    plan: Plan
    facts: dict[str, Any]


def plan_recipe(recipe: Recipe, folder: Path, cards: Sequence[Path] = ()) -> PlannedStudent:
    """FLOPs, GPU-hours, energy, CO2e and money of a recipe that is yet to be run.

    Raises ``InputError`` if the recipe has no ``plan``, or the sizes of its models are not known.
    """
    where = f"recipe {recipe.name!r}"
    if recipe.plan is None:
        raise InputError(
            where, "field 'plan' is missing", "add it: plan: {tokens_per_sample: 1000}"
        )
    if recipe.method not in NEEDS_TEACHER:
        raise InputError(where, f"method {recipe.method} has no teacher", "plan a distillation")
    catalog = load_catalog(cards)
    teacher, student = _teacher(recipe, folder, catalog, where), _student(recipe, catalog, where)
    accelerator = catalog.accelerator(recipe.plan.accelerator)
    planned = _planned(recipe, recipe.plan, _parameters(student))
    price = recipe.machine.usd_per_hour / recipe.plan.gpus if recipe.machine else None
    site = default_site(usd_per_hour=price)
    plan = plan_distillation(student, teacher, planned, accelerator, site)
    hours = plan.total.accelerator_hours.central / recipe.plan.gpus
    facts = {
        "GPUs": recipe.plan.gpus,
        "hours on all of them": hours,
        "memory per GPU of weights, gradients and Adam, bytes": _memory(recipe, student),
        "memory of one GPU, bytes": accelerator.memory_bytes.value
        if accelerator.memory_bytes
        else None,
    }
    return PlannedStudent(plan, facts)


def _planned(recipe: Recipe, plan: PlanSettings, parameters: float) -> PlannedRecipe:
    """What all values of the sweep together take."""
    sampled = recipe.answers == "teacher"
    kept = recipe.generation.samples * plan.acceptance_rate if sampled else 1.0
    samples = recipe.data.questions * kept
    tokens = samples * plan.tokens_per_sample
    ranks = plan.gpus if recipe.accelerate else 1

    def epochs(training: Training) -> float:
        if training.max_flops is not None:
            return training.max_flops / (6.0 * parameters * tokens)
        if training.max_steps is not None:
            at_once = training.batch_size * training.gradient_accumulation * ranks
            return training.max_steps * at_once / samples
        return training.epochs

    trials = [(epochs(training), distillation) for training, distillation in recipe.trials()]
    total = sum(count for count, _ in trials)
    scored = 0.0
    if recipe.method in COMPARES_LOGITS:
        scored = 1.0 if recipe.distillation.top_k else total
    shares = (count * distillation.on_policy_share for count, distillation in trials)
    return PlannedRecipe(
        tokens=tokens,
        epochs=total,
        acceptance_rate=plan.acceptance_rate if sampled else 1.0,
        sampled=sampled,
        scored_epochs=scored,
        own_epochs=sum(shares) if recipe.method == "on-policy" else 0.0,
    )


def _parameters(student: Card) -> float:
    parameters = active_parameters(student)
    if not isinstance(parameters, _Quantity):
        raise InputError(
            f"card {student.id}", "has no number of parameters", "name a card that states it"
        )
    return parameters.central


def _memory(recipe: Recipe, student: Card) -> float:
    """Bytes on each GPU with everything sharded (FSDP full shard), activations left out."""
    assert recipe.plan is not None
    each = _LORA_BYTES if recipe.training.lora else _ADAM_BYTES
    return _parameters(student) * each / recipe.plan.gpus


def _teacher(recipe: Recipe, folder: Path, catalog: Catalog, where: str) -> Card:
    assert recipe.teacher is not None
    if recipe.teacher.card is not None:
        return catalog.card(recipe.teacher.card)
    if recipe.teacher.recipe is not None:
        raise InputError(f"{where}: field 'teacher'", "is not made yet", "name its size by a card")
    teaching = find_teacher(recipe, folder, folder, where, lambda event: None, _never)
    if teaching.card is not None:
        return catalog.card(teaching.card)
    if recipe.teacher.source is None or recipe.teacher.source.startswith("inspect:"):
        raise InputError(f"{where}: field 'teacher.card'", "is missing", "name the teacher's card")
    described = describe_model(recipe.teacher.source, folder, f"{where}: field 'teacher.source'")
    if described.parameters is None:
        raise InputError(
            f"{where}: field 'teacher.source'",
            f"has weights that cannot be counted ({described.parameters_missing})",
            "name the teacher's card",
        )
    return _sized("teacher", float(described.parameters))


def _student(recipe: Recipe, catalog: Catalog, where: str) -> Card:
    assert recipe.plan is not None
    if recipe.plan.student_card is not None:
        return catalog.card(recipe.plan.student_card)
    raise InputError(
        f"{where}: field 'plan.student_card'", "is missing", "name a card of the student's size"
    )


def _sized(name: str, parameters: float) -> Card:
    figure = {"value": parameters, "source": "files", "where": "the model's files"}
    return Card.model_validate(
        {
            "id": name,
            "name": name,
            "developer": "not stated",
            "family": name,
            "role": "vanilla",
            "stage": "base",
            "parameters": {"total": figure},
            "sources": {"files": {"title": "the model's files, read by distilbench"}},
        }
    )


def _never(*_: Any) -> Any:
    raise AssertionError("a plan runs nothing")
