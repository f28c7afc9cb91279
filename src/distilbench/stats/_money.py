"""What answers cost in US dollars: from tokens and prices, or from wall time and the machine's."""

from __future__ import annotations

import polars as pl

from distilbench.stats._costs import mean_over_tasks
from distilbench.stats._intervals import check_samples

_SECONDS_PER_HOUR = 3600
_PRICES = ("input_usd_per_mtok", "cached_input_usd_per_mtok", "output_usd_per_mtok")
_COUNTS = ("input_tokens", "cached_tokens", "output_tokens")


def token_usd(samples: pl.DataFrame, prices: pl.DataFrame) -> pl.DataFrame:
    """Cost by tokens: (input - cached) x input price + cached x cached price + output x output
    price, in US dollars for a million tokens each; reasoning tokens are output tokens.

    ``prices`` has one row an entry: entry, input_usd_per_mtok, cached_input_usd_per_mtok (null: as
    input), output_usd_per_mtok. Returns one row for each of its entries: entry, accuracy,
    usd_per_question (mean over tasks of a task's mean, of the samples whose tokens are known),
    usd_per_correct (null if tokens of any sample are not known, or nothing is correct), unknown
    (samples whose tokens are not known).
    """
    check_samples(samples, ["entry", "task", "score", *_COUNTS])
    cached = pl.col("cached_tokens").fill_null(0)
    cached_price = pl.coalesce("cached_input_usd_per_mtok", "input_usd_per_mtok")
    usd = (
        (pl.col("input_tokens") - cached) * pl.col("input_usd_per_mtok")
        + cached * cached_price
        + pl.col("output_tokens") * pl.col("output_usd_per_mtok")
    ) / 1e6
    return _summed(samples.join(prices.select("entry", *_PRICES), on="entry").with_columns(usd=usd))


def machine_usd(samples: pl.DataFrame, cells: pl.DataFrame) -> pl.DataFrame:
    """Cost by time: a cell's wall time x the machine's price for an hour, shared evenly among the
    samples that it covers; those of an earlier attempt are taken to cost as much. ``cells`` has
    entry, cell, wall_s, samples, resumed_samples and machine_usd_per_hour. Returns what
    :func:`token_usd` does, for the entries with a price."""
    check_samples(samples, ["entry", "task", "score", "cell"])
    covered = pl.col("samples") - pl.col("resumed_samples").fill_null(0)
    priced = cells.filter(pl.col("machine_usd_per_hour").is_not_null()).select(
        "cell",
        usd=pl.col("wall_s")
        / _SECONDS_PER_HOUR
        * pl.col("machine_usd_per_hour")
        / pl.when(covered > 0).then(covered),
    )
    return _summed(samples.join(priced, on="cell"))


def _summed(samples: pl.DataFrame) -> pl.DataFrame:
    unknown = samples.group_by("entry").agg(pl.col("usd").null_count().alias("unknown"))
    summed = mean_over_tasks(samples, ("entry",), ("score", "usd")).join(unknown, on="entry")
    sure = (pl.col("unknown") == 0) & (pl.col("score") > 0)
    return summed.select(
        "entry",
        accuracy=pl.col("score"),
        usd_per_question=pl.col("usd"),
        usd_per_correct=pl.when(sure).then(pl.col("usd") / pl.col("score")),
        unknown=pl.col("unknown"),
    )
