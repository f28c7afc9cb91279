"""Tables, made from frames by naming columns and how they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from distilbench.report.page._format import NOT_AVAILABLE
from distilbench.report.page._sorting import ABSENT, sort_keys

if TYPE_CHECKING:
    import polars as pl

Known = Literal["measured", "derived", "published", "estimated"]


class Cell(NamedTuple):
    """A table cell with more than text: where it leads, what it says on hover, how it is known,
    how deep its ground is coloured (tenths, 0 to 10: a heat map's)."""

    text: str
    href: str | None = None
    title: str | None = None
    kind: Known | None = None
    shade: int | None = None


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
    """Rows of cells. A column of numbers stands to the right, and is sorted by them. ``anchors``
    gives rows an id to link to. ``heat``: a map of many narrow columns, whose headings stand
    upright and whose cells are shaded."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    anchors: Sequence[str] = ()
    heat: bool = False

    @classmethod
    def of(
        cls, caption: str, frame: pl.DataFrame | Iterable[Any], columns: Sequence[Shown]
    ) -> Table:
        """A table with a row for each of ``frame``: a data frame, dicts or dataclasses."""
        rows = [tuple(column.of(row) for column in columns) for row in _records(frame)]
        return cls(caption, tuple(column.heading for column in columns), rows)

    def cells(self) -> list[list[Cell]]:
        return self._cells

    def sort_keys(self) -> list[list[str] | None]:
        """Of each column what its cells are sorted by; null for a column of words."""
        return self._sort_keys

    def numeric(self) -> list[bool]:
        """Whether each column holds numbers, or nothing but what is not known."""
        absent = [bool(texts) and all(text in ABSENT for text in texts) for texts in self._texts()]
        return [none or key is not None for none, key in zip(absent, self._sort_keys, strict=True)]

    @cached_property
    def _cells(self) -> list[list[Cell]]:
        return [[_cell(value) for value in row] for row in self.rows]

    @cached_property
    def _sort_keys(self) -> list[list[str] | None]:
        return [sort_keys(texts, names=i == 0) for i, texts in enumerate(self._texts())]

    def _texts(self) -> list[list[str]]:
        """What stands in each column."""
        return [[row[i].text for row in self._cells] for i in range(len(self.columns))]


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
