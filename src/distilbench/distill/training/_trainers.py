"""TRL's trainers, each metered. torch and TRL are imported in the functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from distilbench.distill.accounts._stages import Attempt, StageRecord
from distilbench.distill.data._batches import IGNORED
from distilbench.distill.recipe._recipe import (
    Distillation,
    Method,
    Training,
    by_distillation_trainer,
)
from distilbench.distill.training._step_meter import StepMeter, Work, work_on
from distilbench.distill.training._with_loss import teacher_logits, with_loss
from distilbench.distill.training.objectives._gold import gold_trainer
from distilbench.distill.training.objectives._losses import top_k_divergence
from distilbench.distill.training.objectives._on_policy import on_policy_config, on_policy_trainer
from distilbench.distill.weights._models import Loaded

if TYPE_CHECKING:
    from distilbench.distill.training._train import Job

OnEvent = Callable[[dict[str, Any]], None]


def trainer_settings(job: Job, steps: int) -> dict[str, Any]:
    """Arguments that all of TRL's configurations share."""
    import torch

    training = job.training
    return {
        "output_dir": str(job.folder / "checkpoints"),
        "max_steps": steps,
        "per_device_train_batch_size": training.batch_size,
        "gradient_accumulation_steps": training.gradient_accumulation,
        "learning_rate": training.learning_rate,
        "lr_scheduler_type": training.schedule,
        "warmup_steps": round(training.warmup_share * steps),
        "weight_decay": training.weight_decay,
        "bf16": training.precision == "bfloat16",
        "gradient_checkpointing": training.gradient_checkpointing,
        "save_strategy": "steps",
        "save_steps": training.checkpoint_every,
        "save_total_limit": 2,
        "logging_steps": max(1, steps // 20),
        "report_to": [],
        "disable_tqdm": True,
        "seed": job.seed,
        "use_cpu": not torch.cuda.is_available(),
        "dataloader_pin_memory": torch.cuda.is_available(),
        "remove_unused_columns": False,
        "push_to_hub": False,
        "max_length": None,
        "dataset_kwargs": {"skip_prepare_dataset": True},
    }


def metered_trainer(
    method: Method,
    settings: dict[str, Any],
    *,
    model: Any,
    tokenizer: Any,
    teacher: Loaded | None,
    dataset: Any,
    collator: Any,
    distillation: Distillation,
    training: Training,
    max_new_tokens: int,
    attempt: Attempt,
    scoring: StageRecord | None,
    on_event: OnEvent,
) -> Any:
    """The trainer of a method, ready to train."""
    from transformers import PrinterCallback

    from distilbench.distill.training._train import training_shape

    cached = "logits" in dataset.column_names
    kind, config, extra = _kind(method, settings, distillation, cached, max_new_tokens)
    if teacher is not None and "teacher_model" in extra:
        extra["teacher_model"] = teacher.model.eval().requires_grad_(False)

    class Metered(kind):  # type: ignore[misc, valid-type]
        def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
            step = super().training_step
            return self.step_meter.step(
                lambda: step(model, inputs, num_items_in_batch), _work(self, inputs)
            )

    trainer = Metered(
        model=model,
        args=config,
        train_dataset=dataset,
        data_collator=collator,
        processing_class=tokenizer,
        peft_config=_lora(training),
        **extra,
    )
    student = trainer.accelerator.unwrap_model(trainer.model)
    trainer.step_meter = StepMeter(
        attempt,
        student,
        training_shape(student, training, method, distillation),
        teacher,
        scoring,
        window=training.gradient_accumulation if hasattr(trainer, "work") else 1,
        mixed=method == "on-policy" and 0 < distillation.on_policy_share < 1,
    )
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(_heartbeat(attempt, trainer.step_meter, on_event))
    return trainer


def _work(trainer: Any, inputs: Any) -> Callable[[], Work]:
    """What a step will have worked on, to be asked after it: GKD puts the student's own text in the
    place of the given one."""
    if hasattr(trainer, "work"):
        own: Callable[[], Work] = trainer.work
        return own
    given, prompts = inputs["input_ids"], inputs.get("prompts")

    def work() -> Work:
        replaced = prompts is not None and inputs["input_ids"] is not given
        return work_on(inputs, prompts.shape[1] if replaced else None)

    return work


def _kind(
    method: Method,
    settings: dict[str, Any],
    distillation: Distillation,
    cached: bool,
    max_new_tokens: int,
) -> tuple[Any, Any, dict[str, Any]]:
    """Trainer class, its configuration, and further arguments."""
    from trl import SFTConfig, SFTTrainer

    if cached:
        return _cached_logit_trainer(distillation), SFTConfig(**settings), {}
    if method in ("sft", "scratch", "sequence-level"):
        return SFTTrainer, SFTConfig(**settings), {}
    if by_distillation_trainer(method, distillation):
        config = on_policy_config(settings, distillation, max_new_tokens)
        return on_policy_trainer(), config, {"teacher_model": None}
    if distillation.divergence == "gold":
        return gold_trainer(distillation), SFTConfig(**settings), {"teacher_model": None}
    from trl.experimental.gkd import GKDConfig

    beta = distillation.beta_of_divergence
    share = distillation.on_policy_share if method == "on-policy" else 0.0
    config = GKDConfig(
        **settings,
        beta=beta,
        lmbda=share,
        temperature=distillation.temperature,
        max_new_tokens=max_new_tokens,
        disable_dropout=True,
    )
    loss_temperature = distillation.temperature if method == "logit" else 1.0
    return _gkd_trainer(loss_temperature), config, {"teacher_model": None}


def _gkd_trainer(temperature: float) -> Any:
    """TRL's GKD trainer; its loss, which TRL takes at temperature 1, at the recipe's."""
    from trl.experimental.gkd import GKDTrainer

    def loss(trainer: Any, logits: Any, inputs: dict[str, Any], num_items_in_batch: Any) -> Any:
        taught = teacher_logits(trainer, inputs)
        labels = inputs["labels"][:, 1:]
        # Of an on-policy batch, Trainer has counted the labels that were replaced.
        items = _of_this_rank(trainer, num_items_in_batch)
        if trainer.lmbda:
            items = (labels != IGNORED).sum().clamp_min(1)
            items = items * trainer.args.gradient_accumulation_steps
        return trainer.generalized_jsd_loss(
            logits[:, :-1],
            taught[:, :-1],
            labels=labels,
            beta=trainer.beta,
            temperature=temperature,
            num_items_in_batch=items,
        )

    return with_loss(GKDTrainer, loss)


def _cached_logit_trainer(distillation: Distillation) -> Any:
    """Logit distillation from cached logits, which TRL does not have: its SFT trainer with another
    loss."""
    from trl import SFTTrainer

    def loss(trainer: Any, logits: Any, inputs: dict[str, Any], num_items_in_batch: Any) -> Any:
        wanted = inputs["labels"][:, 1:] != IGNORED
        total = top_k_divergence(
            logits[:, :-1][wanted],
            inputs["teacher_tokens"],
            inputs["teacher_logprobs"],
            beta=distillation.beta_of_divergence,
            temperature=distillation.temperature,
            tail=distillation.tail,
        )
        items = _of_this_rank(trainer, num_items_in_batch)
        return total / (wanted.sum() if items is None else items)

    return with_loss(SFTTrainer, loss)


def _of_this_rank(trainer: Any, items: Any) -> Any:
    """The labels of all ranks by their number: ranks' gradients are averaged, not added."""
    return None if items is None else items / trainer.accelerator.num_processes


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
            on_event({"event": "step", "step": state.global_step, "of": state.max_steps})

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            attempt.record.checkpoint_step = state.global_step
            meter.saved()
            meter.finished_step()
            attempt.beat(now=True)

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if logs and "loss" in logs:
                on_event({"event": "loss", "step": state.global_step, "loss": logs["loss"]})

    return Heartbeat()
