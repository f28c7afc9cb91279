"""What a distillation that is yet to be done would take, on named hardware."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce

from distilbench.catalog import Card
from distilbench.compute._flops import active_parameters
from distilbench.compute._hardware import (
    Accelerator,
    Footprint,
    Site,
    footprint,
    generation_utilisation,
    training_utilisation,
)
from distilbench.compute._quantity import Quantity, Unavailable
from distilbench.compute._stages import StageName
from distilbench.errors import InputError


@dataclass(frozen=True)
class PlannedStage:
    """One stage of the plan."""

    name: StageName
    formula: str
    footprint: Footprint


@dataclass(frozen=True)
class Plan:
    """A planned distillation: its stages in order of work, and their sum."""

    student: str
    teacher: str
    accelerator: str
    region: str
    stages: tuple[PlannedStage, ...]
    total: Footprint


# Beyond what anybody does: a slip of the keyboard, which would end in an endless number.
_MOST_TOKENS, _MOST_EPOCHS, _LEAST_SHARE = 1e18, 1e6, 1e-9


@dataclass(frozen=True)
class PlannedRecipe:
    """What is to be done. ``tokens`` are the training tokens of one epoch.

    The teacher samples the tokens, of which ``acceptance_rate`` are kept, unless they are given
    (``sampled`` false). It scores the text of ``scored_epochs`` (2 N per token, at the rate of
    training): 1 where its logits are kept, all where it scores online. In ``own_epochs`` the
    student writes the text itself (on-policy). ``evaluation_tokens`` are prompt and answer tokens
    of the student's evaluation.
    """

    tokens: float
    epochs: float = 1.0
    acceptance_rate: float | Quantity = 1.0
    sampled: bool = True
    scored_epochs: float = 0.0
    own_epochs: float = 0.0
    evaluation_tokens: float = 0.0

    def __post_init__(self) -> None:
        for name, most in (("tokens", _MOST_TOKENS), ("epochs", _MOST_EPOCHS)):
            if not 0 < getattr(self, name) <= most:
                remedy = f"give a number above zero, up to {most:g}"
                raise InputError(name, f"is {getattr(self, name)}", remedy)
        rate = self.acceptance_rate
        kept = rate.central if isinstance(rate, Quantity) else rate
        if not _LEAST_SHARE <= kept <= 1:
            remedy = f"give a share of {_LEAST_SHARE:g} to 1"
            raise InputError("acceptance rate", f"is {kept}", remedy)
        if self.evaluation_tokens < 0:
            raise InputError(
                "evaluation tokens", f"is {self.evaluation_tokens}", "give zero or more"
            )


def plan_distillation(
    student: Card,
    teacher: Card,
    recipe: PlannedRecipe,
    accelerator: Accelerator,
    site: Site,
) -> Plan:
    """FLOPs, accelerator-hours, energy, CO2 equivalent and money of a distillation, by stage.

    The teacher and the student's base exist: their training is not part of the plan. Utilisation is
    the published range for training and our estimate for sampling. Raises
    ``InputError`` where the number of parameters, the peak rate or the power is not known.
    """
    training, sampling = training_utilisation("plan"), generation_utilisation("plan")
    stages = tuple(
        PlannedStage(name, formula, footprint(flops, accelerator, site, utilisation))
        for name, formula, flops, utilisation in _stages(
            student, teacher, recipe, training, sampling
        )
    )
    return Plan(
        student=student.id,
        teacher=teacher.id,
        accelerator=accelerator.name,
        region=site.region.name,
        stages=stages,
        total=reduce(operator.add, (stage.footprint for stage in stages)),
    )


def _stages(
    student: Card,
    teacher: Card,
    recipe: PlannedRecipe,
    training: Quantity,
    sampling: Quantity,
) -> Iterator[tuple[StageName, str, Quantity, Quantity]]:
    """Name, formula, FLOPs and utilisation. What decodes token by token stays far below the rate
    of training; the teacher's scoring of given text does not."""
    big, small = _parameters(teacher), _parameters(student)
    if recipe.sampled:
        sampled = 2.0 * recipe.tokens * big / recipe.acceptance_rate
        yield "teacher_generation", "2 N_teacher D / acceptance rate", sampled, sampling
    if recipe.scored_epochs:
        scored = 2.0 * recipe.tokens * recipe.scored_epochs
        yield "logit_caching", "2 N_teacher D epochs scored", scored * big, training
    if recipe.own_epochs:
        written = 2.0 * recipe.tokens * recipe.own_epochs
        yield "student_generation", "2 N D epochs on its own text", written * small, sampling
    trained = 6.0 * recipe.tokens * recipe.epochs
    yield "student_training", "6 N D epochs", trained * small, training
    if recipe.evaluation_tokens:
        yield "evaluation", "2 N D_evaluation", 2.0 * recipe.evaluation_tokens * small, sampling


def _parameters(card: Card) -> Quantity:
    found = active_parameters(card)
    if isinstance(found, Unavailable):
        raise InputError(card.id, "has no number of parameters", "add parameters to its card")
    return found
