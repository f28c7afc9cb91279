"""Files and folders that are written whole or not at all, and those that one process holds at a
time."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.errors import InputError

if TYPE_CHECKING:
    import polars as pl

_DAMAGED = "put back a copy of it, or begin again in another folder"
_NO_FIELDS: Mapping[str, type] = {}


def write_json(path: Path, data: object) -> None:
    write_text(path, json.dumps(data, indent=1, default=str))


def write_text(path: Path, text: str) -> None:
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    with whole_file(path) as partial:
        partial.write_bytes(data)


def copy_file(file: Path, to: Path) -> None:
    with whole_file(to) as partial:
        shutil.copyfile(file, partial)


def write_parquet(path: Path, data: pl.DataFrame) -> None:
    from polars.exceptions import ComputeError

    with whole_file(path) as partial:
        try:
            data.write_parquet(partial)
        except ComputeError as error:  # what the disk refuses, without its number
            raise InputError(
                str(path), f"cannot be written ({error})", "look for free space and limits of files"
            ) from error


def read_parquet(path: Path, remedy: str = _DAMAGED) -> pl.DataFrame:
    """The table in one file: polars takes ``[`` and ``*`` in a name for a pattern, and a folder for
    all files in it. Raises ``InputError`` if it is cut or no table; ``OSError`` if it cannot be
    read."""
    import polars as pl

    with path.open("rb") as file:
        try:
            return pl.read_parquet(file)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise InputError(str(path), "is damaged", remedy) from error


def must_hold_files(folder: Path) -> None:
    """Raise ``OSError`` if files cannot be written into a folder, which need not be there yet:
    before the minutes that making them takes. Makes nothing."""
    place = next(path for path in (folder, *folder.absolute().parents) if os.path.lexists(path))
    if not place.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(place))
    own = {"effective_ids": True} if os.access in os.supports_effective_ids else {}
    if not os.access(place, os.W_OK | os.X_OK, **own):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(place))


def read_json(
    path: Path,
    fields: Mapping[str, type | tuple[type, ...]] = _NO_FIELDS,
    remedy: str = _DAMAGED,
) -> dict[str, Any]:
    """A record that distilbench wrote. Raises ``InputError`` if it is cut or no record, or lacks
    one of ``fields`` or has another type there; ``OSError`` if it cannot be read."""
    try:
        data = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(str(path), "is damaged", remedy) from error
    if not isinstance(data, dict):
        raise InputError(str(path), "holds no record", remedy)
    for field, kind in fields.items():
        if not isinstance(data.get(field), kind):
            raise InputError(f"{path}: field {field!r}", "is missing or damaged", remedy)
    return data


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
def whole_file(path: Path) -> Iterator[Path]:
    """Another name to write under, renamed to ``path`` once all is written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield partial
        partial.replace(path)
    except OSError as error:
        # A full disk shows in a write, which knows no name; the other name is nothing to a user.
        # An error of Rust has its number in its message, which a name would hide.
        if error.errno is not None and error.filename in (None, str(partial)):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    finally:
        with suppress(OSError):
            partial.unlink()


@contextmanager
def whole_alone(path: Path) -> Iterator[Path]:
    """Another name to make a file or folder under; it takes the name and place of ``path`` once all
    of it is made.

    For one process at a time (:func:`alone`, :func:`distilbench.cache.held`): the other name is
    always the same, so that what a killed one left, which may be gigabytes, does not stay.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    _remove(partial)
    try:
        yield partial
        if path.is_dir():
            _remove(path)
        partial.replace(path)
    finally:
        _remove(partial)


def _remove(path: Path) -> None:
    with suppress(OSError):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
