"""What can be known of a training's settings before anything is loaded or made."""

from __future__ import annotations

from importlib.util import find_spec

from distilbench.distill.recipe import Recipe
from distilbench.errors import InputError


def check_reporters(recipe: Recipe, where: str) -> None:
    """Raises ``InputError`` naming the package that ``training.report_to`` needs and is not
    installed."""
    for name in recipe.training.report_to:
        if find_spec(name) is None and not (name == "tensorboard" and find_spec("tensorboardX")):
            raise InputError(
                f"{where}: field 'training.report_to'",
                f"{name} is not installed",
                f"pip install {name}",
            )


def check_schedule(recipe: Recipe, where: str) -> None:
    """Raises ``InputError`` if transformers' schedule does not take ``lr_scheduler_kwargs``, or
    lacks some."""
    import torch
    from transformers import get_scheduler

    training = recipe.training
    name = training.lr_scheduler_type
    nothing = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    try:
        get_scheduler(name, nothing, 1, 10, dict(training.lr_scheduler_kwargs))
    except (TypeError, ValueError) as error:
        reason = str(error).rpartition("() ")[2]
        raise InputError(
            f"{where}: field 'training.lr_scheduler_kwargs'",
            f"the schedule {name} does not take them ({reason})",
            f"see transformers' documentation of {name}",
        ) from error
