"""The folder of an experiment scarce-data whose figures are made up: nothing is trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl

ROWS = 40
STEP = 1e9  # FLOPs of a vanilla student's step
LOSS = {
    "vanilla": {20: 5.0, 400: 4.2},
    "vanilla-equal-flops": {20: 5.1, 400: 4.1},
    "vanilla-teacher-rows": {6000: 3.4},
    "logit": {20: 4.0, 400: 3.5},
    "logit-cached": {20: 4.0, 400: 4.2},
}
ACCURACY = {
    "vanilla": {50: 0.1, 800: 0.5},
    "vanilla-all-gold": {3000: 0.9},
    "teacher-answers": {0: 0.8},
    "both": {50: 0.8, 800: 0.8},
}
TAUGHT = ("logit", "logit-cached", "teacher-answers", "both")


def make_scarce(folder: Path, word: str = "a machine", diverged: tuple[str, ...] = ()) -> Path:
    """Both studies with three seeds, five trials a cell. A step of a student takes a GFLOP, and its
    teacher half of that for it; a teacher's training 1 TFLOP. ``word`` stands wherever words do;
    the first seed of each training whose name begins with one of ``diverged`` has no loss."""
    folder.mkdir(parents=True, exist_ok=True)
    rows, scores = [], []
    for study, cells in (("text", LOSS), ("questions", ACCURACY)):
        teacher = _row(study, "teacher", 6000, "teacher", 0, 0.004, 1000)
        rows.append(teacher)
        scores += _scores(teacher["name"], 3.0 if study == "text" else 0.95, study, 0)
        for arm, sizes in cells.items():
            for size, level in sizes.items():
                steps = 150 if arm == "vanilla-equal-flops" else 100
                rows += [
                    _row(study, arm, size, "tuning", 0, rate, steps)
                    for rate in (0.001, 0.002, 0.004, 0.008, 0.016)
                ]
                for seed in (1, 2, 3):
                    row = _row(study, arm, size, "test", seed, 0.004, steps)
                    if row["name"].startswith(diverged or "none") and seed == 1:
                        row["loss"] = None
                    else:
                        scores += _scores(row["name"], level, study, seed)
                    rows.append(row)
    spec = {
        "text": {"unique": [20, 400]}, "questions": {"unique": [50, 800]}, "seeds": [1, 2, 3],
        "uses": None, "name": word,
    }  # fmt: skip
    facts = {
        "kind": "scarce-data", "experiment": spec, "hardware": word, "python": "3.11.0",
        "data": {"text": {"rows": {"test": ROWS}, "sha256": "ab" * 32}},
    }  # fmt: skip
    (folder / "experiment.json").write_text(json.dumps(facts))
    pl.DataFrame(rows, infer_schema_length=None).write_parquet(folder / "trainings.parquet")
    pl.DataFrame(scores).write_parquet(folder / "scores.parquet")
    return folder


def _row(
    study: str, arm: str, unique: int, use: str, seed: int, rate: float, steps: int
) -> dict[str, Any]:
    taught = arm in TAUGHT
    return {
        "name": f"{study}-{arm}-{unique}-{rate}-{steps}-{seed}", "study": study, "arm": arm,
        "unique": unique, "taught": taught, "use": use, "seed": seed, "learning_rate": rate,
        "steps": steps, "loss": 4.0, "accuracy": None if study == "text" else 0.5,
        "student_training_flops": steps * STEP,
        "teacher_generation_flops": steps * STEP / 2 if taught and study != "text" else 0.0,
        "logit_caching_flops": steps * STEP / 2 if taught and study == "text" else 0.0,
        "wall_s": 2.0,
    }  # fmt: skip


def _scores(name: str, level: float, study: str, seed: int) -> list[dict[str, Any]]:
    """Of text: rows that differ, and a little from seed to seed. Of questions: ``level`` of them
    are right, those of a seed one further on."""
    found = []
    for row in range(ROWS):
        if study == "text":
            score = level + 0.05 * (row % 5 - 2) + 0.002 * (seed - 2) * (1 + row % 3)
        else:
            score = float((row + seed) % ROWS < round(level * ROWS))
        found.append({"name": name, "row": row, "score": score})
    return found
