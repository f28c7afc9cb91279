"""TRL's trainers with a loss of ours in the place of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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


def teacher_logits(trainer: Any, inputs: dict[str, Any], its: str = "") -> Any:
    """Of the teacher on the batch, or on the fields of it that begin with ``its``."""
    import torch

    batch = {name: inputs[its + name] for name in ("input_ids", "attention_mask")}
    trainer.teacher_model.eval()
    with torch.no_grad():
        return trainer.teacher_model(**batch, use_cache=False).logits
