"""The front door's creation cost: of a card or a model file, and of one over another.

Imported by ``distilbench/__init__.py`` when it is asked for; may import every room but ``cli``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distilbench.catalog import Card
    from distilbench.compute import CostRatio, Estimate, Interval, Scope, ScopeCost, Unavailable


@dataclass(frozen=True)
class CreationCost:
    """What it took to create a model, in FLOPs.

    ``training`` are the estimates of its own training by each method that its card allows;
    ``scopes`` the cost from narrow (``student``) to wide (``lineage``), stage by stage.
    """

    card: Card
    training: tuple[Estimate, ...]
    scopes: Mapping[Scope, ScopeCost]

    def flops(
        self, scope: Scope = "lineage", draws: int = 10_000, seed: int = 0
    ) -> Interval | Unavailable:
        """Central value and 5% to 95% of a scope's FLOPs by Monte Carlo over what is not known
        exactly; ``Unavailable`` with its reason where a stage is not known."""
        from distilbench.compute import Unavailable, interval

        found = self.scopes[scope].flops
        return found if isinstance(found, Unavailable) else interval(found, draws, seed)


@dataclass(frozen=True)
class Comparison:
    """Creation cost of ``a`` over that of ``b`` under each scope, and what both were published to
    score in one setting (rows of benchmark, version, metric, shots, mode, a column for each card,
    and the sources of both)."""

    a: Card
    b: Card
    ratios: Mapping[Scope, CostRatio]
    scores: Sequence[Mapping[str, Any]]


def creation_cost(model: str, cards: Sequence[str | Path] = ()) -> CreationCost:
    """Creation cost of a card of the catalog or of a model file (GGUF, config.json, folder,
    ``hf:``, ``pypi:``). ``cards`` are folders or files of further cards.

    Raises ``InputError`` if there is no such model.
    """
    from distilbench.compute import SCOPES, scope_cost, training_estimates
    from distilbench.named import named_cards

    [card], known = named_cards([model], [Path(path) for path in cards])
    scopes = {s: scope_cost(card, known.cards, s, known.accelerators) for s in SCOPES}
    return CreationCost(card, tuple(training_estimates(card, known.accelerators)), scopes)


def compare(model_a: str, model_b: str, cards: Sequence[str | Path] = ()) -> Comparison:
    """Creation cost of A over that of B under each scope, and their published scores: models and
    ``cards`` as in ``creation_cost``."""
    from distilbench.catalog import common_scores
    from distilbench.compute import SCOPES, cost_ratio
    from distilbench.named import named_cards

    [a, b], known = named_cards([model_a, model_b], [Path(path) for path in cards])
    ratios = {s: cost_ratio(a, b, known.cards, s, known.accelerators) for s in SCOPES}
    versioned = {key for key, benchmark in known.benchmarks.items() if benchmark.versions}
    return Comparison(a, b, ratios, common_scores(a, b, versioned))
