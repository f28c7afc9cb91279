"""What an engine is: the contract between what runs a model and what asks it questions.

An engine is one class, in one file of ``engines/kinds``, or in another package with an entry point
of the group ``distilbench.engines``. The name of the file or entry point is the scheme of the
sources that it runs (:func:`engine_of`). What a class that inherits from :class:`Engine` does not
say for itself is the most cautious answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from distilbench.engines._settings import EngineSettings
from distilbench.errors import InputError
from distilbench.meter import EnergyMeter
from distilbench.providers import Provider
from distilbench.registry import named
from distilbench.source import ENGINES, FILE, KINDS, Source

if TYPE_CHECKING:
    from inspect_ai.model import ChatMessage, Model

    from distilbench.architecture import Quantization

_BASE = "distilbench.engines.Engine"
Conversations = Callable[[], "list[list[ChatMessage]]"]


@dataclass(frozen=True)
class Assignment:
    """A model under one profile, as an engine is given it. Data only."""

    source: Source
    reference: str
    """What Inspect calls the model: ``provider/model``, as :meth:`Engine.reference` made it."""
    settings: EngineSettings
    """What the profile allows."""
    file: Path | None = None
    """Its file, where :meth:`Engine.locate` found it."""
    program: Path | None = None
    """What runs it, where :meth:`Engine.program` found that."""
    base_url: str | None = None
    args: Mapping[str, Any] = field(default_factory=dict)
    greedy: bool = True
    retries: int = 5
    request_timeout_s: int = 600


@dataclass
class WarmUp:
    """The evaluation of a prompt prefix that all questions share."""

    tokens: int = 0
    seconds: float = 0.0


class Engine(Protocol):
    """A model under one profile, from before it is loaded to its end.

    The class answers what is asked before there is a model. An object of it is made in the worker,
    loaded once, asked cell after cell through Inspect, and closed.
    """

    asks_anyway: ClassVar[bool] = False
    """Whether questions are asked of a model that did not load: each then ends in an outcome that
    says why. Else none is asked, and each ends in an error."""
    works_in_pid: ClassVar[bool] = False
    """Whether all its work is done in the process ``pid``, so that other work can be told from
    it."""
    forces_budget: ClassVar[bool] = False
    """Whether it ends a thought itself when its budget is used up, and asks for the answer."""

    # What is asked of the class, before any work.

    @classmethod
    def provider(cls, source: Source) -> Provider:
        """What is known of its provider in Inspect: where it runs, what it can be told."""
        return Provider(source.scheme)

    @classmethod
    def locate(
        cls, source: Source, quantization: Quantization | None, folder: Path, where: str
    ) -> Path | None:
        """The file behind ``source``, fetched, quantized; null: the engine needs none from here.
        The one time that a model is looked for. Raises ``InputError`` naming ``where``."""
        if quantization:
            raise InputError(where, "is served elsewhere and cannot be quantized here", "drop it")
        return None

    @classmethod
    def program(cls, source: Source, folder: Path, where: str) -> Path | None:
        """The program of the user's own that ``source`` names to run its model; null: none. Raises
        ``InputError`` naming ``where`` if it is not there or may not be run."""
        return None

    @classmethod
    def reference(cls, source: Source, file: Path | None) -> str:
        """What Inspect calls the model."""
        return f"{source.scheme}/{source.rest}"

    @classmethod
    def gpu_memory_bytes(cls, index: int, where: str, program: Path | None) -> int | None:
        """Memory of the GPU ``index`` that a profile names, as the engine or its ``program`` sees
        it; null: the engine uses none that a profile names. Raises ``InputError`` naming ``where``
        if it sees no such GPU."""
        return None

    @classmethod
    def check(cls, asked: Assignment, where: str) -> None:
        """Raises ``InputError`` naming ``where`` if it is known already that this cannot run."""
        return None

    @classmethod
    def serves_many(cls, asked: Assignment) -> bool:
        """Whether several workers can ask it at the same time: it is there before them and works
        outside of them."""
        return False

    @classmethod
    def place(cls, asked: Assignment) -> str | None:
        """Where it works, as ``runs_on`` of the cell record says it; null: not known."""
        return None

    # Its life.

    def __init__(self, asked: Assignment) -> None: ...

    @property
    def model(self) -> Model:
        """The model as Inspect asks it."""
        ...

    def load(self) -> None:
        """Load the model, so that no question waits for it. Raises whatever its library does."""
        ...

    def close(self) -> None:
        """End what it started and delete what it wrote. Also while it loads, or after it failed."""
        ...

    def energy_meter(self, processor: str) -> EnergyMeter:
        """What measures the joules of its work, begun before it is loaded."""
        return EnergyMeter((), "the engine does not tell where it works")

    def begin(self) -> None:
        """A cell begins: peak memory and CPU time are counted from here."""
        return None

    def warm_up(self, conversations: Conversations) -> WarmUp | None:
        """Evaluate once what these conversations share, outside the clock of any question; null:
        there is nothing to gain. ``conversations``: called only where they are needed."""
        return None

    def options(self) -> dict[str, Any]:
        """What Inspect's ``eval_set`` is given beside what every engine is."""
        return {}

    # What it tells. Each may be asked at any time, also where the model did not load.

    @property
    def pid(self) -> int | None:
        """Its own process on this machine, while there is one; null: none that is known."""
        return None

    @property
    def load_s(self) -> float | None:
        """Seconds that loading took; null: nothing was loaded, or it is not known."""
        return None

    @property
    def peak_memory_bytes(self) -> int | None:
        """Since the cell began; null: not known."""
        return None

    def cpu_seconds_beside(self) -> float | None:
        """CPU seconds of its work in other processes of this machine than this one, so that other
        work can be told from it; null: not known, or it has a process of its own (``pid``)."""
        return None

    def read_share(self) -> float | None:
        """What part of its file is read while it loads, in [0, 1]; null: not known."""
        return None

    @property
    def lost(self) -> str | None:
        """Why it cannot go on, by no fault of the model: its questions are then not answered, and
        asked again by the next run. Null: it can."""
        return None

    def facts(self) -> dict[str, Any]:
        """Columns of the cell record: ``engine``, ``engine_version``, ``runs_on``, ``clock``, what
        it knows of the model, and of its memory how it is known or why it is not."""
        ...

    def advice(self) -> str | None:
        """Once it is loaded: a sentence that its user should read before the figures; null: none
        is needed."""
        return None

    def enforcement(self) -> list[str]:
        """By which means it keeps each of ``settings``' limits, or that it does not."""
        return []


def engine_of(source: Source, where: str) -> type[Engine]:
    """The engine that runs models of this source. Raises ``InputError`` naming ``where`` if there
    is none, and naming the package that brings it if that is at fault."""
    scheme = FILE if source.has_files else source.scheme
    try:
        return named(Engine, KINDS, ENGINES, _BASE, scheme)  # type: ignore[type-abstract]
    except KeyError:
        raise InputError(
            where, f"no installed engine runs {source.scheme!r} sources", "install its package"
        ) from None
