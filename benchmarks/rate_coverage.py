"""How often 95% intervals of speeds hold the truth: simulated cells whose machine is known.

Each trial is one model on one machine. A question has a length of its own (log-normal, spread 0.8)
and a cost a token of its own (spread 0.1); each asking of it has noise (spread 0.03), and each
repeat of the cell a factor of the machine (spread "drift": heat, neighbours, where pages lie). The
truth is the figure over very many questions on the mean machine. Beside our intervals stands what
the two-level bootstrap reaches (questions drawn again, the same in all repeats, and repeats drawn
again): with few repeats it is too narrow, which is why it is not what is shown.

Prints a table in Markdown. What limits it: 2,000 trials leave a standard error of 0.5 percent.

    python benchmarks/rate_coverage.py [--trials 2000]
"""

from __future__ import annotations

import argparse

import numpy as np
import polars as pl
from numpy.typing import NDArray

from distilbench.stats import rates

Floats = NDArray[np.float64]
SHOWN = ("decode", "total p50", "total p95", "energy")
DRIFTS = (0.0, 0.03, 0.10)
REPEATS = (1, 2, 3, 5)
QUESTIONS = (20, 50, 200)
_LENGTH, _COST, _NOISE = 0.8, 0.1, 0.03
_DRAWS = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=2000)
    trials = parser.parse_args().trials
    random = np.random.default_rng(20260327)
    truth = _truth(random)
    print(f"| drift | questions | repeats | {' | '.join(SHOWN)} | decode, two-level bootstrap |")
    print("| --- | --- | --- |" + " --- |" * (len(SHOWN) + 1))
    for drift in DRIFTS:
        for questions in QUESTIONS:
            for repeats in REPEATS:
                found = _coverage(random, trials, questions, repeats, drift, truth)
                shares = " | ".join(f"{100 * share:.1f}" for share in found)
                print(f"| {drift:.0%} | {questions} | {repeats} | {shares} |", flush=True)


def _cell(
    random: np.random.Generator, questions: int, repeats: int, drift: float
) -> tuple[Floats, Floats]:
    """Tokens (questions) and seconds (repeats x questions)."""
    tokens = np.ceil(100 * np.exp(_LENGTH * random.standard_normal(questions))) + 1
    cost = 0.01 * np.exp(_COST * random.standard_normal(questions))
    machine = np.exp(drift * random.standard_normal((repeats, 1)))
    noise = np.exp(_NOISE * random.standard_normal((repeats, questions)))
    return tokens, tokens * cost * machine * noise


def _truth(random: np.random.Generator) -> dict[str, float]:
    """On the median machine, to which intervals on the logarithm's scale are symmetric."""
    tokens, seconds = _cell(random, 2_000_000, 1, 0.0)
    return {
        "decode": float((tokens - 1).sum() / seconds.sum()),
        "total p50": float(np.quantile(seconds, 0.5)),
        "total p95": float(np.quantile(seconds, 0.95)),
        "energy": float(seconds.mean()) * 20,
    }


def _coverage(
    random: np.random.Generator,
    trials: int,
    questions: int,
    repeats: int,
    drift: float,
    truth: dict[str, float],
) -> list[float]:
    held = np.zeros((trials, len(SHOWN) + 1))
    for trial in range(trials):
        tokens, seconds = _cell(random, questions, repeats, drift)
        table = rates(_frame(tokens, seconds)).rows_by_key("figure", named=True, unique=True)
        for place, name in enumerate(SHOWN):
            row = table[name]
            low = row["low"] is None or row["low"] <= truth[name]
            held[trial, place] = low and (row["high"] is None or truth[name] <= row["high"])
        low, high = _bootstrap(random, tokens, seconds)
        held[trial, -1] = low <= truth["decode"] <= high
    return [float(share) for share in held.mean(axis=0)]


def _frame(tokens: Floats, seconds: Floats) -> pl.DataFrame:
    repeats, questions = seconds.shape
    return pl.DataFrame(
        {
            "entry": "m",
            "model": "m",
            "task": "t",
            "profile": "p",
            "seed": 0,
            "outcome": "stop",
            "repeat": np.repeat(np.arange(1, repeats + 1), questions),
            "sample_id": [str(n) for n in range(questions)] * repeats,
            "output_tokens": np.tile(tokens.astype(int), repeats),
            "decode_s": seconds.ravel(),
            "total_s": seconds.ravel(),
            "energy_j": 20 * seconds.ravel(),
        }
    )


def _bootstrap(random: np.random.Generator, tokens: Floats, seconds: Floats) -> tuple[float, float]:
    repeats, questions = seconds.shape
    asked = random.integers(0, questions, (_DRAWS, questions))
    days = random.integers(0, repeats, (_DRAWS, repeats))
    weights = np.stack([np.bincount(row, minlength=questions) for row in asked])
    on = np.stack([np.bincount(row, minlength=repeats) for row in days])
    took = np.einsum("dr,rq,dq->d", on, seconds, weights)
    made = repeats * (weights @ (tokens - 1))
    low, high = np.quantile(made / took, (0.025, 0.975))
    return float(low), float(high)


if __name__ == "__main__":
    main()
