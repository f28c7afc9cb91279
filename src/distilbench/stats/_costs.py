"""What answers cost: the one definition of means, percentiles and rates."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from distilbench.stats._answered import spent

_MEANS = ("flops", "total_s", "output_tokens", "energy_j")


def percentile(column: str, share: float) -> pl.Expr:
    """The value below which ``share`` of the known values lie, linear between two of them (the
    seventh definition of Hyndman and Fan 1996, which numpy takes too)."""
    return pl.col(column).quantile(share, "linear")


def after_first() -> pl.Expr:
    """Tokens that decoding made: the first of each of a model's calls belongs to its prompt."""
    return pl.col("output_tokens") - pl.col("model_calls").fill_null(1)


def mean_over_tasks(
    samples: pl.DataFrame, by: Sequence[str], columns: Sequence[str]
) -> pl.DataFrame:
    """Mean over tasks of a task's mean of the known values, so that a long task weighs as much as
    in the accuracy. Returns ``by`` and ``columns``."""
    return (
        samples.group_by(*by, "task", maintain_order=True)
        .agg(pl.col(columns).mean())
        .group_by(by, maintain_order=True)
        .agg(pl.col(columns).mean())
    )


def costs(samples: pl.DataFrame) -> pl.DataFrame:
    """Running cost of each entry that answered anything, or ran out of time.

    Questions that ended without an answer for another reason (out of memory, crash, error, a prompt
    longer than the context) took no part of it. Columns that ``samples`` lack are taken as unknown.

    Returns entry; flops, total_s, output_tokens, energy_j: means over tasks of a task's mean, each
    with ``<name>_unknown``, the samples that do not tell it; median_s, p95_s, ttft_median_s,
    ttft_p95_s: over all questions; decode_tokens_per_s: tokens after the first of each
    call over decode seconds.
    Null: not known of any.
    """
    groups = ["entry"]
    needed = (*_MEANS, "ttft_s", "decode_s", "model_calls")
    absent = [pl.lit(None, pl.Float64).alias(n) for n in needed if n not in samples.columns]
    told = samples.with_columns(absent).select(*groups, "task", "outcome", *needed)
    counted = told.filter(spent())
    timed = (after_first() > 0) & pl.col("decode_s").is_not_null()
    seconds = pl.col("decode_s").filter(timed).sum()
    spread = counted.group_by(groups).agg(
        *(pl.col(name).null_count().alias(f"{name}_unknown") for name in _MEANS),
        percentile("total_s", 0.5).alias("median_s"),
        percentile("total_s", 0.95).alias("p95_s"),
        percentile("ttft_s", 0.5).alias("ttft_median_s"),
        percentile("ttft_s", 0.95).alias("ttft_p95_s"),
        pl.when(seconds > 0)
        .then(after_first().filter(timed).sum() / seconds)
        .alias("decode_tokens_per_s"),
    )
    return mean_over_tasks(counted, groups, _MEANS).join(spread, on=groups).sort(groups)
