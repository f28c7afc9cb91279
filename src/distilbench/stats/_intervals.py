"""Accuracy with its standard error and interval."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
from scipy.special import ndtri

from distilbench.errors import InputError
from distilbench.stats._clusters import NO_SPREAD, clustered, t_quantile, unique
from distilbench.stats._common import each_of
from distilbench.stats._correlated import effective_sizes
from distilbench.stats._groups import Groups, Places, by_number, grouped

_TOGETHER = 1_000_000
"""Samples whose figures are made at once: fewer take longer together, more take memory."""


def accuracy(
    samples: pl.DataFrame,
    by: Sequence[str] = ("model", "task", "profile"),
    level: float = 0.95,
) -> pl.DataFrame:
    """Mean score of each group of sample records, with a clustered error.

    Accuracy is the mean over questions of the question's mean over its epochs, seeds and whatever
    else ``by`` leaves out, so that a question asked twice does not count twice. The standard error
    is clustered: Miller 2024 (arXiv 2411.00640), with the factor G/(G-1) for G clusters, so that it
    is the plain s/sqrt(n) where every question is a cluster of its own. A question is always within
    one cluster; cluster names are read within a task.

    The interval is Wilson's (1927) where every score is 0 or 1: at the number of questions where
    each is asked once and a cluster of its own, else at the sizes of :func:`effective_sizes`, one
    for each limit, never more than the samples. For other scores it is ``mean +- t(df)
    sqrt(variance)`` cut to [0, 1], with variance and degrees of freedom of :func:`clustered`, or,
    where all scores are equal, Wilson's at df + 1, so that it never collapses. With a single
    cluster the standard error is unknown (null) and the interval as wide as one question leaves it.
    How often such intervals cover: ``docs/statistics.md``.

    Returns ``by`` and n_questions, n_clusters, n_samples, accuracy, stderr, low, high; scores in
    [0, 1]. Raises InputError if a column is missing or a score is not in [0, 1].

    >>> asked = {"sample_id": ["1", "1", "2"], "cluster": ["1", "1", "2"], "score": [1.0, 0.0, 1.0]}
    >>> samples = pl.DataFrame(asked).with_columns(task=pl.lit("sums"), seed=0)
    >>> accuracy(samples, by=("task",)).select("n_questions", "n_samples", "accuracy").row(0)
    (2, 3, 0.75)
    """
    groups = list(by)
    check_samples(samples, groups)
    needed = samples.select(unique([*groups, "task", "sample_id", "cluster", "score"]))
    # Some tasks at a time, where each has its own figures: the tables between are those of few.
    parts = in_parts(needed) if "task" in groups else [by_number(needed)]
    found = [of_questions(one_row_each(part, groups, ["score"]), groups, level) for part in parts]
    return pl.concat(found).cast({name: samples.schema[name] for name in groups}).sort(groups)


def in_parts(samples: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The samples by tasks, :func:`by_number`: as many of them together as have few samples."""
    if samples.height <= _TOGETHER:
        yield by_number(samples)
        return
    part: list[pl.DataFrame] = []
    for _, task in each_of(samples, "task"):
        if part and sum(map(len, part)) + len(task) > _TOGETHER:
            yield by_number(pl.concat(part))
            part = []
        part.append(task)
    yield by_number(pl.concat(part))


def one_row_each(
    samples: pl.DataFrame, groups: Sequence[str], scores: Sequence[str]
) -> pl.DataFrame:
    """One row a question in each group, as :func:`of_questions` takes them; of several scores with
    the columns of each, and their binary as ``binary <score>``."""
    groups = unique([*groups, "task"])
    of = grouped(samples, [*groups, "sample_id"])
    binary = {"score": "binary"} if scores == ["score"] else {s: f"binary {s}" for s in scores}
    made = {"cluster": pl.Series(cluster_numbers(samples, of)), "samples": pl.Series(of.size)}
    for score in scores:
        values = samples[score].to_numpy()
        made[score] = pl.Series(of.means(values))
        made[binary[score]] = pl.Series(of.all((values == 0) | (values == 1)))
    rows = samples.select(groups)
    return (rows if of.are_rows else rows[of.first]).with_columns(**made)


def cluster_numbers(samples: pl.DataFrame, of: Groups) -> Places:
    """The cluster of each question, or where there is none the question itself, as a number."""
    names = samples.select(pl.col("cluster", "sample_id").cast(pl.Categorical).to_physical())
    none = np.iinfo(np.int64).max
    found = of.least(names["cluster"].cast(pl.Int64).fill_null(none).to_numpy())
    return np.where(found == none, names["sample_id"].to_numpy()[of.first], found)


def of_questions(questions: pl.DataFrame, groups: list[str], level: float) -> pl.DataFrame:
    """What :func:`accuracy` returns, of one row a question: ``groups``, task, cluster, score in [0,
    1], samples (what it is the mean of) and binary (whether each of those is 0 or 1)."""
    [means] = clustered(questions, groups, "score")
    return with_intervals(questions, means, groups, level)


def with_intervals(
    questions: pl.DataFrame, means: pl.DataFrame, groups: list[str], level: float
) -> pl.DataFrame:
    """:func:`of_questions` where their :func:`clustered` means are known."""
    of = grouped(questions, groups)
    counts = questions.select(groups)[of.first].with_columns(
        n_samples=pl.Series(of.sums(questions["samples"].to_numpy())).cast(pl.UInt32),
        binary=pl.Series(of.all(questions["binary"].to_numpy())),
    )
    table = means.join(counts, on=groups, nulls_equal=True)
    return (
        effective_sizes(questions, table, groups, level)
        .with_columns(_interval(level))
        .unnest("interval")
        .select(
            *groups,
            "n_questions",
            "n_clusters",
            "n_samples",
            pl.col("mean").alias("accuracy"),
            "stderr",
            "low",
            "high",
        )
        .sort(groups)
    )


