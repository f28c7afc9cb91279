"""On-policy distillation by TRL's DistillationTrainer: every step is on the student's own text, and
neither model's logits are ever held whole, which models with large vocabularies need."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from distilbench.distill.recipe._recipe import Distillation
from distilbench.distill.training._step_meter import Work


def on_policy_config(
    settings: dict[str, Any], distillation: Distillation, max_new_tokens: int
) -> Any:
    """TRL's configuration. The recipe's temperature is that of sampling; the loss is at 1."""
    from trl import DistillationConfig

    known = {field.name for field in fields(DistillationConfig)}
    return DistillationConfig(
        **{name: value for name, value in settings.items() if name in known},
        beta=distillation.beta_of_divergence,
        temperature=1.0,
        generation_kwargs={"temperature": distillation.temperature},
        max_completion_length=max_new_tokens,
        disable_dropout=True,
    )


def on_policy_trainer() -> Any:
    """The trainer's class, for datasets whose prompts are token ids already: ours are rendered as
    the embedded engine renders them."""
    from trl import DistillationTrainer

    class OnPolicy(DistillationTrainer):  # type: ignore[misc]
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

    return OnPolicy
