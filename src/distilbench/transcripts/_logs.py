"""Inspect logs, read sample by sample: in memory is one sample, whatever an archive unpacks to.

Logs come from strangers too. A ``.eval`` is a ZIP archive whose members are packed up to some
30,000 times over, and says itself how large they are: what is larger than it says is damaged.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from struct import Struct
from typing import TYPE_CHECKING, TypeVar
from zipfile import BadZipFile, ZipFile

from distilbench.errors import InputError
from distilbench.inspect_private import patch_zipfile
from distilbench.transcripts._texts import inspect_sample

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog, EvalSample

Sample = TypeVar("Sample")
_MOST_BYTES = 64 * 2**20
"""Of a member, or of a log that is one JSON text: as Python's values it is up to 20 times that."""
_CHUNK = 2**20
_END, _MANY = Struct("<10xH10x"), 0xFFFF
_END_64, _BEFORE_END = Struct("<4s28xQ"), 56 + 20
"""The end of a ZIP file, and of a large one what stands before that, with its locator."""
_SAMPLE = re.compile(r"samples/.*\.json", re.DOTALL)
_BESIDE_SAMPLES = ("header.json", "_journal/start.json", "reductions.json")


def read_log_header(path: Path) -> EvalLog:
    """A log without its samples; of a JSON log, which is read whole, with them.

    Raises ``InputError`` if it is no Inspect log, damaged or too large; ``OSError`` if it cannot
    be read.
    """
    from inspect_ai.log import read_eval_log

    with _one_sentence(path):
        if path.suffix != ".eval":
            _refuse_large(path.stat().st_size, str(path))
            return read_eval_log(str(path))
        with _opened(path) as archive:
            names = set(archive.namelist())
            for name in _BESIDE_SAMPLES:
                if name in names:
                    _member(archive, name, path)
        return read_eval_log(str(path), header_only=True)


def read_log_samples(path: Path) -> Iterator[EvalSample]:
    """The samples of a log in the order of the file. Raises as :func:`read_log_header`."""
    if path.suffix != ".eval":
        yield from read_log_header(path).samples or ()
        return
    yield from samples_as(inspect_sample, path)


def samples_as(read: Callable[[bytes], Sample], path: Path) -> Iterator[Sample]:
    """The samples of a ``.eval`` log as ``read`` makes them of their JSON, in the order of the
    file. Raises as :func:`read_log_header`."""
    with _one_sentence(path), _opened(path) as archive:
        for info in archive.infolist():
            name = info.filename
            # Of two members of one name the later one counts, for Inspect too.
            if _SAMPLE.fullmatch(name) and archive.getinfo(name) is info:
                yield read(_member(archive, name, path))
            else:  # its name in the file: that in the directory may be another for a turned bit
                archive.open(info).close()


def sample_as(
    read: Callable[[bytes], Sample], path: Path, sample_id: str, epoch: int
) -> Sample | None:
    """One sample of a ``.eval`` log, by its place in the archive; null if it is not there. Raises
    as :func:`read_log_header`."""
    name = f"samples/{sample_id}_epoch_{epoch}.json"
    with _one_sentence(path), _opened(path) as archive:
        if name not in archive.namelist():
            return None
        return read(_member(archive, name, path))


def read_log(path: Path) -> EvalLog:
    """A log of our own with its samples, whole. Raises as :func:`check_log`."""
    from inspect_ai.log import read_eval_log

    check_log(path)
    with _one_sentence(path):
        return read_eval_log(str(path))


def check_log(path: Path) -> None:
    """Raises ``InputError`` if a bit of a log of our own is another than was written: Inspect reads
    the parts of the ZIP file without looking at their checksums."""
    with _one_sentence(path), _opened(path) as archive:
        for info in archive.infolist():
            # Not by its name, as testzip does: another member may bear it for a turned bit.
            with archive.open(info) as member:
                while member.read(_CHUNK):
                    pass


@contextmanager
def _opened(path: Path) -> Iterator[ZipFile]:
    """An archive with all its members: zipfile passes over those behind an entry of the directory
    whose comment a turned bit has made longer."""
    patch_zipfile()
    with ZipFile(path) as archive:
        promised = _promised(archive, path.stat().st_size)
        if len(archive.infolist()) != promised:
            raise BadZipFile(f"{len(archive.infolist())} of its {promised} members are listed")
        yield archive


def _promised(archive: ZipFile, size: int) -> int:
    """How many members the end of a ZIP file says there are. Of more than 65,534 a record before
    that says it (ZIP64)."""
    stream = archive.fp
    assert stream is not None
    end = size - len(archive.comment) - _END.size
    stream.seek(end)
    (count,) = _END.unpack(stream.read(_END.size))
    if count == _MANY and end >= _BEFORE_END:
        stream.seek(end - _BEFORE_END)
        mark, many = _END_64.unpack(stream.read(_END_64.size))
        return int(many) if mark == b"PK\6\6" else int(count)
    return int(count)


def _member(archive: ZipFile, name: str, path: Path) -> bytes:
    info = archive.getinfo(name)
    _refuse_large(info.file_size, f"{path}: member {name!r}")
    with archive.open(info) as stream:
        return stream.read(_MOST_BYTES)  # no more than it says, or its checksum is wrong


def _refuse_large(size: int, where: str) -> None:
    if size > _MOST_BYTES:
        remedy = "give a log whose samples are smaller (.eval holds each by itself)"
        raise InputError(where, f"is {size / 2**20:,.0f} MiB of JSON, over 64 MiB", remedy)


@contextmanager
def _one_sentence(path: Path) -> Iterator[None]:
    try:
        yield
    except (InputError, MemoryError):
        raise
    except Exception as error:  # a damaged archive fails in many ways
        if isinstance(error, OSError) and error.filename:
            raise  # the file itself, not a place in it that is none
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise InputError(str(path), f"is no Inspect log ({reason})", "give another") from error
