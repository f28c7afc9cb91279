"""What it took to create a model, as a record; ``docs/schemas/creation.schema.json`` is made from
these classes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from distilbench.catalog import Card, Catalog, Kind
from distilbench.compute import (
    SCOPES,
    Bound,
    Quantity,
    Scope,
    ScopeCost,
    Unavailable,
    bound_of,
    interval,
    scope_costs,
)
from distilbench.records import Role


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Flops(_Record):
    """Floating-point operations, and how the figure is known."""

    value: float | None = Field(description="FLOPs; null: not available")
    low: float | None = Field(description="5% of the draws over what is not known exactly")
    high: float | None = Field(description="95% of them")
    bound: Bound = Field(description="how value stands to what was spent: =, >=, <=, or ~ (either)")
    kind: Kind | None = Field(
        description="measured, published, derived (from such figures) or estimated; null: no value"
    )
    omits: tuple[str, ...] = Field(description="what the value leaves out for want of a source")
    exceeds: tuple[str, ...] = Field(description="why it may be more than was spent")
    not_available: str | None = Field(description="why a part, or all, is not known")


class StageCost(_Record):
    """One stage of the distillation: this model's share of it."""

    name: str
    flops: Flops


class Cited(_Record):
    """A publication behind the figures."""

    key: str
    title: str
    url: str | None


class CreationRecord(_Record):
    """Creation cost of one model under four scopes, each of which holds the one before it."""

    format: Literal["distilbench creation 1"] = "distilbench creation 1"
    model: str
    id: str = Field(description="key of the model card that the figures are from")
    role: Role
    base: str | None = Field(
        description="model whose weights it started from; null: none or not said"
    )
    teacher: str | None = Field(description="null: none, or not disclosed")
    method: str | None = Field(description="how it was distilled; null: it was not")
    scopes: dict[Scope, Flops] = Field(
        description="student: its own training; pipeline: + the teacher's inference; amortised: + a"
        " share of the teacher's training; lineage: + the pretraining of its base. Of a model that"
        " is not distilled all four are the whole cost"
    )
    stages: tuple[StageCost, ...] = Field(description="of a distilled model, those of lineage")
    sources: tuple[Cited, ...]
    made_by: str


def creation_record(
    card: Card, catalog: Catalog, draws: int = 10_000, seed: int = 0
) -> CreationRecord:
    """The record of a card of the catalog (or beside it)."""
    costs = scope_costs(card, catalog.cards, catalog.accelerators)
    recipe = card.lineage.recipe
    return CreationRecord(
        model=card.name,
        id=card.id,
        role=card.role,
        base=_name(catalog.cards, card.lineage.base),
        teacher=_name(catalog.cards, card.lineage.teacher),
        method=None if recipe is None else recipe.method,
        scopes={scope: _of_scope(costs[scope], draws, seed) for scope in SCOPES},
        stages=tuple(
            StageCost(
                name=stage.name,
                flops=_flops(stage.flops, None, stage.omits, stage.exceeds, draws, seed),
            )
            for stage in costs["lineage"].stages
        ),
        sources=tuple(_sources(card, catalog, costs.values())),
        made_by=f"distilbench {version('distilbench')}",
    )


def _of_scope(cost: ScopeCost, draws: int, seed: int) -> Flops:
    return _flops(cost.flops, cost.at_least, cost.omits, cost.exceeds, draws, seed)


def _flops(
    flops: Quantity | Unavailable,
    at_least: Quantity | None,
    omits: tuple[str, ...],
    exceeds: tuple[str, ...],
    draws: int,
    seed: int,
) -> Flops:
    """``at_least`` stands in where the whole is not known."""
    reason = flops.reason if isinstance(flops, Unavailable) else None
    known = at_least if isinstance(flops, Unavailable) else flops
    bound = bound_of(bool(omits) or reason is not None, bool(exceeds) and reason is None)
    found = None if known is None else interval(known, draws, seed)
    return Flops(
        value=found and found.central,
        low=found and found.p5,
        high=found and found.p95,
        bound=bound,
        kind=found and found.kind,
        omits=omits,
        exceeds=exceeds if reason is None else (),
        not_available=reason,
    )


def _name(cards: Mapping[str, Card], id_: str | None) -> str | None:
    """The name of another card; its id, where it has none here."""
    return cards[id_].name if id_ is not None and id_ in cards else id_


def _sources(card: Card, catalog: Catalog, costs: Iterable[ScopeCost]) -> Iterator[Cited]:
    """Publications of every figure that a cost was computed from."""
    known = [cost.flops if isinstance(cost.flops, Quantity) else cost.at_least for cost in costs]
    inputs = {name: one for cost in known if cost is not None for name, one in cost.inputs.items()}
    keys: dict[str, str] = {}
    for name, one in inputs.items():
        keys.setdefault(one.source.partition(": ")[0], name.partition(": ")[0])
    for key, owner in sorted(keys.items()):
        own = {**card.sources, **(catalog.cards[owner].sources if owner in catalog.cards else {})}
        source = own.get(key) or catalog.sources.get(key)
        if source is not None:  # an assumption of this program has none
            url = None if source.url is None else str(source.url)
            yield Cited(key=key, title=source.title, url=url)
