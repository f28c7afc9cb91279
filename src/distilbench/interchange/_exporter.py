"""What an exporter is, and the registry of those that there are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from distilbench.interchange._exported import Exported
from distilbench.registry import by_name, registered

ENTRY_POINT = "distilbench.exporters"
_HOME = "distilbench.interchange.exporters"
_BASE = "distilbench.interchange.Exporter"


class Exporter(ABC):
    """A form that results are written in. An exporter is one class in one file, made without
    arguments.

    Another package adds one by an entry point of the group ``distilbench.exporters``.
    """

    format: ClassVar[str]
    """Its word after ``--format``."""
    writes: ClassVar[str]
    """What it writes, in a few words."""

    def has_content(self, run: Exported) -> bool:
        """Whether the run holds what this form can say: by default, an accuracy."""
        return not run.results.is_empty()

    @abstractmethod
    def write(self, run: Exported, out: Path) -> list[Path]:
        """Write the run into the folder ``out``, which is there; returns the files."""


def all_exporters() -> dict[str, Exporter]:
    """All exporters by their format. Raises ``InputError`` if what another package names is none,
    or has the format of another."""
    found = registered(Exporter, _HOME, ENTRY_POINT, _BASE)  # type: ignore[type-abstract]
    return {name: kind() for name, kind in by_name(found, "format", "format").items()}
