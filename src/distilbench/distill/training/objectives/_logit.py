"""Logit distillation on given text, the teacher scoring online: TRL's GKD trainer."""

from __future__ import annotations

from typing import Any, ClassVar

from distilbench.distill.data import IGNORED
from distilbench.distill.recipe import Distillation
from distilbench.distill.training._objective import Objective
from distilbench.distill.training._with_loss import of_this_rank, teacher_logits, with_loss


class Logit(Objective):
    """The generalised Jensen-Shannon divergence of whole distributions (Agarwal et al. 2024, arXiv
    2306.13649) at the recipe's temperature."""

    method = "logit"
    needs = "live"
    heeds: ClassVar[tuple[str, ...]] = ("divergence", "beta", "temperature", "temperature_squared")

    @classmethod
    def takes(cls, distillation: Distillation) -> bool:
        return super().takes(distillation) and distillation.top_k is None

    @property
    def loss_temperature(self) -> float:
        return self.distillation.temperature

    def trainer(self, settings: dict[str, Any], max_new_tokens: int) -> tuple[Any, Any]:
        """Its loss, which TRL takes at temperature 1, at ours."""
        from trl.experimental.gkd import GKDConfig, GKDTrainer

        config = GKDConfig(
            **settings,
            beta=self.distillation.beta_of_divergence,
            lmbda=self.own_share,
            temperature=self.distillation.temperature,
            max_new_tokens=max_new_tokens,
            disable_dropout=True,
        )
        return with_loss(GKDTrainer, self._loss), config

    def _loss(
        self, trainer: Any, logits: Any, inputs: dict[str, Any], num_items_in_batch: Any
    ) -> Any:
        taught = teacher_logits(trainer, inputs)
        labels = inputs["labels"][:, 1:]
        # Of an on-policy batch, Trainer has counted the labels that were replaced.
        items = of_this_rank(trainer, num_items_in_batch)
        if trainer.lmbda:
            items = (labels != IGNORED).sum().clamp_min(1)
            items = items * trainer.args.gradient_accumulation_steps
        found = trainer.generalized_jsd_loss(
            logits[:, :-1],
            taught[:, :-1],
            labels=labels,
            beta=trainer.beta,
            temperature=self.loss_temperature,
            num_items_in_batch=items,
        )
        return found * self.distillation.loss_scale
