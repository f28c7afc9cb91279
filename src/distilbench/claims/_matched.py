"""Which published scores of two models stand in the same setting, as far as that is known."""

from __future__ import annotations

import polars as pl

from distilbench.errors import InputError

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
    "samples": pl.Int64(),
    "decoding": pl.String(),
    "max_output_tokens": pl.Int64(),
    "score": pl.Float64(),
    "stderr": pl.Float64(),
    "questions": pl.Int64(),
    "measured_by": pl.String(),
    "source": pl.String(),
    "where": pl.String(),
}
"""Columns of a frame of published scores, one row a score. score and stderr are in percent, or in
the unit of a metric of TOLERANCE; higher is better. Null: not known. ``setting_key`` is whatever
else must be equal (version of the benchmark); ``samples``: answers averaged; ``decoding``:
"greedy" or "sampled"; ``measured_by``: "maker" or "independent"."""

TOLERANCE: dict[str, float] = {"rating": 50.0}
"""Half-width of a tie for metrics that are not percentages; a convention, not a measurement: at 50
points of an Elo-like rating the better one wins 57 percent of games."""

SETTING = ("metric", "shots", "mode", "setting_key")
"""Settings that must be equal."""

KNOWN_SETTING = {
    "samples": "samples averaged",
    "decoding": "greedy or sampled",
    "max_output_tokens": "output limit",
}
"""Settings that must not differ where both are known, in words."""


def excluded_pairs(scores: pl.DataFrame) -> pl.DataFrame:
    """The pairs on one benchmark that were not compared: ``differs`` names the settings that do."""
    return (
        paired(scores)
        .filter(pl.col("differs") != "")
        .select("distilled_model", "vanilla_model", "benchmark", "differs",
                "distilled_source", "distilled_where", "vanilla_source", "vanilla_where")
        .sort("distilled_model", "benchmark", "vanilla_model", "distilled_source", "vanilla_source")
    )  # fmt: skip


def paired(scores: pl.DataFrame) -> pl.DataFrame:
    """Distilled x vanilla on each benchmark, with ``differs``: the settings that do not match, and
    ``unknown``: those of which it is not known whether they do. Where one source that says nothing
    has both scores, they are taken to be of one table, and to match."""
    checked = _checked(scores)

    def side(role: str) -> pl.DataFrame:
        return checked.filter(pl.col("role") == role).rename(
            {name: f"{role}_{name}" for name in SCORE_SCHEMA if name != "benchmark"}
        )

    same_source = _equal("source") & pl.col("distilled_source").is_not_null()
    return side("distilled").join(side("vanilla"), on="benchmark").with_columns(
        same_source.alias("same_source"),
        pl.concat_str(_differing(same_source), separator=", ", ignore_nulls=True).alias("differs"),
        pl.concat_str(_unknown(same_source), separator=", ", ignore_nulls=True).alias("unknown"),
    )  # fmt: skip


def _equal(name: str) -> pl.Expr:
    return pl.col(f"distilled_{name}").eq_missing(pl.col(f"vanilla_{name}"))


def _differing(same_source: pl.Expr) -> list[pl.Expr]:
    """Names of the settings that do not match."""
    unsaid = {
        "shots": pl.col("distilled_shots").is_null(),
        "mode": pl.col("distilled_mode").eq_missing(pl.lit("unstated"))
        | pl.col("distilled_mode").is_null(),
        "metric": pl.col("distilled_metric").is_null(),
    }
    matches = {
        name: _equal(name) & (same_source | ~unsaid.get(name, pl.lit(False))) for name in SETTING
    } | {name: ~_known(name) | _equal(name) for name in KNOWN_SETTING}
    return [pl.when(~matching).then(pl.lit(name)) for name, matching in matches.items()]


def _unknown(same_source: pl.Expr) -> list[pl.Expr]:
    """The settings of which it is not known whether they match, in words."""
    return [
        pl.when(~_known(name) & ~(same_source & _equal(name))).then(pl.lit(words))
        for name, words in KNOWN_SETTING.items()
    ]


def _known(name: str) -> pl.Expr:
    return pl.col(f"distilled_{name}").is_not_null() & pl.col(f"vanilla_{name}").is_not_null()


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
