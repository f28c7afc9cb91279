"""Holds what each stage of making a student took: the records of attempts, FLOPs counted and by
formula, the card. Imports ``recipe``.
"""

from distilbench.distill.accounts._card import CardFacts, check_lineage, write_card
from distilbench.distill.accounts._counting import (
    FlopSample,
    TrainingShape,
    counted,
    forward,
    forward_flops,
    generation_flops,
    shape_of,
)
from distilbench.distill.accounts._origin import Origin, find_origin
from distilbench.distill.accounts._stages import (
    Attempt,
    SharedCost,
    StageMeter,
    StageRecord,
    read_stages,
    usd_of,
    write_stages,
)
from distilbench.distill.accounts._teacher_size import TeacherSize, stated_size

__all__ = [
    "Attempt",
    "CardFacts",
    "FlopSample",
    "Origin",
    "SharedCost",
    "StageMeter",
    "StageRecord",
    "TeacherSize",
    "TrainingShape",
    "check_lineage",
    "counted",
    "find_origin",
    "forward",
    "forward_flops",
    "generation_flops",
    "read_stages",
    "shape_of",
    "stated_size",
    "usd_of",
    "write_card",
    "write_stages",
]
