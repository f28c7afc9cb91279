"""Questions of a run, a page at a time, read from the files of its sample records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from distilbench.errors import InputError, use_one_of
from distilbench.report import (
    ENDED,
    PAIRS,
    QUESTION,
    SORTS,
    answer_of,
    finite,
    in_order,
    with_ending,
)
from distilbench.transcripts import read_transcript

if TYPE_CHECKING:
    import polars as pl

EACH = 20
"""Questions of a page."""
_COSTS = {"tokens": "output_tokens", "seconds": "total_s"}
_SHOWN = ("ended", "output_tokens", "total_s")
_MOST_PAGE = 10**9
_ONE_AT_A_TIME = Lock()
"""Held while a transcript is read: a stranger's may take a gigabyte meanwhile."""
Entries = Mapping[str, tuple[str, str]]
"""Model and profile of each entry, by its name."""


@dataclass(frozen=True)
class Wanted:
    """Which questions, in which order: the words of the page's controls."""

    first: str
    second: str = ""
    task: str = ""
    ended: str = ""
    pair: str = ""
    sort: str = "asked"
    page: int = 0

    @classmethod
    def parse(cls, words: Mapping[str, str], entries: Entries) -> Wanted:
        """Raises ``InputError`` on a word that no control has."""
        wanted = cls(
            words.get("first", ""),
            words.get("second", ""),
            words.get("task", ""),
            words.get("ended", ""),
            words.get("pair", ""),
            words.get("sort", "asked"),
            _whole(words.get("page", "0"), "page"),
        )
        for name, value, known in (
            ("first", wanted.first, [*entries]),
            ("second", wanted.second, ["", *entries]),
            ("ended", wanted.ended, ["", *ENDED]),
            ("pair", wanted.pair, [*PAIRS]),
            ("sort", wanted.sort, [*SORTS]),
        ):
            if value not in known:
                raise InputError(name, f"there is no {value!r}", use_one_of(value, known))
        return wanted


def listed(table: pl.LazyFrame, entries: Entries, wanted: Wanted) -> dict[str, Any]:
    """A page of questions, each with how the two models' answers ended and what they took, and the
    ``count`` of all that are wanted."""
    import polars as pl

    found = _of(table, entries[wanted.first], wanted.task)
    if wanted.second:
        other = _of(table, entries[wanted.second], wanted.task)
        found = found.join(other, on=QUESTION, how="left", suffix=" of second")
    if wanted.ended:
        found = found.filter(pl.col("ended") == wanted.ended)
    if wanted.second and wanted.pair:
        found = found.filter(_agreement(wanted.pair))
    page = _sorted(found, wanted.sort).slice(wanted.page * EACH, EACH)
    count, rows = pl.collect_all([found.select(pl.len()), page])
    return {
        "count": count.item(),
        "rows": [
            {
                **{name: row[column] for name, column in _KEYS.items()},
                "first": _brief(row, ""),
                "second": _brief(row, " of second") if wanted.second else None,
            }
            for row in rows.iter_rows(named=True)
        ],
    }


_KEYS = dict(zip(("task", "seed", "id", "epoch"), QUESTION, strict=True))


def _of(table: pl.LazyFrame, entry: tuple[str, str], task: str) -> pl.LazyFrame:
    import polars as pl

    model, profile = entry
    mine = table.filter((pl.col("model") == model) & (pl.col("profile") == profile))
    if task:
        mine = mine.filter(pl.col("task") == task)
    return with_ending(mine).select(*QUESTION, *_SHOWN)


def _agreement(pair: str) -> pl.Expr:
    import polars as pl

    first, second = pl.col("ended") == "right", pl.col("ended of second") == "right"
    return {  # null, and so left out, where the second was not asked
        "differ": first != second,
        "first": first & ~second,
        "second": ~first & second,
        "neither": ~first & ~second,
    }[pair] & second.is_not_null()


def _sorted(found: pl.LazyFrame, sort: str) -> pl.LazyFrame:
    column = _COSTS.get(sort.removeprefix("-"))
    if column is None:
        return in_order(found)
    most_first = not sort.startswith("-")
    return found.sort(
        column, *QUESTION, descending=[most_first, *[False] * len(QUESTION)], nulls_last=True
    )


def _brief(row: Mapping[str, Any], of: str) -> dict[str, Any] | None:
    ended, tokens, seconds = (row[name + of] for name in _SHOWN)
    return None if ended is None else {"ended": ended, "tokens": tokens, "seconds": finite(seconds)}


def question(
    table: pl.LazyFrame, run_dir: Path, entries: Entries, words: Mapping[str, str]
) -> dict[str, Any]:
    """All that is known of one question: target, and the answer of each of two models with its
    transcript. Raises ``InputError`` if there is none."""
    import polars as pl

    key = {
        "task": words.get("task", ""),
        "seed": _whole(words.get("seed", ""), "seed"),
        "sample_id": words.get("id", ""),
        "epoch": _whole(words.get("epoch", ""), "epoch"),
    }
    wanted = Wanted.parse({n: words[n] for n in ("first", "second") if n in words}, entries)
    same = pl.all_horizontal(pl.col(name) == value for name, value in key.items())
    asked = with_ending(table.filter(same)).collect().to_dicts()
    if not asked:
        raise InputError(f"question {key['sample_id']!r}", "is not in this run", "choose another")
    found: dict[str, Any] = {n: key[column] for n, column in _KEYS.items()}
    for place, name in (("first", wanted.first), ("second", wanted.second)):
        row = next((r for r in asked if (r["model"], r["profile"]) == entries.get(name)), None)
        found[place] = _answer(row, run_dir) if row else None
    return {**found, "target": asked[0]["target"]}


def _answer(row: dict[str, Any], run_dir: Path) -> dict[str, Any]:
    """A damaged log costs the transcript, not the record."""
    missing = None
    try:
        with _ONE_AT_A_TIME:
            cell, sample_id = row["cell"] or "", row["sample_id"]
            transcript = read_transcript(run_dir, cell, sample_id, row["epoch"])
    except InputError as error:
        transcript, missing = None, str(error)
    answer = asdict(answer_of(row, transcript))
    return {**answer, "missing": missing or answer["missing"]}


def _whole(text: str, name: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = -1
    if not 0 <= number <= _MOST_PAGE:
        raise InputError(name, f"is {text[:20]!r}", f"give a whole number up to {_MOST_PAGE:,}")
    return number
