"""What a correct answer costs: the one definition, with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from distilbench.stats._clusters import NO_SPREAD, freedom_of_sum, of_clusters, t_interval, unique
from distilbench.stats._costs import mean_over_tasks
from distilbench.stats._groups import Floats, by_number, grouped, summed
from distilbench.stats._intervals import check_samples, in_parts, macro_accuracy
from distilbench.stats._limits import Limits, difference_limits, ratio_limits

COSTS = ("output_tokens", "flops", "total_s", "energy_j")


def per_correct(
    samples: pl.DataFrame,
    by: Sequence[str] = ("model", "profile"),
    costs: Sequence[str] = COSTS,
    scored: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Cost of a correct answer: the cost of all answers, wrong ones and those that ran out of time
    too, over the sum of scores.

    Sums are of means over tasks, so that each task weighs the same. The 95% interval is made of
    those of cost and accuracy and of their correlation over clusters of questions
    (:func:`ratio_limits`): of the mean cost Student's on the logarithm with the clustered variance,
    of the accuracy that of :func:`macro_accuracy` (``scored``, where that is at hand).

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
    sure = macro_accuracy(needed, groups) if scored is None else scored
    whole = counts.join(means, on=groups, nulls_equal=True).join(
        sure.select(*groups, "accuracy", "low", "high"), on=groups, nulls_equal=True
    )
    defined = whole.filter(pl.col("score") > 0)
    spread = _spread(needed, defined, groups, costs) if defined.height else {}
    rows = [_row(row, groups, costs, spread) for row in whole.iter_rows(named=True)]
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


def _scaled(
    needed: pl.DataFrame,
    of: list[str],
    costs: Sequence[str],
    means: pl.DataFrame,
    groups: list[str],
) -> pl.DataFrame:
    """One row for each ``of`` in the groups of ``means``: ``n`` answers, their scores (y) and costs
    (``<cost> x``) in units of the group's means, and the differences: the residuals of the ratios
    (``<cost> residual``)."""
    totals = summed(needed, of, ("score", *costs))
    mine = grouped(totals, groups)
    scales = totals.select(groups)[mine.first].join(
        means, on=groups, how="left", nulls_equal=True, maintain_order="left"
    )

    def scaled(name: str) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            found = totals[name].to_numpy() / scales[name].to_numpy()[mine.number]
        return np.asarray(found, dtype=np.float64)

    y, n = scaled("score"), totals["n"].to_numpy()
    made = {"y": y}
    for cost in costs:
        positive = (scales[cost] > 0).fill_null(False).to_numpy()[mine.number]
        x = np.where(positive, scaled(cost), n)
        made |= {f"{cost} x": x, f"{cost} residual": x - y}
    figures = (pl.Series(name, values) for name, values in made.items())
    return totals.select(*unique(of), "n").with_columns(figures)


def _spread(
    needed: pl.DataFrame, means: pl.DataFrame, groups: list[str], costs: Sequence[str]
) -> dict[tuple[Any, ...], dict[str, Any]]:
    """By group in ``means``, how sure the means over tasks of y and of each cost's x and residual
    are: ``<name> variance`` and ``<name> df``. Of a cost that some answers do not tell it says
    nothing."""
    values = ("y", *(f"{cost} {part}" for cost in costs for part in ("x", "residual")))
    of = [*groups, "task", "cluster"]
    means = by_number(means)
    tasks = [
        of_clusters(_scaled(part, of, costs, means, groups), unique([*groups, "task"]), values)
        for part in in_parts(needed)
    ]
    found = _over_tasks(pl.concat(tasks), groups, values)
    return {tuple(row[name] for name in groups): row for row in found.iter_rows(named=True)}


def _over_tasks(tasks: pl.DataFrame, groups: list[str], values: Sequence[str]) -> pl.DataFrame:
    """Variances of the means over tasks of these values, and their degrees of freedom."""
    made = []
    for value in values:
        variance = pl.col(f"{value} variance")
        all_known = pl.when(variance.is_not_null().all())
        df = freedom_of_sum(variance, pl.col(f"{value} df"))
        made += [
            all_known.then(variance.sum() / pl.len().pow(2)).alias(f"{value} variance"),
            all_known.then(df).alias(f"{value} df"),
        ]
    return tasks.group_by(groups).agg(made)


def _limits(row: dict[str, Any], cost: str, spread: dict[str, Any]) -> Limits:
    mean, variance, df = row[cost], spread[f"{cost} x variance"], spread[f"{cost} x df"]
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
    together = correlation(variance, spread["y variance"], spread[f"{cost} residual variance"])
    return ratio_limits(above, below, together)


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
    questions = _scaled(needed, ["entry", *asked], (cost,), means, ["entry"]).with_columns(
        pl.col(f"{cost} residual") / pl.col("n")
    )
    first, second = (
        questions.filter(pl.col("entry") == entry).select(
            *asked, pl.col(f"{cost} residual").alias(name)
        )
        for entry, name in ((one, "x"), (other, "y"))
    )
    both = (
        first.join(second, on=asked)
        .with_columns(residual=pl.col("x") - pl.col("y"))
        .group_by("task", "cluster")
        .agg(pl.len().alias("n"), pl.col("x", "y", "residual").sum())
    )
    if both.is_empty():
        return 0.0
    values = ("x", "y", "residual")
    tasks = of_clusters(both, ["task"], values).with_columns(pair=pl.lit(0))
    row = _over_tasks(tasks, ["pair"], values).row(0, named=True)
    figures = [row[f"{name} variance"] for name in values]
    return 0.0 if None in figures else correlation(*figures)


def _row(
    row: dict[str, Any],
    groups: list[str],
    costs: Sequence[str],
    spread: dict[tuple[Any, ...], dict[str, Any]],
) -> dict[str, Any]:
    made = {name: row[name] for name in (*groups, "answers", "correct")}
    made["accuracy"] = row["score"]
    for cost in costs:
        ends, unknown = (cost, f"{cost}_low", f"{cost}_high"), row[f"{cost}_unknown"]
        limits: Sequence[float | None] = (None, None, None)
        if not unknown and row["score"] > 0:
            limits = _limits(row, cost, spread[tuple(row[name] for name in groups)])
        made |= dict(zip(ends, limits, strict=True)) | {f"{cost}_unknown": unknown}
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
