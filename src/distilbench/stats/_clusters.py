"""Means of questions that come in clusters, and how sure they are."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from scipy.special import stdtrit

# Below this a variance is rounding error of identical scores, not spread.
NO_SPREAD = 1e-18


def clustered(questions: pl.DataFrame, groups: list[str], *values: str) -> list[pl.DataFrame]:
    """Mean of each of ``values`` and how sure it is in each group, one row of input a question.

    ``stderr`` is the clustered error with the factor G/(G-1) for G clusters (Miller 2024, arXiv
    2411.00640), which Inspect prints too. Intervals and p values rest on ``variance`` and ``df``
    instead, which allow for clusters of different sizes: the variance is CR2's (Bell and McCaffrey
    2002), each cluster's squared residual over 1 - its share of the questions; the degrees of
    freedom are theirs under independence, 1 / (sum w^2 + (sum a w^2)^2 - sum a^2 w^4) with w the
    shares and a = 1/(1-w), lowered for residuals k with heavier tails than the normal's, as few
    clusters with all the successes have: 1/df + max(0, G sum k^4 / (sum k^2)^2 - 3) / (2 G), the
    variance of a variance. Where clusters have one size and tails are light all this is G/(G-1) and
    Student's G-1.

    Returns of each value a table of ``groups`` and mean, stderr, variance, df (these three null
    for one cluster), n_questions, n_clusters.
    """
    totals = questions.group_by(unique([*groups, "task", "cluster"])).agg(
        pl.col(values).sum(), pl.len().alias("n")
    )
    found = of_clusters(totals, groups, values)
    of_one = ("mean", "stderr", "variance", "df")
    return [
        found.select(
            *groups,
            *(pl.col(f"{value} {name}").alias(name) for name in of_one),
            *("n_questions", "n_clusters"),
        )
        for value in values
    ]


def of_clusters(totals: pl.DataFrame, groups: list[str], values: Sequence[str]) -> pl.DataFrame:
    """:func:`clustered` of several values at once, of one row a cluster: what each comes to in it,
    and ``n``, of how many questions. Returns ``groups``, and of each value ``<value> mean``,
    ``<value> stderr``, ``<value> variance``, ``<value> df``; n_questions, n_clusters."""
    each = _squares(totals, groups, values)
    w, a = pl.col("share"), 1 / (1 - pl.col("share"))
    several = pl.col("n_clusters") > 1
    sums = each.group_by(groups).agg(
        w.pow(2).sum().alias("w2"),
        (a * w.pow(2)).sum().alias("aw2"),
        (a.pow(2) * w.pow(4)).sum().alias("a2w4"),
        pl.col("n_questions", "n_clusters", *(f"{value} mean" for value in values)).first(),
        *(pl.col(value).sum().alias(f"{value} squares") for value in values),
        *((pl.col(value) * a).sum().alias(f"{value} spread") for value in values),
        *(pl.col(value).pow(2).sum().alias(f"{value} fourth") for value in values),
    )
    return sums.select(
        *groups,
        *(expr for value in values for expr in (
            pl.col(f"{value} mean"),
            pl.when(several).then(_stderr(value)).alias(f"{value} stderr"),
            pl.when(several).then(_variance(value)).alias(f"{value} variance"),
            pl.when(several).then(_freedom(value)).alias(f"{value} df"),
        )),
        pl.col("n_questions", "n_clusters").cast(pl.Int64),
    )  # fmt: skip


def _squares(totals: pl.DataFrame, groups: list[str], values: Sequence[str]) -> pl.DataFrame:
    """One row a cluster: its ``share`` of the questions of its group, the squared residual of each
    value, and the group's n_questions, n_clusters and means."""
    n = pl.col("n").sum()
    means = totals.group_by(groups).agg(
        n.alias("n_questions"),
        pl.len().alias("n_clusters"),
        *((pl.col(value).sum() / n).alias(f"{value} mean") for value in values),
    )
    beside = totals.select(*groups, "n", *values).join(means, on=groups, nulls_equal=True)
    residuals = ((pl.col(v) - pl.col("n") * pl.col(f"{v} mean")).alias(v) for v in values)
    return beside.with_columns(
        (pl.col("n") / pl.col("n_questions")).alias("share"), *(r.pow(2) for r in residuals)
    )


def _stderr(value: str) -> pl.Expr:
    factor = pl.col("n_clusters") / (pl.col("n_clusters") - 1)
    return (factor * pl.col(f"{value} squares")).sqrt() / pl.col("n_questions")


def _variance(value: str) -> pl.Expr:
    return pl.col(f"{value} spread") / pl.col("n_questions").cast(pl.Float64).pow(2)


def _freedom(value: str) -> pl.Expr:
    """Degrees of freedom of the variance."""
    square, n = pl.col(f"{value} squares"), pl.col("n_clusters")
    of_sizes = pl.col("w2") + pl.col("aw2").pow(2) - pl.col("a2w4")
    tails = n * pl.col(f"{value} fourth") / square.pow(2) - 3
    heavier = pl.when(square > NO_SPREAD).then(tails.clip(0)).otherwise(0.0)
    return (1 / (of_sizes + heavier / (2 * n))).clip(1)


def freedom_of_sum(variances: pl.Expr, df: pl.Expr) -> pl.Expr:
    """Degrees of freedom of a sum of independent figures (Welch and Satterthwaite), over rows with
    their ``variances`` and ``df``, inside an aggregation."""
    return variances.sum().pow(2) / (variances.pow(2) / df).sum()


def numbered(names: pl.Expr) -> pl.Expr:
    """A number for each name, where only being the same counts: names take longer."""
    return names.cast(pl.Categorical).to_physical()


def t_quantile(df: pl.Expr, level: float) -> pl.Expr:
    """Half-width of a two-sided Student interval with ``df`` degrees of freedom; null below 1."""

    def quantile(values: pl.Series) -> pl.Series:
        found = stdtrit(values.cast(pl.Float64).to_numpy(), 0.5 + level / 2)
        return pl.Series(values.name, found, dtype=pl.Float64).fill_nan(None)

    return df.map_batches(quantile, return_dtype=pl.Float64, is_elementwise=True)


def t_interval(df: float, level: float = 0.95) -> float:
    """Half-width, in standard errors, of a two-sided Student interval.

    >>> round(t_interval(9), 3)
    2.262
    """
    return float(stdtrit(df, 0.5 + level / 2))


def unique(names: Sequence[str]) -> list[str]:
    """The names, once each."""
    return list(dict.fromkeys(names))
