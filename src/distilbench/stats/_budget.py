"""What answers cost: accuracy against the tokens spent, and the cost of a correct answer."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from distilbench.stats._clusters import unique
from distilbench.stats._costs import mean_over_tasks
from distilbench.stats._intervals import check_samples, macro_accuracy

COSTS = ("output_tokens", "flops", "total_s", "energy_j")


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
    columns = unique([*by, "task", "sample_id", "cluster", "score", "output_tokens"])
    known = samples.select(columns).filter(pl.col("output_tokens").is_not_null())
    curves = []
    for budget in sorted(set(budgets)):
        cut = cut_off(known, budget)
        spent = mean_over_tasks(cut, by, ("output_tokens",))
        curves.append(
            macro_accuracy(cut, by)
            .join(spent, on=list(by))
            .select(
                *by,
                pl.lit(budget).alias("budget"),
                pl.col("output_tokens").alias("mean_output_tokens"),
                "accuracy",
                "low",
                "high",
            )
        )
    return pl.concat(curves)


def cut_off(samples: pl.DataFrame, budget: int) -> pl.DataFrame:
    """The samples as if every answer had been cut off after ``budget`` output tokens: a longer one
    is wrong, and took no more of them. ``output_tokens`` of all must be known."""
    within = pl.col("output_tokens") <= budget
    return samples.with_columns(
        pl.when(within).then(pl.col("score")).otherwise(0.0).alias("score"),
        pl.col("output_tokens").clip(upper_bound=budget),
    )


def per_correct(samples: pl.DataFrame, by: Sequence[str] = ("model", "profile")) -> pl.DataFrame:
    """Cost of a correct answer: the cost of all answers, wrong ones too, over the sum of scores.

    Sums are of means over tasks, so that each task weighs the same. Returns ``by``, accuracy and
    one column a cost: tokens (output_tokens), FLOPs (flops), seconds (total_s), joules
    (energy_j); null where a cost is not known of every sample, or nothing is correct.
    """
    check_samples(samples, [*by, "task", "score", *COSTS])
    means = mean_over_tasks(samples, by, ("score", *COSTS))
    known = samples.group_by(by).agg(pl.col(COSTS).null_count().name.suffix("_missing"))
    joined = means.join(known, on=list(by))
    costs = [
        pl.when((pl.col(f"{cost}_missing") == 0) & (pl.col("score") > 0))
        .then(pl.col(cost) / pl.col("score"))
        .alias(cost)
        for cost in COSTS
    ]
    return joined.select(*by, pl.col("score").alias("accuracy"), *costs).sort(by)
