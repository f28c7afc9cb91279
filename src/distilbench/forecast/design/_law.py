"""What the distillation scaling law says of a route, where it may speak."""

from __future__ import annotations

from typing import TypeAlias

from distilbench.catalog import Card
from distilbench.compute import Quantity, Unavailable, active_parameters, distil_or_train
from distilbench.errors import InputError

Told: TypeAlias = tuple[tuple[str, ...], tuple[str, ...]]
"""What is known, and what is not."""


def law_words(student: Card, teacher: Card, tokens: Quantity, flops: Quantity) -> Told:
    """The predicted losses of the student trained and distilled for the same FLOPs, or why the law
    is silent. It is a law of loss on web text (and unverified), never of a task's score."""
    sizes = [_inner(card) for card in (student, teacher)]
    seen = teacher.training.tokens
    if seen is None or any(size is None for size in sizes):
        missing = "tokens" if seen is None else "parameters"
        return (), (f"the scaling law's loss: {missing} of {student.name} or {teacher.name}",)
    budget = tokens.central * flops.central
    small, big = (size for size in sizes if size is not None)
    try:
        found = distil_or_train(budget, small, big, seen.value, scenario="teacher inference")
    except InputError as error:
        return (), (f"the scaling law's loss: {error.problem}",)
    if found.distilled is None:
        return (), ("the scaling law's loss: the budget is spent on the teacher",)
    return (
        f"scaling law (unverified, loss on C4, from scratch): {found.distilled.loss:.3f} distilled,"
        f" {found.supervised.loss:.3f} trained on text with as many FLOPs",
    ), ()


def _inner(card: Card) -> float | None:
    """Weights without embeddings, as the law counts them."""
    size = active_parameters(card)
    if isinstance(size, Unavailable):
        return None
    tables = card.architecture.shape.embedding_params if card.architecture else 0
    return float(size.central) - tables
