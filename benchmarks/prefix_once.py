"""Prompt tokens evaluated over the fewest possible, for several numbers of slots.

The fewest: the prefix that all questions share, once, and of each question what is its own. A
question that by chance begins as the one before it in its slot saves a token more, so the ratio can
be a little under 1. Left to itself every slot of llama.cpp evaluates the prefix again: 2.5 times
the fewest with eight slots.
Goal: at most 1.05, whatever the number of slots. What limits it: llama.cpp evaluates at least one
token of a prompt that it has whole, and a sliding-window model goes back to a checkpoint a few
tokens before the end of the prefix.

    python benchmarks/prefix_once.py [--slots 1 2 4 8] [--questions 40]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import polars as pl

from distilbench.runner import run_suite

MODELS = ["pypi:smollm2-135m-instruct", "pypi:gemma-3-270m"]
SUITE = """
name: prefix
models: ["{model}"]
tasks: [{{reasoning_gym: chain_sum, questions: {questions}, fewshot: 4, max_tokens: 8}}]
profiles: [{profiles}]
"""


def ratios(model: str, options: argparse.Namespace) -> dict[int, float]:
    """Evaluated over fewest, by slots, from the sample and cell records of one run."""
    profiles = ", ".join(
        f"{{name: s{slots}, slots: {slots}, context: {options.context}, threads: 2}}"
        for slots in options.slots
    )
    with tempfile.TemporaryDirectory() as folder:
        suite = Path(folder) / "suite.yaml"
        suite.write_text(SUITE.format(model=model, questions=options.questions, profiles=profiles))
        run_dir = run_suite(suite, Path(folder) / "runs").run_dir
        samples = pl.read_parquet(run_dir / "samples.parquet")
        cells = pl.read_parquet(run_dir / "cells.parquet")
    found = {}
    for slots in options.slots:
        mine = samples.filter(pl.col("profile") == f"s{slots}")
        warm = cells.filter(pl.col("profile") == f"s{slots}")["warmup_tokens"].item()
        # What the two first questions share; the warm-up goes five tokens further on purpose.
        shared = warm - 5
        evaluated = warm + (mine["input_tokens"] - mine["cached_tokens"]).sum()
        fewest = shared + (mine["input_tokens"] - shared).sum()
        found[slots] = evaluated / fewest
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--slots", nargs="+", type=int, default=[1, 2, 4, 8])
    parser.add_argument("--questions", type=int, default=40)
    parser.add_argument("--context", type=int, default=1024)
    options = parser.parse_args()
    result = {}
    for model in options.models:
        result[model] = ratios(model, options)
        for slots, ratio in result[model].items():
            verdict = "met" if ratio <= 1.05 else "missed"
            print(f"{model:28s} {slots} slots: {ratio:.3f} (goal 1.05: {verdict})", flush=True)
    print(json.dumps({"prompt tokens evaluated over the fewest possible": result}))


if __name__ == "__main__":
    main()
