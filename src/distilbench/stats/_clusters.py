"""Means of questions that come in clusters, and how sure they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from scipy.special import stdtrit

from distilbench.stats._groups import Floats, Groups, grouped, summed

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
    totals = summed(questions, unique([*groups, "task", "cluster"]), values)
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
    of = grouped(totals, groups)
    n = totals["n"].to_numpy().astype(np.float64)
    questions = of.sums(n)
    shares = n / questions[of.number]
    several = of.size > 1
    with np.errstate(divide="ignore", invalid="ignore"):  # of one cluster nothing is told
        a = 1 / (1 - shares)
        of_sizes = of.sums(shares**2) + of.sums(a * shares**2) ** 2 - of.sums(a**2 * shares**4)
        found = {}
        for value in values:
            sums = totals[value].to_numpy().astype(np.float64)
            mean = of.sums(sums) / questions
            squares = (sums - n * mean[of.number]) ** 2
            found[f"{value} mean"] = mean
            for name, figure in _spread(of, squares, a, questions, of_sizes).items():
                found[f"{value} {name}"] = np.where(several, figure, np.nan)
    return totals.select(groups)[of.first].with_columns(
        *(pl.Series(name, figures).fill_nan(None) for name, figures in found.items()),
        n_questions=pl.Series(questions).cast(pl.Int64),
        n_clusters=pl.Series(of.size),
    )


def _spread(
    of: Groups, squares: Floats, a: Floats, questions: Floats, of_sizes: Floats
) -> dict[str, Floats]:
    """Of each group of clusters, from their squared residuals: ``stderr``, ``variance`` and
    ``df``."""
    total, clusters = of.sums(squares), of.size
    tails = np.maximum(clusters * of.sums(squares**2) / total**2 - 3, 0)
    heavier = np.where(total > NO_SPREAD, tails, 0.0)
    return {
        "stderr": np.sqrt(clusters / (clusters - 1) * total) / questions,
        "variance": of.sums(squares * a) / questions**2,
        "df": np.maximum(1 / (of_sizes + heavier / (2 * clusters)), 1),
    }


def freedom_of_sum(variances: pl.Expr, df: pl.Expr) -> pl.Expr:
    """Degrees of freedom of a sum of independent figures (Welch and Satterthwaite), over rows with
    their ``variances`` and ``df``, inside an aggregation."""
    return variances.sum().pow(2) / (variances.pow(2) / df).sum()


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
