"""On-policy distillation by TRL's DistillationTrainer: every step is on the student's own text, and
neither model's logits are ever held whole, which models with large vocabularies need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any, ClassVar

from distilbench.distill.recipe import Distillation, Need, Training
from distilbench.distill.training._objective import Objective
from distilbench.distill.training._step_meter import Work
from distilbench.errors import InputError


class OnPolicy(Objective):
    """The divergence at temperature 1. The recipe's temperature is that of sampling."""

    method = "on-policy"
    needs: ClassVar[Need] = "live"
    heeds: ClassVar[tuple[str, ...]] = (
        "divergence",
        "beta",
        "temperature",
        "on_policy_share",
        "vllm",
    )
    needs_task = True

    @classmethod
    def takes(cls, distillation: Distillation) -> bool:
        whole = distillation.on_policy_share == 1 and distillation.top_k is None
        return super().takes(distillation) and whole

    @property
    def own_share(self) -> float:
        return 1.0

    @property
    def is_torchs(self) -> bool:
        return self.distillation.vllm is None

    @property
    def divergence_passes(self) -> int:
        """The JSD's mixture needs both distributions normalised first."""
        return 1 + (0 < self.distillation.beta_of_divergence < 1)

    def window(self, training: Training) -> int:
        return training.gradient_accumulation

    def check_batch(self, examples: int, at_once: int) -> None:
        if examples < at_once:
            raise InputError(
                "field 'training.batch_size'",
                f"a step takes {at_once} prompts at once, and there are {examples}",
                "lower it or 'gradient_accumulation', or raise 'data.questions'",
            )

    def trainer(self, settings: dict[str, Any], max_new_tokens: int) -> tuple[Any, Any]:
        from trl import DistillationConfig, DistillationTrainer

        known = {field.name for field in fields(DistillationConfig)}
        config = DistillationConfig(
            **{name: value for name, value in settings.items() if name in known},
            **self.sampling(max_new_tokens),
        )
        return token_prompts(DistillationTrainer), config

    def sampling(self, max_new_tokens: int) -> dict[str, Any]:
        """Arguments that say how the student writes and what its text is compared by."""
        return {
            "beta": self.distillation.beta_of_divergence,
            "temperature": 1.0,
            "generation_kwargs": {"temperature": self.distillation.temperature},
            "max_completion_length": max_new_tokens,
            "disable_dropout": True,
            **(self.distillation.vllm.settings() if self.distillation.vllm else {}),
        }

    def work(self, trainer: Any, inputs: Any) -> Callable[[], Work]:
        own: Callable[[], Work] = trainer.work
        return own


def token_prompts(trainer: Any) -> Any:
    """The class of TRL's DistillationTrainer, or one that is made of it, for datasets whose prompts
    are token ids already: ours are rendered as the embedded engine renders them."""

    class TokenPrompts(trainer):  # type: ignore[misc]
        def __init__(self, *args: Any, data_collator: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)  # it makes its batches itself

        def _tokenize_prompts(self, prompts: list[list[int]]) -> tuple[Any, None, dict[str, Any]]:
            return prompts, None, {}

        def work(self) -> Work:
            """What the last step worked on: its share of what was generated at once."""
            steps = self.args.gradient_accumulation_steps
            made = self._buffered_inputs[(self._step - 1) % steps]
            rows, written = made["completion_ids"].shape
            length = made["prompt_ids"].shape[1] + written
            generated = int(made["completion_mask"].sum())
            tokens = int(made["prompt_mask"].sum()) + generated
            return Work(rows, length, tokens, generated, written, generated, length, tokens)

    return TokenPrompts
