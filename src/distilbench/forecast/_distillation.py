"""What a recipe would take: the planner of ``compute`` on the recipe's own sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distilbench.catalog import Card, load_catalog
from distilbench.compute import (
    Plan,
    PlannedRecipe,
    active_parameters,
    default_site,
    plan_distillation,
)
from distilbench.compute import Quantity as _Quantity
from distilbench.distill.recipe import Recipe, Training, aim_of
from distilbench.errors import InputError
from distilbench.forecast._sizes import student_card, teacher_card

_ADAM_BYTES = 16
"""Bytes for each trained weight under Adam in mixed precision: weight 2, gradient 2, and in float32
weight, momentum and variance 12 (Rajbhandari et al. 2020, arXiv 1910.02054, section 3.1)."""
_LORA_BYTES = 2
"""Bytes for each frozen weight under LoRA, in bfloat16."""
_CHARACTERS_PER_TOKEN = 4
"""Of English prose under the usual vocabularies: an estimate."""


@dataclass(frozen=True)
class PlannedStudent:
    """The plan, and further facts: memory for each GPU, hours of the machine."""

    plan: Plan
    facts: dict[str, Any]


def plan_recipe(recipe: Recipe, folder: Path, cards: Sequence[Path] = ()) -> PlannedStudent:
    """FLOPs, GPU-hours, energy, CO2e and money of a recipe that is yet to be run.

    What nobody can know before (tokens of an answer, answers that are rejected) is taken from the
    recipe's ``plan``, else at the most it can be; ``facts`` say which. Raises ``InputError`` if the
    sizes of the models are not known.
    """
    where = f"recipe {recipe.name!r}"
    if recipe.aim.needs is None:
        raise InputError(where, f"method {recipe.method} has no teacher", "plan a distillation")
    catalog = load_catalog(cards)
    teacher = teacher_card(recipe, folder, catalog, where)
    student = student_card(recipe, folder, catalog, where)
    accelerator = catalog.accelerator(recipe.plan.accelerator)
    planned = _planned(recipe, folder, _parameters(student))
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
        **_assumptions(recipe),
    }
    return PlannedStudent(plan, facts)


def _assumptions(recipe: Recipe) -> dict[str, str]:
    """What stands in for what the recipe's ``plan`` does not say."""
    said = {}
    if recipe.data.text is not None:
        said["assumed: tokens of the text"] = f"a token for {_CHARACTERS_PER_TOKEN} characters"
        return said
    if recipe.plan.tokens_per_sample is None:
        said["assumed: tokens of a sample"] = (
            f"{recipe.training.max_length}, the most (training.max_length);"
            " plan.tokens_per_sample says better"
        )
    if recipe.answers == "teacher" and recipe.plan.acceptance_rate is None:
        said["assumed: answers kept"] = (
            "all, so that training is counted at the most; plan.acceptance_rate says better"
        )
    return said


def _corpus(recipe: Recipe, folder: Path) -> tuple[float, float]:
    """Samples and tokens of one epoch."""
    length = recipe.training.max_length
    if recipe.data.text is not None:
        path = folder / recipe.data.text
        if not path.is_file():
            raise InputError(str(path), "there is no such file", "correct 'data.text'")
        tokens = path.stat().st_size * (1 - recipe.held_out.share) / _CHARACTERS_PER_TOKEN
        return max(1.0, tokens / length), tokens
    if recipe.data.chat is not None:
        path = folder / recipe.data.chat
        if not path.is_file():
            raise InputError(str(path), "there is no such file", "correct 'data.chat'")
        with path.open(encoding="utf-8") as lines:
            samples = sum(bool(line.strip()) for line in lines) * (1 - recipe.held_out.share)
        return samples, samples * (recipe.plan.tokens_per_sample or length)
    kept = 1.0
    if recipe.answers == "teacher":
        kept = recipe.generation.samples * (recipe.plan.acceptance_rate or 1.0)
    samples = recipe.data.questions * kept
    return samples, samples * (recipe.plan.tokens_per_sample or length)


def _rows(recipe: Recipe, samples: float, tokens: float) -> float:
    """Rows of one epoch's batches, at the least."""
    return max(1.0, tokens / recipe.training.max_length) if recipe.training.packing else samples


def _planned(recipe: Recipe, folder: Path, parameters: float) -> PlannedRecipe:
    """What all values of the sweep together take."""
    plan, sampled = recipe.plan, recipe.answers == "teacher"
    samples, tokens = _corpus(recipe, folder)
    ranks = plan.gpus if recipe.accelerate else 1

    def epochs(training: Training) -> float:
        if training.max_flops is not None:
            return training.max_flops / (6.0 * parameters * tokens)
        if training.max_steps is not None:
            at_once = training.batch_size * training.gradient_accumulation * ranks
            return training.max_steps * at_once / _rows(recipe, samples, tokens)
        return training.epochs

    trials = [(epochs(training), distillation) for training, distillation in recipe.trials()]
    total = sum(count for count, _ in trials)
    shares = (count * aim_of(recipe.method, trial).own_share for count, trial in trials)
    return PlannedRecipe(
        tokens=tokens,
        epochs=total,
        acceptance_rate=(plan.acceptance_rate or 1.0) if sampled else 1.0,
        sampled=sampled,
        scored_epochs=recipe.aim.scored_epochs(total),
        own_epochs=sum(shares),
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
    each = _LORA_BYTES if recipe.training.lora else _ADAM_BYTES
    return _parameters(student) * each / recipe.plan.gpus
