"""The claims of arXiv 2602.20164, checked: curves, comparisons and verdicts, as data.

Holds the published scores of the catalog as a frame, the comparison of distilled with vanilla
models on them, the curves of vanilla families with the distilled models placed on them, the
verdicts; of a run the pairs (each distilled model beside its counterpart, with the lifetime ledger
of both), what its answers cost in dollars, what a choice rests on, and the curve of its vanilla
models. Pure: whoever prints them asks here. Imports ``compute``, ``stats`` and ``catalog``.
"""

from distilbench.claims._check import DISTILLED, VANILLA, check_claims
from distilbench.claims._choice import choice_facts, stated_grid
from distilbench.claims._found import (
    AXES,
    Axis,
    Claims,
    FamilyCurve,
    MeasuredBy,
    Placement,
    SizeVerdict,
    size_verdict,
)
from distilbench.claims._ledger import UNITS, Ledger, Made, Side, Unit
from distilbench.claims._lengths import Tokens, answer_tokens, family_tokens
from distilbench.claims._measured_lengths import with_lengths
from distilbench.claims._own import PER_TOKEN, own_costs
from distilbench.claims._pairs import (
    MARGIN,
    Accuracy,
    Creation,
    Entrant,
    Pair,
    roles,
    run_pairs,
)
from distilbench.claims._prices import Rate, entry_facts, priced, question_costs, with_usd
from distilbench.claims._run_curves import RunCurve, Standing, outdated, run_curves, standing
from distilbench.claims._scores import (
    BANDS,
    MARGIN_POINTS,
    SCORE_SCHEMA,
    TOLERANCE,
    compare_scores,
    count_outcomes,
    excluded_pairs,
    verdict,
)
from distilbench.claims._sides import (
    AXIS_WORDS,
    CurveVerdict,
    Support,
    Tally,
    axis_sentence,
    curve_verdict,
    verdicts_by_axis,
)

__all__ = [
    "AXES",
    "AXIS_WORDS",
    "BANDS",
    "DISTILLED",
    "MARGIN",
    "MARGIN_POINTS",
    "PER_TOKEN",
    "SCORE_SCHEMA",
    "TOLERANCE",
    "UNITS",
    "VANILLA",
    "Accuracy",
    "Axis",
    "Claims",
    "Creation",
    "CurveVerdict",
    "Entrant",
    "FamilyCurve",
    "Ledger",
    "Made",
    "MeasuredBy",
    "Pair",
    "Placement",
    "Rate",
    "RunCurve",
    "Side",
    "SizeVerdict",
    "Standing",
    "Support",
    "Tally",
    "Tokens",
    "Unit",
    "answer_tokens",
    "axis_sentence",
    "check_claims",
    "choice_facts",
    "compare_scores",
    "count_outcomes",
    "curve_verdict",
    "entry_facts",
    "excluded_pairs",
    "family_tokens",
    "outdated",
    "own_costs",
    "priced",
    "question_costs",
    "roles",
    "run_curves",
    "run_pairs",
    "size_verdict",
    "standing",
    "stated_grid",
    "verdict",
    "verdicts_by_axis",
    "with_lengths",
    "with_usd",
]
