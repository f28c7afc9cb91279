"""The full score of a benchmark, estimated from a random subset of its questions."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from distilbench.stats._clusters import NO_SPREAD, t_quantile, unique
from distilbench.stats._intervals import check_samples, normal_quantile

_COLUMNS = ("stratum", "stratum_questions", "all_questions")


def full_score(
    samples: pl.DataFrame,
    by: Sequence[str] = ("model", "task", "profile"),
    level: float = 0.95,
) -> pl.DataFrame:
    """Score over all N questions of a task, estimated from the n that a random subset asked.

    ``samples`` are sample records of random subsets (``all_questions`` not null; other rows are
    left out). The estimate is the stratified mean, ``sum_h (N_h/N) mean_h``, over strata h of N_h
    questions; its variance ``sum_h (N_h/N)^2 (1 - n_h/N_h) s_h^2/n_h`` has the finite-population
    correction (Cochran 1977, sections 5.3 and 5.4), so that a subset of all questions has no
    error. A stratum of which one question was asked takes the pooled variance within the strata
    of its group. Scores are means over epochs and seeds first.

    The interval is Wilson's at the effective sample size ``p(1-p)/variance`` where the estimate
    is a share (its spread then is at most ``p(1-p)``), cut by Student's quantile for few
    questions, as in ``accuracy``; where no spread was seen, at ``n/(1-n/N)``. It says how far the
    full score may be, not how far the same model may be on other questions of the kind: that is
    the wider interval of ``accuracy``.

    Returns ``by`` and n_questions, all_questions, n_strata, accuracy, stderr, low, high. The last
    four are null where a stratum has no answered question, as after a limit, or no variance can
    be had. Raises InputError as ``accuracy`` does.
    """
    groups = unique([*by, "task"])
    check_samples(samples, [*groups, *_COLUMNS])
    table = _by_task(samples, groups)
    low, high = _limits(level)
    return table.select(
        *groups,
        pl.col("n").cast(pl.Int64).alias("n_questions"),
        "all_questions",
        pl.col("n_strata").cast(pl.Int64),
        "accuracy",
        pl.col("variance").sqrt().alias("stderr"),
        low.alias("low"),
        high.alias("high"),
    ).sort(groups)


def _by_task(samples: pl.DataFrame, groups: list[str]) -> pl.DataFrame:
    """Stratified mean and its variance in each group."""
    strata = (
        samples.filter(pl.col("all_questions").is_not_null())
        .group_by([*groups, *_COLUMNS, "sample_id"])
        .agg(pl.col("score").mean())
        .group_by([*groups, *_COLUMNS])
        .agg(
            pl.len().cast(pl.Float64).alias("n"),
            pl.col("score").mean().alias("mean"),
            pl.col("score").var().alias("spread"),
        )
    )
    sums = (
        _with_pooled_spread(strata, groups)
        .group_by([*groups, "all_questions"])
        .agg(
            pl.col("n").sum(),
            pl.len().alias("n_strata"),
            pl.col("stratum_questions").sum().alias("covered"),
            (pl.col("share") * pl.col("mean")).sum().alias("accuracy"),
            pl.when(pl.col("variance").is_not_null().all())
            .then(pl.col("variance").sum())
            .alias("variance"),
        )
    )
    whole = pl.col("covered") == pl.col("all_questions")
    return sums.with_columns(
        pl.when(whole).then(name).alias(name) for name in ("accuracy", "variance")
    )


def _with_pooled_spread(strata: pl.DataFrame, groups: list[str]) -> pl.DataFrame:
    """Share and variance term of each stratum."""
    several = pl.col("n") > 1
    freedom = (pl.col("n") - 1).sum().over(groups)
    pooled = (
        pl.when(several).then((pl.col("n") - 1) * pl.col("spread")).sum().over(groups) / freedom
    )
    spread = pl.when(several).then("spread").when(freedom > 0).then(pooled)
    sampled = pl.col("n") / pl.col("stratum_questions")
    return strata.with_columns(
        (pl.col("stratum_questions") / pl.col("all_questions")).alias("share")
    ).with_columns(
        pl.when(sampled >= 1)
        .then(0.0)
        .otherwise(pl.col("share").pow(2) * (1 - sampled) * spread / pl.col("n"))
        .alias("variance")
    )


def _limits(level: float) -> tuple[pl.Expr, pl.Expr]:
    p, variance, n = pl.col("accuracy"), pl.col("variance"), pl.col("n")
    z = normal_quantile(level)
    left = 1 - n / pl.col("all_questions")
    freedom = (n - pl.col("n_strata")).clip(1)
    few = (z / t_quantile(freedom, level)).pow(2)
    effective = pl.when(variance > NO_SPREAD).then(p * (1 - p) / variance * few).otherwise(n / left)
    u = z**2 / effective
    centre = (p + u / 2) / (1 + u)
    half = (u * p * (1 - p) + u.pow(2) / 4).sqrt() / (1 + u)
    known = (left <= 0) & p.is_not_null()
    low = pl.when(known).then(p).when(variance.is_not_null()).then((centre - half).clip(0, 1))
    high = pl.when(known).then(p).when(variance.is_not_null()).then((centre + half).clip(0, 1))
    return low, high
