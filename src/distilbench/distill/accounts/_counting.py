"""FLOPs of a stage: counted by torch on sample steps, and by formula from the model's shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from distilbench.architecture import ModelShape, describe_config
from distilbench.distill.accounts._stages import StageRecord

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

Result = TypeVar("Result")


@dataclass
class FlopSample:
    """FLOPs that ``FlopCounterMode`` saw on some steps, and how much of the work those were."""

    every: int
    """One step in so many is counted; the first always is."""
    flops: float = 0.0
    units: float = 0.0
    steps: int = field(default=0)

    def is_due(self) -> bool:
        self.steps += 1
        return (self.steps - 1) % self.every == 0

    def run(self, model: Any, units: float, work: Callable[[], Result]) -> Result:
        """Do ``work`` under the counter; ``units`` is its size (padded tokens)."""
        with counted(model) as seen:
            result = work()
        self.flops, self.units = self.flops + seen(), self.units + units
        return result

    def scaled(self, units: float) -> float | None:
        """The count for work of ``units``; None if nothing was counted."""
        return self.flops / self.units * units if self.units else None


@contextmanager
def counted(*models: Any) -> Iterator[Callable[[], float]]:
    """Count FLOPs, with attention written out in matrix products: the counter does not see the
    fused attention of the CPU. Nor does it see ``addmm_``, by which TRL's fused head makes its
    gradients, unless told."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    in_place = {torch.ops.aten.addmm_: _addmm_flops}

    before = [model.config._attn_implementation for model in models]
    for model in models:
        model.set_attn_implementation("eager")
    try:
        with FlopCounterMode(display=False, custom_mapping=in_place) as counter:
            yield lambda: float(counter.get_total_flops())
    finally:
        for model, implementation in zip(models, before, strict=True):
            model.set_attn_implementation(implementation)


def _addmm_flops(
    added: list[int], left: list[int], right: list[int], out_shape: Any = None, **_: Any
) -> int:
    """FLOPs of added + left @ right, from their shapes, as the counter asks for them."""
    return 2 * left[0] * left[1] * right[1]


def shape_of(model: PreTrainedModel) -> ModelShape:
    """The architecture of a loaded model. Raises ``InputError`` if it is no decoder-only one."""
    described = describe_config(model.config.to_json_string(use_diff=False), "the model's config")
    assert described.architecture is not None
    return described.architecture


@dataclass(frozen=True)
class TrainingShape:
    """What a training step computes beside the model's forward pass."""

    shape: ModelShape
    checkpointing: bool = False
    adapter_parameters: int = 0
    """Trainable weights of LoRA; 0: all weights are trained."""
    fused_head: bool = False
    """TRL's fused head, which projects once more going back."""
    compact_head: bool = False
    """It projects labelled positions only (on GPUs, by Triton)."""
    projection_parameters: int = 0
    """Trained weights of maps of hidden states, applied to labelled positions."""
    divergence_passes: int = 0
    """Forward passes of TRL's chunked divergence over both heads: 2 for the JSD, whose mixture
    needs both normalised first, else 1; going back is one more. 0: another loss."""

    def step(self, rows: int, length: int, labelled: int, written: int | None = None) -> float:
        """FLOPs of one step on a padded batch of ``rows`` x ``length`` tokens, of which the last
        ``written`` columns are the student's own.

        Forward once; backward twice the forward (Kaplan et al. 2020, section 2.1), of which the
        gradients of the weights are left out where these are frozen (LoRA). Activation
        checkpointing does the forward pass of the layers a second time. Attention is charged for
        the whole masked square (Chowdhery et al. 2022, appendix B), as matrix products execute it.
        """
        forward = self.shape.forward_flops(length, causal=False)
        mixing, linear = rows * (forward.attention + forward.state), rows * forward.linear
        head = _head(self.shape) * self._projected(rows, length, labelled, written)
        backward = 1.0 if self.adapter_parameters else 2.0  # mixing has no weights to freeze
        layers = linear * (1 + backward) + mixing * 3.0
        layers += 6.0 * self.adapter_parameters * rows * length
        layers += 6.0 * self.projection_parameters * labelled
        again = (linear + mixing) if self.checkpointing else 0.0
        passes = self.divergence_passes + 1 if self.divergence_passes else 1 + self.fused_head
        return layers + again + head * (passes + backward)

    def scoring(
        self, teacher: ModelShape, rows: int, length: int, labelled: int, written: int | None
    ) -> tuple[float, float]:
        """FLOPs of a teacher that scores the same batch: of its layers, and of its head."""
        forward = teacher.forward_flops(length, causal=False)
        layers = rows * (forward.attention + forward.state + forward.linear)
        if not self.divergence_passes:
            return layers, _head(teacher) * rows * length
        projected = self._projected(rows, length, labelled, written)
        return layers, _head(teacher) * projected * (self.divergence_passes + 1)

    def _projected(self, rows: int, length: int, labelled: int, written: int | None) -> int:
        """Positions whose logits are computed."""
        if self.divergence_passes and written is not None:
            return labelled if self.compact_head else rows * written
        if not self.fused_head:
            return rows * length
        return labelled if self.compact_head else rows * (length - 1)


def _head(shape: ModelShape) -> float:
    """FLOPs of one position's logits."""
    return 2.0 * shape.head_weights


def forward(
    model: Any, batch: dict[str, torch.Tensor], sample: FlopSample, record: StageRecord
) -> torch.Tensor:
    """Logits of a padded batch, shape (examples, longest, vocabulary), on the model's device. The
    record takes its tokens and FLOPs; torch counts those of the batches that are due."""
    import torch

    ids, mask = batch["input_ids"], batch["attention_mask"]
    (rows, length), tokens = ids.shape, int(mask.sum())

    def work() -> torch.Tensor:
        with torch.inference_mode():
            logits: torch.Tensor = model(ids.to(model.device), mask.to(model.device)).logits
            return logits

    logits = sample.run(model, rows * length, work) if sample.is_due() else work()
    record.tokens += tokens
    record.padded_tokens += rows * length
    record.samples += rows
    formula = forward_flops(shape_of(model), rows, length)
    if getattr(model, "peft_config", None):  # adapters are beside the weights, not yet in them
        adapters = sum(p.numel() for p in model.parameters() if p.requires_grad)
        formula += 2.0 * adapters * rows * length
    record.work(formula, 2.0 * model.num_parameters() * tokens)
    record.flops_counted = sample.scaled(record.padded_tokens)
    return logits


def forward_flops(shape: ModelShape, rows: int, length: int) -> float:
    """FLOPs of a forward pass on a padded batch, logits of every position, whole square."""
    return rows * shape.forward_flops(length, causal=False).total


def generation_flops(shape: ModelShape, prompt: int, generated: int, rows: int = 1) -> float:
    """FLOPs of generating ``generated`` tokens behind ``prompt`` tokens, for ``rows`` texts: the
    prompt with its whole square and one logit, then a pass for each further token (2 N and its
    attention over the context)."""
    read = shape.forward_flops(prompt, logits=1, causal=False).total
    written = shape.decode_flops(max(0, generated - 1), context=prompt).total
    return rows * (read + written)
