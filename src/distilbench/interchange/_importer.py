"""What an importer is, and the registry of those that there are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from distilbench.interchange._imported import Imported, Naming
from distilbench.interchange._read import read_json, read_json_lines
from distilbench.registry import registered

ENTRY_POINT = "distilbench.importers"
_HOME = "distilbench.interchange.importers"
_BASE = "distilbench.interchange.Importer"
_LONGEST_LINE = 100_000


@dataclass(frozen=True)
class ResultFile:
    """A file that may hold results. It is read once, however many importers ask."""

    path: Path

    @cached_property
    def first_line(self) -> bytes:
        """The first line, of 100,000 bytes at most; empty in an empty file."""
        with self.path.open("rb") as lines:
            return lines.readline(_LONGEST_LINE)

    @cached_property
    def json(self) -> Any:
        """The content of a JSON file (UTF-8, 16 or 32). Raises ``InputError`` if it is none."""
        return read_json(self.path)

    @cached_property
    def json_lines(self) -> list[dict[str, Any]]:
        """The objects of a JSON Lines file. Raises ``InputError`` naming the line that is none."""
        return list(read_json_lines(self.path))


class Importer(ABC):
    """The results of one program. An importer is one class in one file, made without arguments.

    Another package adds one by an entry point of the group ``distilbench.importers``.
    """

    program: ClassVar[str]
    """The program, as people call it."""
    reads: ClassVar[str]
    """What of it is read, in a few words: ``output folder, or results_*.json``."""
    suffixes: ClassVar[tuple[str, ...]]
    """Endings of the files that may be its results, with the dot: it is asked of no other."""
    metric: ClassVar[str | None] = None
    """What ``Naming.metric`` (``--metric``) names in its results; null: they have one score only,
    or none."""
    refuses: ClassVar[Mapping[str, tuple[str, str]]] = {}
    """Endings of files of its program that do not say enough: what is wrong with them, and the
    remedy."""

    @abstractmethod
    def recognises(self, file: ResultFile) -> bool:
        """Whether the file holds its program's results. Of one that is damaged too: ``read`` then
        says what is wrong. No other importer may say the same of it."""

    @abstractmethod
    def read(self, file: ResultFile, naming: Naming) -> list[Imported]:
        """The results in a file that it recognises: one for each model on each task.

        Raises ``InputError`` naming the file and the field if it is damaged. The file is a
        stranger's: nothing in it is run.
        """


def all_importers() -> tuple[Importer, ...]:
    """All importers. Raises ``InputError`` if what another package names is none."""
    return tuple(kind() for kind in registered(Importer, _HOME, ENTRY_POINT, _BASE))  # type: ignore[type-abstract]
