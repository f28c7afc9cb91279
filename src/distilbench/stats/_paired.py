"""The difference of two models on the same questions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl
from scipy.special import stdtr

from distilbench.errors import InputError
from distilbench.stats._clusters import (
    NO_SPREAD,
    clustered,
    freedom_of_sum,
    t_interval,
    t_quantile,
    unique,
)
from distilbench.stats._intervals import check_samples, in_parts

_TOGETHER = 200_000  # questions that are compared at once: what bounds memory
PAIR = ["profile", "task", "seed", "sample_id"]


def paired_difference(
    samples: pl.DataFrame, model_a: str, model_b: str, level: float = 0.95
) -> pl.DataFrame:
    """Accuracy of ``model_a`` minus that of ``model_b``, paired by question.

    Both models' scores of one (task, profile, seed, sample_id) are averaged over epochs and
    subtracted; the differences are averaged over seeds to the question, and over questions. The
    standard error is that of the differences, clustered (Miller 2024, arXiv 2411.00640, section
    4.2); questions that only one model answered are left out. Interval and two-sided p value are
    Student's, with the variance and the degrees of freedom of :func:`clustered`: s/sqrt(n) and n-1
    for n independent questions, fewer where few of them differ. p values are not adjusted for the
    number of comparisons; :func:`holm` does that.

    Where all differences are equal (two models that agree on every question) the standard error is
    0, which is no proof of equality: interval and p value then take the standard error of Bonett
    and Price (2012), who add one question won and one lost.

    One row for each profile and task, and one for each profile with ``task`` null: the unweighted
    mean over tasks, variances adding, degrees of freedom by Welch and Satterthwaite. Columns:
    profile, task, model_a, model_b, n_questions, n_clusters, accuracy_a, accuracy_b, difference,
    stderr, df, low, high, p_value (stderr, df and p_value null with one cluster, whose interval is
    [-1, 1]).

    Raises InputError if a model has no samples, or the two share no question.
    """
    check_samples(samples, [*PAIR, "model"])
    asked = _asked(samples.filter(pl.col("model").is_in([model_a, model_b])))
    for model in (model_a, model_b):
        if model not in asked:
            raise InputError(
                "sample records", f"model {model!r} has none", "name a model of the run"
            )
    return _figures([_by_task(_differences(asked, model_a, [model_b]))], model_a, [model_b], level)


def paired_differences(samples: pl.DataFrame, level: float = 0.95) -> pl.DataFrame:
    """:func:`paired_difference` of every two models, in the order in which ``samples`` have them;
    empty with one. Of M models its work is M - 1 times the questions that each answered."""
    check_samples(samples, [*PAIR, "model"])
    names = samples["model"].unique(maintain_order=True).to_list()
    needed = samples.select(unique(["model", *PAIR, "score", "cluster"]))
    found: dict[str, list[pl.DataFrame]] = {name: [] for name in names[:-1]}
    for part in in_parts(needed):
        asked = _asked(part)
        for place, one in enumerate(names[:-1]):
            others = [other for other in names[place + 1 :] if other in asked]
            for some in _together(asked, others) if one in asked else ():
                found[one].append(_by_task(_differences(asked, one, some)))
    tables = [
        _figures(tables, one, names[place + 1 :], level)
        for place, (one, tables) in enumerate(found.items())
    ]
    return pl.concat(tables) if tables else pl.DataFrame()


def stdev_of_pair(row: Mapping[str, Any]) -> float:
    """Standard deviation of the difference on one question, of a row of :func:`paired_difference`:
    intervals of so many questions are then as wide as the row's, clusters, tasks and epochs being
    in it."""
    half = (row["high"] - row["low"]) / 2
    wide = half if row["df"] is None else half / t_interval(row["df"])
    return float(max(row["stderr"] or wide, 1e-9) * max(2, row["n_questions"]) ** 0.5)


def _together(asked: Mapping[str, pl.DataFrame], models: Sequence[str]) -> Iterator[list[str]]:
    """The models, as many at a time as have few questions."""
    taken: list[str] = []
    for model in models:
        if taken and sum(asked[one].height for one in (*taken, model)) > _TOGETHER:
            yield taken
            taken = []
        taken.append(model)
    if taken:
        yield taken


def _figures(
    tables: Sequence[pl.DataFrame], model_a: str, others: Sequence[str], level: float
) -> pl.DataFrame:
    """One model against each of the others, in their order, of their tasks."""
    tasks = pl.concat(tables) if tables else pl.DataFrame({"model_b": []})
    met = set(tasks["model_b"])
    for model_b in (model for model in others if model not in met):
        raise InputError(
            "sample records",
            f"{model_a!r} and {model_b!r} share no question (task, profile, seed, sample_id)",
            "run both on the same tasks, profiles and seeds",
        )
    order = pl.col("model_b").replace_strict(others, range(len(others)), return_dtype=pl.Int64)
    table = pl.concat([tasks, _overall(tasks)], how="diagonal").sort(
        order, "profile", "task", nulls_last=True
    )
    half = t_quantile(pl.col("df"), level) * pl.col("variance").sqrt()
    return table.select(
        *("profile", "task"),
        pl.lit(model_a).alias("model_a"),
        *(
            "model_b",
            "n_questions",
            "n_clusters",
            "accuracy_a",
            "accuracy_b",
            "difference",
            "stderr",
            "df",
        ),
        (pl.col("difference") - half).clip(-1, 1).fill_null(-1.0).alias("low"),
        (pl.col("difference") + half).clip(-1, 1).fill_null(1.0).alias("high"),
        _p_value().alias("p_value"),
    )


def _by_task(questions: pl.DataFrame) -> pl.DataFrame:
    """Mean difference of each second model, profile and task, with its variance and degrees of
    freedom."""
    groups = ["model_b", "profile", "task"]
    accuracies = questions.group_by(groups).agg(
        pl.col("score_a").mean().alias("accuracy_a"), pl.col("score_b").mean().alias("accuracy_b")
    )
    [means] = clustered(questions, groups, "difference")
    return (
        means.rename({"mean": "difference"})
        .join(accuracies, on=groups, nulls_equal=True)
        .with_columns(_never_zero().alias("variance"))
    )


def _asked(samples: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Of each model one row a question: ``PAIR``, score (mean over epochs), cluster."""
    questions = samples.group_by("model", *PAIR, maintain_order=True).agg(
        pl.col("score").mean(), pl.col("cluster").min()
    )
    parts = questions.partition_by("model", as_dict=True, maintain_order=True)
    return {str(model): part.drop("model") for (model,), part in parts.items()}


