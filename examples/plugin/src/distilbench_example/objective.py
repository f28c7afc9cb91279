"""A loss for distillation: the total variation distance (Wen et al. 2023, arXiv 2307.15190)."""

from __future__ import annotations

from typing import Any

from distilbench.distill import Objective, of_this_rank, teacher_logits, with_loss, with_teacher


class TotalVariation(Objective):
    """Half the sum over the vocabulary of |p - q|, teacher p and student q: in [0, 1]."""

    method = "total-variation"
    needs = "live"

    def trainer(self, settings: dict[str, Any], max_new_tokens: int) -> tuple[Any, Any]:
        from trl import SFTConfig, SFTTrainer

        return with_loss(with_teacher(SFTTrainer), self.loss), SFTConfig(**settings)

    def loss(self, trainer: Any, logits: Any, inputs: Any, num_items_in_batch: Any) -> Any:
        labels = inputs["labels"][:, 1:]
        wanted = labels != -100  # of prompts and padding no loss is taken
        p = teacher_logits(trainer, inputs)[:, :-1][wanted].softmax(-1)
        q = logits[:, :-1][wanted].softmax(-1)
        items = of_this_rank(trainer, num_items_in_batch)
        return (p - q).abs().sum() / 2 / (wanted.sum() if items is None else items)
