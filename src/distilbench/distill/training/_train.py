"""Trains a student with TRL, resuming from its last checkpoint, metered step by step."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from distilbench.distill.accounts import Attempt, StageRecord
from distilbench.distill.training._hidden import check_adapters, drop_projections
from distilbench.distill.training._job import Job, seen_at_once, steps_of
from distilbench.distill.training._launch import is_main
from distilbench.distill.training._trainers import metered_trainer
from distilbench.distill.training._validating import Validating
from distilbench.distill.weights import Loaded, quiet_loading
from distilbench.events import Noted, OnEvent, TrainingBegun
from distilbench.files import whole_alone

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def train(
    job: Job,
    student: Loaded,
    teacher: Loaded | None,
    attempt: Attempt,
    scoring: StageRecord | None,
    on_event: OnEvent,
    validation: Validating | None = None,
) -> Path:
    """Train, and save the student (adapters merged) into ``job.folder/model``. ``scoring`` takes
    the work of a teacher that scores online, ``validation`` that of judging it in between."""
    job.objective.attach(student, teacher, job.seed)
    check_adapters(job.training, student.model)
    steps = steps_of(job, student.model)
    if job.ordered and (left := len(job.examples) - seen_at_once(job) * steps) > 0:
        on_event(
            Noted(f"curriculum: the last {left:,} examples are not reached in {steps:,} steps")
        )
    resumed = last_checkpoint(job.folder / "checkpoints")
    attempt.record.first_step = int(resumed.name.partition("-")[2]) if resumed else 0
    on_event(TrainingBegun(steps, attempt.record.first_step))
    trainer = metered_trainer(job, steps, student, teacher, attempt, scoring, on_event, validation)
    with quiet_loading():
        if validation is None or not validation.had_stopped(trainer, resumed):
            trainer.train(resume_from_checkpoint=str(resumed) if resumed else None)
    if validation is not None:
        validation.tell(trainer, steps)
    if trainer.is_fsdp_enabled:  # every rank holds a part of the weights
        trainer.save_model(str(job.folder / ".gathered"))
        if is_main():
            student.tokenizer.save_pretrained(job.folder / ".gathered")
            (job.folder / ".gathered").rename(job.folder / "model")
        return job.folder / "model"
    if not is_main():
        return job.folder / "model"
    model = trainer.accelerator.unwrap_model(trainer.model)
    if job.training.lora:
        # In float32, whatever the frozen weights are: bfloat16 would round most of a delta away.
        model = model.to("cpu").float().merge_and_unload()
    drop_projections(model)
    return save(model, student.tokenizer, job.folder / "model")


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
