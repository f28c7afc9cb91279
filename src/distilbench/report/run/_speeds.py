"""The section of a run's report on how sure its speeds are: intervals, warm-up, trends, and answers
that differ between repeats."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.records import REPEATS
from distilbench.report.page import (
    NOT_AVAILABLE,
    Cell,
    Chart,
    Section,
    Shown,
    Table,
    Text,
    rounded,
)
from distilbench.report.run._charts import rates_with_intervals

if TYPE_CHECKING:
    import polars as pl

    from distilbench.report.run._data import RunData
    from distilbench.stats import Steadiness

_Block = Text | Table | Chart
_TITLE = "How sure are the speeds?"
_HEADINGS = {
    "decode": "decode tokens/s per slot",
    "prefill": "prefill tokens/s per slot",
    "requests": "answers/s",
    "TTFT p50": "TTFT p50 s",
    "TTFT p95": "TTFT p95 s",
    "total p50": "p50 s",
    "total p95": "p95 s",
    "energy": "J / answer",
}


def every_asking(data: RunData) -> pl.DataFrame:
    """The samples of entries that answered anything, of all repeats: with entry and repeat."""
    import polars as pl

    first = data.heard.with_columns(pl.col("repeat").fill_null(1))
    parts = [first]
    for prefix, folder in data.folders.items():
        again = _again(folder)
        if again is None:
            continue
        mine = data.cells.filter(pl.col("cell").str.starts_with(prefix))
        named = mine.select("model", "profile", "entry").unique()
        parts.append(again.join(named, on=("model", "profile"), how="inner"))
    if len(parts) == 1:
        return first
    known = pl.concat(parts, how="diagonal_relaxed")
    return known.filter(pl.col("entry").is_in(first["entry"].unique().implode()))


def _again(folder: Path) -> pl.DataFrame | None:
    from distilbench.files import read_parquet

    path = folder / REPEATS
    if not path.is_file():
        return None
    return read_parquet(path, f"make it again: distilbench report {folder}")


def speeds(data: RunData) -> Section:
    """Rates, percentiles and joules with intervals over questions and repeats."""
    import polars as pl

    from distilbench.stats import rates_and_steadiness

    samples = every_asking(data)
    slots = dict(data.cells.group_by("entry").agg(pl.col("slots").max()).iter_rows())
    table, steady = rates_and_steadiness(samples, slots)
    if table.is_empty():
        return Section(_TITLE)
    entries = [name for name in data.entries if name in set(table["entry"])]
    rows = [_row(entry, table.filter(pl.col("entry") == entry)) for entry in entries]
    shown = [name for name in _HEADINGS if any(row[name] is not None for row in rows)]
    columns = (
        Shown("model", "entry"),
        *(Shown(_HEADINGS[name], name, lambda cell: cell or NOT_AVAILABLE) for name in shown),
        Shown("repeats", "repeats"),
        Shown("spread of decode between repeats", "between", _share),
    )
    blocks: list[_Block] = [
        Text(_words(table)),
        Table.of("Speeds with 95% intervals", rows, columns),
    ]
    decode = table.filter((pl.col("figure") == "decode") & pl.col("low").is_not_null())
    if not decode.is_empty():
        said = "; ".join(f"{r['entry']} {_figure(r).text}" for r in decode.iter_rows(named=True))
        caption = "Decoded tokens a second of one slot, with 95% intervals."
        drawn = rates_with_intervals(decode, entries, "decode tokens/s per slot")
        blocks.append(Chart("speeds", caption, f"Decode tokens/s: {said}", drawn))
    blocks += [*_steady({entry: steady[entry] for entry in entries}), *_differing(samples)]
    return Section(_TITLE, tuple(blocks))


def _row(entry: str, mine: pl.DataFrame) -> dict[str, Any]:
    by_figure = mine.rows_by_key("figure", named=True, unique=True)
    between = by_figure.get("decode", {}).get("between")
    cells = {n: _figure(by_figure[n]) if n in by_figure else None for n in _HEADINGS}
    return {"entry": entry, "repeats": mine["repeats"].max(), "between": between, **cells}


def _figure(row: Mapping[str, Any]) -> Cell:
    low, high = row["low"], row["high"]
    if low is not None and high is not None:
        interval = f"{_digits(low)} to {_digits(high)}"
    elif low is not None:
        interval = f"{_digits(low)} or more"
    elif high is not None:
        interval = f"{_digits(high)} or less"
    else:
        interval = f"no interval of {row['questions']} question(s)"
    over = f"{row['questions']:,} questions, {row['repeats']} asking(s); covers {row['covers']}"
    return Cell(f"{_digits(row['value'])} ({interval})", title=over)


def _digits(value: float) -> str:
    """Three digits: an interval of a few percent must be seen."""
    return rounded(value) if value >= 100 else f"{value:.3g}"


def _share(value: float | None) -> str:
    return NOT_AVAILABLE if value is None else f"{value:.1%}"


def _words(table: pl.DataFrame) -> str:
    said = (
        "Of every answer of each entry, all askings of a cell together; means and percentiles are"
        " over all questions, so that they differ from means over tasks."
    )
    asked = sorted({int(repeats) for repeats in table["repeats"]})
    if asked == [1]:
        return (
            f"{said} Each cell was asked once: the intervals cover which questions are asked, and"
            " not what this machine does on another day (heat, neighbours, where pages lie). For"
            " that, ask again in turn with the other models: --repeats 3."
        )
    one = " Of an entry that was asked once they cover the questions alone." * (asked[0] == 1)
    return (
        f"{said} Cells were asked {asked[-1]} times, in turn with the other models, so the"
        f" intervals cover other questions and the drift of this machine between askings.{one}"
        " Accuracy and the other tables are of the first asking: an answer given again is no new"
        " evidence."
    )


_STEADY = (
    Shown("model", "entry"),
    Shown("first answers after loading", "warm_up_answers"),
    Shown("their tokens/s", "first", lambda v: NOT_AVAILABLE if v is None else _digits(v)),
    Shown("tokens/s of the others", "rest", lambda v: NOT_AVAILABLE if v is None else _digits(v)),
    Shown("last third over first third", ("trend", "low", "high"), "{:.2f} ({:.2f} to {:.2f})"),
    Shown("in words", ("trend", "changes"), lambda trend, changes: _trend(trend, changes)),
)


def _trend(trend: float | None, changes: bool | None) -> str:
    if trend is None or changes is None:
        return "not known: it takes 15 answers in a cell"
    if not changes:
        return "no change told"
    return f"{'slows down' if trend < 1 else 'speeds up'} to {trend:.0%} within a cell"


def _steady(steady: Mapping[str, Steadiness]) -> list[_Block]:
    rows = [
        {"entry": entry, "changes": found.changes, **vars(found)}
        for entry, found in steady.items()
        if found.warm_up_answers
    ]
    if not rows:
        return []
    note = (
        "The first answers of each cell and asking, as many as there are slots, meet a model that"
        " was just loaded: pages not read yet, a processor at rest, slots that fill up. They are in"
        " all figures. A cell has a trend if the decode rate of its last third of answers is told"
        " from that of its first third (99% interval) and is off by 5% or more."
    )
    return [Table.of("Warm-up and steady state", rows, _STEADY), Text(note)]


def _differing(samples: pl.DataFrame) -> list[_Block]:
    from distilbench.stats import differing_answers

    found = differing_answers(samples)
    said = [
        f"{row['entry']} {row['differ']} of {row['asked']:,}" for row in found.iter_rows(named=True)
    ]
    if not said:
        return []
    return [
        Text(
            f"Questions answered otherwise in another asking: {', '.join(said)}. The score is that"
            " of the first asking. At temperature 0 they differ because llama.cpp rounds otherwise"
            " in another batch, or a server does."
        )
    ]
