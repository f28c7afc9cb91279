"""A stage of making a model, and all together: FLOPs, and what the figure lacks or exceeds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from distilbench.compute._quantity import Quantity, Unavailable

StageName = Literal[
    "student_training",
    "teacher_generation",
    "rejection",
    "logit_caching",
    "pruning",
    "student_generation",
    "evaluation",
    "teacher_training",
    "base_pretraining",
]


@dataclass(frozen=True)
class Stage:
    """One stage: its FLOPs, or why they are not known.

    ``omits`` says what the figure leaves out for want of a source; where it is not empty the
    figure is a lower bound ("at least"). ``exceeds`` says why it may be more than was spent: an
    upper bound. ``settles``: it is the rest of what another stage has a share of, so that the sum
    of both does not hang on the share.
    """

    name: StageName
    flops: Quantity | Unavailable
    formula: str
    omits: tuple[str, ...] = ()
    uses: Quantity | None = None
    """Students that share the outputs of the stage (measured stages only)."""
    exceeds: tuple[str, ...] = ()
    settles: bool = False

    @property
    def share(self) -> Stage:
        """The stage with this student's share of its FLOPs."""
        if self.uses is None or isinstance(self.flops, Unavailable):
            return self
        return replace(self, flops=self.flops / self.uses, formula=f"{self.formula} / its uses")


@dataclass(frozen=True)
class Creation:
    """FLOPs of everything that made a model, or why they are not known."""

    flops: Quantity | Unavailable
    omits: tuple[str, ...] = ()
    exceeds: tuple[str, ...] = ()
