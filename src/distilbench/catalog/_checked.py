"""Which figures were compared with their source, by whom and against what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from distilbench.catalog._card import Card, Check, Cited
from distilbench.catalog._load import Catalog, cited_in

NOT_CHECKED = "not checked"


class CitedFigure(NamedTuple):
    """A figure of a card at its path, as ``training.tokens``, and its comparison, if any."""

    field: str
    cited: Cited
    check: Check | None


def cited_figures(catalog: Catalog, card: Card) -> Iterator[CitedFigure]:
    """Everything on a card that a source says. A figure's own check goes before the source's."""
    for field, cited in cited_in(card):
        yield CitedFigure(field, cited, check_of(catalog, card, field, cited))


def check_of(catalog: Catalog, card: Card, field: str, cited: Cited) -> Check | None:
    """The last comparison of the figure with its source; null: not checked, as far as is known."""
    if cited.checked is not None:
        return cited.checked
    checks = [check for check in catalog.source(card, cited.source).checked if check.covers(field)]
    return max(checks, key=lambda check: check.on, default=None)


def check_words(check: Check | None) -> str:
    """Who compared, against what, and when, in words.

    >>> check_words(None)
    'not checked'
    """
    if check is None:
        return NOT_CHECKED
    words = f"by {check.by} against {check.against}, {check.on}"
    return words if check.note is None else f"{words} ({check.note})"


def checked_card(catalog: Catalog, card: Card) -> dict[str, Any]:
    """A card as JSON, each figure with its check (null: not checked), and how many have one."""
    data = card.model_dump(mode="json", exclude_none=True)
    figures = list(cited_figures(catalog, card))
    for figure in figures:
        place = _at(data, figure.field)
        place["checked"] = figure.check.model_dump(mode="json") if figure.check else None
    counts = {"figures": len(figures), "checked": sum(f.check is not None for f in figures)}
    return {**data, "checks": counts}


def _at(data: Any, field: str) -> dict[str, Any]:
    """The record of a dumped card at a path, as ``scores[2]`` or ``training.tokens``."""
    for part in field.replace("[", ".").replace("]", "").split("."):
        data = data[int(part)] if part.isdigit() else data[part]
    found: dict[str, Any] = data
    return found
