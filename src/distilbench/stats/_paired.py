"""The difference of two models on the same questions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
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
from distilbench.stats._groups import Floats, Places, grouped, of_both
from distilbench.stats._intervals import check_samples, cluster_numbers, in_parts

_TOGETHER = 500_000  # differences that are made at once: what bounds memory
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
    mine = samples.filter(pl.col("model").is_in([model_a, model_b]))
    there = set(mine["model"].unique())
    for model in (model_a, model_b):
        if model not in there:
            raise InputError(
                "sample records", f"model {model!r} has none", "name a model of the run"
            )
    return _of_pairs(mine, [(model_a, model_b)], level)


def paired_differences(samples: pl.DataFrame, level: float = 0.95) -> pl.DataFrame:
    """:func:`paired_difference` of every two models, in the order in which ``samples`` have them;
    empty with one. Of M models its work is M - 1 times the questions that each answered."""
    check_samples(samples, [*PAIR, "model"])
    names = samples["model"].unique(maintain_order=True).to_list()
    pairs = list(combinations(names, 2))
    return _of_pairs(samples, pairs, level) if pairs else pl.DataFrame()


def stdev_of_pair(row: Mapping[str, Any]) -> float:
    """Standard deviation of the difference on one question, of a row of :func:`paired_difference`:
    intervals of so many questions are then as wide as the row's, clusters, tasks and epochs being
    in it."""
    half = (row["high"] - row["low"]) / 2
    wide = half if row["df"] is None else half / t_interval(row["df"])
    return float(max(row["stderr"] or wide, 1e-9) * max(2, row["n_questions"]) ** 0.5)


def _of_pairs(
    samples: pl.DataFrame, pairs: Sequence[tuple[str, str]], level: float
) -> pl.DataFrame:
    """What :func:`paired_difference` returns of these pairs, in their order."""
    needed = samples.select(unique(["model", *PAIR, "score", "cluster"])).drop_nulls(PAIR)
    found: list[pl.DataFrame] = []
    for part in in_parts(needed):
        questions, asked = _asked(part)
        found += [
            _by_task(differences).join(questions.tables, on="table").drop("table")
            for differences in _differences(questions, asked, pairs)
        ]
    tasks = pl.concat(found) if found else pl.DataFrame({"pair": []})
    met = set(tasks["pair"])
    for place, (one, other) in enumerate(pairs):
        if place not in met:
            raise InputError(
                "sample records",
                f"{one!r} and {other!r} share no question (task, profile, seed, sample_id)",
                "run both on the same tasks, profiles and seeds",
            )
    names = pl.DataFrame(pairs, schema=["model_a", "model_b"], orient="row").with_row_index("pair")
    whole = pl.concat([tasks, _overall(tasks)], how="diagonal")
    return _figures(whole.join(names.cast({"pair": pl.Int64}), on="pair"), level)


def _figures(table: pl.DataFrame, level: float) -> pl.DataFrame:
    half = t_quantile(pl.col("df"), level) * pl.col("variance").sqrt()
    return table.sort("pair", "profile", "task", nulls_last=True).select(
        "profile", "task", "model_a", "model_b", "n_questions", "n_clusters",
        "accuracy_a", "accuracy_b", "difference", "stderr", "df",
        (pl.col("difference") - half).clip(-1, 1).fill_null(-1.0).alias("low"),
        (pl.col("difference") + half).clip(-1, 1).fill_null(1.0).alias("high"),
        _p_value().alias("p_value"),
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Questions:
    """What can be asked, a place for each combination of ``PAIR``: the number of its ``table``
    (profile and task, which ``tables`` names) and of its ``question``, the same for all seeds."""

    table: Places
    question: Places
    tables: pl.DataFrame


@dataclass(frozen=True, eq=False)
class _Asked:
    """What a model answered: ``places`` among the questions, in order; the mean ``score`` and the
    number of the ``cluster`` of each."""

    places: Places
    score: Floats
    cluster: Places


def _asked(samples: pl.DataFrame) -> tuple[_Questions, dict[str, _Asked]]:
    places, models = grouped(samples, PAIR), grouped(samples, ["model"])
    kinds = samples.select(PAIR)[places.first]
    tables = grouped(kinds, ["profile", "task"])
    named = kinds.select(pl.col("profile", "task").cast(pl.String))[tables.first]
    questions = _Questions(
        tables.number,
        grouped(kinds, ["profile", "task", "sample_id"]).number,
        named.with_columns(table=pl.Series(np.arange(named.height))),
    )
    of = of_both(places, models)
    model, place = models.number[of.first], places.number[of.first]
    score, cluster = of.means(samples["score"].to_numpy()), cluster_numbers(samples, of)
    asked = {}
    for number, name in enumerate(samples["model"][models.first]):
        mine = np.flatnonzero(model == number)
        mine = mine[np.argsort(place[mine], kind="stable")]
        asked[name] = _Asked(place[mine], score[mine], cluster[mine])
    return questions, asked


def _differences(
    questions: _Questions, asked: Mapping[str, _Asked], pairs: Iterable[tuple[str, str]]
) -> Iterator[pl.DataFrame]:
    """One row a question that both of a pair answered, some pairs at a time: the numbers of pair,
    table, question and cluster; score_a, score_b, difference."""
    some: list[pl.DataFrame] = []
    for number, (one, other) in enumerate(pairs):
        if one not in asked or other not in asked:
            continue
        both = _shared(questions, asked[one], asked[other])
        if some and sum(map(len, some)) + len(both) > _TOGETHER:
            yield _over_seeds(pl.concat(some))
            some = []
        if len(both):
            some.append(both.with_columns(pair=pl.lit(number, pl.Int64)))
    if some:
        yield _over_seeds(pl.concat(some))


def _shared(questions: _Questions, one: _Asked, other: _Asked) -> pl.DataFrame:
    a: Any = slice(None)
    places, b = one.places, a
    if not np.array_equal(places, other.places):
        places, a, b = np.intersect1d(places, other.places, True, return_indices=True)
    return pl.DataFrame(
        {
            "table": questions.table[places],
            "question": questions.question[places],
            "cluster": one.cluster[a],
            "score_a": one.score[a],
            "score_b": other.score[b],
        }
    )


def _over_seeds(pairs: pl.DataFrame) -> pl.DataFrame:
    """Scores of a question as the means over its seeds, and their difference."""
    of = grouped(pairs, ["pair", "question"])
    if not of.are_rows:
        pairs = pairs.select("pair", "table")[of.first].with_columns(
            score_a=pl.Series(of.means(pairs["score_a"].to_numpy())),
            score_b=pl.Series(of.means(pairs["score_b"].to_numpy())),
            cluster=pl.Series(of.least(pairs["cluster"].to_numpy())),
        )
    return pairs.with_columns(difference=pl.col("score_a") - pl.col("score_b"))


def _by_task(questions: pl.DataFrame) -> pl.DataFrame:
    """Mean difference of each pair and table, with its variance and degrees of freedom."""
    groups = ["pair", "table"]
    of = grouped(questions, groups)
    accuracies = questions.select(groups)[of.first].with_columns(
        pl.Series(f"accuracy_{side}", of.means(questions[f"score_{side}"].to_numpy()))
        for side in "ab"
    )
    [means] = clustered(questions.with_columns(task="table"), groups, "difference")
    return (
        means.rename({"mean": "difference"})
        .join(accuracies, on=groups)
        .with_columns(_never_zero().alias("variance"))
    )


def _never_zero() -> pl.Expr:
    """The variance, or where it is zero the one with two further clusters, at +1 and -1."""
    n, d = pl.col("n_clusters"), pl.col("difference")
    with_two = ((n * d.pow(2) + 2) / (n + 2) - (n * d / (n + 2)).pow(2)) / (n + 2)
    return pl.when(pl.col("variance") > NO_SPREAD).then("variance").when(n > 1).then(with_two)


def _overall(tasks: pl.DataFrame) -> pl.DataFrame:
    variance, known = pl.col("variance"), pl.col("variance").is_not_null().all()
    return tasks.group_by("pair", "profile").agg(
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
