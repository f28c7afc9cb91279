"""Questions asked several times: what another pass over the same questions would give."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from distilbench.stats._clusters import t_quantile, unique
from distilbench.stats._common import QUESTION
from distilbench.stats._intervals import accuracy, check_samples


def by_epoch(
    samples: pl.DataFrame,
    by: Sequence[str] = ("model", "task", "profile"),
    level: float = 0.95,
) -> pl.DataFrame:
    """Accuracy of each epoch (each pass over the questions): :func:`accuracy` with ``epoch``."""
    return accuracy(samples, [*by, "epoch"], level)


def same_questions(
    samples: pl.DataFrame,
    by: Sequence[str] = ("model", "task", "profile"),
    level: float = 0.95,
) -> pl.DataFrame:
    """How far accuracy moves when the very same questions are asked again, and how far because
    other questions could have been asked (Miller 2024, arXiv 2411.00640, sections 2 and 3).

    ``stderr_again`` is sqrt(sum s_q^2 / K_q) / n for n questions, each with K_q answers of variance
    s_q^2; ``low`` and ``high`` are Student's with it, on Welch and Satterthwaite's degrees of
    freedom: the interval of the model's mean on these questions, which answers drawn again would
    have, cut to [0, 1]. It is narrower than that of :func:`accuracy`, which is of all questions of
    the kind. Greedy answers do not move: there it is 0.

    Returns ``by`` and n_questions, epochs (fewest answers of a question), accuracy, stderr_again,
    low, high; the last three null where a question was asked once.
    """
    groups = list(by)
    check_samples(samples, [*groups, *QUESTION])
    asked = samples.group_by(unique([*groups, *QUESTION])).agg(
        pl.col("score").mean(), pl.col("score").var().alias("spread"), pl.len().alias("k")
    )
    part = pl.col("spread") / pl.col("k")
    total = part.sum()
    table = asked.group_by(groups).agg(
        pl.len().cast(pl.Int64).alias("n_questions"),
        pl.col("k").min().cast(pl.Int64).alias("epochs"),
        pl.col("score").mean().alias("accuracy"),
        pl.when(pl.col("k").min() > 1).then(total.sqrt() / pl.len()).alias("stderr_again"),
        (total.pow(2) / (part.pow(2) / (pl.col("k") - 1)).sum()).fill_nan(1.0).alias("df"),
    )
    half = t_quantile(pl.col("df"), level) * pl.col("stderr_again")
    return table.select(
        *groups,
        "n_questions",
        "epochs",
        "accuracy",
        "stderr_again",
        (pl.col("accuracy") - half).clip(0, 1).alias("low"),
        (pl.col("accuracy") + half).clip(0, 1).alias("high"),
    ).sort(groups)
