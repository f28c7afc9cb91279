"""Who published the figures and scores that a verdict rests on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from distilbench.catalog import Catalog, Source
from distilbench.claims._record import Publication


def publications(catalog: Catalog, cited: Iterable[tuple[str, str]]) -> Iterator[Publication]:
    """The sources of pairs of a card's id and a source's key, each once. Keys of assumptions of
    this program are no source."""
    found = {key: published(catalog, card, key) for card, key in cited}
    for key, source in sorted(found.items()):
        if source is not None:
            url = None if source.url is None else str(source.url)
            yield Publication(key=key, title=source.title, url=url, by=source.by)


def published(catalog: Catalog, card: str, key: str) -> Source | None:
    """The source that a card means by a key; null: none is called so."""
    own = catalog.cards[card].sources if card in catalog.cards else {}
    return own.get(key) or catalog.sources.get(key)
