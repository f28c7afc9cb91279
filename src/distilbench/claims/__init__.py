"""The claims of arXiv 2602.20164, checked: curves, comparisons and verdicts, as data.

Holds the published scores of the catalog as a frame, the comparison of distilled with vanilla
models on them, the curves of vanilla families with the distilled models placed on them, and the
verdicts. Pure: whoever prints them asks here. Imports ``compute``, ``stats`` and ``catalog``.
"""

from distilbench.claims._check import DISTILLED, VANILLA, check_claims
from distilbench.claims._found import (
    Claims,
    FamilyCurve,
    Placement,
    curve_verdict,
    size_verdict,
)
from distilbench.claims._scores import (
    BANDS,
    SCORE_SCHEMA,
    TOLERANCE,
    compare_scores,
    count_outcomes,
    excluded_pairs,
    verdict,
)

__all__ = [
    "BANDS",
    "DISTILLED",
    "SCORE_SCHEMA",
    "TOLERANCE",
    "VANILLA",
    "Claims",
    "FamilyCurve",
    "Placement",
    "check_claims",
    "compare_scores",
    "count_outcomes",
    "curve_verdict",
    "excluded_pairs",
    "size_verdict",
    "verdict",
]
