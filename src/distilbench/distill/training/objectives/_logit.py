"""Logit distillation on given text, the teacher scoring online: TRL's GKD trainer."""

from __future__ import annotations

from typing import Any, ClassVar

from distilbench.distill.data import IGNORED
from distilbench.distill.recipe import Distillation
from distilbench.distill.training._hidden import attach_projections, check_layers, hidden_distances
from distilbench.distill.training._objective import Objective
from distilbench.distill.training._with_loss import (
    of_this_rank,
    teacher_outputs,
    weighted,
    with_loss,
)
from distilbench.distill.weights import Loaded


class Logit(Objective):
    """``alpha`` x the generalised Jensen-Shannon divergence of whole distributions (Agarwal et al.
    2024, arXiv 2306.13649) at the recipe's temperature, (1 - ``alpha``) x cross-entropy, and the
    recipe's further losses by their weights."""

    method = "logit"
    needs = "live"
    packs = True
    heeds: ClassVar[tuple[str, ...]] = (
        "divergence", "beta", "temperature", "temperature_squared", "alpha", "losses",
    )  # fmt: skip

    @classmethod
    def takes(cls, distillation: Distillation) -> bool:
        return super().takes(distillation) and distillation.top_k is None

    @property
    def loss_temperature(self) -> float:
        return self.distillation.temperature

    def check_models(self, student: Loaded, teacher: Loaded, where: str) -> None:
        super().check_models(student, teacher, where)
        check_layers(self.distillation.hidden, student.model, teacher.model, where)

    def attach(self, student: Loaded, teacher: Loaded | None, seed: int) -> None:
        assert teacher is not None
        attach_projections(self.distillation.hidden, student.model, teacher.model, seed)

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
        hidden = bool(self.distillation.hidden)
        return with_loss(GKDTrainer, self._loss, hidden_states=hidden), config

    def _loss(
        self, trainer: Any, logits: Any, inputs: dict[str, Any], num_items_in_batch: Any
    ) -> Any:
        hidden, labels = self.distillation.hidden, inputs["labels"]
        taught = teacher_outputs(trainer, inputs, hidden_states=bool(hidden))
        wanted = labels[:, 1:] != IGNORED
        mine, its = (each[:, :-1][wanted] for each in (logits, taught.logits))

        def divergence(beta: float, temperature: float) -> Any:
            return trainer.generalized_jsd_loss(
                mine, its, beta=beta, temperature=temperature, num_items_in_batch=1
            )

        total = weighted(
            self.distillation, divergence, mine, labels[:, 1:][wanted], self.loss_temperature
        )
        if hidden:
            student = trainer.accelerator.unwrap_model(trainer.model)
            total = total + hidden_distances(
                hidden, student, inputs["hidden_states"], taught.hidden_states, labels
            )
        # Of an on-policy batch, Trainer has counted the labels that were replaced.
        items = of_this_rank(trainer, num_items_in_batch)
        if trainer.lmbda:
            items = wanted.sum().clamp_min(1) * trainer.args.gradient_accumulation_steps
        return total / (wanted.sum() if items is None else items)
