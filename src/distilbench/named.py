"""A model as people name it: a card of the catalog, or any model file.

May import ``engines``, ``catalog`` and what these may; the front door and ``cli`` use it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from distilbench.errors import InputError, use_one_of
from distilbench.source import Source

if TYPE_CHECKING:
    from distilbench.architecture import ModelDescription
    from distilbench.catalog import Card, Catalog

_FILES = (".gguf", ".json", ".safetensors")


def named_cards(models: Sequence[str], cards: Sequence[Path]) -> tuple[list[Card], Catalog]:
    """The cards of models, and the catalog with their lineage.

    Of a model file: the card beside it, else one that holds what the file says of its size. Raises
    ``InputError`` if there is no such card or file.
    """
    from distilbench.catalog import load_catalog

    beside = [path for path in map(_card_beside, models) if path is not None]
    catalog = load_catalog((*cards, *dict.fromkeys(beside)))
    return [_card(model, catalog) for model in models], catalog


def _card(model: str, catalog: Catalog) -> Card:
    from distilbench.catalog import described_card, read_card
    from distilbench.engines import packaged

    if model in catalog.cards:
        return catalog.cards[model]
    source = Source.parse(model)
    known = packaged(source)
    if known is not None:
        return catalog.card(known.card)
    beside = _card_beside(model)
    if beside is not None:
        return catalog.card(read_card(beside).id)
    described = described_model(model, catalog)
    return described_card(described, described.name or source.name)


def described_model(model: str, catalog: Catalog) -> ModelDescription:
    """What a model's header says, or the shape on its card."""
    from distilbench.architecture import ModelDescription
    from distilbench.engines import describe_model

    card = catalog.cards.get(model)
    if card is None:
        _refuse_unknown(model, catalog)
        return describe_model(Source.parse(model), Path.cwd(), f"model {model!r}")
    if card.architecture is None:
        raise InputError(f"card {model!r}", "states no architecture", "give a model file")
    return ModelDescription(
        where=model,
        format="card",
        name=card.name,
        parameters=card.architecture.shape.total_params,
        experts=card.architecture.shape.is_moe,
        active_parameters=card.architecture.shape.active_params,
        architecture=card.architecture.shape,
    )


def _card_beside(model: str) -> Path | None:
    from distilbench.engines import card_beside

    return card_beside(Source.parse(model), Path.cwd(), f"model {model!r}")


def _refuse_unknown(model: str, catalog: Catalog) -> None:
    """A name that is no path and no reference is taken for a card's."""
    path = Path(model).expanduser()
    looks_like_a_file = path.suffix in _FILES or ":" in model or "/" in model
    if not path.exists() and not looks_like_a_file:
        raise InputError(
            f"model {model!r}",
            "is no card of the catalog and no file",
            f"{use_one_of(model, catalog.cards)}; or give a model file",
        )
