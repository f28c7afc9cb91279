"""Sequence-level distillation (Kim and Rush 2016, arXiv 1606.07947): fine-tuning on answers that
the teacher wrote, of which the task's grader keeps the right ones."""

from __future__ import annotations

from distilbench.distill.training.objectives._sft import Sft


class SequenceLevel(Sft):
    """Cross-entropy on the teacher's text."""

    method = "sequence-level"
    needs = "text"
    needs_task = True
