"""What long work tells its listeners: a run, a distillation, an experiment.

One union, told apart by the field ``event``. A worker tells its parent by one line of JSON for each
(:func:`as_line`, :func:`read_line`); a worker of another version may tell what this one does not
know, and that is passed over.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pydantic import TypeAdapter


@dataclass(frozen=True)
class Planned:
    """A run begins. ``samples``: of each cell that is still to be answered, those of the shards
    that are not finished."""

    cells: int
    samples: Mapping[str, int]
    event: Literal["planned"] = "planned"


@dataclass(frozen=True)
class Noted:
    """A sentence that the user should read before the figures."""

    text: str
    event: Literal["noted"] = "noted"


@dataclass(frozen=True)
class ModelLoading:
    """A model is loaded. ``share``: what part of its file is read, in [0, 1]; null: it begins."""

    model: str
    share: float | None = None
    event: Literal["model_loading"] = "model_loading"


@dataclass(frozen=True)
class ModelLoaded:
    model: str
    load_s: float
    event: Literal["model_loaded"] = "model_loaded"


@dataclass(frozen=True)
class ModelRefused:
    """A model does not load: its cells end without an answer."""

    model: str
    error: str
    event: Literal["model_refused"] = "model_refused"


@dataclass(frozen=True)
class CellBegun:
    """A worker turns to a cell. Of workers side by side, each says so."""

    cell: str
    event: Literal["cell_begun"] = "cell_begun"


@dataclass(frozen=True)
class SampleDone:
    """A question is answered, and on disk. ``pid``: the worker that did. ``shard``: its number in
    the cell, from 1."""

    sample_id: str
    epoch: int
    pid: int
    cell: str
    shard: int
    event: Literal["sample_done"] = "sample_done"


@dataclass(frozen=True)
class ShardDone:
    """A part of a cell is finished. ``samples``: all of it, also those of earlier attempts."""

    cell: str
    shard: int
    of: int
    samples: int
    event: Literal["shard_done"] = "shard_done"


@dataclass(frozen=True)
class CellDone:
    cell: str
    event: Literal["cell_done"] = "cell_done"


@dataclass(frozen=True)
class MinuteDone:
    """A model has been kept under load for so many minutes ``of`` those that were asked for."""

    model: str
    minute: int
    of: int
    event: Literal["minute_done"] = "minute_done"


@dataclass(frozen=True)
class WorkerDied:
    """``log``: the file that says more."""

    model: str
    reason: str
    log: str
    event: Literal["worker_died"] = "worker_died"


@dataclass(frozen=True)
class Collected:
    """A run ends. ``samples``: sample records of all its cells."""

    samples: int
    event: Literal["collected"] = "collected"


@dataclass(frozen=True)
class TrainingNamed:
    """An experiment comes to its training ``number`` (from 1) ``of`` so many."""

    name: str
    number: int
    of: int
    event: Literal["training_named"] = "training_named"


@dataclass(frozen=True)
class TrainingFinished:
    """``accuracy``: of that training's model on held-out questions; null: it was given text.
    ``loss``: held out, nats a token; null: not told, or not a number."""

    name: str
    accuracy: float | None
    loss: float | None = None
    event: Literal["training_finished"] = "training_finished"


@dataclass(frozen=True)
class TeacherFirst:
    """A recipe's teacher is made by a recipe of its own."""

    recipe: str
    event: Literal["teacher_first"] = "teacher_first"


@dataclass(frozen=True)
class WeightsLoading:
    """``what``: in words."""

    what: str
    event: Literal["weights_loading"] = "weights_loading"


@dataclass(frozen=True)
class TextsBegun:
    """The teacher generates or scores ``new`` texts; ``reused`` ones are in the cache."""

    work: Literal["generates", "scores"]
    new: int
    reused: int
    event: Literal["texts_begun"] = "texts_begun"


@dataclass(frozen=True)
class TextsDone:
    """``count`` more texts than before."""

    count: int
    event: Literal["texts_done"] = "texts_done"


@dataclass(frozen=True)
class AnswersJudged:
    """Rejection: ``kept`` right answers of ``total``."""

    kept: int
    total: int
    event: Literal["answers_judged"] = "answers_judged"


@dataclass(frozen=True)
class TrainingBegun:
    """``first_step``: where a training that was interrupted goes on, else 0."""

    steps: int
    first_step: int
    event: Literal["training_begun"] = "training_begun"


@dataclass(frozen=True)
class StepDone:
    step: int
    of: int
    event: Literal["step_done"] = "step_done"


@dataclass(frozen=True)
class LossSeen:
    """Training loss, as the trainer logs it."""

    step: int
    loss: float
    event: Literal["loss_seen"] = "loss_seen"


@dataclass(frozen=True)
class ValidationSeen:
    """``loss``: of the validation split in the midst of training, nats a token; null: not a
    number."""

    step: int
    loss: float | None
    event: Literal["validation_seen"] = "validation_seen"


@dataclass(frozen=True)
class TrialJudged:
    """``loss``: held out, nats a token; null: not a number."""

    trial: int
    loss: float | None
    event: Literal["trial_judged"] = "trial_judged"


@dataclass(frozen=True)
class AccuracyMeasured:
    accuracy: float
    event: Literal["accuracy_measured"] = "accuracy_measured"


RunEvent = (
    Planned
    | Noted
    | ModelLoading
    | ModelLoaded
    | ModelRefused
    | CellBegun
    | SampleDone
    | ShardDone
    | CellDone
    | MinuteDone
    | WorkerDied
    | Collected
)
DistillEvent = (
    TrainingNamed
    | TrainingFinished
    | TeacherFirst
    | WeightsLoading
    | TextsBegun
    | TextsDone
    | AnswersJudged
    | TrainingBegun
    | StepDone
    | LossSeen
    | ValidationSeen
    | TrialJudged
    | AccuracyMeasured
)
Event = RunEvent | DistillEvent
OnEvent = Callable[[Event], None]
"""Takes one event, and passes over those that it does not know."""


def ignore(event: Event) -> None:
    """Listen to nothing."""


def as_line(event: Event) -> str:
    r"""An event as one line of JSON.

    >>> as_line(CellDone("a--b--c--0--d"))
    '{"cell": "a--b--c--0--d", "event": "cell_done"}\n'
    """
    return json.dumps(asdict(event)) + "\n"


def read_line(line: str) -> Event | None:
    """The event of a line; null: none that this version knows. Fields that it does not know are
    passed over.

    >>> read_line('{"event": "noted", "text": "busy", "since": 3}')
    Noted(text='busy', event='noted')
    >>> read_line('{"event": "rained"}') is read_line("Traceback") is None
    True
    """
    from pydantic import ValidationError

    try:
        found: Event = _reader().validate_json(line)
    except ValidationError:
        return None
    return found


@cache
def _reader() -> TypeAdapter[Any]:
    from typing import Annotated

    from pydantic import Field, TypeAdapter

    return TypeAdapter(Annotated[Event, Field(discriminator="event")])
