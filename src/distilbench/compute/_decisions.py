"""Whether and when distillation pays for itself."""

from __future__ import annotations

import math

from distilbench.catalog import Card
from distilbench.compute._distillation import Accelerators, Cards, student_parameters
from distilbench.compute._flops import active_parameters
from distilbench.compute._quantity import Quantity, Unavailable
from distilbench.compute._scopes import Scope, scope_cost
from distilbench.errors import InputError


def break_even_students(
    teacher_cost: float, baseline_per_student: float, distilled_per_student: float
) -> float:
    """Number of students after which a teacher's fixed cost is repaid; infinite if never.

    With n students, distilling costs ``teacher_cost`` + n x ``distilled_per_student`` and the
    baseline (training each without the teacher) n x ``baseline_per_student``. They are equal at
    n* = teacher_cost / (baseline_per_student - distilled_per_student). All three in one unit:
    FLOPs, joules or money. The teacher's cost is what is shared: its outputs, and its training if
    it was trained for this.

    Source: derived above; the same form, in energy, is the break-even of arXiv 2605.13981 ("N* =
    E_teacher / (E_student^baseline - E_student^distill)", as quoted by a review of the paper,
    the paper itself was not re-read).

    >>> break_even_students(60.0, 15.0, 5.0)
    6.0
    """
    for name, value in (
        ("teacher_cost", teacher_cost),
        ("baseline_per_student", baseline_per_student),
        ("distilled_per_student", distilled_per_student),
    ):
        _not_negative(name, value)
    if teacher_cost == 0:
        return 0.0
    saved = baseline_per_student - distilled_per_student
    return teacher_cost / saved if saved > 0 else math.inf


def break_even_served(extra_creation: float, cost_each: float, cost_each_replaced: float) -> float:
    """Served tokens, or answers, after which a cheaper model has repaid its creation; infinite if
    never.

    Serving n of them costs ``cost_each`` x n with the new model and ``cost_each_replaced`` x n with
    the one it replaces; the difference repays ``extra_creation``, what the new model cost beyond
    the other (nothing is owed if that is zero or less). All three in one unit: FLOPs, joules or
    money. Of tokens one counts the same by whichever model: where the new one needs longer
    answers, count answers, or correct ones.

    >>> break_even_served(60.0, 1.0, 4.0)
    20.0
    """
    _not_negative("cost_each", cost_each)
    _not_negative("cost_each_replaced", cost_each_replaced)
    if extra_creation <= 0:
        return 0.0
    saved = cost_each_replaced - cost_each
    return extra_creation / saved if saved > 0 else math.inf


def lifetime_flops(creation_flops: float, active_parameters: float, served_tokens: float) -> float:
    """Creation plus inference over a model's life: C + 2 N T.

    ``served_tokens`` counts prompt and generated tokens alike. Source: Sardana et al. 2023
    (arXiv 2401.00448), who minimise 6 N D_train + 2 N D_inference at equal quality.

    >>> lifetime_flops(6e18, active_parameters=1e9, served_tokens=1e9)
    8e+18
    """
    _not_negative("creation_flops", creation_flops)
    _not_negative("active_parameters", active_parameters)
    _not_negative("served_tokens", served_tokens)
    return creation_flops + 2.0 * active_parameters * served_tokens


def served_tokens_to_break_even(
    distilled: Card,
    replaced: Card,
    cards: Cards,
    scope: Scope,
    accelerators: Accelerators | None = None,
    *,
    replaced_exists: bool = True,
) -> Quantity | Unavailable:
    """Served tokens after which ``distilled`` has repaid its creation, against ``replaced``.

    ``replaced`` is the teacher, or a bigger vanilla model of like quality. If it exists already
    its own creation is sunk; otherwise (``replaced_exists=False``) it counts in favour. Serving
    costs 2 N per token, attention left out.
    """
    made = scope_cost(distilled, cards, scope, accelerators).flops
    if isinstance(made, Unavailable):
        return made
    small, big = student_parameters(distilled, cards), active_parameters(replaced)
    if isinstance(small, Unavailable):
        return small
    if isinstance(big, Unavailable):
        return big
    saved_per_token = 2.0 * (big - small)
    if saved_per_token.central <= 0:
        return Unavailable(f"{replaced.id} is no dearer to serve than {distilled.id}")
    if replaced_exists:
        return made / saved_per_token
    other = scope_cost(replaced, cards, scope, accelerators).flops
    if isinstance(other, Unavailable):
        return other
    return (made - other).at_least_zero() / saved_per_token


def _not_negative(name: str, value: float) -> None:
    if not value >= 0:
        raise InputError(name, f"is {value}", "give a number that is not negative")
