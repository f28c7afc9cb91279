"""The same as fine-tuning from random weights: what a vanilla model of this size would be."""

from __future__ import annotations

from distilbench.distill.recipe import Data, StudentSpec, Training
from distilbench.distill.training.objectives._sft import Sft


class Scratch(Sft):
    """Cross-entropy on given text, from nothing."""

    method = "scratch"

    def check(self, student: StudentSpec, data: Data, training: Training) -> None:
        if student.new is None:
            raise ValueError("method scratch needs 'student: {new: ...}'")
