"""Files that grow in one folder, followed in another: what of them is new, piece by piece.

A worker on another machine writes its shards' files there; whoever runs the suite writes the same
here while the work goes on. What is only ever appended to (``*.jsonl``, ``*.log``) comes as what
was appended, all else as the whole file. A file whose presence means that others are finished comes
last, so that whoever is killed in between has what a worker that was killed has.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from distilbench.files import write_bytes
from distilbench.place import MARKERS, is_half, travels

_APPENDED = (".jsonl", ".log")
_LARGEST = 64 * 2**10
"""Bytes of an appended piece: Ray sends what is below 100 KB at once, and it outlives its node."""
_Seen = tuple[int, int, int]


@dataclass(frozen=True)
class Piece:
    """A file, or what was appended to it. ``data``: null if it is there no more."""

    path: str
    """Relative to the folder."""
    data: bytes | None
    offset: int | None = None
    """Where it stands in the file; null: it is the whole file."""


class Followed:
    """Files and folders below ``folder``. What is there now is known to the other side."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self._folder, self._names = folder, names
        self._known: dict[str, _Seen] = {path: _seen(folder / path) for path in self._paths()}

    def changed(self) -> list[Piece]:
        """What is new since the last call, in the order in which it is to be written."""
        now = list(self._paths())
        gone = sorted(self._known.keys() - set(now))
        wholes = [path for path in now if not path.endswith(_APPENDED)]
        wholes.sort(key=lambda path: path.endswith(MARKERS))
        appended = [path for path in now if path.endswith(_APPENDED)]
        marks = [path for path in wholes if path.endswith(MARKERS)]
        pieces = [p for path in wholes if path not in marks for p in self._whole(path)]
        pieces += [p for path in appended for p in self._appended(path)]
        for path in gone:
            del self._known[path]
            pieces.append(Piece(path, None))
        return pieces + [p for path in marks for p in self._whole(path)]

    def _paths(self) -> Iterator[str]:
        for name in self._names:
            place = self._folder / name
            found = sorted(place.rglob("*")) if place.is_dir() else [place]
            for path in found:
                if path.is_file() and travels(path.name):
                    yield path.relative_to(self._folder).as_posix()

    def _whole(self, path: str) -> Iterator[Piece]:
        file = self._folder / path
        try:
            seen = _seen(file)
            if self._known.get(path) == seen:
                return
            data = file.read_bytes()
            if _seen(file) != seen:
                return  # it is being written: next time
        except FileNotFoundError:
            return
        if is_half(path, io.BytesIO(data)):
            return
        self._known[path] = seen
        yield Piece(path, data)

    def _appended(self, path: str) -> Iterator[Piece]:
        try:
            with (self._folder / path).open("rb") as file:
                stat = os.fstat(file.fileno())
                inode, begun, _ = self._known.get(path, (stat.st_ino, 0, 0))
                if inode != stat.st_ino or stat.st_size < begun:  # another file of the same name
                    begun = 0
                    yield Piece(path, b"", None)
                file.seek(begun)
                while data := file.read(_LARGEST):
                    yield Piece(path, data, begun)
                    begun += len(data)
                self._known[path] = (stat.st_ino, begun, 0)
        except FileNotFoundError:
            return


def put(folder: Path, pieces: Sequence[Piece], begins: Mapping[str, int]) -> None:
    """Write pieces into a folder. Those that are written already may come again. ``begins``: of
    files that had something else in them before, how much."""
    for piece in pieces:
        file = folder / piece.path
        if piece.data is None:
            file.unlink(missing_ok=True)
        elif piece.offset is None:
            write_bytes(file, piece.data)
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("r+b" if file.exists() else "wb") as stream:
                stream.seek(begins.get(piece.path, 0) + piece.offset)
                stream.truncate()
                stream.write(piece.data)


def _seen(path: Path) -> _Seen:
    stat = path.stat()
    return stat.st_ino, stat.st_size, 0 if path.name.endswith(_APPENDED) else stat.st_mtime_ns
