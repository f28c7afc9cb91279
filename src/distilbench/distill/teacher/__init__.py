"""Holds the teacher: what generates its answers, its logits, and the cache of both. Imports
``recipe``, ``data``, ``weights`` and ``accounts``.
"""

from distilbench.distill.teacher._answers import Sampling, accepted, teacher_answers
from distilbench.distill.teacher._cache import TeacherCache
from distilbench.distill.teacher._generators import TransformersGenerator
from distilbench.distill.teacher._logits import (
    LocalScorer,
    Scored,
    Scorer,
    cache_logits,
    logit_bytes,
    read_logits,
)
from distilbench.distill.teacher._teaching import Teaching, find_teacher

__all__ = [
    "LocalScorer",
    "Sampling",
    "Scored",
    "Scorer",
    "TeacherCache",
    "Teaching",
    "TransformersGenerator",
    "accepted",
    "cache_logits",
    "find_teacher",
    "logit_bytes",
    "read_logits",
    "teacher_answers",
]
