"""How often 95% intervals hold the truth: simulated answers of models whose accuracy is known.

Each trial is a model: its true accuracy is drawn evenly within a quarter of the nominal one's
distance from 0 or 1, because a single accuracy says little of its neighbours (of 30 questions, 0 to
30 can be right; whatever interval one takes, the chance of being within it jumps as the accuracy
moves by a hair). Questions are asked alone, or in clusters of one difficulty each, which is drawn
from a beta distribution with the stated correlation within a cluster; "uneven": sizes from a
Dirichlet distribution, some of one question and some of a fifth of all. Paired: two models, the
second worse by the difference; with "together 0.9" they are right and wrong together nine times
in ten, beyond what chance would make.

Prints three tables in Markdown. What limits it: 4,000 trials leave a standard error of 0.3 percent.

    python benchmarks/interval_coverage.py [--trials 4000]
"""

from __future__ import annotations

import argparse

import numpy as np
import polars as pl
from numpy.typing import NDArray

from distilbench.stats import accuracy, paired_difference

Floats = NDArray[np.float64]
ACCURACIES = (0.02, 0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.98)
QUESTIONS = (30, 100, 300, 1000)
SHAPES = (
    ("alone", 1, 0.0, False),
    ("in fives, correlated 0.1", 5, 0.1, False),
    ("in fives, correlated 0.3", 5, 0.3, False),
    ("in uneven fives, correlated 0.1", 5, 0.1, True),
    ("in uneven fives, correlated 0.3", 5, 0.3, True),
)
PAIRS = ((0.5, 0.0), (0.5, 0.1), (0.3, 0.1), (0.8, 0.1), (0.1, 0.05), (0.95, 0.03), (0.98, 0.0))
TOGETHER = (0.5, 0.9)
_BATCH = 400_000  # samples at a time


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=4000)
    trials = parser.parse_args().trials
    random = np.random.default_rng(20260127)
    print("Accuracy\n")
    _head("questions", [f"{a:g}" for a in ACCURACIES])
    for shape in SHAPES:
        for questions in QUESTIONS:
            found = [_of_accuracy(random, trials, questions, shape, a) for a in ACCURACIES]
            _row(f"{questions} {shape[0]}", found)
    for together in TOGETHER:
        print(f"\nPaired difference, together {together:g}\n")
        _head("questions", [f"{a:g} - {a - d:g}" for a, d in PAIRS])
        for shape in (SHAPES[0], SHAPES[2], SHAPES[4]):
            for questions in QUESTIONS:
                found = [
                    _of_pair(random, trials, questions, shape, *pair, together) for pair in PAIRS
                ]
                _row(f"{questions} {shape[0]}", found)


def _of_accuracy(
    random: np.random.Generator,
    trials: int,
    questions: int,
    shape: tuple[str, int, float, bool],
    nominal: float,
) -> float:
    held = []
    for size in _batches(trials, questions):
        near = min(nominal, 1 - nominal) / 4
        truth = random.uniform(nominal - near, nominal + near, size)
        clusters, rates = _difficulties(random, truth, questions, shape)
        score = (random.random(rates.shape) < rates).astype(float)
        table = accuracy(_frame(clusters, score, "m"), by=("trial", "task")).sort("trial")
        held.append((table["low"].to_numpy() <= truth) & (truth <= table["high"].to_numpy()))
    return float(np.concatenate(held).mean())


def _of_pair(
    random: np.random.Generator,
    trials: int,
    questions: int,
    shape: tuple[str, int, float, bool],
    nominal: float,
    difference: float,
    together: float,
) -> float:
    held = []
    for size in _batches(trials, questions):
        truth = np.full(size, nominal)
        clusters, first = _difficulties(random, truth, questions, shape)
        _, second = _difficulties(random, truth - difference, questions, shape, clusters)
        luck = random.random(first.shape)
        own = np.where(random.random(first.shape) < together, luck, random.random(first.shape))
        both = pl.concat(
            [
                _frame(clusters, (luck < first).astype(float), "a"),
                _frame(clusters, (own < second).astype(float), "b"),
            ]
        )
        single = both.with_columns(profile=pl.col("trial").cast(pl.String), seed=0)
        table = paired_difference(single, "a", "b").filter(pl.col("task").is_not_null())
        held.append((table["low"] <= difference) & (table["high"] >= difference))
    return float(pl.concat(held).mean())  # type: ignore[arg-type]


def _difficulties(
    random: np.random.Generator,
    truth: Floats,
    questions: int,
    shape: tuple[str, int, float, bool],
    clusters: NDArray[np.int64] | None = None,
) -> tuple[NDArray[np.int64], Floats]:
    """The cluster of each question, shape (questions,), and its chance of being answered right,
    shape (trials, questions)."""
    _, size, correlation, uneven = shape
    count = questions // size
    if clusters is None:
        shares = random.dirichlet(np.ones(count)) if uneven else np.full(count, 1 / count)
        sizes = random.multinomial(questions - count, shares) + 1 if uneven else None
        clusters = np.repeat(np.arange(count), size if sizes is None else sizes)
    if not correlation:
        return clusters, np.broadcast_to(truth[:, None], (len(truth), questions))
    weight = (1 - correlation) / correlation
    mean = np.broadcast_to(truth[:, None], (len(truth), count))
    return clusters, random.beta(mean * weight, (1 - mean) * weight)[:, clusters]


def _frame(clusters: NDArray[np.int64], score: Floats, model: str) -> pl.DataFrame:
    trials, questions = score.shape
    return pl.DataFrame(
        {
            "trial": np.repeat(np.arange(trials), questions),
            "sample_id": np.tile(np.arange(questions), trials),
            "cluster": np.tile(clusters, trials),
            "score": score.ravel(),
        }
    ).with_columns(
        pl.col("sample_id", "cluster").cast(pl.String), task=pl.lit("t"), model=pl.lit(model)
    )


def _batches(trials: int, questions: int) -> list[int]:
    """Trials of one shape of clusters: uneven sizes are drawn again for each."""
    size = max(1, min(_BATCH // questions, -(-trials // 8)))
    return [min(size, trials - start) for start in range(0, trials, size)]


def _head(first: str, columns: list[str]) -> None:
    print(f"| {first} | " + " | ".join(columns) + " |")
    print("| --- |" + " ---: |" * len(columns))


def _row(name: str, shares: list[float]) -> None:
    print(f"| {name} | " + " | ".join(f"{100 * share:.1f}" for share in shares) + " |", flush=True)


if __name__ == "__main__":
    main()
