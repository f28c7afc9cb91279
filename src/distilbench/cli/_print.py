"""Output of commands: a table for people, JSON for machines."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from distilbench.errors import printable

_PIPED_WIDTH = 2000
# json.dumps escapes the first set of control characters, not the second, nor marks of direction.
_LEFT_BY_JSON = re.compile(r"[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def print_json(data: object) -> None:
    """Indented JSON on standard output. NaN becomes null, which JSON has."""
    text = json.dumps(_plain(data), indent=2, ensure_ascii=False, default=str)
    print(_LEFT_BY_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def print_line(text: object) -> None:
    """A line on standard output, at once. Names and paths in it are others': none steers the
    terminal."""
    print(printable(str(text)), flush=True)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str = "") -> None:
    """A table in the terminal. Nothing in a cell is taken as markup, or steers the terminal."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=printable(title) or None, title_justify="left", box=None, pad_edge=False)
    numeric = [all(_is_number(row[i]) for row in rows) for i in range(len(columns))]
    for column, right in zip(columns, numeric, strict=True):
        table.add_column(printable(column), justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text("–" if cell is None else printable(str(cell))) for cell in row))
    # Piped, a row stays on its line, so that grep and awk can read it.
    Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH).print(table)


def si(value: float) -> str:
    """Three digits: as they are up to a million, in powers of ten beyond."""
    return f"{value:,.3g}" if 1e-3 <= abs(value) < 1e6 else f"{value:.3g}"


def _is_number(cell: object) -> bool:
    return cell is None or str(cell)[:1].isdigit() or str(cell)[:1] in "-+–≥~<>$"


def _plain(data: object) -> object:
    if isinstance(data, dict):
        return {str(key): _plain(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_plain(value) for value in data]
    if isinstance(data, float) and not math.isfinite(data):
        return None
    return data
