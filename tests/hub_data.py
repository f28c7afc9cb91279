"""A stand-in for the Hugging Face hub: data sets with an ``eval.yaml``, as its client keeps them.

The client reads the file from its cache, and ``load_dataset`` takes rows from a folder of the data
set's name in the working directory; neither asks a network.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

WORDS = ["north", "south", "east", "west"]
GSM8K = """
name: Sheds
description: >
  Sums of our own invention.
evaluation_framework: inspect-ai

tasks:
  - id: gsm8k
    config: default
    split: test
    epochs: 1
    epoch_reducer: pass_at_1
    field_spec:
      input: question
      target: answer
      metadata: [level]
    solvers:
      - name: system_message
        args:
          template: |
            Your response should be in the following format:
            Answer: {your chosen answer}
      - name: prompt_template
        args:
          template: "Level {level}. {prompt}\\n\\nEnd with ANSWER: and the number."
      - name: generate
    scorers:
      - name: match
        args: {numeric: true}
"""
CHOICES = """
name: Ships
evaluation_framework: "inspect-ai"
tasks:
  - id: diamond
    split: test
    shuffle_choices: true
    field_spec: {input: question, target: place, choices: options}
    solvers: [{name: multiple_choice}]
    scorers: [{name: choice}]
  - id: first
    split: test
    field_spec: {input: question, target: "literal:A", choices: [one, two]}
    solvers: [{name: multiple_choice, args: {cot: true}}]
    scorers: [{name: choice}, {name: model_graded_fact, args: {model: openai/o3-mini}}]
"""


def lay_out(folder: Path) -> dict[str, str]:
    """Write two benchmarks below ``folder``; returns the environment to run in."""
    put(folder, "sheds/sums", GSM8K, [
        {"question": f"{n} rakes and 2 more?", "answer": str(n + 2), "level": n % 2}
        for n in range(6)
    ])  # fmt: skip
    put(folder, "ships/bows.v1", CHOICES, [
        {"question": f"Turn {n}: where?", "options": WORDS, "place": n % 4, "one": "x", "two": "y"}
        for n in range(6)
    ])  # fmt: skip
    return {
        **os.environ,
        "HF_HOME": str(folder / "hf"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }


def put(folder: Path, repo: str, described: str, rows: list[dict[str, Any]]) -> str:
    """A data set and its file at a commit of its own, which becomes the newest; returns it."""
    commit = hashlib.sha1(described.encode()).hexdigest()
    kept = folder / "hf/hub" / f"datasets--{repo.replace('/', '--')}"
    (kept / "snapshots" / commit).mkdir(parents=True, exist_ok=True)
    (kept / "snapshots" / commit / "eval.yaml").write_text(described, "utf-8")
    (kept / "refs").mkdir(exist_ok=True)
    (kept / "refs/main").write_text(commit)
    data = folder / "data" / repo
    data.mkdir(parents=True, exist_ok=True)
    (data / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return commit
