"""Reads Epoch's tables of models (https://epoch.ai/data/ai-models), as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from distilbench.catalog._stated import Stated, is_date
from distilbench.errors import InputError

_CELL = 2**24
_SIZES = (
    "Training dataset size (total)",
    "Training dataset size (gradients)",
    "Training dataset size (datapoints)",
    "(DEPRECATED) Training dataset size (datapoints)",
)
_WORDS = "older tables count words here: 4/3 as many tokens"
_COMPUTE = "Training compute (FLOP)"


def is_epoch(text: str) -> bool:
    """Whether the first line of a CSV file names the columns of such a table."""
    csv.field_size_limit(_CELL)  # abstracts
    try:
        header = next(csv.reader([text.partition("\n")[0]]), [])
    except csv.Error:
        return False
    return {"Parameters", _COMPUTE} <= set(header) and not {"Model", "System"}.isdisjoint(header)


def read_epoch(text: str, path: Path, name: str) -> Iterator[Stated]:
    """What each row says of its model. Raises ``InputError`` naming the line and the column."""
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    line = reader.line_num
    try:
        for row in reader:
            start, line = (line or 1) + 1, reader.line_num
            if None in row or None in row.values():
                raise InputError(
                    f"{path}, line {start}",
                    f"has not the {len(reader.fieldnames or ())} columns of the header",
                    "get the table again: it is cut, or was changed",
                )
            yield from _row(row, path, name, start)
    except csv.Error as error:
        raise InputError(
            f"{path}, line {reader.line_num}", f"is no CSV ({error})", "get the table again"
        ) from error


def _row(row: dict[str, str], path: Path, name: str, line: int) -> Iterator[Stated]:
    model = (row.get("Model") or row.get("System") or "").strip()
    if not model:
        return
    confidence = (row.get("Confidence") or "").strip()
    note = f"Epoch's confidence: {confidence}" if confidence else None
    size = next((column for column in _SIZES if row.get(column)), _SIZES[0])
    columns = (("parameters", "Parameters"), ("tokens", size), ("flops", _COMPUTE))
    epochs = _cell(row, "Epochs", path, line)
    for field, column in columns:
        value = _cell(row, column, path, line)
        if value is None:
            continue
        where = f"line {line}, {column}"
        if field == "tokens" and epochs not in (None, 1.0):
            value, where = value * (epochs or 1), f"{where} x Epochs"
        words = _WORDS if field == "tokens" and "datapoints" in size else None
        said = "; ".join(filter(None, (note, words))) or None
        yield Stated(model, field, value, name, where, note=said)
    date = (row.get("Publication date") or "").strip()
    if date:
        if not is_date(date):
            raise InputError(
                f"{path}, line {line}, column 'Publication date'",
                f"{date!r} is no date",
                "write it as 2026-01-31",
            )
        yield Stated(model, "released", date, name, f"line {line}, Publication date")


def _cell(row: dict[str, str], column: str, path: Path, line: int) -> float | None:
    text = (row.get(column) or "").strip().replace(",", "")
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise InputError(
            f"{path}, line {line}, column {column!r}", f"{text!r} is no count", "mend the cell"
        )
    return value or None
