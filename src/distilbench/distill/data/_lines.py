"""The rows of a file of JSON Lines, each with its place, which errors name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from distilbench.errors import InputError


def lines_of(text: str, path: Path) -> Iterator[tuple[str, str]]:
    """The lines of a file's ``text`` that hold anything, and their places."""
    # Not splitlines: JSON strings may hold the other separators of lines that it knows.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield line, f"{path}: row {number}"


def in_column(line: str, column: str, where: str, kind: str) -> Any:
    """What a line has in a column. Raises ``InputError`` if it has none: no ``kind`` is there."""
    try:
        return json.loads(line)[column]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(where, f"has no {kind} in {column!r}", "set 'data.column'") from error
