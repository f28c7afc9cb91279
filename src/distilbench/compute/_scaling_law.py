"""Distil or train? The distillation scaling law of Busbridge et al. (arXiv 2502.08606)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from distilbench.errors import InputError

Scenario = Literal["best case", "teacher inference", "teacher pretraining", "both"]

_CHARGED: dict[Scenario, tuple[bool, bool]] = {
    "best case": (False, False),
    "teacher inference": (True, False),
    "teacher pretraining": (False, True),
    "both": (True, True),
}
"""Whether the teacher's inference and its pretraining are paid from the budget. The four scenarios
of the paper; a teacher that serves many students and whose logits are kept is the best case."""


@dataclass(frozen=True)
class Law:
    """Fitted coefficients. Unprimed: supervised law (equation 1); ``student_`` ones and c0, c1,
    d1, f1: distillation law (equation 8)."""

    e: float = 1.220
    a: float = 3355.0
    b: float = 18186.0
    alpha: float = 0.408
    beta: float = 0.431
    gamma: float = 0.452
    student_a: float = 2243.0
    student_b: float = 24181.0
    student_alpha: float = 0.321
    student_beta: float = 0.637
    student_gamma: float = 0.764
    c0: float = 2.549
    c1: float = 522.61
    d1: float = 1.315
    f1: float = 0.090


LAW = Law()
LAW_SOURCE = "Busbridge et al. 2025, Distillation Scaling Laws, arXiv 2502.08606"
LAW_PROVENANCE = (
    "Unverified: the coefficients were found in no source that could be opened here (looked for in"
    " November 2026). The form of the law was read in reviews of the paper. Compare the"
    " coefficients with the paper's table of fitted ones before you decide by them."
)
"""Shown to the user beside every prediction."""


@dataclass(frozen=True)
class Range:
    low: float
    high: float

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high


STUDENT_PARAMETERS = Range(143e6, 7.75e9)
MODEL_PARAMETERS = Range(143e6, 12.6e9)
TOKENS = Range(4e9, 512e9)
"""The paper's experiments: students 143M to 7.75B, all models 143M to 12.6B non-embedding
parameters, 4B to 512B tokens (as stated by reviews of the paper), on English C4."""


@dataclass(frozen=True)
class Prediction:
    """What a budget buys by one way. Losses are cross-entropies in nats per token on C4."""

    tokens: float
    loss: float


@dataclass(frozen=True)
class DistilOrTrain:
    """Supervised training against distillation of one student under one budget.

    ``distilled`` is None where the teacher's training alone exceeds the budget. ``outside`` says
    which figures leave the range of the paper's experiments: the prediction is then an
    extrapolation.
    """

    scenario: Scenario
    budget_flops: float
    teacher_loss: float
    supervised: Prediction
    distilled: Prediction | None
    better: Literal["distil", "train"]
    loss_difference: float | None
    outside: tuple[str, ...]
    source: str
    provenance: str
    verified: bool = False
    """Whether the coefficients were compared with the paper's."""


def supervised_loss(parameters: float, tokens: float, law: Law = LAW) -> float:
    """Cross-entropy of supervised training, L = E + (A/N^alpha + B/D^beta)^gamma (equation 1)."""
    _positive("parameters", parameters)
    _positive("tokens", tokens)
    own = law.a / parameters**law.alpha + law.b / tokens**law.beta
    return float(law.e + own**law.gamma)


def student_loss(parameters: float, tokens: float, teacher_loss: float, law: Law = LAW) -> float:
    """Cross-entropy of a student after distillation on ``tokens`` tokens (equation 8).

    L_S = L_T + L_T^-c0 (1 + (L_T / (L~_S d1))^(1/f1))^(-c1 f1) (A'/N^alpha' + B'/D^beta')^gamma',
    where L~_S is the supervised loss of the same student on as many tokens.
    """
    _positive("teacher_loss", teacher_loss)
    alone = supervised_loss(parameters, tokens, law)
    gap = (teacher_loss / (alone * law.d1)) ** (1 / law.f1)
    reach = teacher_loss**-law.c0 * (1 + gap) ** (-law.c1 * law.f1)
    own = law.student_a / parameters**law.student_alpha + law.student_b / tokens**law.student_beta
    return float(teacher_loss + reach * own**law.student_gamma)


def distil_or_train(
    budget_flops: float,
    student_parameters: float,
    teacher_parameters: float,
    teacher_tokens: float,
    *,
    scenario: Scenario = "both",
    extrapolate: bool = False,
) -> DistilOrTrain:
    """Which way gives the student the lower predicted loss under a budget of FLOPs.

    N counts non-embedding parameters, as the paper does. Training costs 6 N_S per token;
    distilling besides 2 N_T per token for the teacher's logits and 6 N_T D_T for its training,
    as far as the scenario charges them. Raises ``InputError``
    outside the range of the paper's experiments, unless ``extrapolate`` is asked for.
    """
    _positive("budget_flops", budget_flops)
    _positive("student_parameters", student_parameters)
    teacher = supervised_loss(teacher_parameters, teacher_tokens)
    inference, pretraining = _CHARGED[scenario]
    left = budget_flops - pretraining * 6.0 * teacher_parameters * teacher_tokens
    per_token = 6.0 * student_parameters + inference * 2.0 * teacher_parameters
    supervised = _predict_supervised(student_parameters, budget_flops)
    distilled = None
    if left > 0:
        tokens = left / per_token
        distilled = Prediction(tokens, student_loss(student_parameters, tokens, teacher))
    outside = _outside(
        student_parameters, teacher_parameters, teacher_tokens, supervised, distilled
    )
    if not extrapolate:
        _check_inside(outside)
    return DistilOrTrain(
        scenario=scenario,
        budget_flops=budget_flops,
        teacher_loss=teacher,
        supervised=supervised,
        distilled=distilled,
        better="distil" if distilled and distilled.loss < supervised.loss else "train",
        loss_difference=distilled.loss - supervised.loss if distilled else None,
        outside=outside,
        source=LAW_SOURCE,
        provenance=LAW_PROVENANCE,
    )


def _check_inside(outside: tuple[str, ...]) -> None:
    if outside:
        raise InputError(
            "distil-or-train",
            f"outside the fitted range of the scaling law ({'; '.join(outside)})",
            "stay inside it or ask for extrapolation",
        )


def _predict_supervised(parameters: float, budget: float) -> Prediction:
    tokens = budget / (6.0 * parameters)
    return Prediction(tokens, supervised_loss(parameters, tokens))


def _outside(
    student: float,
    teacher: float,
    teacher_tokens: float,
    supervised: Prediction,
    distilled: Prediction | None,
) -> tuple[str, ...]:
    checks = [
        ("student parameters", student, STUDENT_PARAMETERS),
        ("teacher parameters", teacher, MODEL_PARAMETERS),
        ("teacher tokens", teacher_tokens, TOKENS),
        ("tokens of supervised training", supervised.tokens, TOKENS),
    ]
    if distilled is not None:
        checks.append(("tokens of distillation", distilled.tokens, TOKENS))
    return tuple(
        f"{name} {value:.3g} not in {allowed.low:.3g} to {allowed.high:.3g}"
        for name, value, allowed in checks
        if not allowed.holds(value)
    )


def _positive(name: str, value: float) -> None:
    if not 0 < value < float("inf"):
        raise InputError(name, f"is {value}", "give a number above zero")
