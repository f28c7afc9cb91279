"""TRL's trainers with a loss of ours in the place of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from distilbench.distill.data import IGNORED
from distilbench.distill.recipe import Distillation

Loss = Callable[[Any, Any, dict[str, Any], Any], Any]
"""Of a trainer, the student's logits, a batch, and the labels of all ranks by their number (null:
Trainer takes the mean itself)."""


def with_loss(trainer: Any, loss: Loss, hidden_states: bool = False) -> Any:
    """The trainer's class with ``loss`` on the student's logits of the whole batch; and on its
    hidden states, as ``hidden_states`` of the batch, if they are asked for."""

    class WithLoss(trainer):  # type: ignore[misc]
        def compute_loss(
            self,
            model: Any,
            inputs: Any,
            return_outputs: bool = False,
            num_items_in_batch: Any = None,
        ) -> Any:
            outputs = model(**_seen(inputs), use_cache=False, output_hidden_states=hidden_states)
            if hidden_states:
                inputs = {**inputs, "hidden_states": outputs.hidden_states}
            found = loss(self, outputs.logits, inputs, num_items_in_batch)
            return (found, outputs) if return_outputs else found

    return WithLoss


def cross_entropy(trainer: Any, logits: Any, inputs: dict[str, Any], num_items: Any) -> Any:
    """Mean negative log-likelihood of the labelled tokens, from whole logits: a :data:`Loss`."""
    labels = inputs["labels"][:, 1:]
    wanted = labels != IGNORED
    total = _summed(logits[:, :-1][wanted], labels[wanted])
    items = of_this_rank(trainer, num_items)
    return total / (wanted.sum() if items is None else items)


def weighted(
    distillation: Distillation,
    divergence: Callable[[float, float], Any],
    logits: Any,
    labels: Any,
    temperature: float,
) -> Any:
    """Sum over positions of ``alpha`` x the divergence at ``temperature``, (1 - ``alpha``) x
    cross-entropy, and the weighted further divergences.

    ``divergence``: its sum over the positions, of beta and temperature. ``logits``: the student's,
    (positions, vocabulary); ``labels``: (positions).
    """
    scale = distillation.loss_scale
    first = divergence(distillation.beta_of_divergence, temperature)
    total = distillation.alpha * scale(temperature) * first
    if distillation.alpha < 1:
        total = total + (1 - distillation.alpha) * _summed(logits, labels)
    for loss in distillation.divergences:
        further = divergence(loss.beta_of_divergence, loss.temperature)
        total = total + loss.weight * scale(loss.temperature) * further
    return total


def _summed(logits: Any, labels: Any) -> Any:
    """Negative log-likelihood of ``labels`` (positions), added up."""
    import torch

    return torch.nn.functional.cross_entropy(logits.float(), labels, reduction="sum")


def with_teacher(trainer: Any) -> Any:
    """The trainer's class, which takes a ``teacher_model`` that scores online; for TRL's trainers
    without one."""

    class WithTeacher(trainer):  # type: ignore[misc]
        def __init__(self, *args: Any, teacher_model: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.teacher_model = self.accelerator.prepare_model(teacher_model, evaluation_mode=True)

    return WithTeacher


def teacher_logits(trainer: Any, inputs: dict[str, Any], its: str = "") -> Any:
    """Of the teacher on the batch, or on the fields of it that begin with ``its``."""
    return teacher_outputs(trainer, inputs, its).logits


def teacher_outputs(
    trainer: Any, inputs: dict[str, Any], its: str = "", hidden_states: bool = False
) -> Any:
    """The same with all that the teacher's model returns."""
    import torch

    batch = _seen(inputs, its)
    trainer.teacher_model.eval()
    with torch.no_grad():
        return trainer.teacher_model(**batch, use_cache=False, output_hidden_states=hidden_states)


def _seen(inputs: dict[str, Any], its: str = "") -> dict[str, Any]:
    """What a model is given of a batch. Packed rows have positions that begin anew with every
    example, from which transformers makes the mask that keeps examples apart, if it gets no other;
    their padding is examples of one token, of which no loss is taken."""
    if "position_ids" in inputs:
        return {name: inputs[name] for name in ("input_ids", "position_ids")}
    return {name: inputs[its + name] for name in ("input_ids", "attention_mask")}


def of_this_rank(trainer: Any, items: Any) -> Any:
    """The labels of all ranks by their number: ranks' gradients are averaged, not added."""
    return None if items is None else items / trainer.accelerator.num_processes
