"""Files and folders that are written whole or not at all, and those that one process holds at a
time."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import groupby
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from distilbench.errors import InputError
from distilbench.seals import is_whole_table, seal_table, sealed, unsealed

if TYPE_CHECKING:
    import polars as pl

_DAMAGED = "put back a copy of it, or begin again in another folder"
_CHILDREN = ".children"
_PARTIAL = re.compile(r"\..+\.(\d+)")  # of whole_file
_CHILDREN_S = 60.0  # that those of a killed run may take to end, on a busy machine
_GLANCE_S = 0.1
_ROWS = 100_000
"""Rows of a group of a table: what is in memory while one is written."""
_NO_FIELDS: Mapping[str, type] = {}


def write_json(path: Path, data: object) -> None:
    write_text(path, json.dumps(data, indent=1, default=str))


def write_sealed(path: Path, record: Mapping[str, Any]) -> None:
    """A JSON record in which :func:`read_json` sees damage of a single bit."""
    write_bytes(path, sealed(json.dumps(record, indent=1, default=str)))


def write_text(path: Path, text: str) -> None:
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    with whole_file(path) as partial:
        partial.write_bytes(data)


def copy_file(file: Path, to: Path) -> None:
    with whole_file(to) as partial:
        shutil.copyfile(file, partial)


def write_parquet(path: Path, data: pl.DataFrame | pl.LazyFrame) -> None:
    """A table in which :func:`read_parquet` sees damage of a single bit. A lazy one is never in
    memory as a whole."""
    from polars.exceptions import ComputeError

    with whole_file(path) as partial:
        try:
            data.lazy().sink_parquet(partial, row_group_size=_ROWS, maintain_order=True)
            seal_table(partial)
        except ComputeError as error:  # what the disk refuses, without its number
            raise InputError(
                str(path), f"cannot be written ({error})", "look for free space and limits of files"
            ) from error


def read_parquet(path: Path, remedy: str = _DAMAGED) -> pl.DataFrame:
    """The table in one file: polars takes ``[`` and ``*`` in a name for a pattern, and a folder for
    all files in it. Raises ``InputError`` if it is cut, changed or no table; ``OSError`` if it
    cannot be read."""
    import polars as pl

    with path.open("rb") as file:
        _refuse_changed(file, path, remedy)
        try:
            return pl.read_parquet(file)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise InputError(str(path), "is damaged", remedy) from error


def read_columns(path: Path, remedy: str = _DAMAGED) -> Iterator[pl.Series]:
    """The columns of :func:`read_parquet`, one after another: for a reader who makes each smaller
    before the next one comes. Raises as that does."""
    import polars as pl

    with path.open("rb") as file:
        _refuse_changed(file, path, remedy)
    table = pl.scan_parquet(path, glob=False)
    try:
        for name in table.collect_schema().names():
            yield table.select(name).collect()[name]
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise InputError(str(path), "is damaged", remedy) from error


def _refuse_changed(table: IO[bytes], path: Path, remedy: str) -> None:
    if not is_whole_table(table):
        raise InputError(str(path), "is damaged (its checksum is another)", remedy)


def in_a_row(
    pieces: Iterable[pl.DataFrame | Path], schema: Mapping[str, pl.DataType]
) -> pl.LazyFrame:
    """The rows of tables, and of tables in files, in their order; a file is read when its rows are
    asked for. Columns that one lacks, as an earlier version did not write them, are null there."""
    import polars as pl

    parts = []
    for _, group in groupby(pieces, lambda piece: isinstance(piece, Path)):
        some = list(group)
        if files := [piece for piece in some if isinstance(piece, Path)]:
            told = pl.scan_parquet(
                files,
                glob=False,
                schema=dict(schema),
                missing_columns="insert",
                extra_columns="ignore",
            )
        else:
            of = [pl.DataFrame(schema=dict(schema)), *(p for p in some if not isinstance(p, Path))]
            told = pl.concat(of, how="diagonal").lazy()
        parts.append(told.select(list(schema)))
    return pl.concat(parts)


def must_hold_files(folder: Path) -> None:
    """Raise ``OSError`` if files cannot be written into a folder, which need not be there yet:
    before the minutes that making them takes. Makes nothing."""
    place = next(path for path in (folder, *folder.absolute().parents) if os.path.lexists(path))
    if not place.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(place))
    own = {"effective_ids": True} if os.access in os.supports_effective_ids else {}
    if not os.access(place, os.W_OK | os.X_OK, **own):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(place))


def is_taken(path: Path) -> bool:
    """Whether something is there that is no empty folder."""
    return path.exists() and not (path.is_dir() and not any(path.iterdir()))


def read_json(
    path: Path,
    fields: Mapping[str, type | tuple[type, ...]] = _NO_FIELDS,
    remedy: str = _DAMAGED,
) -> dict[str, Any]:
    """A record that distilbench wrote. Raises ``InputError`` if it is cut, changed or no record, or
    lacks one of ``fields`` or has another type there; ``OSError`` if it cannot be read."""
    raw = read_sealed(path, remedy)
    try:
        data = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(str(path), "is damaged", remedy) from error
    if not isinstance(data, dict):
        raise InputError(str(path), "holds no record", remedy)
    for field, kind in fields.items():
        if not isinstance(data.get(field), kind):
            raise InputError(f"{path}: field {field!r}", "is missing or damaged", remedy)
    return data


def read_sealed(path: Path, remedy: str = _DAMAGED) -> bytes:
    """A JSON record as it was before it was sealed; ``InputError`` if it is another now."""
    raw = unsealed(path.read_bytes())
    if raw is None:
        raise InputError(str(path), "is damaged (its checksum is another)", remedy)
    return raw


def is_damaged(path: Path) -> bool:
    """Whether a record is there and is not as it was sealed."""
    return path.is_file() and unsealed(path.read_bytes()) is None


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a folder: two runs in one would measure each other. Raises ``InputError`` if another
    process holds it. Where its holder was killed, waits for the children that it had (:func:`held`)
    to end."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise InputError(
            str(folder), "another run is at work in it", "wait for it, or stop it"
        ) from error
    try:
        _wait_for_children(folder)
        yield
    finally:
        lock.release()


@contextmanager
def held(folder: Path) -> Iterator[tuple[int, ...]]:
    """Descriptors to start a child with (``pass_fds``): as long as it lives nobody is :func:`alone`
    in ``folder``, however its parent ended. To be left once it has started. None on Windows."""
    if sys.platform == "win32":
        yield ()
        return
    import fcntl

    with (folder / _CHILDREN).open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)  # closing this one leaves the child's
        yield (lock.fileno(),)


def _wait_for_children(folder: Path) -> None:
    """What a worker undoes when its parent is gone takes a moment, in which it is still at work."""
    if sys.platform == "win32" or not (folder / _CHILDREN).exists():
        return
    import fcntl

    patience = time.monotonic() + _CHILDREN_S
    with (folder / _CHILDREN).open("ab") as lock:
        while True:
            try:
                return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() > patience:
                    said = "a worker of a run that was killed is still at work in it"
                    raise InputError(str(folder), said, "wait for it, or stop it") from error
            time.sleep(_GLANCE_S)


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


def sweep_partials(folder: Path) -> None:
    """Remove what :func:`whole_file` left below ``folder`` in processes that were killed."""
    for path in folder.rglob(".*"):
        found = _PARTIAL.fullmatch(path.name)
        if found and not _writes(int(found[1]), path):
            _remove(path)


def _writes(pid: int, path: Path) -> bool:
    """Whether the process that began a file still lives: it is no younger than the file."""
    import psutil

    try:
        return psutil.Process(pid).create_time() <= path.stat().st_mtime
    except (psutil.Error, OSError):
        return False


def _remove(path: Path) -> None:
    with suppress(OSError):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
