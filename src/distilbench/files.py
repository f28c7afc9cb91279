"""Files that are written whole or not at all, and folders that one process holds at a time."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from distilbench.errors import InputError

if TYPE_CHECKING:
    import polars as pl


def write_json(path: Path, data: object) -> None:
    write_text(path, json.dumps(data, indent=1, default=str))


def write_text(path: Path, text: str) -> None:
    with _whole(path) as partial:
        partial.write_text(text, "utf-8")


def write_parquet(path: Path, data: pl.DataFrame) -> None:
    with _whole(path) as partial:
        data.write_parquet(partial)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a folder: two runs in one would measure each other. Raises ``InputError`` if another
    process holds it."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise InputError(
            str(folder), "another run is at work in it", "wait for it, or stop it"
        ) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Another name to write under, renamed to ``path`` once all is written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    yield partial
    partial.replace(path)
