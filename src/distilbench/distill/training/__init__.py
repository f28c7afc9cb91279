"""Holds the training of one student with TRL, metered step by step, in one process or several; and
the contract of an objective, of which ``objectives/`` holds those that come with the package.
Imports all of ``distill`` but ``experiment``; nothing here imports ``objectives``, which are found
by the registry (``recipe``).
"""

from distilbench.distill.training._bench import Bench
from distilbench.distill.training._checks import check_reporters, check_schedule
from distilbench.distill.training._evaluate import Judged, held_out_accuracy
from distilbench.distill.training._launch import check_accelerate
from distilbench.distill.training._objective import Objective
from distilbench.distill.training._trial import Trial
from distilbench.distill.training._with_loss import (
    of_this_rank,
    teacher_logits,
    with_loss,
    with_teacher,
)

__all__ = [
    "Bench",
    "Judged",
    "Objective",
    "Trial",
    "check_accelerate",
    "check_reporters",
    "check_schedule",
    "held_out_accuracy",
    "of_this_rank",
    "teacher_logits",
    "with_loss",
    "with_teacher",
]
