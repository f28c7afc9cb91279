"""Claim (a) of arXiv 2602.20164 put to the test on any pair of models: "over 2,000 times less
compute" to distil a model than to train its vanilla counterpart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from distilbench.catalog import Card
from distilbench.compute._distillation import (
    Accelerators,
    Cards,
    distillation_stages,
    student_parameters,
    training_tokens,
)
from distilbench.compute._flops import training_estimates, training_flops_exact
from distilbench.compute._quantity import Interval, Quantity, Unavailable, interval
from distilbench.compute._scopes import SCOPES, Bound, CostRatio, Scope, cost_ratio, scope_cost
from distilbench.compute._sensitivity import TornadoBar, tornado

PAPER_RATIO = 2000.0
"""Abstract of arXiv 2602.20164: "over 2,000 times more compute-efficient"."""

Verdict = Literal["supported", "refuted", "not decidable"]
SURE = 0.95
"""Share of Monte Carlo draws on one side of the claim that makes a verdict."""


@dataclass(frozen=True)
class ScopeVerdict:
    """The claim under one scope.

    ``ratio`` has the interval, or why there is none; ``at_most`` bounds it from above where the
    denominator is known in part; ``share_above`` is the share of draws that exceed the claim.
    """

    scope: Scope
    ratio: Interval | Unavailable
    at_most: Interval | None
    share_above: float | None
    verdict: Verdict
    reason: str
    tornado: tuple[TornadoBar, ...]
    bound: Bound = "="
    """How ``ratio`` stands to the ratio of what was spent. Its interval holds the unknowns that
    have a range, not how many others used the teacher: ``at_most`` is the ratio if all of it were
    theirs."""


@dataclass(frozen=True)
class Alternative:
    """Another way to count, and the ratio that it gives (``student`` scope, central values)."""

    counting: str
    ratio: float
    exceeds_claim: bool


@dataclass(frozen=True)
class Headline:
    """Claim (a) for one pair of models.

    ``student_tokens_at_claim`` is the number of training tokens, repeats included, at which the
    student-scope ratio equals the claim: fewer tokens exceed it. ``tokens_per_sample_at_claim``
    is that number over samples and epochs at their central values.
    """

    vanilla: str
    distilled: str
    claimed_ratio: float
    scopes: tuple[ScopeVerdict, ...]
    student_tokens_at_claim: float | None
    tokens_per_sample_at_claim: float | None
    alternatives: tuple[Alternative, ...]
    verdict: str


def check_headline(
    vanilla: Card,
    distilled: Card,
    cards: Cards,
    accelerators: Accelerators | None = None,
    *,
    draws: int = 10_000,
    seed: int = 0,
) -> Headline:
    """Whether making ``distilled`` took 2,000 times less compute than ``vanilla``.

    A scope supports the claim if at least 95% of the Monte Carlo draws of its ratio exceed it,
    refutes it if at most 5% do, and leaves it undecided between. Where a cost is known in part
    only, the claim is refuted if the upper bound already is, and undecided otherwise.
    """
    verdicts = tuple(
        judge_ratio(
            cost_ratio(vanilla, distilled, cards, scope, accelerators), PAPER_RATIO, draws, seed
        )
        for scope in SCOPES
    )
    tokens = tokens_at_ratio(vanilla, distilled, cards, PAPER_RATIO, accelerators)
    counts = _alternative_ratios(vanilla, distilled, cards, accelerators or {})
    return Headline(
        vanilla=vanilla.id,
        distilled=distilled.id,
        claimed_ratio=PAPER_RATIO,
        scopes=verdicts,
        student_tokens_at_claim=tokens,
        tokens_per_sample_at_claim=_per_sample(distilled, tokens),
        alternatives=tuple(Alternative(c, r, r > PAPER_RATIO) for c, r in counts),
        verdict=_summary(verdicts, PAPER_RATIO),
    )


def tokens_at_ratio(
    vanilla: Card,
    distilled: Card,
    cards: Cards,
    ratio: float,
    accelerators: Accelerators | None = None,
) -> float | None:
    """Student tokens D (repeats included) that solve C_vanilla / (6 N_student D) = ratio, at
    central values; None where a cost or the size of the student is not known."""
    cost = scope_cost(vanilla, cards, "student", accelerators).flops
    parameters = student_parameters(distilled, cards)
    if isinstance(cost, Unavailable) or isinstance(parameters, Unavailable):
        return None
    return cost.central / (6.0 * parameters.central * ratio)


def judge_ratio(
    found: CostRatio, claimed: float = PAPER_RATIO, draws: int = 10_000, seed: int = 0
) -> ScopeVerdict:
    """Whether a ratio of creation costs exceeds ``claimed``, by the rule of
    :func:`check_headline`."""
    bound = found.at_most
    at_most = interval(bound, draws, seed) if bound is not None else None
    if isinstance(found.ratio, Unavailable):
        refuted = bound is not None and _share_above(bound, claimed, draws, seed) <= 1 - SURE
        return ScopeVerdict(
            scope=found.scope,
            ratio=found.ratio,
            at_most=at_most,
            share_above=None,
            verdict="refuted" if refuted else "not decidable",
            reason=found.ratio.reason,
            tornado=(),
        )
    share = _share_above(found.ratio, claimed, draws, seed)
    one_sided = bool(found.denominator.omits)
    charged = bool(found.denominator.exceeds)
    most = bound if charged else found.ratio
    verdict: Verdict = "not decidable"
    if most is not None and _share_above(most, claimed, draws, seed) <= 1 - SURE:
        verdict = "not decidable" if found.numerator.omits else "refuted"
    elif share >= SURE and not one_sided and not found.numerator.exceeds:
        verdict = "supported"
    omitted = "; not counted: " + ", ".join(found.denominator.omits) if one_sided else ""
    return ScopeVerdict(
        scope=found.scope,
        ratio=interval(found.ratio, draws, seed),
        at_most=at_most if one_sided or charged else None,
        share_above=share,
        verdict=verdict,
        reason=f"{share:.0%} of the draws exceed {claimed:,.0f}{omitted}{_charged(found, at_most)}",
        tornado=tuple(tornado(found.ratio)),
        bound=found.bound,
    )


def _charged(found: CostRatio, at_most: Interval | None) -> str:
    """That a share of the teacher's training may be too high, and the ratio without any."""
    if not found.why_bound:
        return ""
    without = f" (without any share {at_most.central:.3g})" if at_most else ""
    return f"; a bound: {'; '.join(found.why_bound)}{without}"


