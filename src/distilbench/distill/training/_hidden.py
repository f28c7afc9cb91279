"""Distances between hidden states of student and teacher, layer by layer.

The states compared are those behind which a labelled token is predicted, as for the divergence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from distilbench.distill.data import IGNORED
from distilbench.distill.recipe import HiddenLoss, Training
from distilbench.errors import InputError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

_NAME = "hidden_projections"
"""The student's submodule of projections while it is trained, so that checkpoints hold them."""


def layer_map(loss: HiddenLoss, student: int, teacher: int) -> dict[int, int]:
    """Which layer of the teacher's ``teacher`` each layer of the student's ``student`` is compared
    with. By default all, evenly spaced: the k-th of n with the (k T / n)-th of T, rounded to the
    nearest, so that last stands on last (Jiao et al. 2020, arXiv 1909.10351, section 4.2)."""
    if loss.layers is not None:
        return loss.layers
    return {k: max(0, round((k + 1) * teacher / student) - 1) for k in range(student)}


def check_layers(
    losses: Sequence[HiddenLoss], student: PreTrainedModel, teacher: PreTrainedModel, where: str
) -> None:
    """Raises ``InputError`` if the losses name layers that are not there, or widths differ and no
    projection is allowed."""
    where = f"{where}: field 'distillation.losses'"
    layers = _layers(student, teacher)
    for loss in losses:
        for pair in layer_map(loss, *layers).items():
            for who, number, count in zip(("student", "teacher"), pair, layers, strict=True):
                if number >= count:
                    raise InputError(
                        where,
                        f"'layers' names layer {number} of the {who}, which has {count}",
                        f"number them from 0 to {count - 1}",
                    )
        if loss.projection is False and _width(student) != _width(teacher):
            raise InputError(
                where,
                f"the hidden states of student and teacher are {_width(student)} and"
                f" {_width(teacher)} wide",
                "drop 'projection: false'",
            )


def attach_projections(
    losses: Sequence[HiddenLoss], student: PreTrainedModel, teacher: PreTrainedModel, seed: int
) -> None:
    """Give the student the linear maps that its losses train, from its width to the teacher's,
    drawn from ``seed``."""
    import torch

    made = torch.nn.ModuleDict()
    state = torch.random.get_rng_state()
    torch.manual_seed(seed)
    for number, loss in enumerate(losses):
        if loss.projection or (loss.projection is None and _width(student) != _width(teacher)):
            for layer in layer_map(loss, *_layers(student, teacher)):
                made[f"{number}-{layer}"] = torch.nn.Linear(
                    _width(student), _width(teacher), bias=False
                )
    torch.random.set_rng_state(state)
    if made:
        setattr(student, _NAME, made.to(student.device))


def projection_weights(student: Any) -> int:
    """Weights of all its projections."""
    made = getattr(student, _NAME, None)
    return sum(p.numel() for p in made.parameters()) if made is not None else 0


def check_adapters(training: Training, student: Any) -> None:
    """Raises ``InputError`` where adapters are trained, and projections are needed."""
    if training.lora and projection_weights(student):
        raise InputError(
            "field 'distillation.losses'",
            "a projection of hidden states is trained whole, and 'training.lora' trains adapters",
            "drop 'lora', or take a student of the teacher's width without 'projection: true'",
        )


def drop_projections(student: Any) -> None:
    """Take them off a trained student: they are no part of it."""
    if getattr(student, _NAME, None) is not None:
        delattr(student, _NAME)


def hidden_distances(
    losses: Sequence[HiddenLoss],
    model: Any,
    student: Sequence[torch.Tensor],
    teacher: Sequence[torch.Tensor],
    labels: torch.Tensor,
) -> torch.Tensor:
    """Sum over the labelled positions of the weighted distances, each a mean over its layers: of
    the squared differences, mean over the width, or 1 - cosine.

    ``student``, ``teacher``: the hidden states of embedding and layers, each (rows, length, width);
    the last is behind the final norm, as transformers returns it. ``labels``: (rows, length).
    """
    import torch

    wanted = labels[:, 1:] != IGNORED
    projections = getattr(model, _NAME, {})
    total = torch.zeros((), device=student[0].device)
    for number, loss in enumerate(losses):
        pairs = layer_map(loss, len(student) - 1, len(teacher) - 1)
        for mine, its in pairs.items():
            state = student[mine + 1][:, :-1][wanted]
            if (name := f"{number}-{mine}") in projections:
                state = projections[name](state)
            target = teacher[its + 1][:, :-1][wanted].float()
            total = total + loss.weight / len(pairs) * _distance(loss, state.float(), target)
    return total


def _distance(loss: HiddenLoss, state: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    import torch

    if loss.loss == "hidden-mse":
        return torch.nn.functional.mse_loss(state, target, reduction="none").mean(-1).sum()
    return (1 - torch.nn.functional.cosine_similarity(state, target, dim=-1)).sum()


def _layers(student: PreTrainedModel, teacher: PreTrainedModel) -> tuple[int, int]:
    mine, its = (model.config.get_text_config() for model in (student, teacher))
    return int(mine.num_hidden_layers), int(its.num_hidden_layers)


def _width(model: PreTrainedModel) -> int:
    return int(model.config.get_text_config().hidden_size)
