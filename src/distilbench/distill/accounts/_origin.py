"""Where the teacher of a recipe is, and which card says what it is: found without loading it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from distilbench.distill.recipe import Teacher
from distilbench.engines import card_beside, packaged
from distilbench.source import Source


@dataclass
class Origin:
    """Where a teacher is and what is known of it. ``source`` null: there is none."""

    source: Source | None
    folder: Path
    where: str
    card: str | None = None
    """Id of its card in the catalog, as the recipe says or as the packaged model has it."""
    beside: Path | None = None
    """A ``card.yaml`` that lies beside its weights."""
    parameters: float | None = None
    """Those that a token passes through, as the recipe states them."""


def find_origin(teacher: Teacher, source: Source, folder: Path, where: str) -> Origin:
    """Of a teacher that is there: its ``source`` from ``folder``."""
    field = f"{where}: field 'teacher.source'"
    known = packaged(source)
    return Origin(
        source=source,
        folder=folder,
        where=field,
        card=teacher.card or (known.card if known else None),
        beside=card_beside(source, folder, field),
        parameters=teacher.parameters,
    )
