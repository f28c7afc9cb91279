"""A trainer as the lab makes it, on models of a moment: its loss and gradients can be asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from distilbench.distill.accounts import StageMeter
from distilbench.distill.data import Example
from distilbench.distill.recipe import Distillation, Training
from distilbench.distill.training._job import Job
from distilbench.distill.training._objective import objective_of
from distilbench.distill.training._trainers import metered_trainer
from distilbench.distill.weights import Loaded
from distilbench.events import ignore

EXAMPLES = (
    Example((5, 6, 7), (8, 9, 10, 0)),
    Example((11, 12), (13, 0)),
    Example((20, 21, 22, 23, 24), (25, 26, 0)),
)


def made_trainer(
    folder: Path,
    student: Loaded,
    teacher: Loaded | None,
    method: str,
    distillation: dict[str, Any] | None = None,
    examples: Sequence[Example] = EXAMPLES,
    logits: Sequence[Sequence[Path]] | None = None,
    **training: Any,
) -> Any:
    objective = objective_of(method, Distillation.model_validate(distillation or {}))
    job = Job(
        objective=objective,
        training=Training.model_validate({"batch_size": len(examples), **training}),
        examples=examples,
        folder=folder,
        seed=0,
        max_new_tokens=4,
        logits=logits,
    )
    live = objective.needs == "live"
    objective.attach(student, teacher if live else None, 0)
    meter = StageMeter("s", folder / "attempts")
    with meter.stage("student_training") as attempt:
        scoring = meter.beside(attempt, "logit_caching") if live else None
        return metered_trainer(job, 1, student, teacher, attempt, scoring, ignore)


def loss_and_gradients(trainer: Any) -> tuple[float, dict[str, Any]]:
    """Of all its examples as one batch."""
    batch = trainer.data_collator(list(trainer.train_dataset))
    trainer.model.zero_grad()
    loss = trainer.compute_loss(trainer.model, batch)
    loss.backward()
    found = {n: p.grad.clone() for n, p in trainer.model.named_parameters() if p.grad is not None}
    return float(loss.detach()), found