def _differences(
    asked: Mapping[str, pl.DataFrame], model_a: str, others: Sequence[str]
) -> pl.DataFrame:
    """One row a question that both answered: model_b, profile, task, sample_id, cluster,
    difference."""
    first = asked[model_a].rename({"score": "score_a"})
    second = pl.concat(
        asked[model].drop("cluster").with_columns(pl.lit(model).alias("model_b"))
        for model in others
    ).rename({"score": "score_b"})
    pairs = first.join(second, on=PAIR)
    if first["seed"].n_unique() > 1:
        pairs = pairs.group_by("model_b", "profile", "task", "sample_id").agg(
            pl.col("score_a").mean(), pl.col("score_b").mean(), pl.col("cluster").min()
        )
    return pairs.with_columns(
        (pl.col("score_a") - pl.col("score_b")).alias("difference"),
        pl.col("cluster").fill_null(pl.col("sample_id")),
    )


def _never_zero() -> pl.Expr:
    """The variance, or where it is zero the one with two further clusters, at +1 and -1."""
    n, d = pl.col("n_clusters"), pl.col("difference")
    with_two = ((n * d.pow(2) + 2) / (n + 2) - (n * d / (n + 2)).pow(2)) / (n + 2)
    return pl.when(pl.col("variance") > NO_SPREAD).then("variance").when(n > 1).then(with_two)


def _overall(tasks: pl.DataFrame) -> pl.DataFrame:
    variance, known = pl.col("variance"), pl.col("variance").is_not_null().all()
    return tasks.group_by("model_b", "profile").agg(
        pl.col("n_questions", "n_clusters").sum(),
        pl.col("accuracy_a", "accuracy_b", "difference").mean(),
        pl.when(known).then(pl.col("stderr").pow(2).sum().sqrt() / pl.len()).alias("stderr"),
        pl.when(known).then(variance.sum() / pl.len().cast(pl.Float64).pow(2)).alias("variance"),
        pl.when(known).then(freedom_of_sum(variance, pl.col("df"))).alias("df"),
    )


def _p_value() -> pl.Expr:
    def tail(columns: Sequence[pl.Series]) -> pl.Series:
        t, df = (column.cast(pl.Float64).to_numpy() for column in columns)
        return pl.Series(2 * stdtr(df, -t), dtype=pl.Float64).fill_nan(None)

    t = pl.col("difference").abs() / pl.col("variance").sqrt()
    return pl.map_batches([t, pl.col("df")], tail, return_dtype=pl.Float64)
