"""Rows of a file: to train on, to judge by in between, and held out; and the order of the first."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from distilbench.distill.data._lines import lines_of
from distilbench.distill.recipe import Recipe
from distilbench.errors import InputError

T = TypeVar("T", bound=Hashable)
Splits = tuple[tuple[T, ...], tuple[T, ...], tuple[T, ...]]
"""To train on, of validation, held out."""


def split(recipe: Recipe, rows: Sequence[T], path: Path) -> Splits[T]:
    """Rows to train on, those of validation if it is asked for, and the last, which are held
    out: at least one of each."""
    validates = recipe.training.eval_steps is not None
    if len(rows) < 2 + validates:
        raise InputError(str(path), "is too short to hold a part of it out", "give more rows")
    count = min(len(rows) - 1 - validates, max(1, round(len(rows) * recipe.held_out.share)))
    left, held = rows[:-count], tuple(rows[-count:])
    if not validates:
        return tuple(left), (), held
    count = min(len(left) - 1, max(1, round(len(rows) * recipe.validation.share)))
    return tuple(left[:-count]), tuple(left[-count:]), held


def fresh(splits: Splits[T], path: Path) -> tuple[Splits[T], int]:
    """The splits, of which no row stands in two: it stays in the last one. And how many rows to
    train on were left out. Raises ``InputError`` if none is left of these, or nothing set apart."""
    train, validation, held = splits
    secret = set(held)
    judged = tuple(row for row in validation if row not in secret)
    secret.update(validation)
    kept = tuple(row for row in train if row and row not in secret)
    if not kept or not any(secret):
        raise InputError(str(path), "is too short to hold a part of it out", "give more text")
    return (kept, judged, held), len(train) - len(kept)


def in_order(
    rows: Sequence[T], column: str | None, path: Path, read: Callable[[str, str], T]
) -> tuple[T, ...]:
    """The rows by the numbers in a column of their file, low first; as they are, if there is none.
    ``read``: the row of a line and its place. Raises ``InputError`` naming a line without one."""
    if column is None:
        return tuple(rows)
    ranks: dict[T, float] = {}
    for line, where in lines_of(path.read_text("utf-8-sig"), path):
        value: Any = json.loads(line).get(column)
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
            raise InputError(where, f"has no number in {column!r}", "correct 'data.curriculum'")
        ranks.setdefault(read(line, where), float(value))
    return tuple(sorted(rows, key=lambda row: ranks[row]))
