"""What a served teacher cannot be asked for, and so is refused before anything is asked."""

from __future__ import annotations

from typing import Any

Recipe = Any  # which asks this, so that its class stands above


def not_served(recipe: Recipe) -> str | None:
    """What is wrong with a teacher of which only a server has the weights, in a sentence with the
    remedy; null: nothing, or its files are named."""
    teacher = recipe.teacher
    if teacher is None:
        return None
    if teacher.source is None or not teacher.source.is_inspect:
        if recipe.aim.needs == "served":
            return "'distillation.top_k' of method on-policy is of a served teacher; drop it"
        if teacher.parameters is None:
            return None
        return (
            "'teacher.parameters' is of a served teacher; those of this one are read off its files"
        )
    if recipe.student.model is None and recipe.student.new is None:
        return (
            "'student' starts from the teacher's weights, and only its server has them; write"
            " 'student: {model: ...}' or 'student: {new: ...}'"
        )
    if recipe.student.model is None and recipe.tokenizer is None:
        return "a served teacher tells nothing of its tokenizer; name it: 'tokenizer: FOLDER'"
    if recipe.aim.needs == "live":
        return (
            f"method {recipe.method} needs the teacher's weights beside the student's, and only its"
            " server has them; set 'distillation.top_k' (with 'divergence: forward-kl'), or use"
            " method sequence-level"
        )
    if recipe.aim.compares_logits:
        return _of_logits(recipe)
    return None


def _of_logits(recipe: Recipe) -> str | None:
    trials = [distillation for _, distillation in recipe.trials()]
    cached = recipe.aim.needs == "cached logits"
    if cached and any(trial.temperature != 1 for trial in trials):
        return (
            "'distillation.temperature' of a served teacher is 1: servers tell log-probabilities of"
            " given texts at no other, and these need all logits to be changed into one"
        )
    if cached and any(1 in trial.betas for trial in trials):
        return (
            "reverse KL needs the probability of all that the server does not tell, to its last"
            " digit; use 'divergence: forward-kl' or 'jsd', or name the teacher's files"
        )
    return None
