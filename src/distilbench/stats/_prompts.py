"""How much the prompt's format matters, and whether public questions were easier than new ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from distilbench.stats._clusters import clustered, freedom_of_sum, t_quantile
from distilbench.stats._intervals import check_samples, macro_accuracy

DRAWS = 2000
_SEED = 0
HELD_BACK = ("generated", "private")
"""Kinds of tasks whose questions training data cannot hold."""


def template_spread(
    samples: pl.DataFrame, by: Sequence[str] = ("model", "profile"), level: float = 0.95
) -> pl.DataFrame:
    """Spread of the accuracies of one task under several templates, on the same questions.

    ``samples`` have the columns ``task`` (the same for all templates) and ``template``; only
    questions asked under every template count. Returns ``by``, task, n_templates, n_questions,
    accuracy (mean over templates), lowest, highest, spread (highest - lowest), sd (standard
    deviation over templates, n-1), low, high (percentile interval of sd from a bootstrap of the
    clusters of questions) and sd_by_chance: the sd to expect if all templates were equally good and
    the answers to a question differed as they do, sqrt(sum of the variances over templates within
    each question) / number of questions. Empty if no task has two templates.
    """
    groups = [*by, "task"]
    check_samples(samples, [*groups, "template"])
    asked = samples.group_by([*groups, "template", "sample_id"]).agg(
        pl.col("score").mean(), pl.col("cluster").min()
    )
    rows = []
    for key, part in asked.group_by(groups, maintain_order=True):
        wide = part.pivot("template", index=["sample_id", "cluster"], values="score").drop_nulls()
        if wide.width < 4 or wide.is_empty():
            continue
        scores = wide.drop("sample_id", "cluster").to_numpy().astype(float)
        clusters = wide["cluster"].fill_null(wide["sample_id"]).rank("dense").to_numpy() - 1
        rows.append({**dict(zip(groups, key, strict=True)), **_spread(scores, clusters, level)})
    return pl.DataFrame(rows).sort(groups) if rows else pl.DataFrame()


def contamination_gap(samples: pl.DataFrame, level: float = 0.95) -> pl.DataFrame:
    """Accuracy on public questions and on ones that training data cannot hold, and the gap.

    ``samples`` have the column ``contamination``: public, generated or private; others are left
    out. Accuracies are means over tasks. ``gap`` is public minus held back. ``excess`` is the gap
    of an entry minus the mean gap of the others (difference in differences), from the questions
    that all entries answered, each entry's score less the others' mean on the same question, so
    that what makes one kind of task harder for all drops out; clustered within tasks, variances
    adding over tasks, Student's interval by Welch and Satterthwaite.

    Returns entry, n_public, n_held_back (tasks), public, public_low, public_high, held_back,
    held_back_low, held_back_high, gap, excess, excess_stderr, excess_low, excess_high (null with
    one entry). Empty unless both kinds are there.
    """
    check_samples(samples, ["entry", "contamination"])
    kinds = {"public": "public", **dict.fromkeys(HELD_BACK, "held_back")}
    known = samples.filter(pl.col("contamination").is_in(list(kinds))).with_columns(
        kind=pl.col("contamination").replace_strict(kinds)
    )
    if known["kind"].n_unique() < 2:
        return pl.DataFrame()
    sides = macro_accuracy(known, ("entry", "kind"), level)
    table = None
    for kind in ("public", "held_back"):
        side = sides.filter(pl.col("kind") == kind).select(
            "entry",
            pl.col("n_tasks").alias(f"n_{kind}"),
            pl.col("accuracy").alias(kind),
            pl.col("low").alias(f"{kind}_low"),
            pl.col("high").alias(f"{kind}_high"),
        )
        table = side if table is None else table.join(side, on="entry")
    assert table is not None
    gaps = table.with_columns(gap=pl.col("public") - pl.col("held_back"))
    return gaps.join(_excess(known, level), on="entry", how="left").sort("entry")


def _spread(
    scores: np.ndarray[Any, Any], clusters: np.ndarray[Any, Any], level: float
) -> dict[str, float | int]:
    """``scores``: a row a question, a column a template."""
    questions, templates = scores.shape
    means = scores.mean(axis=0)
    sums = np.stack([np.bincount(clusters, column) for column in scores.T], axis=1)
    sizes = np.bincount(clusters)
    groups = len(sizes)
    counts = np.random.default_rng(_SEED).multinomial(groups, np.full(groups, 1 / groups), DRAWS)
    drawn = (counts @ sums) / (counts @ sizes)[:, None]
    low, high = np.quantile(drawn.std(axis=1, ddof=1), [0.5 - level / 2, 0.5 + level / 2])
    return {
        "n_templates": templates,
        "n_questions": questions,
        "accuracy": float(means.mean()),
        "lowest": float(means.min()),
        "highest": float(means.max()),
        "spread": float(means.max() - means.min()),
        "sd": float(means.std(ddof=1)),
        "low": float(low),
        "high": float(high),
        "sd_by_chance": float(np.sqrt(scores.var(axis=1, ddof=1).sum()) / questions),
    }


def _excess(known: pl.DataFrame, level: float) -> pl.DataFrame:
    """Difference in differences of each entry against the mean of the others."""
    questions = known.group_by("entry", "kind", "task", "sample_id").agg(
        pl.col("score").mean(), pl.col("cluster").min().fill_null(pl.col("sample_id").first())
    )
    entries = questions["entry"].n_unique()
    shared = ["kind", "task", "sample_id"]
    total, there = pl.col("score").sum().over(shared), pl.len().over(shared)
    paired = questions.filter(there == entries).with_columns(
        lead=pl.col("score") - (total - pl.col("score")) / (entries - 1)
    )
    if entries < 2 or paired["kind"].n_unique() < 2:
        unknown = ("excess", "excess_stderr", "excess_low", "excess_high")
        nothing = [pl.lit(None, pl.Float64).alias(name) for name in unknown]
        return known.select("entry").unique().with_columns(nothing)
    [means] = clustered(paired, ["entry", "kind", "task"], "lead")
    tasks = means.with_columns(
        sign=pl.when(pl.col("kind") == "public").then(1.0).otherwise(-1.0),
        weight=1 / pl.len().over("entry", "kind").cast(pl.Float64),
    )
    part = pl.col("weight").pow(2) * pl.col("variance")
    known_all = pl.col("variance").is_not_null().all() & (pl.col("variance").sum() > 0)
    half = t_quantile(pl.col("df"), level) * pl.col("excess_stderr")
    return (
        tasks.group_by("entry")
        .agg(
            (pl.col("sign") * pl.col("weight") * pl.col("mean")).sum().alias("excess"),
            pl.when(known_all).then(part.sum().sqrt()).alias("excess_stderr"),
            pl.when(known_all).then(freedom_of_sum(part, pl.col("df"))).alias("df"),
        )
        .with_columns(excess_low=pl.col("excess") - half, excess_high=pl.col("excess") + half)
        .drop("df")
    )
