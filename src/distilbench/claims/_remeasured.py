"""What makers publish of their own models beside what others measured of the same, score by
score."""

from __future__ import annotations

import polars as pl

from distilbench.claims._matched import KNOWN_SETTING, SETTING
from distilbench.claims._scores import difference

_KEPT = ("score", "stderr", "questions", "source", "where", *KNOWN_SETTING)


def remeasured(scores: pl.DataFrame) -> pl.DataFrame:
    """Every score that a maker published beside every one that another published of the same model
    on the same benchmark in the same metric, shots, mode and version.

    ``scores`` has the columns of ``SCORE_SCHEMA``. Returns model, role, benchmark, the settings,
    maker_* and independent_* (score, source, where, samples, decoding, max_output_tokens),
    difference (independent - maker) in the score's unit with difference_low, difference_high (95%,
    as of :func:`compare_scores`; null: not known), ``differs`` (the settings known to differ) and
    ``unknown`` (those not known of both), in words.
    """
    same = ["model", "role", "benchmark", *SETTING]

    def side(who: str) -> pl.DataFrame:
        return scores.filter(pl.col("measured_by") == who).select(
            *same, *(pl.col(name).alias(f"{who}_{name}") for name in _KEPT)
        )

    both = side("maker").join(side("independent"), on=same, nulls_equal=True)
    with_metric = both.with_columns(pl.col("metric").alias("independent_metric"))
    return (
        with_metric.with_columns(
            *difference("independent", "maker"),
            pl.concat_str(_words(known_to_differ=True), separator=", ", ignore_nulls=True).alias(
                "differs"
            ),
            pl.concat_str(_words(known_to_differ=False), separator=", ", ignore_nulls=True).alias(
                "unknown"
            ),
        )
        .drop("independent_metric")
        .sort("model", "benchmark", "maker_source", "independent_source")
    )


def _words(known_to_differ: bool) -> list[pl.Expr]:
    """The settings that differ, or of which one is not known."""
    found: list[pl.Expr] = []
    for name, words in KNOWN_SETTING.items():
        one, other = pl.col(f"maker_{name}"), pl.col(f"independent_{name}")
        wanted = one != other if known_to_differ else one.is_null() | other.is_null()
        found.append(pl.when(wanted).then(pl.lit(words)))
    return found
