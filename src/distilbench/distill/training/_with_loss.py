"""TRL's trainers with a loss of ours in the place of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from distilbench.distill.data import IGNORED

Loss = Callable[[Any, Any, dict[str, Any], Any], Any]
"""Of a trainer, the student's logits, a batch, and the labels of all ranks by their number (null:
Trainer takes the mean itself)."""


def with_loss(trainer: Any, loss: Loss) -> Any:
    """The trainer's class with ``loss`` on the student's logits of the whole batch."""

    class WithLoss(trainer):  # type: ignore[misc]
        def compute_loss(
            self,
            model: Any,
            inputs: Any,
            return_outputs: bool = False,
            num_items_in_batch: Any = None,
        ) -> Any:
            batch = {name: inputs[name] for name in ("input_ids", "attention_mask")}
            outputs = model(**batch, use_cache=False)
            found = loss(self, outputs.logits, inputs, num_items_in_batch)
            return (found, outputs) if return_outputs else found

    return WithLoss


def cross_entropy(trainer: Any, logits: Any, inputs: dict[str, Any], num_items: Any) -> Any:
    """Mean negative log-likelihood of the labelled tokens, from whole logits: a :data:`Loss`."""
    import torch

    labels = inputs["labels"][:, 1:]
    wanted = labels != IGNORED
    total = torch.nn.functional.cross_entropy(
        logits[:, :-1][wanted].float(), labels[wanted], reduction="sum"
    )
    items = of_this_rank(trainer, num_items)
    return total / (wanted.sum() if items is None else items)


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
    import torch

    batch = {name: inputs[its + name] for name in ("input_ids", "attention_mask")}
    trainer.teacher_model.eval()
    with torch.no_grad():
        return trainer.teacher_model(**batch, use_cache=False).logits


def of_this_rank(trainer: Any, items: Any) -> Any:
    """The labels of all ranks by their number: ranks' gradients are averaged, not added."""
    return None if items is None else items / trainer.accelerator.num_processes
