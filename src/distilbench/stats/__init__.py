"""What the records say, with error bars.

Holds intervals of accuracy and of paired differences, the Pareto frontier, the curve of a vanilla
family's score against compute with the equivalent size of a distilled model on it, the cost of a
correct answer, pass@k and cons@k of repeated questions, the spread over prompt templates, the gap
between public and generated questions, and the recommendation under limits. Pure functions on data
frames and numbers: nothing here reads a file or knows a model card. Imports
``errors`` only; takes the columns of ``records``.
"""

from distilbench.stats._answered import accuracy_of_answers, answered, spent, unanswered
from distilbench.stats._budget import per_correct, truncation_curve
from distilbench.stats._choice import (
    Candidate,
    Closest,
    FallenOut,
    Recommendation,
    Requirements,
    cheaper,
)
from distilbench.stats._common import in_common
from distilbench.stats._costs import costs, mean_over_tasks, percentile
from distilbench.stats._curve import (
    Curve,
    Equivalent,
    Gain,
    Scatter,
    compute_equivalent_gain,
    equivalent,
    fit_curve,
    pool_scatter,
    predict,
)
from distilbench.stats._equal_accuracy import (
    EqualAccuracy,
    MeasuredCurve,
    SeedMean,
    equal_accuracy,
    flops_at,
    seed_interval,
    shared_levels,
)
from distilbench.stats._frontier import pareto
from distilbench.stats._intervals import accuracy, macro_accuracy, normal_quantile, wilson
from distilbench.stats._money import machine_usd, token_usd
from distilbench.stats._paired import paired_difference, paired_differences
from distilbench.stats._prompts import contamination_gap, template_spread
from distilbench.stats._recommend import recommend
from distilbench.stats._repeats import cons_at_k, pass_at_k, repeats
from distilbench.stats._subset import full_score

__all__ = [
    "Candidate",
    "Closest",
    "Curve",
    "EqualAccuracy",
    "Equivalent",
    "FallenOut",
    "Gain",
    "MeasuredCurve",
    "Recommendation",
    "Requirements",
    "Scatter",
    "SeedMean",
    "accuracy",
    "accuracy_of_answers",
    "answered",
    "cheaper",
    "compute_equivalent_gain",
    "cons_at_k",
    "contamination_gap",
    "costs",
    "equal_accuracy",
    "equivalent",
    "fit_curve",
    "flops_at",
    "full_score",
    "in_common",
    "machine_usd",
    "macro_accuracy",
    "mean_over_tasks",
    "normal_quantile",
    "paired_difference",
    "paired_differences",
    "pareto",
    "pass_at_k",
    "per_correct",
    "percentile",
    "pool_scatter",
    "predict",
    "recommend",
    "repeats",
    "seed_interval",
    "shared_levels",
    "spent",
    "template_spread",
    "token_usd",
    "truncation_curve",
    "unanswered",
    "wilson",
]
