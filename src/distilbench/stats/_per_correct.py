"""What a correct answer costs: the one definition, with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from distilbench.stats._clusters import NO_SPREAD, freedom_of_sum, of_clusters, t_interval, unique
from distilbench.stats._costs import mean_over_tasks
from distilbench.stats._intervals import check_samples, macro_accuracy
from distilbench.stats._limits import Limits, difference_limits, ratio_limits

COSTS = ("output_tokens", "flops", "total_s", "energy_j")


def per_correct(
    samples: pl.DataFrame,
    by: Sequence[str] = ("model", "profile"),
    costs: Sequence[str] = COSTS,
) -> pl.DataFrame:
    """Cost of a correct answer: the cost of all answers, wrong ones and those that ran out of time
    too, over the sum of scores.

    Sums are of means over tasks, so that each task weighs the same. The 95% interval is made of
    those of cost and accuracy and of their correlation over clusters of questions
    (:func:`ratio_limits`): of the mean cost Student's on the logarithm with the clustered variance,
    of the accuracy that of :func:`macro_accuracy`.

    Returns ``by``, accuracy, answers, correct (the sum of scores), and of each of ``costs``
    (tokens, FLOPs, seconds, joules, or whatever columns of ``samples``) ``<cost>``,
    ``<cost>_low``, ``<cost>_high`` and ``<cost>_unknown``, the answers that do not tell it. The
    figure is null where there are any, or nothing is correct; an end that is null is not bounded.
    """
    groups = list(by)
    check_samples(samples, [*groups, *costs])
    needed = _needed(samples, groups, costs)
    means = mean_over_tasks(needed, groups, ("score", *costs))
    counts = needed.group_by(groups).agg(
        pl.len().alias("answers"),
        pl.col("score").sum().alias("correct"),
        *(pl.col(cost).null_count().alias(f"{cost}_unknown") for cost in costs),
    )
    scored = macro_accuracy(needed, groups).select(*groups, "accuracy", "low", "high")
    whole = counts.join(means, on=groups, nulls_equal=True).join(
        scored, on=groups, nulls_equal=True
    )
    known = {cost: whole.filter(_is_defined(cost)) for cost in costs}
    of = [*groups, "task", "cluster"]
    totals = _totals(needed, of, costs, whole.filter(pl.col("score") > 0), groups)
    scores = _spread(totals, groups, ("y",))
    found = {
        cost: _limits(totals, rows, groups, cost, scores) if rows.height else {}
        for cost, rows in known.items()
    }
    rows = [_row(row, groups, costs, found) for row in whole.iter_rows(named=True)]
    return pl.DataFrame(rows, schema=_schema(needed, groups, costs)).sort(groups)


@dataclass(frozen=True)
class PairCost:
    """Cost of a correct answer of two entries on the questions of both, and what ``one`` saves:
    ``other`` - ``one``, paired."""

    one: Limits
    other: Limits
    saved: Limits


def per_correct_pair(
    samples: pl.DataFrame, one: str, other: str, cost: str
) -> PairCost | tuple[str, ...]:
    """:func:`per_correct` of two entries, and the difference; else the reasons why there is none.

    ``samples``: those of the questions that both have, with ``entry``. What makes both dear, or
    both wrong, on the same clusters of questions is taken off the difference by the correlation
    of their residuals.
    """
    table = per_correct(samples, ("entry",), (cost,)).rows_by_key("entry", named=True)
    rows = [table[entry][0] for entry in (one, other)]
    names = ((one, rows[0]), (other, rows[1]))
    reasons = [undefined(row, cost, f" of {entry}") for entry, row in names]
    if any(reasons):
        return tuple(reason for reason in reasons if reason)
    mine, theirs = (Limits(*(row[f"{cost}{end}"] for end in ("", "_low", "_high"))) for row in rows)
    together = _correlation_of_residuals(samples, one, other, cost)
    return PairCost(mine, theirs, difference_limits(theirs, mine, together))


def undefined(row: dict[str, Any], cost: str, of: str = "") -> str | None:
    """Why a row of :func:`per_correct` has no figure of a cost; null if it has one."""
    unknown, answers = row[f"{cost}_unknown"], row["answers"]
    if unknown == answers:
        return f"not available{of}"
    if unknown:
        return f"not known of {unknown:,} of {answers:,} answers{of}"
    return f"not defined (0 of {answers:,} correct){of}" if row[cost] is None else None


def _needed(samples: pl.DataFrame, groups: list[str], costs: Sequence[str]) -> pl.DataFrame:
    columns = unique([*groups, "task", "sample_id", "cluster", "score"])
    return samples.select(
        *columns, *(pl.col(cost).cast(pl.Float64) for cost in costs)
    ).with_columns(pl.col("cluster").fill_null(pl.col("sample_id")))


def _is_defined(cost: str) -> pl.Expr:
    return (pl.col(f"{cost}_unknown") == 0) & (pl.col("score") > 0)


def _totals(
    needed: pl.DataFrame,
    of: list[str],
    costs: Sequence[str],
    means: pl.DataFrame,
    groups: list[str],
) -> pl.DataFrame:
    """One row for each ``of`` in the groups of ``means``: ``n`` answers, what they cost together,
    and their scores (y) in units of the group's mean."""
    mean = means.select(*groups, pl.col("score").alias("mean score"))
    return (
        needed.group_by(unique(of))
        .agg(pl.len().alias("n"), pl.col("score", *costs).sum())
        .join(mean, on=groups, nulls_equal=True)
        .with_columns(y=pl.col("score") / pl.col("mean score"))
    )


