"""What answers cost in US dollars: from tokens and prices, or from wall time and the machine's."""

from __future__ import annotations

import polars as pl

from distilbench.stats._costs import mean_over_tasks
from distilbench.stats._intervals import check_samples
from distilbench.stats._per_correct import per_correct

_SECONDS_PER_HOUR = 3600
_PRICES = ("input_usd_per_mtok", "cached_input_usd_per_mtok", "output_usd_per_mtok")
_COUNTS = ("input_tokens", "cached_tokens", "output_tokens")


def token_usd(samples: pl.DataFrame, prices: pl.DataFrame) -> pl.DataFrame:
    """Cost by tokens: (input - cached) x input price + cached x cached price + output x output
    price, in US dollars for a million tokens each; reasoning tokens are output tokens.

    ``prices`` has one row an entry: entry, input_usd_per_mtok, cached_input_usd_per_mtok (null: as
    input), output_usd_per_mtok. Returns the samples of these entries with ``usd``, null where
    their tokens are not known.
    """
    check_samples(samples, ["entry", "task", "score", *_COUNTS])
    cached = pl.col("cached_tokens").fill_null(0)
    cached_price = pl.coalesce("cached_input_usd_per_mtok", "input_usd_per_mtok")
    usd = (
        (pl.col("input_tokens") - cached) * pl.col("input_usd_per_mtok")
        + cached * cached_price
        + pl.col("output_tokens") * pl.col("output_usd_per_mtok")
    ) / 1e6
    priced = samples.join(prices.select("entry", *_PRICES), on="entry")
    return priced.with_columns(usd=usd).drop(_PRICES)


def machine_usd(samples: pl.DataFrame, cells: pl.DataFrame) -> pl.DataFrame:
    """Cost by time: a cell's wall time x the machine's price for an hour, shared evenly among the
    samples that it covers; those of an earlier attempt are taken to cost as much. ``cells`` has
    entry, cell, wall_s, samples, resumed_samples and machine_usd_per_hour. Returns the samples of
    the entries with a price, with ``usd``."""
    check_samples(samples, ["entry", "task", "score", "cell"])
    covered = pl.col("samples") - pl.col("resumed_samples").fill_null(0)
    priced = cells.filter(pl.col("machine_usd_per_hour").is_not_null()).select(
        "cell",
        usd=pl.col("wall_s")
        / _SECONDS_PER_HOUR
        * pl.col("machine_usd_per_hour")
        / pl.when(covered > 0).then(covered),
    )
    return samples.join(priced, on="cell")


def usd_of_answers(priced: pl.DataFrame) -> pl.DataFrame:
    """Of samples with ``usd`` one row an entry: entry, accuracy, usd_per_question (mean over tasks
    of a task's mean, of the samples whose cost is known), usd_per_correct (``per_correct``; with
    its limits usd_low and usd_high), unknown (samples whose cost is not known)."""
    each = mean_over_tasks(priced, ("entry",), ("usd",))
    return (
        per_correct(priced, ("entry",), ("usd",))
        .select(
            "entry",
            "accuracy",
            "usd_low",
            "usd_high",
            usd_per_correct=pl.col("usd"),
            unknown=pl.col("usd_unknown"),
        )
        .join(each.rename({"usd": "usd_per_question"}), on="entry")
    )
