"""Values of a data file: numbers that keep the text of the file, and values inside of others."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

_MOST_ZEROS = 30


class Number(str):
    """A number, by its own text: the file's digits, all of them."""


class Whole(Number):
    """A number without point and exponent, which can be an index."""


class Absent:
    """There is no such column in this row."""


ABSENT = Absent()


def typed(value: Any) -> Any:
    """A value of Parquet as one of JSON: its numbers as text, dates too."""
    if isinstance(value, dict):
        return {key: typed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [typed(inner) for inner in value]
    if value is None or isinstance(value, bool | str | bytes):
        return value
    if isinstance(value, int):
        return Whole(value)
    if isinstance(value, float | Decimal):
        return Number(value)
    if isinstance(value, datetime) and value.time() == time() and value.tzinfo is None:
        return value.date().isoformat()
    return value.isoformat() if isinstance(value, date | time) else str(value)


def value_at(row: dict[str, Any], name: str) -> Any:
    """The value of a column, or of one inside of it: ``choices.text``. Of a list of objects, the
    list of their values; a number takes one of a list. ``ABSENT`` where there is none."""
    if name in row:
        return row[name]
    return _inside(row, name.replace("[*]", "").split("."))


def _inside(node: Any, path: list[str]) -> Any:
    for at, part in enumerate(path):
        if isinstance(node, dict):
            node = node.get(part, ABSENT)
        elif isinstance(node, list) and part.isdecimal():
            node = node[int(part)] if int(part) < len(node) else ABSENT
        elif isinstance(node, list):
            found = [_inside(inner, path[at:]) for inner in node]
            if all(value is ABSENT for value in found):
                return ABSENT
            return [None if value is ABSENT else value for value in found]
        else:
            return ABSENT
    return node


def names_of(row: dict[str, Any]) -> list[str]:
    """Columns of a row, and those inside of them."""
    names = []
    for name, value in row.items():
        items = value[:1] if isinstance(value, list) else [value]
        inner = [key for item in items if isinstance(item, dict) for key in names_of(item)]
        names += [f"{name}.{key}" for key in inner] or [name]
    return names


def text_of(value: Any) -> str:
    """A single value as text; empty where there is none.

    Numbers have the file's digits, without an exponent where that is readable: 5e-05 is 0.00005.
    Raises ``ValueError`` with what is wrong of a value that is no text.
    """
    if value is None or value is ABSENT:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Number):
        return _plain(value)
    if not isinstance(value, str):
        kind = {"list": "a list", "dict": "an object"}.get(type(value).__name__, "bytes")
        raise ValueError(f"holds {kind} where one value should stand")
    if "\0" in value:
        raise ValueError("holds a NUL character")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError("holds half of a character (a lone surrogate)") from error
    return value.strip()


def _plain(number: Number) -> str:
    try:
        exact = Decimal(number)
    except ArithmeticError:  # an exponent that nothing holds
        return str(number)
    if not exact.is_finite():
        raise ValueError(f"holds {number}, which is no number")
    exponent = exact.as_tuple().exponent
    if "e" not in number.lower() or not isinstance(exponent, int) or abs(exponent) > _MOST_ZEROS:
        return str(number)
    return format(exact, "f")
