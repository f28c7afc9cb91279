"""A teacher's share by its known students is an upper bound: of the cost, and so the ratio's lower
one. Arithmetic by hand."""

from __future__ import annotations

from typing import Any

import pytest

from distilbench.catalog import Card
from distilbench.claims import own_costs
from distilbench.compute import Quantity, Scope, check_headline, cost_ratio, scope_cost
from tests.test_compute_scopes import BASE, TEACHER, by_id, distilled, figure, student

UP_TO_THE_SHARE: tuple[Scope, ...] = ("student", "pipeline")
WHOLE_TEACHER = 6 * 37e9 * 14.8e12


def other(name: str) -> Card:
    lineage = {"base": "base", "teacher": "teacher", "recipe": {"method": "logit"}}
    return distilled(name, lineage, parameters={"total": figure(1e9)})


@pytest.mark.parametrize("scope", ["amortised", "lineage"])
@pytest.mark.parametrize("others", [0, 3])
def test_a_share_by_known_students_is_an_upper_bound(scope: Scope, others: int) -> None:
    made = student()
    cards = by_id(BASE, TEACHER, made, *(other(f"o{n}") for n in range(others)))
    cost = scope_cost(made, cards, scope)
    assert cost.bound == "<="
    assert "other" in cost.exceeds[0]
    assert isinstance(cost.flops, Quantity)
    assert cost.at_least is not None
    share = cost.flops.central - cost.at_least.central
    assert share == pytest.approx(WHOLE_TEACHER / (1 + others))
    found = cost_ratio(BASE, made, cards, scope)
    assert found.bound == ">="
    assert isinstance(found.ratio, Quantity)
    assert found.at_most is not None
    assert found.at_most.central > found.ratio.central


@pytest.mark.parametrize("scope", UP_TO_THE_SHARE)
def test_scopes_without_the_share_are_exact(scope: Scope) -> None:
    made = student()
    assert scope_cost(made, by_id(BASE, TEACHER, made), scope).bound == "="


def test_stated_uses_make_no_bound() -> None:
    made = student(teacher_uses=figure(6))
    cards = by_id(BASE, TEACHER, made)
    assert scope_cost(made, cards, "amortised").bound == "="
    assert cost_ratio(BASE, made, cards, "lineage").bound == "="


def test_a_base_that_is_the_teacher_is_counted_whole_whatever_the_share() -> None:
    recipe = {
        "method": "pruning",
        "tokens": figure(1e9),
        "epochs": figure(1),
        "teacher_generated": False,
    }
    lineage: dict[str, Any] = {"base": "teacher", "teacher": "teacher", "recipe": recipe}
    made = distilled("pruned", lineage, parameters={"total": figure(4e9)})
    for students in ((made,), (made, other("another"))):
        cards = by_id(TEACHER, BASE, *students)
        assert scope_cost(made, cards, "amortised").bound == "<="
        whole = scope_cost(made, cards, "lineage")
        assert whole.bound == "="
        assert whole.at_least is not None
        own = 6 * 4e9 * 1e9 + 2 * 37e9 * 1e9
        assert whole.at_least.central == pytest.approx(own + WHOLE_TEACHER)


def test_a_student_of_a_student_has_the_bound_of_its_base() -> None:
    first = student()
    lineage = {"base": "student", "teacher": "teacher", "teacher_uses": figure(2)}
    recipe = {
        "method": "logit",
        "tokens": figure(1e9),
        "epochs": figure(1),
        "teacher_generated": False,
    }
    second = distilled("second", {**lineage, "recipe": recipe}, parameters={"total": figure(1e9)})
    cards = by_id(BASE, TEACHER, first, second)
    assert scope_cost(second, cards, "amortised").bound == "="
    assert scope_cost(second, cards, "lineage").bound == "<="


def test_the_headline_is_refuted_by_the_ratio_without_any_share() -> None:
    """At no share the amortised ratio is the pipeline's."""
    made = student()
    found = {
        one.scope: one for one in check_headline(BASE, made, by_id(BASE, TEACHER, made)).scopes
    }
    assert found["amortised"].bound == ">="
    assert found["amortised"].at_most is not None
    assert found["amortised"].at_most.central == pytest.approx(found["pipeline"].ratio.central)  # type: ignore[union-attr]
    assert "not known" in found["amortised"].reason or "no other use" in found["amortised"].reason


class _Catalog:
    def __init__(self, cards: dict[str, Card]) -> None:
        self.cards = cards
        self.accelerators: dict[str, Any] = {}


def test_the_range_of_a_cost_reaches_from_no_share_to_the_whole() -> None:
    made = student()
    catalog = _Catalog(by_id(BASE, TEACHER, made))
    costs = own_costs(made, catalog, draws=500)  # type: ignore[arg-type]
    assert costs["amortised"].low == pytest.approx(costs["pipeline"].low)
    assert costs["amortised"].value > WHOLE_TEACHER
