"""Questions asked several times: pass@1, pass@k and cons@k, with question-level errors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import comb

import polars as pl

from distilbench.stats._intervals import check_samples, of_questions, of_tasks

QUESTION = ("task", "seed", "sample_id")


def pass_at_k(n: int, c: int, k: int) -> float:
    """Chance that one of ``k`` answers drawn from ``n``, of which ``c`` are right, is right:
    1 - C(n-c, k) / C(n, k), the unbiased estimator of Chen et al. 2021 (arXiv 2107.03374).

    >>> pass_at_k(n=4, c=1, k=2)  # 3 of the 6 pairs hold the right one
    0.5
    """
    if not 0 <= c <= n or not 1 <= k <= n:
        raise ValueError(f"0 <= c <= n and 1 <= k <= n do not hold: n={n}, c={c}, k={k}")
    return 1.0 - comb(n - c, k) / comb(n, k)


def cons_at_k(answers: Sequence[str | None], scores: Sequence[float], k: int) -> float:
    """Expected score of the majority answer among ``k`` of ``answers``, none drawn twice.

    ``answers`` are normalised, so that equal ones are equal text; null is no answer and has no
    vote. ``scores`` are those of the answers; where equal answers differ in score, the mean counts.
    A tie is broken at random, and counted by its expected value. Exact, not sampled: the draws are
    counted by how often the commonest answer is drawn. Without any vote the score is 0.

    >>> cons_at_k(["7", "7", "8", None], [1, 1, 0, 0], k=2)  # 7,7 7,- 7,-; half of 7,8 7,8
    0.6666666666666666
    """
    if len(answers) != len(scores) or not 1 <= k <= len(answers):
        raise ValueError(f"1 <= k <= {len(answers)} answers with a score each do not hold: k={k}")
    votes = Counter(answer for answer in answers if answer is not None)
    mute = len(answers) - votes.total()
    worth = {
        answer: sum(s for a, s in zip(answers, scores, strict=True) if a == answer) / count
        for answer, count in votes.items()
    }
    won = sum(
        worth[answer]
        * _chance_to_win(count, list((votes - Counter({answer: count})).values()), mute, k)
        for answer, count in votes.items()
        if worth[answer]
    )
    return won / comb(len(answers), k)


def repeats(
    samples: pl.DataFrame,
    by: Sequence[str] = ("model", "profile"),
    level: float = 0.95,
    question: Sequence[str] = QUESTION,
) -> pl.DataFrame:
    """pass@k and cons@k of questions asked several times, k = 1, 2, 4, ... and the fewest answers
    that any question of the run has.

    ``samples`` are sample records with the column ``vote``: the normalised answer; ``question``
    are the columns that tell one question from another. A score of 1 is
    right and anything less is wrong for pass@k; cons@k takes scores as they are. Means, standard
    errors and intervals over questions and tasks are those of ``macro_accuracy``, which pass@1, the
    mean score, equals: each is a share of questions, for which Wilson's interval at an effective
    sample size is among the best in clustered samples (Dean and Pagano 2015, J. Surv. Stat.
    Methodol. 3, 484-503), and Student's leaves [0, 1] and collapses where all are equal (Brown, Cai
    and DasGupta 2001). A question counts as often as it has ``k`` answers of its own. A task in
    which nobody has a vote (its scorer names no answer) has no cons@k.

    Returns ``by``, metric (pass or cons), k, n_questions, value, stderr (null with one cluster),
    low, high; ``value`` in [0, 1]. Empty if no question was asked twice.
    """
    groups = list(by)
    check_samples(samples, [*groups, *question, "vote"])
    questions = samples.group_by([*groups, *question]).agg(
        pl.col("score", "vote"), pl.col("cluster").min()
    )
    most = min(questions["score"].list.len().to_list(), default=0)
    voted = set(samples.filter(pl.col("vote").is_not_null())["task"])
    rows = [
        {**{name: row[name] for name in (*groups, *question, "cluster")}, **found}
        for row in (questions.iter_rows(named=True) if most > 1 else ())
        for found in _of_question(row["vote"], row["score"], steps(most))
        if found["metric"] == "pass" or row["task"] in voted
    ]
    if not rows:
        return pl.DataFrame()
    measured = [*groups, "metric", "k"]
    table = pl.DataFrame(rows).with_columns(pl.col("cluster").fill_null(pl.col("sample_id")))
    tasks = of_questions(table, [*measured, "task"], level)
    figures = ("n_questions", "accuracy", "stderr", "low", "high")
    return of_tasks(tasks, measured).select(*measured, *figures).rename({"accuracy": "value"})


def pass_questions(
    samples: pl.DataFrame, k: int, by: Sequence[str], question: Sequence[str] = QUESTION
) -> pl.DataFrame:
    """:func:`pass_at_k` of every question, one row each, as ``macro_of_questions`` takes them:
    ``by``, ``question``, cluster, score, samples and binary. Every question needs ``k`` answers.
    """
    check_samples(samples, [*by, *question])
    asked = samples.group_by([*by, *question], maintain_order=True).agg(
        pl.len().alias("n"),
        (pl.col("score") >= 1).sum().alias("c"),
        pl.col("cluster").min(),
    )
    counts = asked.select("n", "c").unique()
    shares = [pass_at_k(n, c, k) for n, c in counts.iter_rows()]
    found = asked.join(
        counts.with_columns(pl.Series("score", shares, dtype=pl.Float64)),
        on=["n", "c"],
        how="left",
        maintain_order="left",
    )
    return found.select(
        *by,
        *question,
        pl.col("cluster").fill_null(pl.col("sample_id")),
        "score",
        (pl.col("n") // k).alias("samples"),
        pl.lit(True).alias("binary"),
    )


def steps(most: int) -> list[int]:
    """1, 2, 4, ... and ``most``."""
    powers = [2**i for i in range(most.bit_length()) if 2**i < most]
    return [*powers, most]


def _of_question(
    votes: Sequence[str | None], scores: Sequence[float], ks: Sequence[int]
) -> list[dict[str, str | int | float]]:
    right = sum(score >= 1 for score in scores)
    mean = sum(scores) / len(scores)
    binary = all(score in (0, 1) for score in scores)
    found: list[dict[str, str | int | float]] = []
    for k in ks:
        counted = {"k": k, "samples": len(scores) // k}
        passed = mean if k == 1 else pass_at_k(len(scores), right, k)
        found.append({"metric": "pass", "score": passed, "binary": binary or k > 1, **counted})
        majority = cons_at_k(votes, scores, k)
        found.append({"metric": "cons", "score": majority, "binary": binary, **counted})
    return found


def _chance_to_win(own: int, others: Sequence[int], mute: int, k: int) -> float:
    """Number of draws of ``k`` in which an answer given ``own`` times wins, ties shared.

    For each number of draws of it, ``ways[t][d]`` counts the draws of ``d`` others in which ``t``
    other answers are drawn as often as it and none more often.
    """
    won = 0.0
    for drawn in range(1, min(own, k) + 1):
        left = k - drawn
        ways = [[comb(mute, d) if d <= mute else 0 for d in range(left + 1)]]
        for count in others:
            ways = _with_another(ways, count, drawn, left)
        shared = sum(row[left] / (ties + 1) for ties, row in enumerate(ways))
        won += comb(own, drawn) * shared
    return won


def _with_another(ways: list[list[int]], count: int, most: int, left: int) -> list[list[int]]:
    """The counts with one more answer, given ``count`` times and drawn at most ``most`` times."""
    grown = [[0] * (left + 1) for _ in range(len(ways) + 1)]
    for ties, row in enumerate(ways):
        for before, number in enumerate(row):
            for drawn in range(min(count, most, left - before) + 1 if number else 0):
                grown[ties + (drawn == most)][before + drawn] += number * comb(count, drawn)
    return grown
