"""How sure speeds are: rates, percentiles and joules with intervals, over questions and repeats of
a cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import exp, hypot, log, sqrt
from typing import Any

import numpy as np
import polars as pl
from scipy.special import bdtr

from distilbench.stats._answered import spent
from distilbench.stats._clusters import t_interval
from distilbench.stats._costs import after_first
from distilbench.stats._groups import Floats, Groups, Places, grouped

QUESTIONS, MACHINE = "questions", "questions and machine"
"""What an interval covers: other questions of the kind; and another day on this machine."""
_CELL = ("model", "task", "profile", "seed")
_COLUMNS = ("begun_s", "total_s", "ttft_s", "prefill_s", "decode_s", "input_tokens",
            "cached_tokens", "output_tokens", "energy_j", "model_calls", "answer_s")  # fmt: skip


@dataclass(frozen=True)
class Figure:
    """A figure of speed. ``over`` and ``under``: columns whose sums' ratio it is; or ``share``: of
    answers whose ``over`` lies below it."""

    name: str
    unit: str
    over: str
    under: str | None = None
    share: float | None = None


FIGURES = (
    Figure("decode", "tokens/s per slot", "_made", "decode_s"),
    Figure("prefill", "tokens/s per slot", "_read", "prefill_s"),
    Figure("requests", "answers/s", "_one", "_clock_s"),
    Figure("TTFT p50", "s", "ttft_s", share=0.5),
    Figure("TTFT p95", "s", "ttft_s", share=0.95),
    Figure("total p50", "s", "total_s", share=0.5),
    Figure("total p95", "s", "total_s", share=0.95),
    Figure("energy", "J per answer", "energy_j", "_one"),
)


@dataclass(frozen=True)
class Rate:
    """A value with its interval. ``low`` or ``high`` null: these answers set no such bound;
    ``between``: standard deviation between repeats over the value, null with one."""

    value: float
    low: float | None
    high: float | None
    questions: int
    repeats: int
    between: float | None

    @property
    def covers(self) -> str:
        return MACHINE if self.repeats > 1 else QUESTIONS


def rates(
    samples: pl.DataFrame, by: Sequence[str] = ("entry",), level: float = 0.95
) -> pl.DataFrame:
    """Rates, percentiles and joules of each group, with intervals.

    ``samples`` are sample records of one asking or several (column ``repeat``). Decoding counts
    tokens after the first, prefill those that no cache held; requests are answers over the time in
    which any was in flight. What a figure is not known of is left out of it, and a figure that
    nothing tells is left out of the result.

    Returns ``by``, figure, unit, value, low, high, questions, repeats, between, covers.
    """
    return rates_of(timed(samples, by), by, level)


def rates_of(told: pl.DataFrame, by: Sequence[str], level: float) -> pl.DataFrame:
    rows = []
    columns = {name for figure in FIGURES for name in (figure.over, figure.under) if name}
    needed = told.select({"_question", "repeat", *columns})
    begun = np.nan_to_num(_floats(told["begun_s"]), nan=-np.inf)
    groups = grouped(told, by).rows() if told.height else []
    for rows_of in sorted(groups, key=lambda rows_of: (begun[rows_of].min(), rows_of[0])):
        group = needed[rows_of]
        names = told.select(by).row(int(rows_of[0]), named=True)
        for figure in FIGURES:
            found = rate_of(known_of(group, figure), figure, level)
            if found is not None:
                made = {"figure": figure.name, "unit": figure.unit, **vars(found)}
                rows.append({**names, **made, "covers": found.covers})
    return pl.DataFrame(rows, infer_schema_length=None)


def timed(samples: pl.DataFrame, beside: Sequence[str] = ()) -> pl.DataFrame:
    """The samples whose cost is one of answering, with what :data:`FIGURES` name, and columns
    ``beside`` these."""
    absent = [pl.lit(None, pl.Float64).alias(n) for n in _COLUMNS if n not in samples.columns]
    repeat = pl.col("repeat") if "repeat" in samples.columns else pl.lit(None, pl.Int64)
    wanted = {*beside, *_CELL, *_COLUMNS, "sample_id", "outcome"} - {"repeat"}
    told = samples.filter(spent()).select(
        *(name for name in samples.columns if name in wanted),
        *absent,
        repeat.fill_null(1).alias("repeat"),
    )
    # What names a cell and its asking, of what is known.
    cell = grouped(told, [*(name for name in _CELL if name in told.columns), "repeat"])
    made = pl.when(after_first() > 0).then(after_first())
    read = pl.col("input_tokens") - pl.col("cached_tokens").fill_null(0)
    return told.with_columns(
        pl.when(pl.col("decode_s") > 0).then(made).cast(pl.Float64).alias("_made"),
        pl.when((pl.col("prefill_s") > 0) & (read > 0)).then(read).cast(pl.Float64).alias("_read"),
        pl.when(pl.col("outcome") != "timeout").then(1.0).otherwise(0.0).alias("_one"),
        pl.Series("_cell", cell.number),
        pl.Series("_clock_s", _clock(told, cell)).fill_nan(None),
        pl.Series("_question", grouped(told, ["task", "seed", "sample_id"]).number),
    )


def _clock(samples: pl.DataFrame, cells: Groups) -> Floats:
    """Each answer's part of the time in which any of its cell was in flight: its seconds over the
    mean number of answers beside it. NaN in a cell where one does not tell its time. An answer of
    several calls is in flight between them too."""
    seconds = pl.when(pl.col("model_calls") > 1).then("answer_s").otherwise("total_s")
    times = samples.select(pl.col("begun_s").cast(pl.Float64), seconds.cast(pl.Float64).alias("s"))
    begun, took = (_floats(times[name]) for name in ("begun_s", "s"))
    in_flight = np.array([_in_flight(begun[rows], took[rows]) for rows in cells.rows()])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(took * (in_flight / cells.sums(took))[cells.number])


def _in_flight(begun: Floats, took: Floats) -> float:
    """Seconds in which any of these was."""
    order = np.argsort(begun)
    begun, ended = begun[order], (begun + took)[order]
    before = np.maximum.accumulate(np.concatenate([begun[:1], ended[:-1]]))
    return float(np.maximum(ended - np.maximum(before, begun), 0).sum())


def _floats(column: pl.Series) -> Floats:
    """With NaN for what is not known."""
    return column.cast(pl.Float64).to_numpy()


@dataclass(frozen=True, eq=False)
class Known:
    """Of the answers that tell a figure: what it is made of (``under`` null of a percentile), the
    numbers of their questions, and in which repeat they were."""

    over: Floats
    under: Floats | None
    question: Places
    repeat: Places

    @property
    def questions(self) -> int:
        return int(np.count_nonzero(np.bincount(self.question)))

    def at(self, rows: Any) -> Known:
        under = None if self.under is None else self.under[rows]
        return Known(self.over[rows], under, self.question[rows], self.repeat[rows])


def known_of(group: pl.DataFrame, figure: Figure) -> Known:
    under = _floats(group[figure.under]) if figure.under else None
    over, question, repeat = (group[name] for name in (figure.over, "_question", "repeat"))
    every = Known(_floats(over), under, question.to_numpy(), repeat.to_numpy())
    unknown = np.isnan(every.over) if under is None else np.isnan(every.over + under)
    return every.at(~unknown) if unknown.any() else every


def rate_of(known: Known, figure: Figure, level: float = 0.95) -> Rate | None:
    """One figure of :func:`timed` samples; null if nothing tells it.

    On the logarithm's scale two intervals are made: over questions, as if the machine were always
    the same (:func:`over_questions`, :func:`_of_percentile`), and, with R repeats, Student's with
    R - 1 degrees of freedom over the repeats' own values. They are joined by the method of variance
    estimates recovery (Zou and Donner 2008, Stat. Med. 27, 1693-1702): the distances from the value
    add as squares.
    """
    value = value_of(known, figure)
    if value is None or value <= 0:
        return None
    n = known.questions
    of_questions = _of_percentile if figure.share else over_questions
    below, above = of_questions(known, figure, value, n, level)
    repeats = np.unique(known.repeat) if known.repeat.min() < known.repeat.max() else ()
    parts = [known.at(known.repeat == repeat) for repeat in repeats]
    each = [found for part in parts if (found := value_of(part, figure))] or [value]
    between = None
    if len(each) > 1:
        between = float(np.std(np.log(each), ddof=1))
        machine = t_interval(len(each) - 1, level) * between / sqrt(len(each))
        below, above = _joined(below, machine), _joined(above, machine)
    low = None if below is None else exp(log(value) - below)
    high = None if above is None else exp(log(value) + above)
    return Rate(value, low, high, n, len(each), between)


def value_of(known: Known, figure: Figure) -> float | None:
    if figure.share is not None:
        return float(np.quantile(known.over, figure.share)) if len(known.over) else None
    under = 0.0 if known.under is None else float(known.under.sum())
    return float(known.over.sum()) / under if under else None


def _joined(distance: float | None, machine: float) -> float | None:
    return None if distance is None else hypot(distance, machine)


def over_questions(
    known: Known, figure: Figure, value: float, n: int, level: float
) -> tuple[float | None, float | None]:
    """How far on either side the ratio of two sums may lie, as differences of logarithms: Student's
    interval with the linearised variance of a ratio (Cochran 1977, Sampling Techniques, 6.4) over
    questions, all repeats and epochs of a question together."""
    if n < 2 or known.under is None:
        return None, None
    residual: Floats = known.over - value * known.under
    if n < len(residual):
        residual = np.bincount(known.question, residual).astype(np.float64)
    error = sqrt(n / (n - 1) * float((residual**2).sum())) / float(known.over.sum())
    distance = t_interval(n - 1, level) * error
    return distance, distance


def _of_percentile(
    known: Known, figure: Figure, value: float, n: int, level: float
) -> tuple[float | None, float | None]:
    """As :func:`over_questions`, of a percentile: between order statistics, whatever the
    distribution (Conover 1999, Practical Nonparametric Statistics, 3.2). Null where so few
    questions set no bound: above the 95th percentile it takes 72."""
    low, high = ranks(n, figure.share or 0.5, level)
    values = np.sort(known.over)
    bounds = [None if r is None else _at_rank(values, r, n) for r in (low, high)]
    below = None if not bounds[0] or bounds[0] <= 0 else max(0.0, log(value / bounds[0]))
    above = None if not bounds[1] else max(0.0, log(bounds[1] / value))
    return below, above


@cache
def ranks(n: int, share: float, level: float = 0.95) -> tuple[int | None, int | None]:
    """Ranks (from 1) of the values of ``n`` between which a percentile lies with ``level``.

    >>> ranks(10, 0.5)  # the sign test's
    (2, 9)
    >>> ranks(20, 0.95), ranks(72, 0.95)[1]
    ((17, None), 72)
    """
    tail = (1 - level) / 2
    below = bdtr(np.arange(n + 1), n, share)  # P(at most k values lie below)
    low = int(np.searchsorted(below, tail, side="right"))
    high = int(np.searchsorted(below, 1 - tail, side="left")) + 1
    return low or None, high if high <= n else None


def _at_rank(values: Floats, rank: int, n: int) -> float:
    """The value at a rank among ``n``, of more values than that: repeats of the same questions."""
    return float(np.quantile(values, (rank - 1) / (n - 1))) if n > 1 else float(values[0])


def differing_answers(samples: pl.DataFrame, by: Sequence[str] = ("entry",)) -> pl.DataFrame:
    """Of questions that were asked in several repeats, how many were answered otherwise in one of
    them, or ended otherwise. Returns ``by``, asked, differ."""
    if samples["repeat"].min() == samples["repeat"].max():  # each was asked once
        samples = samples.clear()
    same = ["task", "seed", "sample_id", "epoch"]
    told = pl.struct("vote", "answer", "outcome")
    each = samples.group_by([*by, *same]).agg(
        pl.col("repeat").n_unique().alias("repeats"), told.n_unique().alias("answers")
    )
    return (
        each.filter(pl.col("repeats") > 1)
        .group_by(by, maintain_order=True)
        .agg(pl.len().alias("asked"), (pl.col("answers") > 1).sum().alias("differ"))
        .sort(by)
    )
