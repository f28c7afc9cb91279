"""Distilled models against vanilla ones on published scores: wins, ties, losses."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from distilbench.claims._matched import KNOWN_SETTING, SETTING, TOLERANCE, paired
from distilbench.stats import normal_quantile, wilson

MARGIN_POINTS = 5.0
"""Percentage points that a model may score less and still count as on par; a convention, stated
beside every verdict, the same as of runs."""

_LEVEL = 0.95
_DROPPED = [
    "_interval", "_tolerance", "differs", "distilled_role", "vanilla_role", "distilled_questions",
    "vanilla_questions", *(f"vanilla_{name}" for name in SETTING),
    *(f"{role}_{name}" for role in ("distilled", "vanilla") for name in KNOWN_SETTING),
]  # fmt: skip


def compare_scores(
    scores: pl.DataFrame, tolerance: float = 1.0, margin: float = MARGIN_POINTS
) -> pl.DataFrame:
    """Every distilled against every vanilla model, on each benchmark where the settings match.

    Settings match where benchmark, metric, shots, mode and setting_key are equal. Null shots and
    mode "unstated" match only within one source: two sources that both do not say have not agreed.
    samples, decoding and max_output_tokens must not differ where they are known of both;
    ``unknown`` says which are not.

    ``outcome`` is a test of non-inferiority on the 95% interval of the difference: "win" where it
    is above 0, else "tie" (on par) where it is above -``margin`` percentage points, "loss" where it
    is below 0 and not above -``margin``, "undecided" otherwise: too few questions to show that the
    distilled model is on par. That no difference is shown does not make two models equal. The
    interval joins each score's own (``score +- z stderr`` where
    a standard error is published, else Wilson's from the number of questions, known from either of
    the two scores) as Newcombe (1998) does. Both models answered the same questions, which a
    published score does not let us use: the interval is too wide rather than too narrow, and
    undecided pairs are too many. Without a number of questions, a tie is a difference within
    ``tolerance`` percentage points (of another metric: its TOLERANCE). ``tie_rule`` says which it
    was.

    Returns, for each pair: benchmark; metric, shots, mode, setting_key; distilled_* and vanilla_*
    (model, family, parameters, active_parameters, score, stderr, source, where); size_ratio and
    active_ratio (vanilla / distilled), size_band; difference (distilled - vanilla),
    difference_low, difference_high, tie_rule ("interval" or "tolerance"), margin (of the tie),
    margin_se (the margin in standard errors of the difference; null: by tolerance), outcome,
    same_source, unknown. Raises InputError for a missing column or a score out of range.
    """
    matched = paired(scores).filter(pl.col("differs") == "")
    compared = matched.with_columns(
        _size("parameters", "size_ratio"), _size("active_parameters", "active_ratio")
    )
    return (
        compared.with_columns(_band(), *difference(), _tolerance(tolerance))
        .with_columns(
            pl.col("difference_low").is_not_null().alias("_interval"),
        )
        .with_columns(*_tie(margin))
        .with_columns(_outcome())
        .drop(_DROPPED)
        .rename({f"distilled_{name}": name for name in SETTING})
        .sort("distilled_model", "benchmark", "vanilla_model", "distilled_source", "vanilla_source")
    )  # fmt: skip


def at_margins(comparisons: pl.DataFrame, margins: Sequence[float]) -> pl.DataFrame:
    """The rows of :func:`compare_scores` under each of the margins, in percentage points, which
    are the column ``margin_points``. What was decided by tolerance does not change."""
    each = pl.DataFrame({"margin_points": pl.Series(margins, dtype=pl.Float64)})
    judged = pl.when(pl.col("tie_rule") == "interval").then(_by_interval("margin_points"))
    return comparisons.join(each, how="cross").with_columns(
        judged.otherwise("outcome").alias("outcome")
    )


def _size(column: str, name: str) -> pl.Expr:
    return (pl.col(f"vanilla_{column}") / pl.col(f"distilled_{column}")).alias(name)


def _band() -> pl.Expr:
    ratio = pl.col("size_ratio")
    return (
        pl.when(ratio.is_null()).then(pl.lit("unknown"))
        .when(ratio < 1).then(pl.lit("<1x"))
        .when(ratio < 2).then(pl.lit("1-2x"))
        .when(ratio < 5).then(pl.lit("2-5x"))
        .when(ratio <= 10).then(pl.lit("5-10x"))
        .otherwise(pl.lit(">10x"))
        .alias("size_band")
    )  # fmt: skip


def difference(one: str = "distilled", other: str = "vanilla") -> list[pl.Expr]:
    """difference (one's score less the other's), and its limits where both scores have an interval
    of their own, from columns that begin with the two words."""
    z = normal_quantile(_LEVEL)
    questions = {
        one: pl.coalesce(f"{one}_questions", f"{other}_questions"),
        other: pl.coalesce(f"{other}_questions", f"{one}_questions"),
    }

    def below_and_above(side: str) -> tuple[pl.Expr, pl.Expr]:
        score, half = pl.col(f"{side}_score"), z * pl.col(f"{side}_stderr")
        percent = ~pl.col(f"{one}_metric").is_in(list(TOLERANCE)).fill_null(False)
        low, high = wilson(score / 100, questions[side].cast(pl.Float64), z)
        return (
            pl.coalesce(half, pl.when(percent).then(score - 100 * low)),
            pl.coalesce(half, pl.when(percent).then(100 * high - score)),
        )

    (below, above), (other_below, other_above) = map(below_and_above, (one, other))
    found = pl.col(f"{one}_score") - pl.col(f"{other}_score")
    return [
        found.alias("difference"),
        (found - (below.pow(2) + other_above.pow(2)).sqrt()).alias("difference_low"),
        (found + (above.pow(2) + other_below.pow(2)).sqrt()).alias("difference_high"),
    ]


def _tolerance(tolerance: float) -> pl.Expr:
    return (
        pl.col("distilled_metric")
        .replace_strict(TOLERANCE, default=tolerance, return_dtype=pl.Float64)
        .alias("_tolerance")
    )


def _tie(margin: float) -> list[pl.Expr]:
    """tie_rule, margin, and the margin in standard errors."""
    width = pl.col("difference_high") - pl.col("difference_low")
    rule = pl.when("_interval").then(pl.lit("interval")).otherwise(pl.lit("tolerance"))
    return [
        rule.alias("tie_rule"),
        pl.when("_interval").then(pl.lit(margin)).otherwise("_tolerance").alias("margin"),
        (margin * 2 * normal_quantile(_LEVEL) / width).alias("margin_se"),
    ]


def _outcome() -> pl.Expr:
    difference = pl.col("difference")
    by_rule = (
        pl.when(difference.abs() <= pl.col("_tolerance")).then(pl.lit("tie"))
        .when(difference > 0).then(pl.lit("win"))
        .otherwise(pl.lit("loss"))
    )  # fmt: skip
    return pl.when("_interval").then(_by_interval("margin")).otherwise(by_rule).alias("outcome")


def _by_interval(margin: str) -> pl.Expr:
    """By the interval of the difference and the margin in a column."""
    low, high = pl.col("difference_low"), pl.col("difference_high")
    return (
        pl.when(low > 0).then(pl.lit("win"))
        .when(low >= -pl.col(margin)).then(pl.lit("tie"))
        .when(high < 0).then(pl.lit("loss"))
        .otherwise(pl.lit("undecided"))
    )  # fmt: skip
