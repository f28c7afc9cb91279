"""One student to train, and how many steps it takes."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from distilbench.distill.accounts import generation_flops
from distilbench.distill.data import Example
from distilbench.distill.recipe import Training
from distilbench.distill.training._launch import ranks
from distilbench.distill.training._objective import Objective
from distilbench.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_DRAWN = 64  # batches that the mean cost of a step is taken over


@dataclass(frozen=True)
class Job:
    """One student to train. For each example there may be files of cached teacher logits: one, or
    one for each that is packed into it."""

    objective: Objective
    training: Training
    examples: Sequence[Example]
    folder: Path
    seed: int
    max_new_tokens: int
    logits: Sequence[Sequence[Path]] | None = None
    validation: Sequence[Example] = ()
    ordered: bool = False
    """Whether the examples are trained on in their order, epoch by epoch."""


def steps_of(job: Job, student: PreTrainedModel) -> int:
    """Optimizer steps of the whole training.

    With ``max_flops``: as many as the budget buys, at the mean cost of a step by formula over
    batches drawn as training draws them, the student's own text taken as long as it may become.
    At least one.
    """
    training = job.training
    at_once = seen_at_once(job)
    if not job.examples:
        raise InputError("data", "no example is left to train on", "lower 'generation.reject'")
    job.objective.check_batch(len(job.examples), at_once)
    steps = math.ceil(len(job.examples) * training.epochs / at_once)
    if training.max_steps is not None:
        steps = training.max_steps
    if training.max_flops is not None:
        steps = max(1, int(training.max_flops / _step_flops(job, student)))
    return steps


def seen_at_once(job: Job) -> int:
    """Examples of one optimizer step, in all processes."""
    return job.training.batch_size * job.training.gradient_accumulation * ranks()


def _step_flops(job: Job, student: PreTrainedModel) -> float:
    shape = job.objective.shape(student, job.training)
    size, total, own = job.training.batch_size, 0.0, job.objective.own_share
    examples = random.Random(job.seed).choices(job.examples, k=_DRAWN * size)
    for at in range(0, len(examples), size):
        batch = examples[at : at + size]
        labelled = sum(e.labelled for e in batch)
        total += (1 - own) * shape.step(len(batch), max(len(e.ids) for e in batch), labelled)
        if own:
            prompt, written = max(len(e.prompt) for e in batch), job.max_new_tokens
            labelled = size * written
            made = generation_flops(shape.shape, prompt, written, len(batch))
            total += own * (made + shape.step(len(batch), prompt + written, labelled, written))
    return total / _DRAWN * job.training.gradient_accumulation * ranks()
