"""How sure speeds are: rates, percentiles and joules with intervals, over questions and repeats of
a cell; what changes while a cell is answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import exp, hypot, log, sqrt

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import bdtr

from distilbench.stats._answered import spent
from distilbench.stats._clusters import numbered, t_interval
from distilbench.stats._costs import after_first

Floats = NDArray[np.float64]
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
    return _rates(timed(samples, by), by, level)


def rates_and_steadiness(
    samples: pl.DataFrame, slots: Mapping[str, int]
) -> tuple[pl.DataFrame, dict[str, Steadiness]]:
    """:func:`rates` of each entry, and the :func:`steadiness` of those that have any; ``slots``: of
    each entry (1 where it has none)."""
    told = timed(samples, ("entry",))
    table = _rates(told, ("entry",), 0.95)
    entries = table["entry"].unique(maintain_order=True) if table.height else ()
    return table, {
        entry: _steadiness(told.filter(pl.col("entry") == entry), slots.get(entry) or 1)
        for entry in entries
    }


def _rates(told: pl.DataFrame, by: Sequence[str], level: float) -> pl.DataFrame:
    rows = []
    for key, group in told.group_by(by, maintain_order=True):
        for figure in FIGURES:
            found = rate_of(group, figure, level)
            if found is not None:
                names = dict(zip(by, key, strict=True))
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
    cell = _combination(*(name for name in _CELL if name in told.columns), "repeat")
    made = pl.when(after_first() > 0).then(after_first())
    read = pl.col("input_tokens") - pl.col("cached_tokens").fill_null(0)
    return _with_clock(told.with_columns(cell.alias("_cell"))).with_columns(
        pl.when(pl.col("decode_s") > 0).then(made).cast(pl.Float64).alias("_made"),
        pl.when((pl.col("prefill_s") > 0) & (read > 0)).then(read).cast(pl.Float64).alias("_read"),
        pl.when(pl.col("outcome") != "timeout").then(1.0).otherwise(0.0).alias("_one"),
        _combination("task", "seed", "sample_id").alias("_question"),
    )


def _combination(*names: str) -> pl.Expr:
    """A number for each combination of these columns' values."""
    return numbered(pl.concat_str(pl.col(names), separator="\0", ignore_nulls=True))


def _with_clock(samples: pl.DataFrame) -> pl.DataFrame:
    """With each answer's part of the time in which any of its cell was in flight: its seconds over
    the mean number of answers beside it. Null in a cell where one does not tell its time. An answer
    of several calls is in flight between them too."""
    took = pl.when(pl.col("model_calls") > 1).then("answer_s").otherwise("total_s")
    ended = pl.col("begun_s") + took
    spans = samples.with_columns(ended.alias("_ended")).sort("begun_s")
    before = pl.col("_ended").cum_max().shift(1).over("_cell").fill_null(pl.col("begun_s"))
    alone = (pl.col("_ended") - pl.max_horizontal(before, "begun_s")).clip(0)
    sums = (
        spans.with_columns(_alone=alone, _took=took)
        .group_by("_cell")
        .agg(
            pl.col("_ended").is_not_null().all().alias("_known"),
            pl.col("_alone", "_took").sum().name.suffix(" of cell"),
        )
    )
    share = took * pl.col("_alone of cell") / pl.col("_took of cell")
    return (
        spans.join(sums, on="_cell", maintain_order="left")
        .with_columns(pl.when("_known").then(share).alias("_clock_s"))
        .drop("_ended", "_known", "_alone of cell", "_took of cell")
    )


def rate_of(group: pl.DataFrame, figure: Figure, level: float = 0.95) -> Rate | None:
    """One figure of :func:`timed` samples; null if nothing tells it.

    On the logarithm's scale two intervals are made: over questions, as if the machine were always
    the same (:func:`_over_questions`, :func:`_of_percentile`), and, with R repeats, Student's with
    R - 1 degrees of freedom over the repeats' own values. They are joined by the method of variance
    estimates recovery (Zou and Donner 2008, Stat. Med. 27, 1693-1702): the distances from the value
    add as squares.
    """
    needed = [name for name in (figure.over, figure.under) if name]
    known = group.select("_question", "repeat", *needed).drop_nulls(needed)
    if known.is_empty():
        return None
    value = _value(known, figure)
    if value is None or value <= 0:
        return None
    n = known["_question"].n_unique()
    of_questions = _of_percentile if figure.share else _over_questions
    below, above = of_questions(known, figure, value, n, level)
    several = known["repeat"].n_unique() > 1
    parts = known.partition_by("repeat") if several else ()
    each = [found for part in parts if (found := _value(part, figure))] or [value]
    between = None
    if len(each) > 1:
        between = float(np.std(np.log(each), ddof=1))
        machine = t_interval(len(each) - 1, level) * between / sqrt(len(each))
        below, above = _joined(below, machine), _joined(above, machine)
    low = None if below is None else exp(log(value) - below)
    high = None if above is None else exp(log(value) + above)
    return Rate(value, low, high, n, len(each), between)


