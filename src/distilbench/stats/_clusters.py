"""Means of questions that come in clusters, and how sure they are."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from scipy.special import stdtrit

# Below this a variance is rounding error of identical scores, not spread.
NO_SPREAD = 1e-18


def clustered(questions: pl.DataFrame, groups: list[str], value: str) -> pl.DataFrame:
    """Mean of ``value`` and how sure it is in each group, one row of input a question.

    ``stderr`` is the clustered error with the factor G/(G-1) for G clusters (Miller 2024, arXiv
    2411.00640), which Inspect prints too. Intervals and p values rest on ``variance`` and ``df``
    instead, which allow for clusters of different sizes: the variance is CR2's (Bell and McCaffrey
    2002), each cluster's squared residual over 1 - its share of the questions; the degrees of
    freedom are theirs under independence, 1 / (sum w^2 + (sum a w^2)^2 - sum a^2 w^4) with w the
    shares and a = 1/(1-w), lowered for residuals k with heavier tails than the normal's, as few
    clusters with all the successes have: 1/df + max(0, G sum k^4 / (sum k^2)^2 - 3) / (2 G), the
    variance of a variance. Where clusters have one size and tails are light all this is G/(G-1) and
    Student's G-1.

    Returns ``groups`` and mean, stderr, variance, df (these three null for one cluster),
    n_questions, n_clusters.
    """
    totals = questions.group_by(unique([*groups, "task", "cluster"])).agg(
        pl.col(value).sum().alias("total"), pl.len().alias("n")
    )
    return of_clusters(totals, groups)


def of_clusters(totals: pl.DataFrame, groups: list[str]) -> pl.DataFrame:
    """:func:`clustered` of one row a cluster: the ``total`` of its values, and ``n``, how many."""
    n = pl.col("n").sum().cast(pl.Float64)
    mean = pl.col("total").sum() / n
    residual, share = pl.col("total") - pl.col("n") * mean, pl.col("n") / n
    square, several = residual.pow(2), pl.len() > 1
    factor = pl.len() / (pl.len() - 1)
    return totals.group_by(groups).agg(
        mean.alias("mean"),
        pl.when(several).then((factor * square.sum()).sqrt() / n).alias("stderr"),
        pl.when(several).then((square / (1 - share)).sum() / n.pow(2)).alias("variance"),
        pl.when(several).then(_freedom(square, share)).alias("df"),
        pl.col("n").sum().cast(pl.Int64).alias("n_questions"),
        pl.len().cast(pl.Int64).alias("n_clusters"),
    )


def _freedom(square: pl.Expr, w: pl.Expr) -> pl.Expr:
    """Degrees of freedom of the variance, of the squared residuals of clusters and their shares;
    inside an aggregation."""
    a = 1 / (1 - w)
    of_sizes = w.pow(2).sum() + (a * w.pow(2)).sum().pow(2) - (a.pow(2) * w.pow(4)).sum()
    tails = pl.len() * square.pow(2).sum() / square.sum().pow(2) - 3
    heavier = pl.when(square.sum() > NO_SPREAD).then(tails.clip(0)).otherwise(0.0)
    return (1 / (of_sizes + heavier / (2 * pl.len()))).clip(1)


def freedom_of_sum(variances: pl.Expr) -> pl.Expr:
    """Degrees of freedom of a sum of independent figures (Welch and Satterthwaite), over rows with
    their ``variances`` and ``df``, inside an aggregation."""
    return variances.sum().pow(2) / (variances.pow(2) / pl.col("df")).sum()


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
