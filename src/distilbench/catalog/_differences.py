"""Our cards beside what files of others say: what agrees, what differs, what is left out."""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from distilbench.catalog._card import Card, Figure
from distilbench.catalog._elsewhere import read_elsewhere
from distilbench.catalog._load import Benchmark, Catalog
from distilbench.catalog._stated import Stated

TOLERANCE = 0.05
"""Relative: tables round sizes, as 7e9 for 7.24e9."""
POINTS = 0.1
"""Of scores, in percent: rounding."""
DAYS = 31
"""Of dates: a paper is dated apart from the weights."""
_TOKEN = re.compile(r"[a-z0-9.]+")
_SAME = {"it": "instruct", "hf": "", "meta": ""}


@dataclass(frozen=True)
class Ours:
    """A figure of a card that a stated one is compared with, and where it is from."""

    value: float | str | tuple[float, float]
    where: str
    field: str


@dataclass(frozen=True)
class Difference:
    """One figure on which a card and a file differ. ``ratio``: ours / theirs; null: of dates."""

    card: str
    field: str
    ours: float | str | tuple[float, float]
    theirs: float | str | tuple[float, float]
    ratio: float | None
    our_source: str
    their_source: str
    note: str | None


@dataclass(frozen=True)
class CatalogCheck:
    """Cards compared with the files of a folder."""

    files: Mapping[str, str]
    unread: tuple[str, ...]
    agreements: Mapping[str, int]
    differences: tuple[Difference, ...]
    not_on_card: tuple[str, ...] = field(default=())
    """Figures that a file has and our card has not."""
    unmatched: tuple[str, ...] = field(default=())
    """Models of the files that are no card of ours, or more than one: those first that share two
    words with a card."""
    left_out: tuple[str, ...] = field(default=())

    @property
    def compared(self) -> int:
        return sum(self.agreements.values()) + len(self.differences)


def check_catalog(catalog: Catalog, folder: Path, tolerance: float = TOLERANCE) -> CatalogCheck:
    """Compare every card with what the known files of a folder say of its model.

    ``tolerance``: relative difference of counts and FLOPs up to which they agree. Raises
    ``InputError`` as :func:`read_elsewhere` does.
    """
    found = read_elsewhere(folder)
    names = _names(catalog)
    benchmarks = _benchmarks(catalog.benchmarks)
    agreements: Counter[str] = Counter()
    differences: list[Difference] = []
    lacking: list[str] = []
    unmatched: dict[str, None] = {}
    left_out = list(found.left_out)
    for stated in found.stated:
        ids = names.get(_key(stated.model), ())
        if len(ids) != 1:
            several = f" (names {' and '.join(ids)})" if ids else ""
            unmatched[f"{stated.model}{several}"] = None
            continue
        card = catalog.cards[ids[0]]
        if stated.field == "score" and _plain(stated.benchmark or "") not in benchmarks:
            left_out.append(f"{stated.file}: {card.id}: no benchmark of ours: {stated.benchmark}")
            continue
        ours = list(_ours(catalog, card, stated, benchmarks))
        if not ours:
            lacking.append(f"{card.id}: {_title(stated)}, {stated.file}, {stated.where}")
        elif any(_agree(one.value, stated, tolerance) for one in ours):
            agreements[stated.field] += 1
        else:
            differences.append(_difference(card, _nearest(ours, stated), stated))
    return CatalogCheck(
        found.kinds,
        found.unread,
        dict(agreements),
        tuple(differences),
        tuple(lacking),
        tuple(sorted(unmatched, key=lambda name: not _near(name, names))),
        tuple(left_out),
    )


def _key(name: str) -> tuple[str, ...]:
    """The words of a name in no order, without its owner: ``Qwen2.5 Instruct (7B)`` and
    ``Qwen/Qwen2.5-7B-Instruct`` are one.

    >>> _key("meta-llama/Llama-3.1-8B")
    ('3.1', '8b', 'llama')
    """
    words = _TOKEN.findall(name.rpartition("/")[2].lower())
    return tuple(sorted(word for word in (_SAME.get(w, w) for w in words) if word))


