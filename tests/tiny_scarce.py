"""The smallest experiment scarce-data."""

from __future__ import annotations

import random
from pathlib import Path

_WORDS = ("alpha", "beta", "gamma", "delta", "epsilon")

TINY_TEXT = """
text:
  folder: src
  tokenizer: 280
  max_length: 16
  batch_size: 4
  teacher: {shape: {layers: 1, hidden: 32, heads: 2, ffn: 64, context: 16},
            unique: 160, steps: 60, learning_rate: 0.02}
  student: {layers: 1, hidden: 16, heads: 2, ffn: 32, context: 16}
  unique: [4, 16]
  validation: 8
  test: 12
  top_k: 4
  tuning: {learning_rates: [0.003, 0.03], steps: [2, 6]}
"""
TINY_QUESTIONS = """
questions:
  task:
    reasoning_gym: spell_backward
    fewshot: 0
    max_tokens: 5
    params: {min_word_len: 3, max_word_len: 4}
  tokenizer: 340
  max_length: 32
  batch_size: 16
  teacher: {shape: {layers: 1, hidden: 32, heads: 2, ffn: 64, context: 32},
            unique: 200, steps: 200, learning_rate: 0.02}
  student: {layers: 1, hidden: 16, heads: 2, ffn: 32, context: 32}
  unique: [8, 24]
  unlabelled: 64
  validation: 20
  test: 30
  least_accuracy: 0
  tuning: {learning_rates: [0.003, 0.03], steps: [2, 4]}
"""
TINY_SCARCE = TINY_TEXT + TINY_QUESTIONS + "seeds: [1, 2]\n"


def write_sources(folder: Path, *, copied: bool = False) -> None:
    """Forty files of made-up functions. ``copied``: a long first line is that of every file."""
    folder.mkdir(parents=True)
    head = "# This file is free software: see the licence that came with it.\n"
    for number in range(40):
        draw = random.Random(number)
        lines = [
            f"def {draw.choice(_WORDS)}_{number}_{at}({draw.choice(_WORDS)}):\n"
            f"    return {draw.choice(_WORDS)} + {draw.randrange(99)}\n"
            for at in range(40)
        ]
        text = head * copied + "".join(lines)
        (folder / f"part_{number}.py").write_text(text)
