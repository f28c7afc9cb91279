"""Trains a student with TRL, resuming from its last checkpoint, metered step by step."""

from __future__ import annotations

import math
import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.distill.accounts._counting import TrainingShape, generation_flops, shape_of
from distilbench.distill.accounts._stages import Attempt, StageRecord
from distilbench.distill.data._batches import CachedLogitCollator, Collator, rows
from distilbench.distill.data._corpus import Example
from distilbench.distill.recipe._recipe import (
    Distillation,
    Method,
    Training,
    by_distillation_trainer,
)
from distilbench.distill.training._launch import is_main, ranks
from distilbench.distill.training._trainers import metered_trainer, trainer_settings
from distilbench.distill.training.objectives._gold import GoldCollator
from distilbench.distill.weights._loading import quiet_loading
from distilbench.distill.weights._models import Loaded
from distilbench.errors import InputError
from distilbench.files import whole_alone

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

OnEvent = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Job:
    """One student to train. For each example there may be a file of cached teacher logits, or the
    same example in the tokens of a teacher with another tokenizer."""

    method: Method
    training: Training
    distillation: Distillation
    examples: Sequence[Example]
    folder: Path
    seed: int
    max_new_tokens: int
    logits: Sequence[Path] | None = None
    teacher_examples: Sequence[Example] | None = None


def train(
    job: Job,
    student: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    teacher: Loaded | None,
    attempt: Attempt,
    scoring: StageRecord | None,
    on_event: OnEvent,
) -> Path:
    """Train, and save the student (adapters merged) into ``job.folder/model``. ``scoring`` takes
    the work of a teacher that scores online."""
    steps = steps_of(job, student)
    resumed = last_checkpoint(job.folder / "checkpoints")
    attempt.record.first_step = int(resumed.name.partition("-")[2]) if resumed else 0
    on_event({"event": "train", "steps": steps, "from": attempt.record.first_step})
    trainer = metered_trainer(
        job.method,
        trainer_settings(job, steps),
        model=student,
        tokenizer=tokenizer,
        teacher=teacher,
        dataset=rows(job.examples, job.logits, job.teacher_examples),
        collator=_collator(job, tokenizer, teacher),
        distillation=job.distillation,
        training=job.training,
        max_new_tokens=job.max_new_tokens,
        attempt=attempt,
        scoring=scoring,
        on_event=on_event,
    )
    with quiet_loading():
        trainer.train(resume_from_checkpoint=str(resumed) if resumed else None)
    if trainer.is_fsdp_enabled:  # every rank holds a part of the weights
        trainer.save_model(str(job.folder / ".gathered"))
        if is_main():
            tokenizer.save_pretrained(job.folder / ".gathered")
            (job.folder / ".gathered").rename(job.folder / "model")
        return job.folder / "model"
    if not is_main():
        return job.folder / "model"
    model = trainer.accelerator.unwrap_model(trainer.model)
    if job.training.lora:
        model = model.merge_and_unload()
    return save(model, tokenizer, job.folder / "model")


def _collator(job: Job, tokenizer: PreTrainedTokenizerBase, teacher: Loaded | None) -> Any:
    if job.teacher_examples is not None:
        assert teacher is not None
        return GoldCollator(tokenizer, teacher.tokenizer)
    pad = int(tokenizer.pad_token_id)
    return Collator(pad) if job.logits is None else CachedLogitCollator(pad)


def save(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path) -> Path:
    """Save as safetensors, whole or not at all."""
    with whole_alone(folder) as partial:
        with quiet_loading():
            model.to("cpu").save_pretrained(partial)
        tokenizer.save_pretrained(partial)
    return folder


def last_checkpoint(folder: Path) -> Path | None:
    """The last complete checkpoint: transformers writes ``trainer_state.json`` last. Incomplete
    ones, left by a kill, are removed."""
    whole = []
    for path in folder.glob("checkpoint-*"):
        if (path / "trainer_state.json").is_file():
            whole.append(path)
        else:
            shutil.rmtree(path, ignore_errors=True)  # every rank removes it
    return max(whole, key=lambda path: int(path.name.partition("-")[2]), default=None)


def steps_of(job: Job, student: PreTrainedModel) -> int:
    """Optimizer steps of the whole training.

    With ``max_flops``: as many as the budget buys, at the mean cost of a step by formula over
    batches drawn as training draws them, the student's own text taken as long as it may become.
    At least one.
    """
    training = job.training
    at_once = training.batch_size * training.gradient_accumulation * ranks()
    if not job.examples:
        raise InputError("data", "no example is left to train on", "lower 'generation.reject'")
    if by_distillation_trainer(job.method, job.distillation) and len(job.examples) < at_once:
        raise InputError(
            "field 'training.batch_size'",
            f"a step takes {at_once} prompts at once, and there are {len(job.examples)}",
            "lower it or 'gradient_accumulation', or raise 'data.questions'",
        )
    steps = math.ceil(len(job.examples) * training.epochs / at_once)
    if training.max_steps is not None:
        steps = training.max_steps
    if training.max_flops is not None:
        steps = max(1, int(training.max_flops / _step_flops(job, student)))
    return steps


def training_shape(
    student: PreTrainedModel, training: Training, method: Method, distillation: Distillation
) -> TrainingShape:
    """What one step costs: see :class:`TrainingShape`."""
    import torch

    both = 0 < distillation.beta_of_divergence < 1
    trained = sum(p.numel() for p in student.parameters() if p.requires_grad)
    return TrainingShape(
        shape=shape_of(student),
        checkpointing=training.gradient_checkpointing,
        adapter_parameters=trained if training.lora else 0,
        fused_head=method in ("sft", "scratch", "sequence-level"),
        compact_head=torch.cuda.is_available(),
        divergence_passes=1 + both if by_distillation_trainer(method, distillation) else 0,
    )


def _step_flops(job: Job, student: PreTrainedModel) -> float:
    shape = training_shape(student, job.training, job.method, job.distillation)
    examples = random.Random(job.seed).choices(job.examples, k=64 * job.training.batch_size)
    size, total = job.training.batch_size, 0.0
    own = job.distillation.on_policy_share if job.method == "on-policy" else 0.0
    for at in range(0, len(examples), size):
        batch = examples[at : at + size]
        labelled = sum(len(e.completion) for e in batch)
        total += (1 - own) * shape.step(len(batch), max(len(e.ids) for e in batch), labelled)
        if own:
            prompt, written = max(len(e.prompt) for e in batch), job.max_new_tokens
            labelled = size * written
            made = generation_flops(shape.shape, prompt, written, len(batch))
            total += own * (made + shape.step(len(batch), prompt + written, labelled, written))
    return total / 64 * job.training.gradient_accumulation * ranks()
