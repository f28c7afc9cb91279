"""Tables, made from frames by naming columns and how they are written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from distilbench.report.page._format import NOT_AVAILABLE

if TYPE_CHECKING:
    import polars as pl

Known = Literal["measured", "derived", "published", "estimated"]
_SIGN = r"[-+~≈≥≤<>$ ]*"
# A number with its unit, or a range of two: not a sentence that begins with a number.
_NUMBER = re.compile(rf"{_SIGN}\d\S*( to {_SIGN}\d\S*)?")


class Cell(NamedTuple):
    """A table cell with more than text: where it leads, what it says on hover, how it is known."""

    text: str
    href: str | None = None
    title: str | None = None
    kind: Known | None = None


class Shown(NamedTuple):
    """One column of a table: its heading, what of a row it shows, how that is written.

    ``field``: a field of the row, or several. ``form``: a format (``"{:.1%}"``; a null among its
    fields is "not available"), or a function of the fields' values, nulls too, that gives text or a
    :class:`Cell`. Without one the value stands as it is, null as a dash. ``kind``: how the figure
    is known, where that is to be seen; what is not available is not known in any way.
    """

    heading: str
    field: str | tuple[str, ...]
    form: str | Callable[..., Any] | None = None
    kind: Known | None = None

    def of(self, row: Mapping[str, Any]) -> Any:
        """The cell of one row."""
        fields = (self.field,) if isinstance(self.field, str) else self.field
        values = [row[name] for name in fields]
        if isinstance(self.form, str):
            made = NOT_AVAILABLE if None in values else self.form.format(*values)
        else:
            made = values[0] if self.form is None else self.form(*values)
        if self.kind is None or isinstance(made, Cell) or made is None or made == NOT_AVAILABLE:
            return made
        return Cell(str(made), kind=self.kind)


@dataclass(frozen=True)
class Table:
    """Rows of cells. A column whose cells are all numbers stands to the right. ``anchors`` gives
    rows an id to link to."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    anchors: Sequence[str] = ()

    @classmethod
    def of(
        cls, caption: str, frame: pl.DataFrame | Iterable[Any], columns: Sequence[Shown]
    ) -> Table:
        """A table with a row for each of ``frame``: a data frame, dicts or dataclasses."""
        rows = [tuple(column.of(row) for column in columns) for row in _records(frame)]
        return cls(caption, tuple(column.heading for column in columns), rows)

    def cells(self) -> list[list[Cell]]:
        return [[_cell(value) for value in row] for row in self.rows]

    def numeric(self) -> list[bool]:
        return [all(_numeric(row[i]) for row in self.rows) for i in range(len(self.columns))]


def _records(frame: pl.DataFrame | Iterable[Any]) -> Iterator[Mapping[str, Any]]:
    named = getattr(frame, "iter_rows", None)
    if named is not None:
        yield from named(named=True)
        return
    for row in frame:
        yield row if isinstance(row, Mapping) else vars(row)


def _cell(value: Any) -> Cell:
    if isinstance(value, Cell):
        return value
    return Cell("–" if value is None else str(value))


def _numeric(value: Any) -> bool:
    text = _cell(value).text
    return text in ("–", NOT_AVAILABLE) or _NUMBER.fullmatch(text) is not None
