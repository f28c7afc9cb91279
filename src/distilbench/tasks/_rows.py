"""Rows of a JSON Lines, JSON, CSV, TSV or Parquet file, none changed on the way."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from distilbench.errors import InputError
from distilbench.tasks._cells import ABSENT, Number, Whole, typed, value_at
from distilbench.tasks._spec import FileTask

Row = dict[str, Any]
Rows = list[tuple[str, Row | InputError]]
"""Where each row stands, and its values by column, or why it cannot be read."""

_MOST_BYTES = 256 * 2**20
"""Of a file as it unpacks; a few megabytes of gzip may be gigabytes."""
_MOST_ROWS = 1_000_000
_MARKS = (  # UTF-32's begins with UTF-16's
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_KINDS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")


def rows_kind(path: Path) -> str:
    """How a file is read, by its name alone.

    >>> rows_kind(Path("my.questions.JSONL.gz")), rows_kind(Path("q.csv"))
    ('jsonl.gz', 'csv')
    """
    name = path.name.lower()
    plain = name.removesuffix(".gz")
    return plain.rpartition(".")[2] + name[len(plain) :]


def read_rows(spec: FileTask, path: Path) -> Rows:
    """The rows of a file. Raises ``InputError`` where the file as a whole cannot be read."""
    kind = rows_kind(path).removesuffix(".gz")
    if f".{kind}" not in _KINDS:
        raise InputError(
            str(path), f"is none of {', '.join(_KINDS)} (.gz of them too)", "convert it to one"
        )
    if not path.is_file():
        raise InputError(str(path), "there is no such file", "correct 'file' of the task")
    if spec.columns and kind not in ("csv", "tsv"):
        raise InputError(str(path), "has column names of its own", "drop 'columns' of the task")
    if spec.rows and kind != "json":
        raise InputError(str(path), "is no .json file", "drop 'rows' of the task")
    if kind == "parquet":
        rows = _parquet(path)
    elif kind in ("csv", "tsv"):
        rows = _bounded(path, _csv(path, _text(path), "," if kind == "csv" else "\t", spec.columns))
    elif kind == "json":
        rows = _json(path, _text(path), spec.rows)
    else:
        rows = _bounded(path, _json_lines(path, _text(path)))
    if not rows:
        raise InputError(str(path), "holds no rows", "give a file with questions")
    return rows


def _bounded(path: Path, rows: Iterator[tuple[str, Row | InputError]]) -> Rows:
    found = list(islice(rows, _MOST_ROWS + 1))
    if len(found) > _MOST_ROWS:
        raise InputError(str(path), f"holds more than {_MOST_ROWS:,} rows", "split it")
    return found


def _lines(text: str) -> Iterator[str]:
    """Its lines, one at a time. Not splitlines: JSON strings may hold the other separators of lines
    that it knows."""
    start, end = 0, text.find("\n")
    while end >= 0:
        yield text[start:end]
        start, end = end + 1, text.find("\n", end + 1)
    yield text[start:]


def _bytes(path: Path) -> bytes:
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(str(path), f"is damaged ({error})", "fetch it again") from error
    if len(content) > _MOST_BYTES:
        raise InputError(str(path), f"holds more than {_MOST_BYTES // 2**20} MiB", "split it")
    return content


def _text(path: Path) -> str:
    content = _bytes(path)
    coding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(coding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        name = coding.removesuffix("-sig").upper()
        raise InputError(f"{path}: line {line}", f"is not {name}", "save it as UTF-8") from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InputError(
            f"{path}: line {line}",
            "holds NUL bytes, as UTF-16 without its mark and binary files do",
            "save it as UTF-8",
        )
    return text


def _json_lines(path: Path, text: str) -> Iterator[tuple[str, Row | InputError]]:
    number = 0
    for line_number, line in enumerate(_lines(text), start=1):
        if not line.strip():
            continue
        number += 1
        where = f"{path}: row {number}"
        where += f" (line {line_number})" if line_number != number else ""
        try:
            yield where, _object(where, parse_json(line))
        except ValueError as error:
            yield where, InputError(where, f"is not JSON ({error})", "mend the row")


def _json(path: Path, text: str, at: str | None) -> Rows:
    """A list of objects, or an object that holds one such list, as BIG-Bench Hard's ``examples``.

    Many a .json file holds JSON Lines.
    """
    try:
        data = parse_json(text)
    except ValueError as error:
        lines = _bounded(path, _json_lines(path, text))
        if len(lines) > 1 and not isinstance(lines[0][1], InputError) and at is None:
            return lines
        raise InputError(str(path), f"is not JSON ({error})", "mend the file") from error
    if at is not None:
        data = value_at(data, at) if isinstance(data, dict) else ABSENT
    elif isinstance(data, dict):
        lists = [
            name
            for name, value in data.items()
            if isinstance(value, list) and value and isinstance(value[0], dict)
        ]
        if len(lists) != 1:
            raise InputError(
                str(path),
                f"is one object, with {len(lists) or 'no'} lists of rows in it",
                f"name the list with 'rows': {', '.join(lists or data)}"[:300],
            )
        data = data[lists[0]]
    if not isinstance(data, list):
        found = "nothing" if data is ABSENT else "no list"
        place = f"at {at!r}" if at else "of rows in it"
        raise InputError(str(path), f"has {found} {place}", "give its list as 'rows' of the task")
    places = [f"{path}: row {number}" for number in range(1, len(data) + 1)]
    return [(where, _object(where, row)) for where, row in zip(places, data, strict=True)]


def parse_json(text: str) -> Any:
    """JSON with the digits of its numbers. Raises ``ValueError`` also on a key given twice, of
    which others take the last. NaN is kept: what is asked of it is refused."""
    try:
        return json.loads(
            text,
            parse_int=Whole,
            parse_float=Number,
            parse_constant=Number,
            object_pairs_hook=_unique,
        )
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _unique(pairs: list[tuple[str, Any]]) -> Row:
    row = dict(pairs)
    if len(row) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the key {twice!r} is given twice")
    return row


def _object(where: str, row: Any) -> Row | InputError:
    if isinstance(row, dict):
        return row
    return InputError(where, "is no object with columns", "write {...}; a list is a .json file")


def _csv(
    path: Path, text: str, delimiter: str, named: tuple[str, ...] | None
) -> Iterator[tuple[str, Row | InputError]]:
    csv.field_size_limit(sys.maxsize)  # its own limit, 128 KiB, is less than a long question
    lines = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True
    )
    columns, number = named, 0
    try:
        for cells in lines:
            if not cells:
                continue
            if columns is None:
                columns = _header(path, cells)
                continue
            number += 1
            where = f"{path}: row {number}"
            where += f" (to line {lines.line_num})" if lines.line_num != number + 1 else ""
            if named and number == 1 and [*map(str.strip, cells)] == [*named]:
                raise InputError(where, "is a row of headings", "drop 'columns' of the task")
            if len(cells) == len(columns):
                yield where, dict(zip(columns, cells, strict=True))
            else:
                problem = f"has {len(cells)} fields, and there are {len(columns)} columns"
                yield where, InputError(where, problem, "quote fields that hold a separator")
    except csv.Error as error:
        raise InputError(
            f"{path}: line {lines.line_num}", f"is not CSV ({error})", "mend its quotes"
        ) from error


def _header(path: Path, cells: list[str]) -> tuple[str, ...]:
    names = [name.strip() for name in cells]
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice:
        raise InputError(str(path), f"has two columns {twice!r}", "rename or remove one")
    return tuple(names)


def _parquet(path: Path) -> Rows:
    import polars as pl

    try:
        content = io.BytesIO(_bytes(path))
        if pl.scan_parquet(content).select(pl.len()).collect().item() > _MOST_ROWS:
            raise InputError(str(path), f"holds more than {_MOST_ROWS:,} rows", "split it")
        table = pl.read_parquet(content)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(str(path), f"cannot be read ({reason})", "mend the file") from error
    # 0.1 in 32 bits is 0.1, not its nearest neighbour in 64.
    table = table.with_columns(pl.col(pl.Float32).cast(pl.String).cast(pl.Float64))
    rows: Rows = []
    size = 0
    for number, row in enumerate(table.iter_rows(named=True), start=1):
        # A text that every row repeats is one in the file.
        size += sum(len(v if isinstance(v, str) else repr(v)) for v in row.values())
        if size > _MOST_BYTES:
            raise InputError(str(path), f"holds more than {_MOST_BYTES // 2**20} MiB", "split it")
        rows.append((f"{path}: row {number}", typed(row)))
    return rows