def _value(known: pl.DataFrame, figure: Figure) -> float | None:
    if figure.share is not None:
        return known[figure.over].quantile(figure.share, "linear")
    over, under = (float(known[name].sum()) for name in (figure.over, str(figure.under)))
    return over / under if under else None


def _joined(distance: float | None, machine: float) -> float | None:
    return None if distance is None else hypot(distance, machine)


def _over_questions(
    known: pl.DataFrame, figure: Figure, value: float, n: int, level: float
) -> tuple[float | None, float | None]:
    """How far on either side the ratio of two sums may lie, as differences of logarithms: Student's
    interval with the linearised variance of a ratio (Cochran 1977, Sampling Techniques, 6.4) over
    questions, all repeats and epochs of a question together."""
    if n < 2:
        return None, None
    sums = known.select("_question", over=figure.over, under=str(figure.under))
    if n < len(known):
        sums = sums.group_by("_question").sum()
    residual = (sums["over"] - value * sums["under"]).to_numpy()
    error = sqrt(n / (n - 1) * float((residual**2).sum())) / float(sums["over"].sum())
    distance = t_interval(n - 1, level) * error
    return distance, distance


def _of_percentile(
    known: pl.DataFrame, figure: Figure, value: float, n: int, level: float
) -> tuple[float | None, float | None]:
    """As :func:`_over_questions`, of a percentile: between order statistics, whatever the
    distribution (Conover 1999, Practical Nonparametric Statistics, 3.2). Null where so few
    questions set no bound: above the 95th percentile it takes 72."""
    low, high = ranks(n, figure.share or 0.5, level)
    values = np.sort(known[figure.over].to_numpy())
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


@dataclass(frozen=True)
class Steadiness:
    """How the rate of decoding goes within cells: tokens/s. ``first``: of the answers that were
    begun first after loading, as many as there are slots; ``rest``: of the others. ``trend``: the
    last third's rate over the first third's, with its 99% interval; ``changes``: whether it is
    told from 1 and off by 5% or more. Null: not known, or too few answers."""

    warm_up_answers: int
    first: float | None
    rest: float | None
    trend: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def changes(self) -> bool | None:
        if self.trend is None or self.low is None or self.high is None:
            return None
        return not self.low <= 1 <= self.high and abs(log(self.trend)) >= log(1.05)


_LEAST_OF_A_TREND = 15  # answers: five in each third


def steadiness(samples: pl.DataFrame, slots: int) -> Steadiness:
    """Of the samples of one entry, all repeats. Answers are taken in the order in which they were
    begun, cell by cell and repeat by repeat."""
    return _steadiness(timed(samples), slots)


def _steadiness(told: pl.DataFrame, slots: int) -> Steadiness:
    needed = ("_made", "decode_s", "begun_s")
    known = told.select("_cell", "_question", *needed).drop_nulls(needed)
    placed = known.sort("begun_s").with_columns(
        pl.int_range(pl.len()).over("_cell").alias("_place"), pl.len().over("_cell").alias("_of")
    )
    early = placed.filter(pl.col("_place") < slots)
    rest = placed.filter(pl.col("_place") >= slots)
    figure = FIGURES[0]
    found = Steadiness(len(early), _value(early, figure), _value(rest, figure))
    long = placed.filter(pl.col("_of") >= _LEAST_OF_A_TREND)
    third = pl.col("_place") * 3 // pl.col("_of")
    return _trend(found, *(long.filter(third == n) for n in (0, 2)))


def _trend(found: Steadiness, first: pl.DataFrame, last: pl.DataFrame) -> Steadiness:
    """With the ratio of two rates. What the machine does from repeat to repeat is in both; the
    questions are others, so the distances of both add as squares."""
    figure = FIGURES[0]
    values, distances = [], []
    for side in (first, last):
        value, n = _value(side, figure), side["_question"].n_unique()
        distance = _over_questions(side, figure, value, n, 0.99)[0] if value else None
        if value is None or distance is None:
            return found
        values.append(value)
        distances.append(distance)
    ratio, distance = values[1] / values[0], hypot(*distances)
    return replace(found, trend=ratio, low=ratio * exp(-distance), high=ratio * exp(distance))


def differing_answers(samples: pl.DataFrame, by: Sequence[str] = ("entry",)) -> pl.DataFrame:
    """Of questions that were asked in several repeats, how many were answered otherwise in one of
    them, or ended otherwise. Returns ``by``, asked, differ."""
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
