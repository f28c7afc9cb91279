"""What a page holds that a paper can take: its figures and tables, by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from distilbench.errors import InputError, use_one_of
from distilbench.report.claims import claims_sections
from distilbench.report.page import Cards, Chart, Curves, Explorer, Section, Table, flat
from distilbench.report.paper._against import against
from distilbench.report.paper._placed import placed
from distilbench.report.paper._tables import models_table, pairs_table, tasks_table
from distilbench.report.run import answer, sections

if TYPE_CHECKING:
    from distilbench.claims import Claims
    from distilbench.report.run import RunData

_NAME = 40
"""Most letters of a name."""


@dataclass(frozen=True)
class Contents:
    """The figures and tables of a page, by name, in its order. ``of`` says whose."""

    of: str
    figures: Mapping[str, Chart]
    tables: Mapping[str, Table]

    def figure(self, name: str) -> Chart:
        """Raises ``InputError`` with the names that there are."""
        found: Chart = _named(self.figures, name, "figure", self.of)
        return found

    def table(self, name: str, columns: Sequence[str] = ()) -> Table:
        """A table, or those of its columns, in that order. Raises ``InputError`` with the names
        that there are."""
        found: Table = _named(self.tables, name, "table", self.of)
        if not columns:
            return found
        places = [_place(found, name, column) for column in columns]
        rows = [[row[i] for i in places] for row in found.rows]
        return replace(found, columns=tuple(found.columns[i] for i in places), rows=rows)


def contents_of_run(data: RunData) -> Contents:
    """What the page of a run holds, and tables of its models, tasks and pairs."""
    first = [] if data.samples.is_empty() else [answer(data)]
    own = {"models": models_table(data), "tasks": tasks_table(data), "pairs": pairs_table(data)}
    return _contents(f"run {data.facts['name']}", [*first, *sections(data)], own)


def contents_of_claims(claims: Claims) -> Contents:
    """What the page on the claims of arXiv 2602.20164 holds, and a table of its verdicts."""
    rows = list(claims.in_words().items())
    own = {"verdicts": Table("The claims of arXiv 2602.20164", ("claim", "verdict"), rows)}
    return _contents("the claims", claims_sections(claims), own)


def _contents(of: str, made: Iterable[Section], own: Mapping[str, Table]) -> Contents:
    figures: dict[str, Chart] = {}
    tables = {name: table for name, table in own.items() if table.rows}
    for section in made:
        for block in _all(section.blocks):
            if isinstance(block, Table) and block.rows:
                tables[_free(tables, slug(block.caption), section.anchor)] = block
            elif isinstance(block, Chart):
                figures[block.name] = block
            elif isinstance(block, Explorer):
                figures |= {chart.name: chart for chart in against(block)}
            elif isinstance(block, Curves):
                figures |= {chart.name: chart for chart in placed(block)}
    return Contents(of, figures, tables)


def _all(blocks: Sequence[Any]) -> Iterator[Any]:
    """The blocks, and the tables inside of cards."""
    for block in flat(blocks):
        yield block
        if isinstance(block, Cards):
            for card in block.cards:
                yield from (replace(t, caption=f"{t.caption}: {card.title}") for t in card.tables)


def slug(text: str) -> str:
    """A name for files and labels: the first words of a caption.

    >>> slug("Quality, best first")
    'quality-best-first'
    """
    plain = text.lower().partition(";")[0]
    words = "".join(c if c.isascii() and c.isalnum() else " " for c in plain).split()
    name = ""
    for word in words:
        if len(name) + len(word) > _NAME and name:
            break
        name += f"-{word}" if name else word
    return name[:_NAME] or "table"


def _free(taken: Mapping[str, Any], name: str, section: str) -> str:
    if name not in taken:
        return name
    names = (f"{slug(section)}-{name}", *(f"{name}-{n}" for n in range(2, len(taken) + 3)))
    return next(one for one in names if one not in taken)


def _named(known: Mapping[str, Any], name: str, what: str, of: str) -> Any:
    if name not in known:
        where = f"{what} {name!r}"
        names = f"{use_one_of(name, known)}; without NAME all of them are listed"
        remedy = names if known else "name another run"
        raise InputError(where, f"{of} has none of that name", remedy)
    return known[name]


def _place(table: Table, name: str, column: str) -> int:
    if column not in table.columns:
        remedy = f"use one of: {', '.join(repr(c) for c in table.columns)}"
        raise InputError(f"--column {column!r}", f"is no column of table {name!r}", remedy)
    return list(table.columns).index(column)
