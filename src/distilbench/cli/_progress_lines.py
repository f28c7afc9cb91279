"""Progress of a distillation or an experiment: lines on standard error."""

from __future__ import annotations

import time

from distilbench.cli._counts import Count, Seldom, say
from distilbench.durations import duration
from distilbench.events import (
    AnswersJudged,
    Event,
    LossSeen,
    Noted,
    StepDone,
    TeacherFirst,
    TextsBegun,
    TextsDone,
    TrainingBegun,
    TrainingFinished,
    TrainingNamed,
    TrialJudged,
    ValidationSeen,
    WeightsLoading,
)


class Lines:
    """What begins and what came of it, and in between every ``LINE_S`` how many texts or steps are
    done and how long the rest takes."""

    def __init__(self, quiet: bool) -> None:
        self._quiet, self._seldom = quiet, Seldom()
        self._started = time.perf_counter()
        self._count = Count("steps", 0)
        self._loss: float | None = None

    def on_event(self, event: Event) -> None:
        text = f"note: {event.text}" if isinstance(event, Noted) else self._text(event)
        if text and not self._quiet:
            say(text)

    def _text(self, event: Event) -> str | None:
        match event:
            case TrainingNamed(name, number, of):
                return self._so_far(f"{name} ({number} of {of})")
            case TrainingFinished(name, accuracy, loss):
                said = f"loss {_nats(loss)}" if accuracy is None else f"accuracy {accuracy:.1%}"
                return self._so_far(f"{name}: {said}")
            case TeacherFirst(recipe):
                return f"the teacher first: {recipe}"
            case WeightsLoading(what):
                return f"loading {what}"
            case TextsBegun(work, new, reused):  # the count goes on from those in the cache
                said = "generated" if work == "generates" else "scored"
                self._begin(f"texts {said}", new + reused, reused)
                return f"the teacher {work} {new:,} texts, {reused:,} are in the cache"
            case TextsDone(count):
                return self._advance(self._count.done + count)
            case AnswersJudged(kept, total):
                return f"{kept:,} of {total:,} answers are right and kept"
            case TrainingBegun(steps, first):
                self._begin("steps", steps, first)
                return f"training: {steps:,} steps, from step {first:,}"
            case StepDone(step):
                return self._advance(step)
            case LossSeen(_, loss):
                self._loss = loss
            case ValidationSeen() | TrialJudged():
                return _judged(event)
        return None

    def _begin(self, what: str, total: int, done: int) -> None:
        self._count, self._loss = Count(what, total, done=done, skipped=done), None

    def _advance(self, done: int) -> str | None:
        """The count so far, if it is time to say it or all is done."""
        self._count.done = done
        if not self._seldom.due() and done < self._count.total:
            return None
        return f"{self._count}{'' if self._loss is None else f', loss {self._loss:.4f}'}"

    def _so_far(self, said: str) -> str:
        return f"{said} ({duration(time.perf_counter() - self._started)} so far)"


def _judged(event: ValidationSeen | TrialJudged) -> str:
    if isinstance(event, ValidationSeen):
        return f"step {event.step:,}: validation loss {_nats(event.loss)}"
    return f"trial {event.trial}: held-out loss {_nats(event.loss)}"


def _nats(loss: float | None) -> str:
    return "not a number" if loss is None else f"{loss:.4f}"
