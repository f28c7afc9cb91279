"""Distilled models against vanilla ones on published scores: wins, ties, losses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import polars as pl

from distilbench.errors import InputError
from distilbench.stats import normal_quantile, wilson

SCORE_SCHEMA: dict[str, pl.DataType] = {
    "model": pl.String(),
    "role": pl.String(),
    "family": pl.String(),
    "parameters": pl.Int64(),
    "active_parameters": pl.Int64(),
    "benchmark": pl.String(),
    "metric": pl.String(),
    "shots": pl.Int64(),
    "mode": pl.String(),
    "setting_key": pl.String(),
    "score": pl.Float64(),
    "stderr": pl.Float64(),
    "questions": pl.Int64(),
    "source": pl.String(),
    "where": pl.String(),
}
"""Columns of a frame of published scores, one row a score. score and stderr are in percent, or in
the unit of a metric of TOLERANCE; higher is better. Null: not known. ``setting_key`` is whatever
else must be equal (harness, number of samples, prompt set)."""

TOLERANCE: dict[str, float] = {"rating": 50.0}
"""Half-width of a tie for metrics that are not percentages; a convention, not a measurement: at 50
points of an Elo-like rating the better one wins 57 percent of games."""

MARGIN_POINTS = 5.0
"""Percentage points that a model may score less and still count as on par; a convention, stated
beside every verdict, the same as of runs."""

BANDS = ("<1x", "1-2x", "2-5x", "5-10x", ">10x")
"""Vanilla parameters over distilled parameters. 10 itself is in "5-10x"; every other band holds its
lower edge."""

Verdict = Literal["supported", "undecided", "contradicted", "no data"]

_SETTING = ["metric", "shots", "mode", "setting_key"]
_LEVEL = 0.95


def compare_scores(
    scores: pl.DataFrame, tolerance: float = 1.0, margin: float = MARGIN_POINTS
) -> pl.DataFrame:
    """Every distilled against every vanilla model, on each benchmark where the settings match.

    Settings match where benchmark, metric, shots, mode and setting_key are equal. Null shots and
    mode "unstated" match only within one source: two sources that both do not say have not agreed.

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
    same_source. Raises InputError for a missing column or a score out of range.
    """
    matched = _pairs(scores).filter(pl.col("differs") == "")
    compared = matched.with_columns(
        _size("parameters", "size_ratio"), _size("active_parameters", "active_ratio")
    )
    return (
        compared.with_columns(_band(), *_difference(), _tolerance(tolerance))
        .with_columns(
            pl.col("difference_low").is_not_null().alias("_interval"),
        )
        .with_columns(*_tie(margin), _outcome(margin))
        .drop("_interval", "_tolerance", "differs", "distilled_role", "vanilla_role",
              "distilled_questions", "vanilla_questions", *(f"vanilla_{name}" for name in _SETTING))
        .rename({f"distilled_{name}": name for name in _SETTING})
        .sort("distilled_model", "benchmark", "vanilla_model", "distilled_source", "vanilla_source")
    )  # fmt: skip


def excluded_pairs(scores: pl.DataFrame) -> pl.DataFrame:
    """The pairs on one benchmark that were not compared: ``differs`` names the settings that do."""
    return (
        _pairs(scores)
        .filter(pl.col("differs") != "")
        .select("distilled_model", "vanilla_model", "benchmark", "differs",
                "distilled_source", "distilled_where", "vanilla_source", "vanilla_where")
        .sort("distilled_model", "benchmark", "vanilla_model", "distilled_source", "vanilla_source")
    )  # fmt: skip


def count_outcomes(comparisons: pl.DataFrame, by: Sequence[str] = ()) -> pl.DataFrame:
    """Wins, ties and losses by size band, and the verdict on "on par or better".

    A pair on a benchmark in one setting counts once. Where it was compared from several sources,
    those pairs of scores that share a source are taken; where sources still disagree it is
    undecided.

    Returns one row for each group of ``by`` (for example distilled_model) and band of BANDS, with
    further bands "unknown" (no size published) and "all": comparisons, distilled_scores (distinct
    distilled model and benchmark: one score met many vanilla models), wins, ties, losses,
    undecided, by_rule (comparisons decided by tolerance instead of an interval), on_par_share
    (shown to be on par or better) with its lower Wilson limit low, high (the upper
    limit of what is not lost), verdict.
    """
    groups = list(by)
    once = _once(comparisons, groups)
    everything = once.with_columns(pl.lit("all").alias("size_band"))
    bands = pl.DataFrame({"size_band": [*BANDS, "unknown", "all"]}).with_row_index("_order")
    keys = [*groups, "size_band"]
    counted = pl.concat([once, everything]).group_by(keys).agg(
        pl.len().alias("comparisons"),
        pl.struct("distilled_model", "benchmark").n_unique().alias("distilled_scores"),
        *((pl.col("outcome") == one).sum().alias(many)
          for one, many in (("win", "wins"), ("tie", "ties"), ("loss", "losses"),
                            ("undecided", "undecided"))),
        (pl.col("tie_rule") == "tolerance").sum().alias("by_rule"),
    )  # fmt: skip
    rows = once.select(groups).unique().join(bands, how="cross") if groups else bands
    numbers = pl.col(
        "comparisons", "distilled_scores", "wins", "ties", "losses", "undecided", "by_rule"
    )
    table = rows.join(counted, on=keys, how="left", nulls_equal=True).with_columns(
        numbers.fill_null(0).cast(pl.Int64)
    )
    limits = _on_par_limits(
        pl.col("wins") + pl.col("ties"),
        pl.col("losses"),
        pl.col("comparisons"),
        pl.col("distilled_scores"),
    )
    return (
        table.with_columns(**limits).with_columns(_verdict()).sort(*groups, "_order").drop("_order")
    )


def verdict(
    wins: int, ties: int, losses: int, undecided: int = 0, distilled_scores: int | None = None
) -> Verdict:
    """Whether counts support "on par or better": that this is shown more often than not.

    "supported" if the Wilson interval of the share (wins + ties) / all is wholly above one half,
    "contradicted" if that of the losses is, else "undecided". Comparisons that share a distilled
    score are not independent: the interval is taken at ``distilled_scores`` trials (all
    comparisons, if not given). "no data" without a comparison.
    """
    count = wins + ties + losses + undecided
    trials = count if distilled_scores is None else distilled_scores
    row = {"good": wins + ties, "losses": losses, "comparisons": count, "trials": trials}
    limits = _on_par_limits(*map(pl.col, row))
    frame = pl.DataFrame({name: [value] for name, value in row.items()})
    answer: Verdict = frame.with_columns(**limits).select(_verdict()).item()
    return answer


def _pairs(scores: pl.DataFrame) -> pl.DataFrame:
    """Distilled x vanilla on each benchmark, with ``differs``: the settings that do not match."""
    checked = _checked(scores)

    def side(role: str) -> pl.DataFrame:
        return checked.filter(pl.col("role") == role).rename(
            {name: f"{role}_{name}" for name in SCORE_SCHEMA if name != "benchmark"}
        )

    def equal(name: str) -> pl.Expr:
        return pl.col(f"distilled_{name}").eq_missing(pl.col(f"vanilla_{name}"))

    same_source = equal("source") & pl.col("distilled_source").is_not_null()
    unsaid = {
        "shots": pl.col("distilled_shots").is_null(),
        "mode": pl.col("distilled_mode").eq_missing(pl.lit("unstated"))
        | pl.col("distilled_mode").is_null(),
        "metric": pl.col("distilled_metric").is_null(),
    }
    differs = [
        pl.when(~(equal(name) & (same_source | ~unsaid.get(name, pl.lit(False))))).then(
            pl.lit(name)
        )
        for name in _SETTING
    ]
    return side("distilled").join(side("vanilla"), on="benchmark").with_columns(
        same_source.alias("same_source"),
        pl.concat_str(differs, separator=", ", ignore_nulls=True).alias("differs"),
    )  # fmt: skip


def _checked(scores: pl.DataFrame) -> pl.DataFrame:
    if missing := [name for name in SCORE_SCHEMA if name not in scores.columns]:
        raise InputError(
            "published scores", f"no column {', '.join(missing)}", "give those of SCORE_SCHEMA"
        )
    typed = scores.select(pl.col(name).cast(dtype) for name, dtype in SCORE_SCHEMA.items())
    percent = ~pl.col("metric").is_in(list(TOLERANCE)).fill_null(False)
    bad = typed.filter(pl.col("score").is_null() | (percent & ~pl.col("score").is_between(0, 100)))
    if not bad.is_empty():
        row = bad.row(0, named=True)
        raise InputError(
            f"published score of {row['model']} on {row['benchmark']} ({row['source']})",
            f"score {row['score']} is not a percentage",
            f"give percent, or one of the metrics {', '.join(TOLERANCE)}",
        )
    return typed


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


def _difference() -> list[pl.Expr]:
    """difference, and its limits where both scores have an interval of their own."""
    z = normal_quantile(_LEVEL)
    questions = {
        "distilled": pl.coalesce("distilled_questions", "vanilla_questions"),
        "vanilla": pl.coalesce("vanilla_questions", "distilled_questions"),
    }

    def below_and_above(role: str) -> tuple[pl.Expr, pl.Expr]:
        score, half = pl.col(f"{role}_score"), z * pl.col(f"{role}_stderr")
        percent = ~pl.col("distilled_metric").is_in(list(TOLERANCE)).fill_null(False)
        low, high = wilson(score / 100, questions[role].cast(pl.Float64), z)
        return (
            pl.coalesce(half, pl.when(percent).then(score - 100 * low)),
            pl.coalesce(half, pl.when(percent).then(100 * high - score)),
        )

    (below, above), (other_below, other_above) = map(below_and_above, ("distilled", "vanilla"))
    difference = pl.col("distilled_score") - pl.col("vanilla_score")
    return [
        difference.alias("difference"),
        (difference - (below.pow(2) + other_above.pow(2)).sqrt()).alias("difference_low"),
        (difference + (above.pow(2) + other_below.pow(2)).sqrt()).alias("difference_high"),
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


def _outcome(margin: float) -> pl.Expr:
    difference, low, high = map(pl.col, ("difference", "difference_low", "difference_high"))
    by_interval = (
        pl.when(low > 0).then(pl.lit("win"))
        .when(low >= -margin).then(pl.lit("tie"))
        .when(high < 0).then(pl.lit("loss"))
        .otherwise(pl.lit("undecided"))
    )  # fmt: skip
    by_rule = (
        pl.when(difference.abs() <= pl.col("_tolerance")).then(pl.lit("tie"))
        .when(difference > 0).then(pl.lit("win"))
        .otherwise(pl.lit("loss"))
    )  # fmt: skip
    return pl.when("_interval").then(by_interval).otherwise(by_rule).alias("outcome")


def _once(comparisons: pl.DataFrame, groups: list[str]) -> pl.DataFrame:
    """One row a pair, benchmark and setting."""
    pair = ["distilled_model", "vanilla_model", "benchmark", *_SETTING]
    outcome = pl.col("outcome")
    carried = [name for name in ["size_band", "tie_rule", *groups] if name not in pair]
    return (
        comparisons.filter(pl.col("same_source") | ~pl.col("same_source").any().over(pair))
        .group_by(pair)
        .agg(
            pl.when(outcome.n_unique() == 1).then(outcome.first())
            .otherwise(pl.lit("undecided")).alias("outcome"),
            pl.col(carried).first(),
        )
    )  # fmt: skip


def _on_par_limits(
    good: pl.Expr, losses: pl.Expr, comparisons: pl.Expr, trials: pl.Expr
) -> dict[str, pl.Expr]:
    """The share shown to be on par with its lower limit, and the upper limit of what is not
    lost."""
    z = normal_quantile(_LEVEL)
    share = pl.when(comparisons > 0).then(good / comparisons)
    kept = pl.when(comparisons > 0).then(1 - losses / comparisons)
    low, _ = wilson(share, trials.cast(pl.Float64), z)
    _, high = wilson(kept, trials.cast(pl.Float64), z)
    return {"on_par_share": share, "low": low, "high": high}


def _verdict() -> pl.Expr:
    return (
        pl.when(pl.col("comparisons") == 0).then(pl.lit("no data"))
        .when(pl.col("low") > 0.5).then(pl.lit("supported"))
        .when(pl.col("high") < 0.5).then(pl.lit("contradicted"))
        .otherwise(pl.lit("undecided"))
        .alias("verdict")
    )  # fmt: skip
