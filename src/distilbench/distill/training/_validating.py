"""Judges a student while it trains, on a split of its own: transformers' evaluation, early stopping
and best checkpoint, by the loss that trials are judged by."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from distilbench.distill.accounts import Attempt, FlopSample
from distilbench.distill.recipe import Training
from distilbench.distill.training._evaluate import held_out_loss
from distilbench.distill.training._job import Job
from distilbench.distill.weights import Loaded
from distilbench.events import Noted, OnEvent, ValidationSeen

_METRIC = "eval_loss"


@dataclass
class Validating:
    """The evaluations of one training. ``inner`` takes their time, energy, tokens and FLOPs, which
    are none of ``training``'s."""

    job: Job
    student: Loaded
    training: Attempt
    inner: Attempt
    on_event: OnEvent
    _sample: FlopSample = field(default_factory=lambda: FlopSample(every=20))

    def join(self, trainer: Any, training: Training) -> None:
        """Let a trainer evaluate every ``eval_steps`` and behind its last step, and keep the best
        checkpoint, or stop early, if the recipe says so."""
        from transformers import EarlyStoppingCallback
        from transformers.trainer_utils import IntervalStrategy

        trainer.validation, args = self, trainer.args
        args.eval_strategy, args.eval_steps = IntervalStrategy.STEPS, training.eval_steps
        trainer.add_callback(_last_step())
        if not training.keeps_best:
            return
        args.load_best_model_at_end, args.metric_for_best_model = True, _METRIC
        args.greater_is_better = False
        if training.early_stopping_patience is not None:
            trainer.add_callback(
                EarlyStoppingCallback(
                    training.early_stopping_patience, training.early_stopping_threshold
                )
            )

    def metrics(self, trainer: Any) -> dict[str, float]:
        """The loss on the split, nats for each token; infinite where it is not a number, so that it
        is never the best."""
        model = trainer.accelerator.unwrap_model(trainer.model)
        loaded = Loaded(model, self.student.tokenizer, "")
        size = self.job.training.batch_size
        with self.training.elsewhere(self.inner):
            judged = held_out_loss(loaded, self.job.validation, size, self.inner, self._sample)
        model.train()
        self.on_event(ValidationSeen(trainer.state.global_step, judged.loss))
        return {_METRIC: math.inf if judged.loss is None else judged.loss}

    def had_stopped(self, trainer: Any, resumed: Path | None) -> bool:
        """Whether the training had stopped early at the checkpoint, and was killed before its
        student was saved; the best is loaded then. Else its patience goes on from there."""
        from transformers import EarlyStoppingCallback, TrainerState

        if resumed is None or not trainer.args.load_best_model_at_end:
            return False
        state = TrainerState.load_from_json(str(resumed / "trainer_state.json"))
        trainer.add_callback(_at_home(Path(trainer.args.output_dir)))
        for callback in trainer.callback_handler.callbacks:
            if not isinstance(callback, EarlyStoppingCallback):
                continue
            kept = state.stateful_callbacks.get("EarlyStoppingCallback", {})
            count = kept.get("attributes", {}).get("early_stopping_patience_counter", 0)
            callback.early_stopping_patience_counter = count
            if count >= callback.early_stopping_patience:
                trainer.state = _moved(state, Path(trainer.args.output_dir))
                if trainer.state.best_model_checkpoint is not None:
                    trainer._load_best_model()
                self.training.record.last_step = state.global_step
                return True
        return False

    def tell(self, trainer: Any, steps: int) -> None:
        """Say where it stopped, and which student is kept."""
        state = trainer.state
        if state.global_step < steps:
            self.on_event(Noted(f"stopped early at step {state.global_step:,} of {steps:,}"))
        if trainer.args.load_best_model_at_end and state.best_global_step:
            self.on_event(
                Noted(
                    f"kept the student of step {state.best_global_step:,}, whose validation loss"
                    f" was the lowest ({state.best_metric:.4f})"
                )
            )

    def close(self) -> None:
        """Write the record's end."""
        record = self.inner.record
        record.status = "done" if record.samples else "failed"
        with self.training.elsewhere(self.inner):
            pass


def _moved(state: Any, folder: Path) -> Any:
    """The state with its best checkpoint in ``folder``: what made it may have named it from
    elsewhere."""
    if state.best_model_checkpoint is not None:
        state.best_model_checkpoint = str(folder / Path(state.best_model_checkpoint).name)
    return state


def _at_home(folder: Path) -> Any:
    from transformers import TrainerCallback

    class AtHome(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            _moved(state, folder)

    return AtHome()


def _last_step() -> Any:
    from transformers import TrainerCallback

    class LastStep(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step >= state.max_steps:
                control.should_evaluate = True

    return LastStep()
