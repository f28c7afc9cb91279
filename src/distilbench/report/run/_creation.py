"""The section of a run's report on creation cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distilbench.compute import BOUND_MARKS, SCOPES, Unavailable, interval, scope_costs
from distilbench.report.page import NOT_AVAILABLE, Cell, Section, Shown, Table, Text

if TYPE_CHECKING:
    from distilbench.compute import ScopeCost
    from distilbench.report.run._data import RunData

_NOTE = (
    "FLOPs that making the model took, from the figures of its card: published ones, or for a"
    " model made by 'distilbench distill' those measured stage by stage. From the narrowest"
    " scope to the widest: the student's own training; with the teacher's inference; with a"
    " share of the teacher's training; with the pretraining of its base. ≥ marks a lower bound:"
    " a part is not published; ≤ an upper bound: other uses of the teacher are not known, so that"
    " the share may be less; ~ both. 'distilbench compute CARD' shows the stages."
)


def creation(data: RunData) -> Section:
    """Creation cost of the models that have a card in the catalog."""
    catalog = data.catalog
    known = data.cells.select("entry", "card").unique(maintain_order=True).drop_nulls()
    rows = [
        {"entry": entry, "role": catalog.cards[card].role}
        | scope_costs(catalog.cards[card], catalog.cards, catalog.accelerators)
        for entry, card in known.iter_rows()
        if card in catalog.cards
    ]
    if not rows:
        return Section("Creation cost")
    scopes = (Shown(scope, scope, cost_cell) for scope in SCOPES)
    columns = (Shown("model", "entry"), *scopes, Shown("role", "role"))
    return Section(
        "Creation cost", (Text(_NOTE), Table.of("Creation compute in FLOPs", rows, columns))
    )


def cost_cell(cost: ScopeCost) -> Cell:
    """FLOPs of a scope; ≥ where a part is not published, which the title names."""
    if isinstance(cost.flops, Unavailable):
        if cost.at_least is None:
            return Cell(NOT_AVAILABLE, title=cost.flops.reason)
        return Cell(f"≥ {cost.at_least.central:.3g}", title=cost.flops.reason, kind="derived")
    found = interval(cost.flops)
    mark = BOUND_MARKS[cost.bound]
    title = f"5% to 95%: {found.p5:.3g} to {found.p95:.3g}"
    if cost.omits:
        title += "; not counted: " + ", ".join(cost.omits)
    if cost.exceeds:
        title += "; an upper bound of the teacher's share: " + ", ".join(cost.exceeds)
    return Cell(f"{mark}{found.central:.3g}", title=title, kind=found.kind)
