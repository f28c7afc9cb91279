"""Accuracy against the tokens spent, as if answers had been cut off."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from distilbench.stats._clusters import clustered, unique
from distilbench.stats._costs import mean_over_tasks
from distilbench.stats._intervals import (
    check_samples,
    in_parts,
    of_tasks,
    one_row_each,
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
    scores = [f"score {budget}" for budget in budgets]
    for part in in_parts(known):
        cut = part.with_columns(**{f"score {b}": within(b) for b in budgets})
        questions = one_row_each(cut, groups, scores)
        means = clustered(questions, groups, *scores)
        for budget, mean in zip(budgets, means, strict=True):
            names = {f"score {budget}": "score", f"binary score {budget}": "binary"}
            mine = questions.select(*groups, "cluster", "samples", *names).rename(names)
            found[budget].append(with_intervals(mine, mean, groups, level=0.95))
    spent = _spent(known, budgets, by)
    curves = [
        of_tasks(pl.concat(tables).cast({name: samples.schema[name] for name in by}), list(by))
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


def within(budget: int) -> pl.Expr:
    """The score of a sample as if it had been cut off after ``budget`` output tokens: a longer
    answer is wrong, and so is one of unknown length."""
    return pl.when(pl.col("output_tokens") <= budget).then(pl.col("score")).otherwise(0.0)
