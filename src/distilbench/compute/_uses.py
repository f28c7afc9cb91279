"""Among how many students a teacher's training is shared."""

from __future__ import annotations

from collections.abc import Mapping

from distilbench.catalog import Card
from distilbench.compute._quantity import Input, Quantity, from_figure, known


def teacher_uses(card: Card, cards: Mapping[str, Card]) -> Quantity | None:
    """Among how many its teacher's training is shared: what the card states, else the students of
    that teacher that have a card (others are not known: the share is an upper bound). Null: none
    but this one."""
    stated, teacher = card.lineage.teacher_uses, card.lineage.teacher
    if stated is not None:
        return from_figure(stated, f"{card.id}: lineage.teacher_uses")
    students = {one.id for one in cards.values() if one.lineage.teacher == teacher} | {card.id}
    if teacher is None or len(students) == 1:
        return None
    count = float(len(students))
    note = "students of this teacher with a card; each further one lowers the share"
    return known(Input(f"{teacher}: uses", count, count, count, "derived", "the cards", note))


def share_excess(card: Card, uses: Quantity | None) -> tuple[str, ...]:
    """Why a share by ``uses`` (see :func:`teacher_uses`) is an upper bound; empty: the number of
    uses is stated."""
    if card.lineage.teacher_uses is not None:
        return ()
    if uses is None:
        return (
            f"{card.id}: all of its teacher's training is charged to it, no other use is known",
        )
    return (
        f"{card.lineage.teacher}: its training is shared among the {uses.central:g} students known"
        " here; other uses, its own service among them, are not known",
    )
