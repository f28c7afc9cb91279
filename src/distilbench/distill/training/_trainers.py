"""TRL's trainers, each metered. torch and TRL are imported in the functions."""

from __future__ import annotations

import os
from typing import Any

from distilbench.distill.accounts import Attempt, StageRecord
from distilbench.distill.data import rows
from distilbench.distill.recipe import Training
from distilbench.distill.training._job import Job
from distilbench.distill.training._step_meter import StepMeter
from distilbench.distill.training._validating import Validating
from distilbench.distill.training._with_loss import cross_entropy, with_loss
from distilbench.distill.weights import Loaded
from distilbench.events import LossSeen, OnEvent, StepDone


def metered_trainer(
    job: Job,
    steps: int,
    student: Loaded,
    teacher: Loaded | None,
    attempt: Attempt,
    scoring: StageRecord | None,
    on_event: OnEvent,
    validation: Validating | None = None,
) -> Any:
    """The trainer of a job's objective, ready to train. ``validation``: what judges the student
    while it trains."""
    from transformers import PrinterCallback

    if "tensorboard" in job.training.report_to:  # its own default is removed with checkpoints
        os.environ.setdefault("TENSORBOARD_LOGGING_DIR", str(job.folder / "tensorboard"))
    kind, config = job.objective.trainer(_settings(job, steps), job.max_new_tokens)
    if job.objective.fused_head and not job.training.fused_head:
        kind = with_loss(kind, cross_entropy)  # as many projections as where a teacher is compared
    live: dict[str, Any] = {}
    if job.objective.needs == "live":
        assert teacher is not None
        live["teacher_model"] = teacher.model.eval().requires_grad_(False)
    trainer = _metered(kind, job)(
        model=student.model,
        args=config,
        train_dataset=rows(job.examples, job.logits),
        data_collator=job.objective.collator(
            student.tokenizer, teacher.tokenizer if teacher else None
        ),
        processing_class=student.tokenizer,
        peft_config=_lora(job.training),
        **live,
    )
    trainer.step_meter = _meter(trainer, job, teacher, attempt, scoring)
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(_heartbeat(attempt, trainer.step_meter, on_event))
    if validation is not None:
        validation.join(trainer, job.training)
    return trainer


def _meter(
    trainer: Any, job: Job, teacher: Loaded | None, attempt: Attempt, scoring: StageRecord | None
) -> StepMeter:
    model = trainer.accelerator.unwrap_model(trainer.model)
    return StepMeter(
        attempt,
        model,
        job.objective.shape(model, job.training),
        teacher,
        scoring,
        window=job.objective.window(job.training),
        mixed=0 < job.objective.own_share < 1,
    )


def _metered(kind: Any, job: Job) -> Any:
    """The trainer's class, whose every step goes through its ``step_meter``."""

    class Metered(kind):  # type: ignore[misc]
        validation: Validating | None = None
        control: Any

        def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
            """The loss on the validation split, whatever the trainer's own loss is."""
            assert self.validation is not None
            metrics = self.validation.metrics(self)
            self.log(metrics)
            self.control = self.callback_handler.on_evaluate(
                self.args, self.state, self.control, metrics
            )
            return metrics

        def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
            step = super().training_step
            return self.step_meter.step(
                lambda: step(model, inputs, num_items_in_batch), job.objective.work(self, inputs)
            )

    return Metered


def _settings(job: Job, steps: int) -> dict[str, Any]:
    """Arguments that all of TRL's configurations share."""
    import torch

    training = job.training
    return {
        "output_dir": str(job.folder / "checkpoints"),
        "max_steps": steps,
        "per_device_train_batch_size": training.batch_size,
        "gradient_accumulation_steps": training.gradient_accumulation,
        "learning_rate": training.learning_rate,
        "lr_scheduler_type": training.lr_scheduler_type,
        "lr_scheduler_kwargs": dict(training.lr_scheduler_kwargs),
        "warmup_steps": round(training.warmup_share * steps),
        "weight_decay": training.weight_decay,
        "bf16": training.precision == "bfloat16",
        "gradient_checkpointing": training.gradient_checkpointing,
        "save_strategy": "steps",
        "save_steps": training.save_steps,
        "save_total_limit": 2,
        "logging_steps": max(1, steps // 20),
        "report_to": list(training.report_to),
        "run_name": f"{job.folder.parent.parent.name}-{job.folder.name}",
        "project": "distilbench",
        "disable_tqdm": True,
        "seed": job.seed,
        **_order(job),
        "use_cpu": not torch.cuda.is_available(),
        "dataloader_pin_memory": torch.cuda.is_available(),
        "remove_unused_columns": False,
        "push_to_hub": False,
        "max_length": None,
        "dataset_kwargs": {"skip_prepare_dataset": True},
    }


def _order(job: Job) -> dict[str, Any]:
    """In the order of the examples, if they have one: each of TRL's trainers reads one of these."""
    return (
        {"train_sampling_strategy": "sequential", "shuffle_dataset": False} if job.ordered else {}
    )


def _lora(training: Training) -> Any:
    if training.lora is None:
        return None
    from peft import LoraConfig

    lora = training.lora
    targets = lora.targets if isinstance(lora.targets, str) else list(lora.targets)
    return LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=targets,
        task_type="CAUSAL_LM",
    )


def _heartbeat(attempt: Attempt, meter: StepMeter, on_event: OnEvent) -> Any:
    from transformers import TrainerCallback

    class Heartbeat(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            attempt.record.last_step = state.global_step
            meter.finished_step()
            attempt.beat()
            on_event(StepDone(state.global_step, state.max_steps))

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            attempt.record.checkpoint_step = state.global_step
            meter.saved()
            meter.finished_step()
            attempt.beat(now=True)

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if logs and "loss" in logs:
                on_event(LossSeen(state.global_step, logs["loss"]))

    return Heartbeat()
