"""Where the teacher of a recipe is, and which card says what it is: found without loading it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from distilbench.distill.recipe import Teacher
from distilbench.engines import PACKAGED


@dataclass
class Origin:
    """Where a teacher is and what is known of it. ``source`` null: there is none."""

    source: str | None
    folder: Path
    where: str
    card: str | None = None
    """Id of its card in the catalog, as the recipe says or as the packaged model has it."""
    beside: Path | None = None
    """A ``card.yaml`` that lies beside its weights."""


def find_origin(teacher: Teacher, source: str, folder: Path, where: str) -> Origin:
    """Of a teacher that is there: its ``source`` from ``folder``."""
    place = (folder / Path(source).expanduser()).resolve()
    beside = (place if place.is_dir() else place.parent) / "card.yaml"
    packaged = PACKAGED.get(source.removeprefix("pypi:"))
    return Origin(
        source=source,
        folder=folder,
        where=f"{where}: field 'teacher.source'",
        card=teacher.card or (packaged.card if packaged else None),
        beside=beside if beside.is_file() else None,
    )