def macro_accuracy(
    samples: pl.DataFrame, by: Sequence[str] = ("model", "profile"), level: float = 0.95
) -> pl.DataFrame:
    """Unweighted mean of the task accuracies of each group; ``by`` without ``task``.

    Tasks are taken as independent: variances add. The interval adds the squared distances from each
    task's accuracy to its own limits (Zou and Donner 2008, after Newcombe 1998), so it stays
    asymmetric near 0 and 1 and does not collapse. Groups are comparable only where they have the
    same tasks: look at n_tasks.

    Returns ``by`` and n_tasks, n_questions, n_samples, accuracy, stderr (null if one task's is
    unknown), low, high.
    """
    groups = [name for name in by if name != "task"]
    return of_tasks(accuracy(samples, [*groups, "task"], level), groups)


def macro_of_questions(
    questions: pl.DataFrame, by: Sequence[str], level: float = 0.95
) -> pl.DataFrame:
    """What :func:`macro_accuracy` returns, of one row a question: ``by``, task, cluster, score in
    [0, 1], samples (what it is the mean of) and binary (whether each of those is 0 or 1)."""
    return of_tasks(of_questions(questions, [*by, "task"], level), list(by))


def of_tasks(tasks: pl.DataFrame, groups: list[str]) -> pl.DataFrame:
    """What :func:`macro_accuracy` returns, of the accuracies of ``groups`` and task."""
    centre = pl.col("accuracy")

    def limit(end: str) -> pl.Expr:
        return (pl.col(end) - centre).pow(2).sum().sqrt() / pl.len()

    return (
        tasks.group_by(groups)
        .agg(
            pl.len().cast(pl.Int64).alias("n_tasks"),
            pl.col("n_questions").sum(),
            pl.col("n_samples").sum(),
            centre.mean(),
            pl.when(pl.col("stderr").is_not_null().all())
            .then(pl.col("stderr").pow(2).sum().sqrt() / pl.len())
            .alias("stderr"),
            (centre.mean() - limit("low")).alias("low"),
            (centre.mean() + limit("high")).alias("high"),
        )
        .sort(groups)
    )


def wilson(p: pl.Expr, n: pl.Expr, z: float) -> tuple[pl.Expr, pl.Expr]:
    """Wilson's (1927) score limits of a proportion ``p`` of ``n`` trials, ``z`` normal quantiles
    wide."""
    u = z**2 / n
    centre = (p + u / 2) / (1 + u)
    half = (u * p * (1 - p) + u.pow(2) / 4).sqrt() / (1 + u)
    return (centre - half).clip(0, 1), (centre + half).clip(0, 1)


def share_interval(share: float, trials: float, level: float = 0.95) -> tuple[float, float]:
    """Wilson's limits of one share of ``trials``.

    >>> low, high = share_interval(1.0, 20)
    >>> round(low, 3), round(high, 3)
    (0.839, 1.0)
    """
    limits = wilson(pl.lit(share), pl.lit(float(trials)), normal_quantile(level))
    low, high = pl.select(low=limits[0], high=limits[1]).row(0)
    return float(low), float(high)


def normal_quantile(level: float) -> float:
    """Half-width, in standard errors, of a two-sided normal interval.

    >>> round(normal_quantile(0.95), 2)
    1.96
    """
    return float(ndtri(0.5 + level / 2))


def check_samples(samples: pl.DataFrame, columns: Sequence[str]) -> None:
    """Raise InputError unless the columns are there and every score is in [0, 1]."""
    needed = unique([*columns, "task", "sample_id", "cluster", "score"])
    if missing := [name for name in needed if name not in samples.columns]:
        raise InputError(
            "sample records",
            f"no column {', '.join(missing)}",
            "give the columns of distilbench.records.SampleRecord",
        )
    if not samples.select(pl.col("score").is_between(0, 1).fill_null(False).all()).item():
        raise InputError(
            "sample records, column score",
            "a score is missing or outside [0, 1]",
            "grade each sample in [0, 1], and 0 where there is no answer",
        )


def _interval(level: float) -> pl.Expr:
    """Struct of low and high, over a frame of ``clustered`` with n_samples and binary."""
    p, variance, clusters = pl.col("mean"), pl.col("variance"), pl.col("n_clusters")
    spread = (variance > NO_SPREAD).fill_null(False)
    t, z = t_quantile(pl.col("df"), level), normal_quantile(level)
    independent = pl.col("binary") & (clusters == pl.col("n_samples"))
    size = pl.when(independent).then("n_samples").otherwise(pl.coalesce(pl.col("df") + 1, 1.0))
    low, _ = wilson(p, pl.coalesce("size_low", size), z)
    _, high = wilson(p, pl.coalesce("size_high", size), z)
    half = t * variance.sqrt()
    score_limits = pl.col("binary") | ~spread
    lone = ~pl.col("binary") & (clusters == 1)
    return pl.struct(
        pl.when(lone).then(0.0).when(score_limits).then(low).otherwise((p - half).clip(0, 1))
        .alias("low"),
        pl.when(lone).then(1.0).when(score_limits).then(high).otherwise((p + half).clip(0, 1))
        .alias("high"),
    ).alias("interval")  # fmt: skip
