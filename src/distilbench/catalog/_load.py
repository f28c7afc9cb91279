"""Loads the catalog: the packaged cards, and those that users add by folder or entry point.

A user's folder holds cards (``*.yaml``), may hold ``sources.yaml``, and may hold a folder
``lineage`` with cards of teachers and bases. Folders come from the
caller, from ``$DISTILBENCH_CARDS`` (separated like ``$PATH``), and from entry points of the group
``distilbench.cards``, whose value is the name of a package with such files. All of it is read as
data; nothing of a package is imported.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from distilbench.catalog._card import Card, Cited, Figure, Source
from distilbench.errors import InputError, use_one_of
from distilbench.registry import of_packages
from distilbench.yaml_file import read_yaml

_HERE = Path(__file__).parent
_GROUP = "distilbench.cards"
_VARIABLE = "DISTILBENCH_CARDS"
Record = TypeVar("Record", bound=BaseModel)


class Accelerator(BaseModel):
    """Peak dense rates in FLOP/s (never those of sparsity), board power in watts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    peak_bf16_flops: Figure | None = None
    peak_fp8_flops: Figure | None = None
    peak_fp16_flops: Figure | None = None
    peak_fp32_flops: Figure | None = None
    power_w: Figure | None = None
    memory_bytes: Figure | None = None
    rental_usd_per_hour: Figure | None = None


