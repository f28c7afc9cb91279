"""Cards that lie beside model files: a model made by ``distilbench distill`` brings its own.

The runner knows nothing of what a card says. It reads its id, and copies it and the cards of its
lineage into ``<run>/cards``, where the report finds them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from distilbench.errors import InputError
from distilbench.files import copy_file
from distilbench.yaml_file import read_yaml

_CARD = "card.yaml"
_LINEAGE = "lineage"
_MOST_BYTES = 1 << 20  # a card is a few kilobytes


def card_beside(source: str, folder: Path) -> Path | None:
    """The ``card.yaml`` in the folder of a local model file."""
    if source.partition(":")[0] in ("pypi", "hf", "inspect"):
        return None
    path = (folder / Path(source).expanduser()).resolve().parent / _CARD
    return path if path.is_file() and path.stat().st_size <= _MOST_BYTES else None


def card_id(path: Path) -> str | None:
    """Its ``id``; None if the file is no card. Raises ``OSError`` if it cannot be read."""
    try:
        found = read_yaml(path, "id:").data.get("id")
    except InputError:
        return None
    return found if isinstance(found, str) else None


def copy_cards(run_dir: Path, cards: Iterable[Path]) -> None:
    """Copy cards, and those of their lineage, into the run directory."""
    for card in dict.fromkeys(cards):
        for file in (card, *sorted((card.parent / _LINEAGE).glob("*.yaml"))):
            name = card_id(file)
            if name and Path(name).name == name:
                target = run_dir / "cards" / f"{name}.yaml"
                copy_file(file, target)
