r"""Checksums inside of files, so that a bit that turned on a disk is told and not read as a value.

A JSON record begins ``{"sha256": "<64 digits>"``: the SHA-256 of the bytes behind the digits. A
Parquet file holds a mark and the SHA-256 of all its other bytes between its data and its footer, a
place that no reader of Parquet looks at (offsets in the footer count from the file's beginning).
A file without a seal was not written here, and is taken as it is. Of a file that grows each line
begins with the CRC-32 of the rest of it, in 8 digits.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import IO
from zlib import crc32

_BEFORE, _BEHIND = b'{"sha256": "', b'", '
_HEAD = len(_BEFORE) + 64  # digits
_MARK = b"distilbench sha256"
_SEAL = len(_MARK) + 32
_TAIL = 8  # of a Parquet file: four bytes of the footer's length, and "PAR1"
_CHUNK = 1 << 20
_CHECKSUM = 9  # characters before a line's text


def sealed(record: str) -> bytes:
    r"""A JSON object that is not empty, with its checksum as its first field.

    >>> unsealed(sealed('{"a": 1}'))
    b'{"a": 1}'
    >>> unsealed(sealed('{"a": 1}').replace(b"1}", b"3}")) is None
    True
    """
    rest = _BEHIND + record.strip()[1:].encode()
    return _BEFORE + hashlib.sha256(rest).hexdigest().encode() + rest


def unsealed(record: bytes) -> bytes | None:
    """A record without its seal, or as it is if it has none; null: it is not as it was sealed."""
    digits, rest = record[len(_BEFORE) : _HEAD], record[_HEAD:]
    if not record.startswith(_BEFORE):
        return None if b'"sha256"' in record[:_HEAD] else record
    whole = hashlib.sha256(rest).hexdigest().encode() == digits
    return b"{" + rest.removeprefix(_BEHIND) if whole else None


def same_seal(one: bytes, other: bytes) -> bool:
    """Whether two records were sealed with the same content, though one may be damaged since."""
    return one.startswith(_BEFORE) and one[:_HEAD] == other[:_HEAD]


def sealed_line(text: bytes) -> bytes:
    r"""A line of a file that grows, with its checksum.

    >>> unsealed_line(sealed_line(b"text"))
    b'text'
    >>> unsealed_line(sealed_line(b"text").replace(b"x", b"y")) is None
    True
    """
    return f"{crc32(text):08x} ".encode() + text + b"\n"


def unsealed_line(line: bytes) -> bytes | None:
    """What a line holds; null: it is not as it was written, or cut short."""
    text = line[_CHECKSUM:].removesuffix(b"\n")
    return text if line == sealed_line(text) else None


def seal_table(path: Path) -> None:
    """Put a checksum into a Parquet file that has just been written."""
    with path.open("r+b") as file:
        place = _footer(file)
        if place is None:
            raise ValueError(f"{path} is no Parquet file")
        file.seek(place)
        footer = file.read()
        digest = _digest(file, place, footer)
        file.seek(place)
        file.write(_MARK + digest + footer)


def is_whole_table(file: IO[bytes]) -> bool:
    """Whether a Parquet file is as it was sealed, or has no seal. Reads all of it, and goes back to
    its beginning."""
    place = _footer(file)
    if place is None or place < _SEAL:
        return True  # for its reader to refuse
    file.seek(place - _SEAL)
    seal, footer = file.read(_SEAL), file.read()
    whole = not seal.startswith(_MARK) or (
        seal[len(_MARK) :] == _digest(file, place - _SEAL, footer)
    )
    file.seek(0)
    return whole


def _footer(file: IO[bytes]) -> int | None:
    """Where the footer begins; null: this is no Parquet file."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _TAIL))
    tail = file.read()
    place = size - _TAIL - int.from_bytes(tail[:4], "little")
    file.seek(0)
    return place if tail[4:] == b"PAR1" and place > 0 else None


def _digest(file: IO[bytes], end: int, footer: bytes) -> bytes:
    """Over the first ``end`` bytes and the footer."""
    found = hashlib.sha256()
    file.seek(0)
    while end > 0 and (chunk := file.read(min(_CHUNK, end))):
        found.update(chunk)
        end -= len(chunk)
    found.update(footer)
    return found.digest()
