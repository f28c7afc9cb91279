"""What an engine is: the contract between what runs a model and what asks it questions.

An engine is one class. Which one runs a model, the scheme of its source says
(:func:`engine_of`); another package adds one by an entry point of the group ``distilbench.engines``
whose name is the scheme. Such a class may inherit from :class:`Engine`: what it does not say for
itself is then the most cautious answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, cast

from distilbench.engines._settings import EngineSettings
from distilbench.errors import InputError
from distilbench.meter import EnergyMeter
from distilbench.providers import Provider
from distilbench.source import ENGINES, FILE, HUB, INSPECT, PACKAGE, Source

if TYPE_CHECKING:
    from inspect_ai.model import ChatMessage, Model

    from distilbench.architecture import Quantization

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
    def reference(cls, source: Source, file: Path | None) -> str:
        """What Inspect calls the model."""
        return f"{source.scheme}/{source.rest}"

    @classmethod
    def gpu_memory_bytes(cls, index: int, where: str) -> int | None:
        """Memory of the GPU ``index`` that a profile names; null: the engine uses none that a
        profile names. Raises ``InputError`` naming ``where`` if it sees no such GPU."""
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

    def read_share(self) -> float | None:
        """What part of its file is read while it loads, in [0, 1]; null: not known."""
        return None

    def facts(self) -> dict[str, Any]:
        """Columns of the cell record: ``engine``, ``engine_version``, ``runs_on``, ``clock``, and
        what it knows of the model."""
        ...

    def enforcement(self) -> list[str]:
        """By which means it keeps each of ``settings``' limits, or that it does not."""
        return []


_OWN = {
    **dict.fromkeys((FILE, HUB, PACKAGE), "distilbench.engines._embedded:Embedded"),
    INSPECT: "distilbench.engines._served:Served",
}


def engine_of(source: Source, where: str) -> type[Engine]:
    """The engine that runs models of this source. Raises ``InputError`` naming ``where`` if the
    package that brings it cannot be imported."""
    if source.scheme in _OWN:
        return cast("type[Engine]", EntryPoint(source.scheme, _OWN[source.scheme], ENGINES).load())
    found = next(iter(entry_points(group=ENGINES, name=source.scheme)), None)
    if found is None:
        raise InputError(
            where, f"no installed engine runs {source.scheme!r} sources", "install its package"
        )
    try:
        return cast("type[Engine]", found.load())
    except Exception as error:  # whatever another package's import raises
        said = f"the engine {found.value} cannot be imported ({type(error).__name__}: {error})"
        raise InputError(where, said, "mend its package, or remove it") from error
