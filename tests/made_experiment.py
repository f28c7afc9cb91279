"""The folder of an experiment distil-vs-vanilla whose figures are made up: nothing is trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl

ACCURACY = {
    "vanilla": {512: 0.29, 1024: 0.45, 2048: 0.52},
    "sequence-level": {512: 0.29, 1024: 0.47, 2048: 0.53},
    "logit": {512: 0.32, 1024: 0.47, 2048: 0.53},
}
QUESTIONS = 100


def make_experiment(folder: Path, name: str = "a machine", seeds: int = 3) -> Path:
    """Three arms at three budgets. A student's training takes a GFLOP a question, what its teacher
    does for it half of that, the teacher's training 8 TFLOPs. ``name`` stands wherever an
    experiment holds words."""
    trainings = [_training("teacher", "teacher", 8000, 0, 0.57)]
    for arm, budgets in ACCURACY.items():
        for budget, accuracy in budgets.items():
            for seed in range(seeds):
                right = round(QUESTIONS * accuracy) + seed - 1
                label = f"{arm}-{budget}-{seed}"
                trainings.append(_training(label, arm, budget, seed, right / QUESTIONS))
    answers = [
        {"name": row["name"], "sample_id": f"q-{n:03}", "score": float(n < 100 * row["accuracy"])}
        for row in trainings
        for n in range(QUESTIONS)
    ]
    spec = {
        "task": {"reasoning_gym": name, "name": name}, "teacher": {"uses": None},
        "budgets": [512, 1024, 2048], "seeds": list(range(seeds)), "arms": list(ACCURACY),
        "held_out": QUESTIONS,
    }  # fmt: skip
    pl.DataFrame(trainings).write_parquet(folder / "trainings.parquet")
    pl.DataFrame(answers).write_parquet(folder / "answers.parquet")
    facts = {"experiment": spec, "hardware": name}
    (folder / "experiment.json").write_text(json.dumps(facts))
    return folder


def _training(name: str, arm: str, budget: int, seed: int, accuracy: float) -> dict[str, Any]:
    own = 1e9 * budget
    return {
        "name": name, "arm": arm, "budget": budget, "seed": seed, "loss": 1.0,
        "accuracy": accuracy, "steps": budget // 16, "tokens": 50 * budget, "samples": budget,
        "student_training_flops": own, "student_training_formula_flops": own,
        "student_training_6nd_flops": 0.9 * own,
        "teacher_generation_flops": own / 2 if arm == "sequence-level" else 0.0,
        "logit_caching_flops": own / 2 if arm == "logit" else 0.0,
        "generated": budget, "rejected": 0, "wall_s": 1.0,
    }  # fmt: skip
