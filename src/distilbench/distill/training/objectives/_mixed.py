"""On-policy distillation with given text mixed in: GKD (Agarwal et al. 2024, arXiv 2306.13649)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from distilbench.distill.recipe import Distillation
from distilbench.distill.training._step_meter import Work, work_on
from distilbench.distill.training.objectives._logit import Logit


class Mixed(Logit):
    """The divergence at temperature 1, in ``on_policy_share`` of the steps on the student's own
    text. The recipe's temperature is that of sampling."""

    method = "on-policy"
    needs_task = True
    packs = False
    heeds = ("divergence", "beta", "temperature", "on_policy_share")

    @classmethod
    def takes(cls, distillation: Distillation) -> bool:
        return distillation.divergence in cls.divergences and distillation.on_policy_share < 1

    @property
    def loss_temperature(self) -> float:
        return 1.0

    @property
    def own_share(self) -> float:
        return self.distillation.on_policy_share

    def work(self, trainer: Any, inputs: Any) -> Callable[[], Work]:
        """GKD puts the student's own text in the place of the given one."""
        given, width = inputs["input_ids"], inputs["prompts"].shape[1]
        return lambda: work_on(inputs, None if inputs["input_ids"] is given else width)