def _share_above(quantity: Quantity, claimed: float, draws: int, seed: int) -> float:
    return float(np.mean(quantity.sample(draws, seed) > claimed))


def _alternative_ratios(
    vanilla: Card, distilled: Card, cards: Cards, accelerators: Accelerators
) -> Iterator[tuple[str, float]]:
    """Ways of counting that could stand behind a quoted ratio, with the ratio each gives."""
    recipe = distilled.lineage.recipe
    student = scope_cost(distilled, cards, "student", accelerators).flops
    parameters = student_parameters(distilled, cards)
    if recipe is None or isinstance(student, Unavailable) or isinstance(parameters, Unavailable):
        return
    estimates = {e.method: e.flops for e in training_estimates(vanilla, accelerators)}
    by = next(
        stage.formula
        for stage in distillation_stages(distilled, cards, accelerators)
        if stage.name == "student_training"
    )
    names = {
        "6nd": "vanilla by 6ND",
        "published": "vanilla by its published FLOPs",
        "measured": "vanilla by its measured FLOPs",
        "hardware": "vanilla by its accelerator-hours x peak rate x utilisation",
    }
    for method, flops in estimates.items():
        # "exact" is none of the names: attention stands on both sides, below, or on none.
        if isinstance(flops, Quantity) and method in names:
            yield f"{names[method]}, student by {by}", (flops / student).central
    exact = _exact_student(distilled)
    if exact is not None and isinstance(estimates["exact"], Quantity):
        yield "both by their exact shapes, attention included", estimates["exact"].central / exact
    vanilla_cost = scope_cost(vanilla, cards, "student", accelerators).flops
    if isinstance(vanilla_cost, Unavailable):
        return
    if recipe.epochs is not None and isinstance(training_tokens(distilled, recipe)[0], Quantity):
        once = student / recipe.epochs.value
        yield "every sample counted once (one epoch)", (vanilla_cost / once).central
    for bar in tornado(vanilla_cost / student):
        for value, ratio in ((bar.low, bar.result_at_low), (bar.high, bar.result_at_high)):
            if value != bar.central:
                yield f"{bar.unknown} at {value:g}", ratio
    hours = [sum(u.hours.value for u in x.hardware) for x in (vanilla.training, recipe)]
    if all(hours):
        yield "accelerator-hours as published, whatever the accelerators", hours[0] / hours[1]


def _exact_student(card: Card) -> float | None:
    """Training FLOPs from the student's shape at the mean length of its samples, at central values;
    null where those are not known."""
    recipe = card.lineage.recipe
    if card.architecture is None or recipe is None or recipe.tokens_per_sample is None:
        return None
    tokens, _ = training_tokens(card, recipe)
    if isinstance(tokens, Unavailable):
        return None
    length = round(recipe.tokens_per_sample.value)
    return training_flops_exact(card.architecture.shape, tokens.central, length)


def _per_sample(distilled: Card, tokens: float | None) -> float | None:
    recipe = distilled.lineage.recipe
    if tokens is None or recipe is None or recipe.samples is None:
        return None
    epochs = recipe.epochs.value if recipe.epochs is not None else 1.0
    return tokens / (recipe.samples.value * epochs)


def _summary(verdicts: tuple[ScopeVerdict, ...], claimed: float) -> str:
    """'Refuted under scope amortised and lineage; not decidable under scope student', ..."""
    parts = []
    for verdict in ("supported", "refuted", "not decidable"):
        scopes = [v.scope for v in verdicts if v.verdict == verdict]
        if scopes:
            parts.append(f"{verdict} under scope {', '.join(scopes)}")
    return f"'> {claimed:,.0f} times less compute': " + "; ".join(parts)
