"""Rows of source text for teacher, student, validation and test: split by file.

A row begins at the start of a line and has as many tokens as all others. A file is of one split; no
row of validation or test shares a longer line with a row of training, since files copy from each
other. Files larger than ``_LARGEST`` or not in ASCII are left out: one file should not be a split,
and a row can be cut at any byte.
"""

from __future__ import annotations

import hashlib
import json
import random
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.errors import InputError
from distilbench.files import read_json, write_json, write_text

if TYPE_CHECKING:
    from distilbench.distill.experiment._scarce_spec import TextStudy

SPLITS = ("test", "validation", "student", "teacher")
_LARGEST = 60_000  # bytes
_LONG_LINE = 30  # characters: what is shorter, unrelated files share
_CHOICE = 2  # rows made for each that is taken: of more files, and no file whole
_SHARES = {"test": 0.12, "validation": 0.06, "student": 0.12, "teacher": 0.7}
_NOT_PROSE = ("site-packages", "test", "tests", "encodings", "idlelib", "lib2to3", "pydoc_data")
"""Folders of Python's library that are not its own, or hold tables and copies."""


@dataclass(frozen=True)
class Rows:
    """The rows of each split, and where they are from. ``shared``: rows of validation and test that
    were left out, since a line of theirs stands in a training row too."""

    rows: dict[str, list[str]]
    files: dict[str, int]
    shared: int

    def facts(self) -> dict[str, Any]:
        """What is told of them. ``sha256``: over all rows, in order."""
        text = "\x00".join(row for name in SPLITS for row in self.rows[name])
        return {
            "rows": {name: len(self.rows[name]) for name in SPLITS},
            "files": self.files,
            "rows_left_out": self.shared,
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
        }


def source_files(study: TextStudy) -> list[Path]:
    """The files that rows are made of, in an order that hangs on their names alone."""
    library = study.folder is None
    folder = Path(sysconfig.get_paths()["stdlib"]) if study.folder is None else study.folder
    found = []
    for path in folder.rglob(study.pattern):
        inside = path.relative_to(folder).parts[:-1]
        if not (library and set(inside) & set(_NOT_PROSE)) and _is_plain(path):
            found.append((hashlib.sha256("/".join((*inside, path.name)).encode()).digest(), path))
    return [path for _, path in sorted(found)]


def _is_plain(path: Path) -> bool:
    return path.is_file() and 0 < path.stat().st_size <= _LARGEST and path.read_bytes().isascii()


def split_files(files: Sequence[Path]) -> dict[str, list[Path]]:
    """Each file in one split, by its place in the order; sizes by ``_SHARES`` of all bytes."""
    total, split, at = sum(path.stat().st_size for path in files), {}, 0
    for name in SPLITS:
        wanted, taken, begin = _SHARES[name] * total, 0, at
        while at < len(files) and taken < wanted:
            taken += files[at].stat().st_size
            at += 1
        split[name] = list(files[begin:at])
    split["teacher"] += files[at:]
    return split


def make_rows(study: TextStudy, split: dict[str, list[Path]], encode: Callable[..., Any]) -> Rows:
    """The rows of each split. ``encode``: a text's tokens as (token, end of it in the text).

    Raises ``InputError`` if there is too little text.
    """
    wanted = {
        "teacher": study.teacher.unique,
        "student": study.unique[-1],
        "validation": study.validation,
        "test": study.test,
    }
    length = study.max_length - 1  # the end token is the last of a row
    rows: dict[str, list[str]] = {}
    secret: set[str] = set()
    left_out = 0
    for name in reversed(SPLITS):  # teacher and student first: their lines bar the others
        barred = secret if name in ("validation", "test") else set()
        found: dict[str, None] = {}
        for row in _of_files(split[name], length, encode):
            if barred & _long_lines(row):
                left_out += 1
            else:
                found[row] = None
            if len(found) == _CHOICE * wanted[name]:
                break
        if len(found) < wanted[name]:
            raise InputError(
                f"field 'text.{name}'",
                f"the text has {len(found):,} rows of {study.max_length} tokens for it, and"
                f" {wanted[name]:,} are asked for",
                "ask for less, or give a 'folder' with more text",
            )
        rows[name] = random.Random(name).sample(list(found), wanted[name])
        secret |= {line for row in rows[name] for line in _long_lines(row)}
    return Rows(rows, {name: len(files) for name, files in split.items()}, left_out)


def _of_files(files: Iterable[Path], length: int, encode: Callable[..., Any]) -> Iterator[str]:
    for path in files:
        text, at = path.read_text("ascii"), 0
        while row := cut_row(text[at : at + 8 * length], length, encode):
            yield row
            newline = text.find("\n", at + len(row) - 1)
            if newline < 0:
                break
            at = newline + 1


def cut_row(text: str, length: int, encode: Callable[..., Any]) -> str | None:
    """The beginning of a text that is ``length`` tokens, also when it stands alone; null: the text
    is too short. Merges at the cut may give a row another count: then it is cut at the next."""
    ends = encode(text)
    for at in range(length - 1, min(len(ends), length + 3)):
        row = text[: ends[at]]
        if len(encode(row)) == length:
            return row
    return None


def _long_lines(row: str) -> set[str]:
    """Whole lines that are long enough to tell where they are from."""
    lines = (line.strip() for line in row.split("\n"))
    return {line for line in lines if len(line) >= _LONG_LINE}


def kept_rows(
    study: TextStudy, place: Path, make: Callable[[dict[str, list[Path]]], Callable[..., Any]]
) -> dict[str, Any]:
    """Make the rows into ``place``, once; returns their facts. ``make``: the encoder, made of the
    split's files."""
    noted = place / "facts.json"
    if not noted.is_file():
        files = source_files(study)
        if len(files) < len(SPLITS):
            raise InputError(
                str(study.folder or "the library of this Python"),
                f"has {len(files)} files '{study.pattern}' in ASCII of at most {_LARGEST:,} bytes",
                "give another 'text.folder' or 'text.pattern'",
            )
        split = split_files(files)
        rows = make_rows(study, split, make(split))
        for name in SPLITS:
            lines = "".join(json.dumps({"text": row}) + "\n" for row in rows.rows[name])
            write_text(place / f"{name}.jsonl", lines)
        write_json(noted, rows.facts())
    return read_json(noted, {"sha256": str})


def read_rows(place: Path, split: str) -> list[str]:
    """The rows of a split, in their order."""
    text = (place / f"{split}.jsonl").read_text("utf-8")
    return [json.loads(line)["text"] for line in text.split("\n") if line]
