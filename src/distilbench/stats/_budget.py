"""Accuracy against the tokens spent, as if answers had been cut off."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from distilbench.stats._clusters import clustered, unique
from distilbench.stats._costs import mean_over_tasks
from distilbench.stats._intervals import (
    check_samples,
    cluster_number,
    in_parts,
    of_tasks,
    with_intervals,
)


def truncation_curve(
    samples: pl.DataFrame, budgets: Sequence[int], by: Sequence[str] = ("model", "profile")
) -> pl.DataFrame:
    """Accuracy as if every answer had been cut off after ``budgets`` output tokens.

    An answer of more tokens counts as wrong, which is exact for answers that end with what is
    graded and a lower bound for others: derived from one run, nothing is generated again.

    Returns ``by``, budget, mean_output_tokens (mean over tasks of tokens spent under the budget),
    accuracy, low, high; one row for each group and budget.
    """
    check_samples(samples, [*by, "task", "sample_id", "score", "output_tokens"])
    budgets = sorted(set(budgets))
    columns = unique([*by, "task", "sample_id", "cluster", "score", "output_tokens"])
    known = samples.select(columns).filter(pl.col("output_tokens").is_not_null())
    groups = unique([*by, "task"])
    found: dict[int, list[pl.DataFrame]] = {budget: [] for budget in budgets}
    for part in in_parts(known):
        questions = _questions(part, [*groups, "sample_id"], budgets)
        means = clustered(questions, groups, *(f"score {budget}" for budget in budgets))
        for budget, mean in zip(budgets, means, strict=True):
            names = {f"{name} {budget}": name for name in ("score", "binary")}
            mine = questions.select(*groups, "cluster", "samples", *names).rename(names)
            found[budget].append(with_intervals(mine, mean, groups, level=0.95))
    spent = _spent(known, budgets, by)
    curves = [
        of_tasks(pl.concat(tables), list(by))
        .join(spent, on=list(by))
        .select(
            *by,
            pl.lit(budget).alias("budget"),
            pl.col(f"tokens {budget}").alias("mean_output_tokens"),
            "accuracy",
            "low",
            "high",
        )
        for budget, tables in found.items()
    ]
    return pl.concat(curves)


def _spent(known: pl.DataFrame, budgets: Sequence[int], by: Sequence[str]) -> pl.DataFrame:
    """Mean over tasks of the tokens spent under each budget."""
    return mean_over_tasks(
        known.with_columns(
            pl.col("output_tokens").clip(upper_bound=budget).alias(f"tokens {budget}")
            for budget in budgets
        ),
        by,
        [f"tokens {budget}" for budget in budgets],
    )


def _questions(samples: pl.DataFrame, asked: list[str], budgets: Sequence[int]) -> pl.DataFrame:
    """One row a question: ``asked``, cluster, samples, and of each budget score and binary."""
    scored = samples.with_columns(within(budget).alias(f"score {budget}") for budget in budgets)
    return (
        scored.group_by(asked)
        .agg(
            pl.col("cluster").min(),
            pl.len().alias("samples"),
            *(pl.col(f"score {budget}").mean() for budget in budgets),
            *(
                pl.col(f"score {budget}").is_in([0.0, 1.0]).all().alias(f"binary {budget}")
                for budget in budgets
            ),
        )
        .with_columns(cluster_number())
    )


def within(budget: int) -> pl.Expr:
    """The score of a sample as if it had been cut off after ``budget`` output tokens: a longer
    answer is wrong, and so is one of unknown length."""
    return pl.when(pl.col("output_tokens") <= budget).then(pl.col("score")).otherwise(0.0)
