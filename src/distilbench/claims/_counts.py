"""Wins, ties and losses by ratio of sizes, and the verdict on "on par or better"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import polars as pl

from distilbench.claims._matched import SETTING
from distilbench.stats import normal_quantile, wilson

BANDS = ("<1x", "1-2x", "2-5x", "5-10x", ">10x")
"""Vanilla parameters over distilled parameters. 10 itself is in "5-10x"; every other band holds its
lower edge."""

Verdict = Literal["supported", "undecided", "contradicted", "no data"]

_LEVEL = 0.95
_NUMBERS = [
    "comparisons", "distilled_scores", "wins", "ties", "losses", "undecided", "by_rule",
    "unsettled",
]  # fmt: skip


def count_outcomes(comparisons: pl.DataFrame, by: Sequence[str] = ()) -> pl.DataFrame:
    """Wins, ties and losses by size band, and the verdict on "on par or better".

    A pair on a benchmark in one setting counts once. Where it was compared from several sources,
    those pairs of scores that share a source are taken; where sources still disagree it is
    undecided.

    Returns one row for each group of ``by`` (for example distilled_model) and band of BANDS, with
    further bands "unknown" (no size published) and "all": comparisons, distilled_scores (distinct
    distilled model and benchmark: one score met many vanilla models), wins, ties, losses,
    undecided, by_rule (comparisons decided by tolerance instead of an interval), unsettled
    (comparisons in which a setting is not known of one of the two), on_par_share
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
        pl.col("unsettled").sum(),
    )  # fmt: skip
    rows = once.select(groups).unique().join(bands, how="cross") if groups else bands
    table = rows.join(counted, on=keys, how="left", nulls_equal=True).with_columns(
        pl.col(_NUMBERS).fill_null(0).cast(pl.Int64)
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
    answer: Verdict = _limited(wins, ties, losses, undecided, distilled_scores)["verdict"]
    return answer


def on_par_limits(
    wins: int, ties: int, losses: int, undecided: int = 0, distilled_scores: int | None = None
) -> tuple[float | None, float | None]:
    """Of the same counts, the lower Wilson limit of the share (wins + ties) / all, and the upper
    limit of what is not lost; null without a comparison."""
    row = _limited(wins, ties, losses, undecided, distilled_scores)
    return row["low"], row["high"]


def _limited(wins: int, ties: int, losses: int, undecided: int, trials: int | None) -> Any:
    count = wins + ties + losses + undecided
    row = {"good": wins + ties, "losses": losses, "comparisons": count, "trials": trials or count}
    limits = _on_par_limits(*map(pl.col, row))
    frame = pl.DataFrame({name: [value] for name, value in row.items()}).with_columns(**limits)
    return frame.with_columns(_verdict()).row(0, named=True)


def _once(comparisons: pl.DataFrame, groups: list[str]) -> pl.DataFrame:
    """One row a pair, benchmark and setting, in each group."""
    pair = list(dict.fromkeys(["distilled_model", "vanilla_model", "benchmark", *SETTING, *groups]))
    outcome = pl.col("outcome")
    carried = [name for name in ["size_band", "tie_rule"] if name not in pair]
    return (
        comparisons.filter(pl.col("same_source") | ~pl.col("same_source").any().over(pair))
        .group_by(pair)
        .agg(
            pl.when(outcome.n_unique() == 1).then(outcome.first())
            .otherwise(pl.lit("undecided")).alias("outcome"),
            (pl.col("unknown") != "").any().alias("unsettled"),
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
