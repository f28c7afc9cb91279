"""Settings of a recipe that would change nothing, and so are refused: who writes them expects
something of them."""

from __future__ import annotations

from typing import Any

from distilbench.distill.recipe._parts import Distillation, Part

Recipe = Any  # which asks these functions, so that its class stands above them
_OF_ANSWERS = ("samples", "temperature", "top_p", "reject")
_WARMUP = 0.05


def idle_setting(recipe: Recipe) -> str | None:
    """What is wrong, in a sentence with the remedy; null: every setting does something."""
    return (
        _of_generation(recipe)
        or _of_data(recipe)
        or _of_curriculum(recipe)
        or _of_validation(recipe)
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
    if data.task is not None:
        if _set(data, "column"):
            return "'data.column' is of plain text or chats; drop it"
        return "'held_out.share' is of plain text; use 'questions'" if _set(held, "share") else None
    kind = "plain text" if data.text is not None else "chats"
    if name := _set(data, "questions", "seed", "answers"):
        return f"'data.{name}' is of a task, and the data is {kind}; drop it"
    if name := _set(held, "questions", "seed"):
        return f"'held_out.{name}' is of a task, and the data is {kind}; use 'share'"
    if data.text is not None and data.text.suffix == ".txt" and _set(data, "column"):
        return "'data.column' is of a .jsonl file, and the text is a .txt; drop it"
    return None


def _of_curriculum(recipe: Recipe) -> str | None:
    data = recipe.data
    if data.curriculum is None:
        return None
    if recipe.training.packing:
        return (
            "'data.curriculum' changes little where 'training.packing' mixes lengths; drop either"
        )
    if data.curriculum == "length":
        if data.text is not None:
            return "'data.curriculum: length' changes nothing of plain text, cut into equal rows"
        return None
    if data.task is not None or (data.text is not None and data.text.suffix == ".txt"):
        return (
            f"'data.curriculum: {data.curriculum}' is a column of a .jsonl with text or chats;"
            " use 'length'"
        )
    return None


def _of_validation(recipe: Recipe) -> str | None:
    training, split = recipe.training, recipe.validation
    if training.eval_steps is None:
        names = "load_best_model_at_end", "early_stopping_patience", "early_stopping_threshold"
        if name := _set(training, *names):
            return f"'training.{name}' goes by a validation loss; give 'training.eval_steps' too"
        if name := _set(split, "questions", "seed", "share"):
            return f"'validation.{name}' changes nothing without 'training.eval_steps'; give both"
        return None
    if training.early_stopping_patience is None and _set(training, "early_stopping_threshold"):
        return "'training.early_stopping_threshold' needs 'training.early_stopping_patience'"
    if training.keeps_best and _set(training, "checkpoint_every"):
        return (
            "'training.checkpoint_every' changes nothing where the best student is kept: a"
            " checkpoint is made at each evaluation ('eval_steps'); drop it"
        )
    if recipe.data.task is None:
        if name := _set(split, "questions", "seed"):
            return f"'validation.{name}' is of a task, and the data is none; use 'share'"
        if split.share + recipe.held_out.share >= 1:
            return "'validation.share' and 'held_out.share' leave nothing to train on; lower them"
    elif _set(split, "share"):
        return "'validation.share' is of plain text or chats; use 'questions'"
    elif split.seed == recipe.held_out.seed:
        return "'validation.seed' is that of 'held_out', so the questions would be; give another"
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
    if training.lr_scheduler_type == "constant" and training.warmup_share not in (0, _WARMUP):
        return (
            "'training.warmup_share' changes nothing at 'lr_scheduler_type: constant'; write"
            " 'constant_with_warmup', or drop it"
        )
    if training.fused_head and not recipe.aim.fused_head:
        return (
            f"'training.fused_head' changes nothing of method {recipe.method}, whose loss needs the"
            " logits whole; drop it"
        )
    if wrong := _of_packing(recipe):
        return wrong
    temperatures = {trial.temperature for _, trial in recipe.trials()}
    temperatures |= {loss.temperature for loss in asked.divergences}
    if asked.temperature_squared and temperatures == {1.0}:
        return "'distillation.temperature_squared' changes nothing at 'temperature: 1'; drop it"
    return None


def _of_packing(recipe: Recipe) -> str | None:
    training, text = recipe.training, recipe.data.text
    if not training.packing:
        return None
    if not recipe.aim.packs:
        of = f"{recipe.method}, divergence {recipe.distillation.divergence}"
        return f"'training.packing' is not for method {of}, whose rows are one answer each; drop it"
    if training.fused_head:
        return "'training.packing' needs the logits whole; drop 'training.fused_head'"
    if text is not None and text.suffix == ".txt":
        return "'training.packing' changes nothing of one text, whose rows are full; drop it"
    if training.attention == "flash_attention_2" and training.batch_size > 1:
        return (
            "'training.packing' with 'attention: flash_attention_2' keeps examples apart in one row"
            " only; write 'batch_size: 1' and 'gradient_accumulation'"
        )
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
