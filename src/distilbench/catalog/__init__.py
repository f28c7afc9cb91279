"""Facts on models: what they are, where they come from, what they cost, what they scored.

Holds the model cards (``cards/*.yaml``), the sources they cite (``sources.yaml``), the accelerators
they were made on (``accelerators.yaml``), and the schema that validates all three. Every figure
carries its source, the place in the source, and how it is known. Imports ``architecture`` and
``errors`` only.
"""

from distilbench.catalog._card import (
    AnswerLength,
    Card,
    Check,
    Cited,
    Figure,
    HardwareUse,
    Kind,
    Licence,
    Lineage,
    MeasuredStage,
    Parameters,
    Price,
    Recipe,
    Score,
    ShapeFigure,
    Source,
    Training,
)
from distilbench.catalog._checked import (
    NOT_CHECKED,
    CitedFigure,
    check_of,
    check_words,
    checked_card,
    cited_figures,
)
from distilbench.catalog._described import blank_card, card_slug, described_card
from distilbench.catalog._differences import TOLERANCE, CatalogCheck, Difference, check_catalog
from distilbench.catalog._load import (
    Accelerator,
    Benchmark,
    Catalog,
    catalog_beside,
    cited_in,
    load_catalog,
    read_card,
)
from distilbench.catalog._scores import common_scores

__all__ = [
    "NOT_CHECKED",
    "TOLERANCE",
    "Accelerator",
    "AnswerLength",
    "Benchmark",
    "Card",
    "Catalog",
    "CatalogCheck",
    "Check",
    "Cited",
    "CitedFigure",
    "Difference",
    "Figure",
    "HardwareUse",
    "Kind",
    "Licence",
    "Lineage",
    "MeasuredStage",
    "Parameters",
    "Price",
    "Recipe",
    "Score",
    "ShapeFigure",
    "Source",
    "Training",
    "blank_card",
    "card_slug",
    "catalog_beside",
    "check_catalog",
    "check_of",
    "check_words",
    "checked_card",
    "cited_figures",
    "cited_in",
    "common_scores",
    "described_card",
    "load_catalog",
    "read_card",
]
