"""The student's card (placeholder)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distilbench.distill._cache import SharedCost
from distilbench.distill._recipe import Recipe
from distilbench.distill._stages import StageRecord


@dataclass(frozen=True)
class CardFacts:
    recipe: Recipe
    records: list[StageRecord]
    shared: list[SharedCost]
    data_digest: str
    loss: float
    accuracy: float | None


def write_card(facts: CardFacts, folder: Path, teaching: Any) -> Path:
    file = folder / "card.yaml"
    file.write_text("")
    return file
