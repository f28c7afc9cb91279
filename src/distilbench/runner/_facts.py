"""What running asks of a model's card: advice on sampling, and the architecture of a model whose
weights are elsewhere.

The one place where running looks into the catalog: these are facts on models, and facts on models
live there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from distilbench.architecture import ModelShape
from distilbench.errors import InputError
from distilbench.suite import Generation

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from distilbench.architecture import ModelDescription
    from distilbench.catalog import Catalog, Cited

    Facts = Callable[[], Catalog]
    """The catalog, read only where it is asked."""


def facts_on_models() -> Catalog:
    """The catalog, which takes half a second to read."""
    from distilbench.catalog import load_catalog

    return load_catalog()


def check_card(catalog: Catalog, card: str, where: str) -> None:
    """Raises ``InputError`` that begins with ``where`` if there is no such card."""
    try:
        catalog.card(card)
    except InputError as error:
        raise InputError(where, f"{card!r} {error.problem}", error.remedy) from error


def recommendation(catalog: Catalog, card: str) -> tuple[Generation, str] | None:
    """What a model's card advises, and its source in words; None: it says nothing."""
    sampling = catalog.card(card).sampling
    if sampling is None:
        return None
    values = {name: getattr(sampling, name, None) for name in Generation.model_fields}
    return Generation(**values), _cited(catalog, card, sampling)


def architecture(catalog: Catalog, card: str) -> tuple[ModelShape, str] | None:
    """The architecture that a model's card states, and its source in words; None: it says
    nothing."""
    stated = catalog.card(card).architecture
    return (stated.shape, _cited(catalog, card, stated)) if stated else None


def shape_fields(
    card: str | None,
    file: Path | None,
    catalog: Facts,
    described: Callable[[Path], ModelDescription],
) -> dict[str, Any]:
    """The model's architecture and where it is stated, as fields of a cell. It sets no result."""
    if file is not None:
        read = described(file)
        missing = f"not available: {read.architecture_missing}"
        source = "the model file" if read.architecture else missing
        return {"shape": read.architecture, "shape_source": source}
    found = architecture(catalog(), card) if card else None
    return {"shape": found[0], "shape_source": found[1]} if found else {}


def _cited(catalog: Catalog, card: str, said: Cited) -> str:
    source = catalog.source(catalog.card(card), said.source)
    return f"card {card} ({source.title}, {said.where})"