def _near(name: str, names: Iterable[tuple[str, ...]]) -> bool:
    words = {*_key(name)}
    return any(len(words.intersection(key)) > 1 for key in names)


def _names(catalog: Catalog) -> dict[tuple[str, ...], tuple[str, ...]]:
    """The cards that each name means."""
    found: dict[tuple[str, ...], set[str]] = {}
    for card in catalog.cards.values():
        for name in (card.id, card.name, *card.aliases):
            found.setdefault(_key(name), set()).add(card.id)
    return {key: tuple(sorted(ids)) for key, ids in found.items()}


def _benchmarks(known: Mapping[str, Benchmark]) -> dict[str, str]:
    """Key of a benchmark by its name and key, and as AIME24 is written."""
    found = {_plain(name): key for key, one in known.items() for name in (key, one.name)}
    return found | {
        plain.replace("20", "", 1): key for plain, key in found.items() if "20" in plain
    }


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _ours(
    catalog: Catalog, card: Card, stated: Stated, benchmarks: Mapping[str, str]
) -> Iterator[Ours]:
    """What our card says of the same thing: several where sources disagree."""
    if stated.field == "released":
        if card.released:
            yield Ours(card.released.isoformat(), f"card {card.id}", "released")
    elif stated.field == "price":
        for price in card.prices:
            paid = (price.input_usd_per_mtok, price.output_usd_per_mtok)
            yield Ours(paid, f"{price.source}: {price.where}, {price.date}", "price")
    elif stated.field == "score":
        key = benchmarks[_plain(stated.benchmark or "")]
        for score in card.scores:
            same = stated.shots is None or score.shots in (None, stated.shots)
            if score.benchmark == key and same:
                yield Ours(score.value, f"{score.source}: {score.where}", score.metric)
    else:
        yield from _counts(card, stated.field)


def _counts(card: Card, name: str) -> Iterator[Ours]:
    total, tokens = card.parameters.total, card.training.tokens
    figures = {"parameters": total, "tokens": tokens, "flops": card.training.flops}
    figure = figures[name]
    if figure is not None:
        yield Ours(figure.value, _where(figure), name)
        return
    used = card.parameters.active or total
    if name == "flops" and used is not None and tokens is not None:
        where = f"6 N D of {_where(used)} and {_where(tokens)}"
        yield Ours(6 * used.value * tokens.value, where, "flops")


def _where(figure: Figure) -> str:
    known = "" if figure.kind == "published" else f" ({figure.kind})"
    return f"{figure.source}: {figure.where}{known}"


def _agree(ours: Any, stated: Stated, tolerance: float) -> bool:
    theirs: Any = stated.value
    if stated.field == "released":
        return ours.startswith(theirs) or (
            len(theirs) == 10
            and abs((datetime.date.fromisoformat(theirs) - datetime.date.fromisoformat(ours)).days)
            <= DAYS
        )
    if stated.field == "price":
        return bool(ours == theirs)
    if stated.field == "score":
        return bool(abs(ours - theirs) <= POINTS + 1e-9)
    return bool(abs(ours - theirs) <= tolerance * max(ours, theirs))


def _nearest(ours: Sequence[Ours], stated: Stated) -> Ours:
    theirs = stated.value
    if not isinstance(theirs, float):
        return ours[-1]
    return min(ours, key=lambda one: abs(float(str(one.value)) - theirs))


def _difference(card: Card, ours: Ours, stated: Stated) -> Difference:
    theirs = stated.value
    both = isinstance(ours.value, float | int) and isinstance(theirs, float) and theirs != 0
    metrics = f"ours {ours.field}, theirs {stated.metric}" if stated.field == "score" else None
    return Difference(
        card.id,
        _title(stated),
        ours.value,
        theirs,
        float(str(ours.value)) / float(str(theirs)) if both else None,
        ours.where,
        f"{stated.file}, {stated.where}",
        "; ".join(filter(None, (metrics, stated.note))) or None,
    )


def _title(stated: Stated) -> str:
    if stated.field != "score":
        return stated.field
    shots = "" if stated.shots is None else f", {stated.shots} shots"
    return f"{stated.benchmark}{shots}"