def _limits(
    totals: pl.DataFrame, rows: pl.DataFrame, groups: list[str], cost: str, scores: pl.DataFrame
) -> dict[tuple[Any, ...], Limits]:
    """By group, the cost of a correct answer; ``totals`` of clusters, ``scores``: their spread."""
    spread = _spread(_scaled(totals, rows, groups, cost), groups, ("x", "residual"))
    joined = rows.join(spread, on=groups, nulls_equal=True)
    joined = joined.join(scores, on=groups, nulls_equal=True)
    return {
        tuple(row[name] for name in groups): _of_row(row, cost)
        for row in joined.iter_rows(named=True)
    }


def _scaled(totals: pl.DataFrame, rows: pl.DataFrame, groups: list[str], cost: str) -> pl.DataFrame:
    """The totals of these groups, cost (x) in units of its mean as score (y) is, and the
    difference: the residual of the ratio."""
    means = rows.select(*groups, pl.col(cost).alias("mean cost"))
    x = pl.when(pl.col("mean cost") > 0).then(pl.col(cost) / pl.col("mean cost"))
    return (
        totals.join(means, on=groups, nulls_equal=True)
        .with_columns(x=x.otherwise(pl.col("n")))
        .with_columns(residual=pl.col("x") - pl.col("y"))
    )


def _spread(scaled: pl.DataFrame, groups: list[str], values: Sequence[str]) -> pl.DataFrame:
    """By group the variances of the means over tasks of these columns, and their degrees of
    freedom; one row of input a cluster."""
    made = scaled.select(groups).unique()
    for value in values:
        of_tasks = of_clusters(scaled.with_columns(total=value), unique([*groups, "task"]))
        variance, all_known = pl.col("variance"), pl.col("variance").is_not_null().all()
        table = of_tasks.group_by(groups).agg(
            pl.when(all_known).then(variance.sum() / pl.len().pow(2)).alias(f"{value} variance"),
            pl.when(all_known).then(freedom_of_sum(variance)).alias(f"{value} df"),
        )
        made = made.join(table, on=groups, nulls_equal=True)
    return made


def _of_row(row: dict[str, Any], cost: str) -> Limits:
    mean, variance, df = row[cost], row["x variance"], row["x df"]
    score = row["score"]
    # The accuracy is of questions, the sums are of answers: alike but for uneven repetitions.
    below = Limits(
        score, score - (row["accuracy"] - row["low"]), score + row["high"] - row["accuracy"]
    )
    if variance is None:  # one cluster: nothing is known of the spread
        return Limits(mean / score, None, None)
    if variance <= NO_SPREAD:
        return ratio_limits(Limits.exactly(mean), below)
    wide = math.exp(t_interval(max(df, 1.0)) * variance**0.5)
    above = Limits(mean, mean / wide, mean * wide)
    return ratio_limits(
        above, below, correlation(variance, row["y variance"], row["residual variance"])
    )


def correlation(one: float, other: float, of_difference: float) -> float:
    """Correlation of two figures from their variances and that of their difference."""
    if min(one, other) <= NO_SPREAD:
        return 0.0
    found = (one + other - of_difference) / (2 * math.sqrt(one * other))
    return max(-1.0, min(1.0, found))


def _correlation_of_residuals(samples: pl.DataFrame, one: str, other: str, cost: str) -> float:
    pair = samples.filter(pl.col("entry").is_in([one, other]))
    needed = _needed(pair, ["entry"], (cost,))
    means = mean_over_tasks(needed, ("entry",), ("score", cost))
    asked = ["task", "cluster", "sample_id"]
    totals = _totals(needed, ["entry", *asked], (cost,), means, ["entry"])
    questions = _scaled(totals, means, ["entry"], cost).with_columns(
        pl.col("residual") / pl.col("n")
    )
    first, second = (
        questions.filter(pl.col("entry") == entry).select(*asked, pl.col("residual").alias(name))
        for entry, name in ((one, "x"), (other, "y"))
    )
    both = (
        first.join(second, on=asked)
        .with_columns(residual=pl.col("x") - pl.col("y"), pair=pl.lit(0))
        .group_by("pair", "task", "cluster")
        .agg(pl.len().alias("n"), pl.col("x", "y", "residual").sum())
    )
    if both.is_empty():
        return 0.0
    row = _spread(both, ["pair"], ("x", "y", "residual")).row(0, named=True)
    figures = [row[f"{name} variance"] for name in ("x", "y", "residual")]
    return 0.0 if None in figures else correlation(*figures)


def _row(
    row: dict[str, Any],
    groups: list[str],
    costs: Sequence[str],
    found: dict[str, dict[tuple[Any, ...], Limits]],
) -> dict[str, Any]:
    made = {name: row[name] for name in (*groups, "answers", "correct")}
    made["accuracy"] = row["score"]
    for cost in costs:
        limits = found[cost].get(tuple(row[name] for name in groups), (None, None, None))
        ends = (cost, f"{cost}_low", f"{cost}_high")
        made |= dict(zip(ends, limits, strict=True))
        made[f"{cost}_unknown"] = row[f"{cost}_unknown"]
    return made


def _schema(needed: pl.DataFrame, groups: list[str], costs: Sequence[str]) -> dict[str, Any]:
    return {
        **{name: needed.schema[name] for name in groups},
        "accuracy": pl.Float64, "answers": pl.Int64, "correct": pl.Float64,
        **{
            f"{cost}{end}": kind
            for cost in costs
            for end, kind in (("", pl.Float64), ("_low", pl.Float64), ("_high", pl.Float64),
                              ("_unknown", pl.Int64))
        },
    }  # fmt: skip
