"""Tables and paragraphs as Markdown; citations as pandoc reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from distilbench.report.page import Cell, Table, markdown_text

_KINDS = {"derived": "*%s*", "estimated": "≈ %s", "published": "%s (published)"}


def cited(text: str, keys: Sequence[str]) -> str:
    """A sentence with its citations before the full stop.

    >>> cited("It is so.", ["miller2024", "holm1979"])
    'It is so [@miller2024; @holm1979].'
    """
    plain = markdown_text(text)
    if not keys:
        return plain
    stop = "." if plain.endswith(".") else ""
    return f"{plain.removesuffix('.')} [{'; '.join(f'@{key}' for key in keys)}]{stop}"


def table(made: Table, keys: Mapping[str, str]) -> str:
    """A table with its caption above it. ``keys``: of an anchor of the page the key to cite."""
    lines = [f"{markdown_text(made.caption)}:", "", _line(map(markdown_text, made.columns))]
    lines.append(_line("---:" if right else "---" for right in made.numeric()))
    lines += [_line(_cell(cell, keys) for cell in row) for row in made.cells()]
    return "\n".join((*lines, ""))


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell, keys: Mapping[str, str]) -> str:
    text = markdown_text(cell.text)
    if cell.kind in _KINDS:
        text = _KINDS[cell.kind] % text
    key = keys.get(cell.href or "")
    return f"{text} [@{key}]" if key else text
