"""The rows of a table as HTML and as Markdown. In Python, since a template takes a tenth of a
millisecond for each cell, and a page may have tens of thousands."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from distilbench.report.page._format import NOT_AVAILABLE

if TYPE_CHECKING:
    from markupsafe import Markup

    from distilbench.report.page._table import Cell, Table


def html_rows(table: Table) -> Markup:
    """One element or one text in each cell: one that stands as a block of its own has its heading
    beside it."""
    from markupsafe import Markup, escape

    columns = list(zip(table.numeric(), table.sort_keys(), strict=True))
    lines = []
    for at, row in enumerate(table.cells()):
        cells = []
        for cell, (right, keys) in zip(row, columns, strict=True):
            order = "" if keys is None else f' data-order="{escape(keys[at])}"'
            title = f' title="{escape(cell.title)}"' if cell.title else ""
            cells.append(f"<td{_classes(cell, right)}{order}{title}>{_said(cell, escape)}</td>")
        anchor = f' id="{escape(table.anchors[at])}"' if table.anchors else ""
        lines.append(f"<tr{anchor}>{''.join(cells)}</tr>\n")
    return Markup("".join(lines))


def markdown_rows(table: Table, plain: Callable[[str], str]) -> str:
    """How a figure is known, as on the page: italic, derived; ≈, estimated; in a word, published.
    ``plain`` takes from a text what Markdown would take as markup."""
    lines = ("".join(f"{_in_markdown(cell, plain)} | " for cell in row) for row in table.cells())
    return "".join(f"| {line}\n" for line in lines)


def _classes(cell: Cell, right: bool) -> str:
    found = (
        "number" if right else None,
        "absent" if cell.text == NOT_AVAILABLE else None,
        cell.kind,
        f"h{cell.shade}" if cell.shade is not None else None,
    )
    said = " ".join(filter(None, found))
    return f' class="{said}"' if said else ""


def _said(cell: Cell, escape: Callable[[str], Markup]) -> str:
    text = escape(f"≈ {cell.text}" if cell.kind == "estimated" else cell.text)
    if cell.href:
        return f'<a href="{escape(cell.href)}">{text}</a>'
    return f"<u>{text}</u>" if cell.kind == "published" else text


def _in_markdown(cell: Cell, plain: Callable[[str], str]) -> str:
    text = plain(cell.text)
    mark = "*" if cell.kind == "derived" else ""
    told = f"[{text}]({cell.href})" if cell.href else text
    about = "≈ " if cell.kind == "estimated" else ""
    return f"{mark}{about}{told}{mark}{' (published)' if cell.kind == 'published' else ''}"
