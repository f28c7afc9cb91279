"""Settings of a recipe that would change nothing, and so are refused: who writes them expects
something of them."""

from __future__ import annotations

from typing import Any

from distilbench.distill.recipe._parts import Distillation, Part

Recipe = Any  # which asks these functions, so that its class stands above them
_OF_ANSWERS = ("samples", "temperature", "top_p", "reject", "cut")
_WARMUP = 0.05


def idle_setting(recipe: Recipe) -> str | None:
    """What is wrong, in a sentence with the remedy; null: every setting does something."""
    return (
        _of_generation(recipe)
        or _of_data(recipe)
        or _of_teacher(recipe)
        or _of_training(recipe)
        or _of_sweep(recipe)
    )


def _set(part: Part, *names: str) -> str | None:
    """The first of the fields that is not at its default."""
    fields = type(part).model_fields
    return next((name for name in names if getattr(part, name) != fields[name].default), None)


def _of_generation(recipe: Recipe) -> str | None:
    asked = recipe.generation
    if recipe.answers != "teacher":
        names = _OF_ANSWERS if recipe.aim.own_share else (*_OF_ANSWERS, "max_tokens")
        if name := _set(asked, *names):
            return (
                f"'generation.{name}' is of the teacher's answers, and the student learns from the"
                " given ones; drop it, or write 'data: {answers: teacher}'"
            )
    elif asked.temperature == 0 and (name := _set(asked, "samples", "top_p")):
        return (
            f"'generation.{name}' changes nothing at 'temperature: 0', where every answer is the"
            " same; raise the temperature or drop it"
        )
    return None


def _of_data(recipe: Recipe) -> str | None:
    data, held = recipe.data, recipe.held_out
    if data.text is None:
        if _set(data, "column"):
            return "'data.column' is of plain text; drop it"
        return "'held_out.share' is of plain text; use 'questions'" if _set(held, "share") else None
    if name := _set(data, "questions", "seed", "answers"):
        return f"'data.{name}' is of a task, and the data is plain text; drop it"
    if name := _set(held, "questions", "seed"):
        return f"'held_out.{name}' is of a task, and the data is plain text; use 'share'"
    if data.text.suffix == ".txt" and _set(data, "column"):
        return "'data.column' is of a .jsonl file, and the text is a .txt; drop it"
    return None


def _of_teacher(recipe: Recipe) -> str | None:
    if recipe.teacher is None:
        return None
    if recipe.answers != "teacher" and _set(recipe.teacher, "engine"):
        return "'teacher.engine' sets what answers, and this teacher gives no answers; drop it"
    if recipe.aim.needs is None and _set(recipe.teacher, "uses"):
        return f"'teacher.uses' is of a distillation, and method {recipe.method} is none; drop it"
    return None


def _of_training(recipe: Recipe) -> str | None:
    training, asked = recipe.training, recipe.distillation
    if training.schedule == "constant" and training.warmup_share not in (0, _WARMUP):
        return "'training.warmup_share' changes nothing at 'schedule: constant'; drop either"
    if training.fused_head and not recipe.aim.fused_head:
        return (
            f"'training.fused_head' changes nothing of method {recipe.method}, whose loss needs the"
            " logits whole; drop it"
        )
    temperatures = {trial.temperature for _, trial in recipe.trials()}
    if asked.temperature_squared and temperatures == {1.0}:
        return "'distillation.temperature_squared' changes nothing at 'temperature: 1'; drop it"
    return None


def _of_sweep(recipe: Recipe) -> str | None:
    for name, values in recipe.sweep.items():
        if name in Distillation.model_fields and name not in recipe.aim.heeds:
            return f"'sweep.{name}' changes nothing of method {recipe.method}; drop it"
        if len(set(values)) < len(values):
            return f"'sweep.{name}' lists a value twice; the same student would be trained again"
    budget = _set(recipe.training, "max_flops", "max_steps")
    if budget and "epochs" in recipe.sweep:
        return f"'sweep.epochs' changes nothing beside 'training.{budget}', which goes before it"
    return None
