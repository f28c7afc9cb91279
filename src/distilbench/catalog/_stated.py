"""One figure that a file of others gives for a model."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distilbench.errors import InputError

Data = dict[str, Any]


@dataclass(frozen=True)
class Stated:
    """One figure that a file gives for a model. ``field``: parameters, tokens, flops, released,
    price or score. ``value``: a count, FLOPs, a date as text, US dollars for a million tokens in
    and out, or percent."""

    model: str
    field: str
    value: float | str | tuple[float, float]
    file: str
    where: str
    benchmark: str | None = None
    metric: str | None = None
    shots: int | None = None
    note: str | None = None


def is_date(text: str) -> bool:
    """A day, a month or a year."""
    if not re.fullmatch(r"\d{4}(-\d\d(-\d\d)?)?", text):
        return False
    try:
        datetime.date.fromisoformat(f"{text}-01-01"[:10])
    except ValueError:
        return False
    return True


def mapping(data: Any, path: Path, field: str) -> Data:
    if not isinstance(data, dict):
        raise InputError(f"{path}: field {field!r}", "is no mapping", "get the file again")
    return data


def sequence(data: Any, path: Path, field: str) -> list[Any]:
    """A list of a file; a field that is not there is an empty one."""
    if data is None:
        return []
    if not isinstance(data, list):
        raise InputError(f"{path}: field {field!r}", "is no list", "get the file again")
    return data


def number(value: Any) -> float | None:
    """A finite number, or one written as text, as Every Eval Ever's details are; else null."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if abs(found) < float("inf") else None