class Benchmark(BaseModel):
    """A benchmark that cards cite scores of."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    unit: str = Field("percent", pattern="^(percent|rating|perplexity)$")
    questions: int | None = Field(None, gt=0)
    higher_is_better: bool = True
    versions: bool = Field(False, description="scores without their version are not comparable")
    chance: float | None = Field(
        None,
        ge=0,
        lt=100,
        description="percent that guessing gives: 0 for free answers, 25 for four choices; null:"
        " not one for all questions, or not entered",
    )

    def merit(self, value: float) -> float:
        """A score, turned round where a lower one is better: the greatest is the best."""
        return value if self.higher_is_better else -value

    @model_validator(mode="after")
    def _chance_of_percent(self) -> Self:
        if self.unit != "percent" and self.chance is not None:
            raise ValueError(f"field 'chance': guessing gives no share of a {self.unit}")
        return self


class Catalog(BaseModel):
    """Every card by its id, and what cards refer to by key."""

    model_config = ConfigDict(frozen=True)

    cards: Mapping[str, Card]
    sources: Mapping[str, Source]
    accelerators: Mapping[str, Accelerator]
    benchmarks: Mapping[str, Benchmark]

    def card(self, id_: str) -> Card:
        """A card by its id. Raises ``InputError`` with the nearest ids if there is none."""
        return _lookup(self.cards, id_, "model card", "distilbench catalog")

    def accelerator(self, key: str) -> Accelerator:
        """An accelerator by its key. Raises ``InputError`` as :meth:`card` does."""
        return _lookup(self.accelerators, key, "accelerator", "distilbench accelerators")

    def source(self, card: Card, key: str) -> Source:
        """The source that ``card`` means by ``key``: its own, else the shared one."""
        return card.sources.get(key) or self.sources[key]


def load_catalog(extra: Sequence[Path] = ()) -> Catalog:
    """The packaged catalog and the users' cards, in folders or files.

    Raises ``InputError`` on the first mistake.
    """
    return _with_folders(_packaged(), _users_folders(extra))


def catalog_beside(folders: Iterable[Path]) -> tuple[Catalog, InputError | None]:
    """The catalog with the cards that lay beside models, in those of ``folders`` that are there;
    without them, and why, if one is bad."""
    try:
        return load_catalog([folder for folder in folders if folder.is_dir()]), None
    except InputError as error:
        return load_catalog(), error


@cache
def _packaged() -> Catalog:
    """Read once: these files do not change while they are used."""
    sources: dict[str, Source] = {}
    for path in sorted((_HERE / "sources").glob("*.yaml")):
        _add_all(sources, Source, path)
    accelerators: dict[str, Accelerator] = {}
    _add_all(accelerators, Accelerator, _HERE / "accelerators.yaml")
    for key, accelerator in accelerators.items():
        for field, cited in cited_in(accelerator, key):
            if cited.source not in sources:
                raise _unknown("accelerators.yaml", f"{field}.source", cited.source, sources)
    benchmarks: dict[str, Benchmark] = {}
    _add_all(benchmarks, Benchmark, _HERE / "benchmarks.yaml")
    empty = Catalog(cards={}, sources=sources, accelerators=accelerators, benchmarks=benchmarks)
    return _with_folders(empty, [_HERE / "cards"])


def _with_folders(catalog: Catalog, folders: Iterable[Path]) -> Catalog:
    """A catalog and the cards and sources of folders or files, which are checked."""
    sources, cards = dict(catalog.sources), dict(catalog.cards)
    places: dict[str, Path] = {}
    for folder in folders:
        for path in [folder] if folder.is_file() else sorted(folder.glob("*.yaml")):
            if path.name == "sources.yaml":
                _add_all(sources, Source, path)
                continue
            card = read_card(path)
            if cards.get(card.id) == card:
                continue  # the card of a shared teacher lies beside each of its students
            if card.id in cards:
                before = places.get(card.id, _HERE / "cards" / f"{card.id}.yaml")
                raise InputError(
                    str(path), f"field 'id': {card.id!r} is also in {before}", "rename it"
                )
            cards[card.id], places[card.id] = card, path
    whole = catalog.model_copy(update={"cards": cards, "sources": sources})
    for id_, path in places.items():
        _check(whole, cards[id_], str(path))
    return whole


def read_card(path: Path) -> Card:
    """One card, without a look at what it refers to. Raises ``InputError`` as a catalog does."""
    return read_yaml(path, "'id:' and 'name:'").validated(Card)


def cited_in(record: BaseModel, path: str = "") -> Iterator[tuple[str, Cited]]:
    """Everything in a record that names a source, with the path of its field."""
    if isinstance(record, Cited):
        yield path, record
        return
    for name in type(record).model_fields:
        value = getattr(record, name)
        where = f"{path}.{name}" if path else name
        if isinstance(value, BaseModel):
            yield from cited_in(value, where)
        elif isinstance(value, tuple):
            for index, item in enumerate(value):
                if isinstance(item, BaseModel):
                    yield from cited_in(item, f"{where}[{index}]")


def _check(catalog: Catalog, card: Card, where: str) -> None:
    """What a card refers to must be there, and its lineage must come to an end."""
    known = {**catalog.sources, **card.sources}
    for field, cited in cited_in(card):
        if cited.source not in known:
            raise _unknown(where, f"{field}.source", cited.source, known)
    for part in ("base", "teacher"):
        id_ = getattr(card.lineage, part)
        if id_ is not None and id_ not in catalog.cards:
            raise _unknown(where, f"lineage.{part}", id_, catalog.cards)
    recipe = card.lineage.recipe
    for use in (*card.training.hardware, *(recipe.hardware if recipe else ())):
        if use.accelerator not in catalog.accelerators:
            raise _unknown(where, "hardware.accelerator", use.accelerator, catalog.accelerators)
    for index, score in enumerate(card.scores):
        if score.benchmark not in catalog.benchmarks:
            field = f"scores[{index}].benchmark"
            raise _unknown(where, field, score.benchmark, catalog.benchmarks)
    for index, length in enumerate(card.answer_lengths):
        if length.benchmark not in catalog.benchmarks:
            field = f"answer_lengths[{index}].benchmark"
            raise _unknown(where, field, length.benchmark, catalog.benchmarks)
    _follow(catalog, card, where, ())


def _follow(catalog: Catalog, card: Card, where: str, seen: tuple[str, ...]) -> None:
    if card.id in seen:
        chain = " -> ".join((*seen, card.id))
        raise InputError(where, f"field 'lineage' goes in a circle ({chain})", "mend base, teacher")
    for id_ in filter(None, (card.lineage.base, card.lineage.teacher)):
        if id_ in catalog.cards:
            _follow(catalog, catalog.cards[id_], where, (*seen, card.id))


def _users_folders(extra: Sequence[Path]) -> Iterator[Path]:
    named = [Path(p) for p in os.environ.get(_VARIABLE, "").split(os.pathsep) if p]
    for folder in (*extra, *named):
        if not folder.exists():
            raise InputError(str(folder), "is no folder of model cards", "correct the path")
        yield folder
        lineage = (folder if folder.is_dir() else folder.parent) / "lineage"
        if lineage.is_dir():  # cards of a student's teacher and base
            yield lineage
    for point in of_packages(_GROUP):
        spec = importlib.util.find_spec(point.value)
        places = spec.submodule_search_locations if spec else None
        yield from (Path(place) for place in places or ())


def _add_all(known: dict[str, Record], kind: type[Record], path: Path) -> None:
    file = read_yaml(path, "'key: {...}' lines")
    for key in file.data:
        if key in known:
            raise InputError(
                f"{path}, line {file.lines[key,]}",
                f"the key {key!r} is defined before",
                "rename it",
            )
        known[key] = file.validated(kind, (key,))


def _lookup(known: Mapping[str, Record], key: str, what: str, where: str) -> Record:
    if key in known:
        return known[key]
    raise InputError(
        f"{what} {key!r}", "is not in the catalog", f"{use_one_of(key, known)}; all: {where}"
    )


def _unknown(where: str, field: str, key: str, known: Mapping[str, Any]) -> InputError:
    return InputError(where, f"field {field!r}: {key!r} is not known", use_one_of(key, known))
