"""Shards: files that hold the packed logits of many texts, one behind the other.

    <8 bytes: what the file is>
    <length, CRC-32, key> <packed logits>      a record for each text
    ...

A process writes shards of its own and never goes on with one that was there: what a kill left half
written at the end of one is referred to by nothing. A record is on the disk before its key is in
the cache's table. Whoever reads a record checks its key and its checksum.
"""

from __future__ import annotations

import errno
import os
import struct
import uuid
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from distilbench.errors import InputError

_MARK = b"dblogit1"
_RECORD = struct.Struct("<II32s")
RECORD_BYTES = _RECORD.size + 16
"""What a record has beside its bits: length, checksum and key, and the head of what is packed."""
_MOST = 64 * 2**20
"""Bytes after which another shard is begun: to delete, copy and look through one is quick."""
Place = tuple[str, int]
"""A shard's name and the byte at which a record begins in it."""


class ShardWriter:
    """Writes records into new shards in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: IO[bytes] | None = None
        self._name, self._unsaved = "", 0

    def add(self, key: str, data: bytes) -> Place:
        """Write one record behind the last."""
        with self._room():
            file = self._open()
            at = file.tell()
            file.write(_RECORD.pack(len(data), zlib.crc32(data), bytes.fromhex(key)) + data)
        self._unsaved += _RECORD.size + len(data)
        return self._name, at

    def flush(self) -> None:
        """Have on the disk what was added."""
        if self._file is not None:
            with self._room():
                self._file.flush()
                os.fsync(self._file.fileno())
            self._unsaved = 0

    def close(self) -> None:
        if self._file is not None:
            with self._room():
                self._file.close()
            self._file = None

    @contextmanager
    def _room(self) -> Iterator[None]:
        """A full disk as one sentence."""
        try:
            yield
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise InputError(
                str(self._folder),
                f"its disk is full: the teacher's logits need {self._unsaved:,} bytes more for"
                " this batch alone",
                "free space and run the same command again: what was written is kept",
            ) from error

    def _open(self) -> IO[bytes]:
        if self._file is not None and self._file.tell() >= _MOST:
            self.flush()
            self.close()
        if self._file is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._name = f"{uuid.uuid4().hex}.shard"
            self._file = (self._folder / self._name).open("xb")
            self._file.write(_MARK)
        return self._file


def whole_records(folder: Path, places: Mapping[str, Place]) -> set[str]:
    """Of the keys of ``places`` those whose record is there, whole and unchanged. Each shard is
    read once, from its beginning to its end."""
    whole = set()
    by_shard: dict[str, list[tuple[int, str]]] = {}
    for key, (name, at) in places.items():
        by_shard.setdefault(name, []).append((at, key))
    for name, records in by_shard.items():
        try:
            with (folder / name).open("rb") as file:
                whole |= {key for at, key in sorted(records) if _read(file, at, key) is not None}
        except FileNotFoundError:
            continue
    return whole


def read_record(shard: Path, at: int) -> bytes:
    """The packed logits that begin at a byte of a shard. Raises ``InputError`` if they are cut or
    changed since the training began."""
    with shard.open("rb") as file:
        data = _read(file, at, None)
    if data is None:
        raise InputError(
            str(shard), f"is damaged at byte {at:,}", "run the same command again: it is made anew"
        )
    return data


def _read(file: IO[bytes], at: int, key: str | None) -> bytes | None:
    """A record; null: it is cut, changed, or of another key."""
    file.seek(0)
    if file.read(len(_MARK)) != _MARK:
        return None
    file.seek(at)
    head = file.read(_RECORD.size)
    if len(head) < _RECORD.size:
        return None
    length, checksum, its = _RECORD.unpack(head)
    data = file.read(length)
    if len(data) < length or zlib.crc32(data) != checksum:
        return None
    return data if key is None or its.hex() == key else None
