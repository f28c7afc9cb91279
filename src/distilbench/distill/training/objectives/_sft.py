"""Fine-tuning on the task's own answers or on plain text: the control of a distillation."""

from __future__ import annotations

from typing import Any

from distilbench.distill.training._objective import Objective


class Sft(Objective):
    """Cross-entropy on given text, by TRL's SFT trainer."""

    method = "sft"
    packs = True
    heeds = ()
    fused_head = True

    def trainer(self, settings: dict[str, Any], max_new_tokens: int) -> tuple[Any, Any]:
        from trl import SFTConfig, SFTTrainer

        return SFTTrainer, SFTConfig(**settings)
