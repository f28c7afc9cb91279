"""The claims of arXiv 2602.20164, checked: curves, comparisons and verdicts, as data.

Holds the published scores of the catalog as a frame, the comparison of distilled with vanilla
models on them, the curves of vanilla families with the distilled models placed on them, the
verdicts; of a run the pairs (each distilled model beside its counterpart, with the lifetime ledger
of both), what its answers cost in dollars, what a choice rests on, and the curve of its vanilla
models. Pure: whoever prints them asks here. Imports ``compute``, ``stats`` and ``catalog``.
"""

from distilbench.claims._check import DISTILLED, VANILLA, check_claims
from distilbench.claims._choice import choice_facts, stated_grid
from distilbench.claims._counts import BANDS, count_outcomes, verdict
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
from distilbench.claims._ledger import UNITS, Ledger, Side, Unit
from distilbench.claims._lengths import Tokens, answer_tokens, family_tokens
from distilbench.claims._made import Made
from distilbench.claims._matched import KNOWN_SETTING, SCORE_SCHEMA, TOLERANCE, excluded_pairs
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
from distilbench.claims._record import Terms, Verdict, Verdicts
from distilbench.claims._remeasured import remeasured
from distilbench.claims._run_curves import RunCurve, Standing, outdated, run_curves, standing
from distilbench.claims._scores import MARGIN_POINTS, compare_scores
from distilbench.claims._sentences import LARGER_WORDS, size_sentence
from distilbench.claims._sides import (
    AXIS_WORDS,
    CurveVerdict,
    Support,
    Tally,
    axis_sentence,
    curve_verdict,
    verdicts_by_axis,
)
from distilbench.claims._studies import ONE_OFF, OneOff, StudyRow, one_offs, study_rows
from distilbench.claims._terms import LARGER, MARGINS, TIMES
from distilbench.claims._verdicts import is_own, verdicts

__all__ = [
    "AXES",
    "AXIS_WORDS",
    "BANDS",
    "DISTILLED",
    "KNOWN_SETTING",
    "LARGER",
    "LARGER_WORDS",
    "MARGIN",
    "MARGINS",
    "MARGIN_POINTS",
    "ONE_OFF",
    "PER_TOKEN",
    "SCORE_SCHEMA",
    "TIMES",
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
    "OneOff",
    "Pair",
    "Placement",
    "Rate",
    "RunCurve",
    "Side",
    "SizeVerdict",
    "Standing",
    "StudyRow",
    "Support",
    "Tally",
    "Terms",
    "Tokens",
    "Unit",
    "Verdict",
    "Verdicts",
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
    "is_own",
    "one_offs",
    "outdated",
    "own_costs",
    "priced",
    "question_costs",
    "remeasured",
    "roles",
    "run_curves",
    "run_pairs",
    "size_sentence",
    "size_verdict",
    "standing",
    "stated_grid",
    "study_rows",
    "verdict",
    "verdicts",
    "verdicts_by_axis",
    "with_lengths",
    "with_usd",
]
