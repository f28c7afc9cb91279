"""What the records say, with error bars.

Holds intervals of accuracy and of paired differences, what a suite can see and what a margin and
several comparisons make of it, the Pareto frontier over one cost or several, the curve of a vanilla
family's score against compute with the equivalent size and the capability density of a distilled
model on it, the cost of a correct answer and where the lifetime costs of two models meet, pass@k
and cons@k of repeated questions, the spread over prompt templates, the gap between public and
generated questions, and the recommendation under limits. Pure functions on data frames and numbers:
nothing here reads a file or knows a model card. Imports ``errors`` and ``compute``; takes the
columns of ``records``. Distributions are those of ``scipy.special``: ``scipy.stats`` calls the same
functions, and takes most of a second to import.
"""

from distilbench.stats._answered import accuracy_of_answers, answered, spent, unanswered
from distilbench.stats._api_energy import ApiRange, api_ranges
from distilbench.stats._bootstrap import Drawn, bootstrap, bootstrap_accuracies, bootstrap_scores
from distilbench.stats._break_even import Meeting, meeting
from distilbench.stats._budget import truncation_curve, within
from distilbench.stats._choice import (
    NAMED_COSTS,
    Candidate,
    Closest,
    FallenOut,
    NamedCost,
    Recommendation,
    Requirements,
    cheaper,
)
from distilbench.stats._clusters import t_interval
from distilbench.stats._common import each_of, in_common, of_entries
from distilbench.stats._compared import Compared
from distilbench.stats._costs import costs, mean_over_tasks, percentile
from distilbench.stats._crossed import CrossedMean, crossed_interval
from distilbench.stats._curve import (
    Curve,
    Equivalent,
    Scatter,
    equivalent,
    fit_curve,
    pool_scatter,
    predict,
    slope_of,
)
from distilbench.stats._density import capability_density
from distilbench.stats._epochs import by_epoch, same_questions
from distilbench.stats._equal_accuracy import (
    EqualAccuracy,
    MeasuredCurve,
    SeedMean,
    equal_accuracy,
    flops_at,
    seed_interval,
    shared_levels,
)
from distilbench.stats._frontier import frontier_probability, hypervolume, pareto, standings
from distilbench.stats._gain import Gain, Known, Spent, both, compute_equivalent_gain, gain_over
from distilbench.stats._intervals import (
    accuracy,
    macro_accuracy,
    macro_of_questions,
    normal_quantile,
    share_interval,
    wilson,
)
from distilbench.stats._limits import Limits, difference_limits, ratio_limits
from distilbench.stats._money import machine_usd, token_usd, usd_of_answers
from distilbench.stats._paired import paired_difference, paired_differences, stdev_of_pair
from distilbench.stats._per_correct import (
    COSTS,
    PairCost,
    per_correct,
    per_correct_pair,
    undefined,
)
from distilbench.stats._power import (
    discordance,
    power,
    questions_needed,
    smallest_difference,
    stdev_of_difference,
)
from distilbench.stats._prompts import contamination_gap, template_spread
from distilbench.stats._rates import Rate, differing_answers, ranks, rates
from distilbench.stats._recommend import Facts, choose, recommend
from distilbench.stats._repeats import cons_at_k, pass_at_k, pass_questions, repeats, steps
from distilbench.stats._several import Decision, decide, holm
from distilbench.stats._slopes import FEWEST_FAMILIES, OwnSlope, SlopePrior, pool_slopes
from distilbench.stats._steadiness import Steadiness, rates_and_steadiness, steadiness
from distilbench.stats._subset import full_score
from distilbench.stats._sustained import LEAST_MINUTES, Change, Sustained, sustained

__all__ = [
    "COSTS",
    "FEWEST_FAMILIES",
    "LEAST_MINUTES",
    "NAMED_COSTS",
    "ApiRange",
    "Candidate",
    "Change",
    "Closest",
    "Compared",
    "CrossedMean",
    "Curve",
    "Decision",
    "Drawn",
    "EqualAccuracy",
    "Equivalent",
    "Facts",
    "FallenOut",
    "Gain",
    "Known",
    "Limits",
    "MeasuredCurve",
    "Meeting",
    "NamedCost",
    "OwnSlope",
    "PairCost",
    "Rate",
    "Recommendation",
    "Requirements",
    "Scatter",
    "SeedMean",
    "SlopePrior",
    "Spent",
    "Steadiness",
    "Sustained",
    "accuracy",
    "accuracy_of_answers",
    "answered",
    "api_ranges",
    "bootstrap",
    "bootstrap_accuracies",
    "bootstrap_scores",
    "both",
    "by_epoch",
    "capability_density",
    "cheaper",
    "choose",
    "compute_equivalent_gain",
    "cons_at_k",
    "contamination_gap",
    "costs",
    "crossed_interval",
    "decide",
    "difference_limits",
    "differing_answers",
    "discordance",
    "each_of",
    "equal_accuracy",
    "equivalent",
    "fit_curve",
    "flops_at",
    "frontier_probability",
    "full_score",
    "gain_over",
    "holm",
    "hypervolume",
    "in_common",
    "machine_usd",
    "macro_accuracy",
    "macro_of_questions",
    "mean_over_tasks",
    "meeting",
    "normal_quantile",
    "of_entries",
    "paired_difference",
    "paired_differences",
    "pareto",
    "pass_at_k",
    "pass_questions",
    "per_correct",
    "per_correct_pair",
    "percentile",
    "pool_scatter",
    "pool_slopes",
    "power",
    "predict",
    "questions_needed",
    "ranks",
    "rates",
    "rates_and_steadiness",
    "ratio_limits",
    "recommend",
    "repeats",
    "same_questions",
    "seed_interval",
    "share_interval",
    "shared_levels",
    "slope_of",
    "smallest_difference",
    "spent",
    "standings",
    "stdev_of_difference",
    "stdev_of_pair",
    "steadiness",
    "steps",
    "sustained",
    "t_interval",
    "template_spread",
    "token_usd",
    "truncation_curve",
    "unanswered",
    "undefined",
    "usd_of_answers",
    "wilson",
    "within",
]
