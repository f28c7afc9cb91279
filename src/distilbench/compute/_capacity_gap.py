"""The capacity gap: from some size on, a larger teacher makes a worse student."""

from __future__ import annotations

from dataclasses import dataclass

from distilbench.compute._scaling_law import MODEL_PARAMETERS, student_loss, supervised_loss

LAW_ERROR = 0.01
"""Relative, of a predicted loss: about one percent, as reviews of the paper state."""
_POINTS = 41


@dataclass(frozen=True)
class GapPoint:
    """A student after distillation from a teacher of this size. Losses in nats per token;
    ``low`` and ``high``: the student's, by the law's error."""

    teacher_parameters: float
    teacher_loss: float
    student_loss: float
    low: float
    high: float


@dataclass(frozen=True)
class CapacityGap:
    """One student on as many tokens from teachers of every size of the paper's experiments, all
    trained on as many tokens. ``best``: the teacher that gives it the lowest loss; ``rise``: how
    much higher its loss is with the largest (0: there is no gap within the range)."""

    student_parameters: float
    tokens: float
    teacher_tokens: float
    points: tuple[GapPoint, ...]
    best: GapPoint
    rise: float
    beyond_error: bool
    """Whether the rise is larger than the law's own error."""


def capacity_gap(student_parameters: float, tokens: float, teacher_tokens: float) -> CapacityGap:
    """The student's loss against the teacher's size, by equations 1 and 8 of the paper, over the
    sizes that were tried there (:data:`MODEL_PARAMETERS`); never beyond."""
    low, high = MODEL_PARAMETERS.low, MODEL_PARAMETERS.high
    sizes = [low * (high / low) ** (i / (_POINTS - 1)) for i in range(_POINTS)]
    points = tuple(_point(student_parameters, tokens, size, teacher_tokens) for size in sizes)
    best = min(points, key=lambda point: point.student_loss)
    rise = points[-1].student_loss - best.student_loss
    beyond = rise > LAW_ERROR * best.student_loss
    return CapacityGap(student_parameters, tokens, teacher_tokens, points, best, rise, beyond)


def _point(student: float, tokens: float, teacher: float, teacher_tokens: float) -> GapPoint:
    taught_by = supervised_loss(teacher, teacher_tokens)
    loss = student_loss(student, tokens, taught_by)
    return GapPoint(teacher, taught_by, loss, loss * (1 - LAW_ERROR), loss * (1 + LAW_ERROR))
