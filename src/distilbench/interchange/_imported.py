"""What an importer found, and the numbers it may hold."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_UNMATCHED_SEED = 0


@dataclass(frozen=True)
class Naming:
    """What the user says of what he imports; null: as the files say."""

    model: str | None = None
    profile: str | None = None
    metric: str | None = None
    """Which score counts, in the program's own words: ``Importer.metric``."""
    role: str | None = None
    card: str | None = None


@dataclass(frozen=True)
class Imported:
    """One model on one task, as another program measured it.

    ``samples`` are columns of sample records (at least ``sample_id`` and ``score``), ``facts``
    columns of the cell record. ``texts`` are, for each ``sample_id``, the texts that may be its
    question. ``model`` is the program's own name for the model, ``names`` the names it may bear in
    a run, the best first (null: made of ``model``). ``settings`` are set by the program and are
    part of the profile's name, whatever the user calls it. ``missing`` says what is missing of the
    answers: then there is no accuracy, and the samples are kept aside.
    """

    tool: str
    origin: str
    model: str
    task: str
    source: Path
    facts: dict[str, Any] = field(default_factory=dict)
    samples: list[dict[str, Any]] = field(default_factory=list)
    texts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    profile: str | None = None
    seed: int = _UNMATCHED_SEED
    names: tuple[str, ...] | None = None
    settings: str = ""
    missing: str | None = None


def share(value: Any) -> float | None:
    """A score as a number in [0, 1]; null if it is none."""
    return float(value) if isinstance(value, bool | int | float) and 0 <= value <= 1 else None


def number(value: Any) -> float | None:
    """A finite number; null for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf:
        return float(value) if isinstance(value, float) or abs(value) < 2**1023 else None
    return None


def whole(value: Any) -> int | None:
    """A whole number that a record can hold; null for anything else."""
    found = number(value)
    return int(found) if found is not None and abs(found) < 2**62 else None
