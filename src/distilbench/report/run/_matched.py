"""Which model of one run is set against which of another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from distilbench.errors import InputError, use_one_of

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Matched:
    """Entries of the baseline with those of the candidate; sentences on what of the baseline has
    none (``not_compared``), and on the rest (``notes``)."""

    pairs: tuple[tuple[str, str], ...]
    not_compared: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Entry:
    entry: str
    model: str
    profile: str


def match(
    old: pl.DataFrame,
    new: pl.DataFrame,
    runs: tuple[str, str],
    pairs: Mapping[str, str],
) -> Matched:
    """Entries of the same model and profile; a model that each run has once, under whatever
    profile. With ``pairs``, models or entries of ``old`` to those of ``new``: these alone.

    ``old`` and ``new`` are cell records with ``entry``. Raises ``InputError`` if a name of
    ``pairs`` is not there, or names several entries of which none is under the same profile.
    """
    mine, theirs = _entries(old), _entries(new)
    if pairs:
        found = [pair for a, b in pairs.items() for pair in _mapped(a, b, mine, theirs, runs)]
        return Matched(tuple(found))
    both: list[tuple[_Entry, _Entry]] = []
    for one in mine:
        same = [other for other in theirs if other.model == one.model]
        exact = [other for other in same if other.profile == one.profile]
        alone = len(same) == 1 and sum(other.model == one.model for other in mine) == 1
        both += [(one, other) for other in exact or (same if alone else [])]
    left = [e.entry for e in mine if e not in [one for one, _ in both]]
    more = [e.entry for e in theirs if e not in [other for _, other in both]]
    return Matched(
        tuple((one.entry, other.entry) for one, other in both),
        tuple(f"{entry} is only in {runs[0]}." for entry in left),
        (*_profiles(both, runs), *(f"{entry} is only in {runs[1]}." for entry in more)),
    )


def _profiles(both: list[tuple[_Entry, _Entry]], runs: tuple[str, str]) -> Iterator[str]:
    for one, other in both:
        if one.profile != other.profile:
            yield (
                f"{one.model} ran under profile {one.profile} in {runs[0]} and under"
                f" {other.profile} in {runs[1]}."
            )


def _entries(cells: pl.DataFrame) -> list[_Entry]:
    rows = cells.select("entry", "model", "profile").unique(maintain_order=True).iter_rows()
    return [_Entry(*row) for row in rows]


def _mapped(
    a: str, b: str, mine: list[_Entry], theirs: list[_Entry], runs: tuple[str, str]
) -> list[tuple[str, str]]:
    """The entries that two names mean: under each profile that both have, else one and one."""
    ones, others = _named(a, mine, runs[0]), _named(b, theirs, runs[1])
    same = [(one.entry, o.entry) for one in ones for o in others if one.profile == o.profile]
    if same:
        return same
    if len(ones) == len(others) == 1:
        return [(ones[0].entry, others[0].entry)]
    remedy = f"name entries: {', '.join(e.entry for e in ones)} = {others[0].entry}, …"
    raise InputError(f"--pair {a}={b}", "the models have no profile in common", remedy)


def _named(name: str, entries: list[_Entry], run: str) -> list[_Entry]:
    found = [e for e in entries if e.entry == name] or [e for e in entries if e.model == name]
    if not found:
        known = dict.fromkeys(e.model for e in entries)
        raise InputError("--pair", f"{run} has no model {name!r}", use_one_of(name, known))
    return found
