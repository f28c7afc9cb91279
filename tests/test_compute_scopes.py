"""Stages of a distillation, the four scopes, ratios, and the paper's headline."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distilbench.catalog import Card
from distilbench.compute import (
    SCOPES,
    Quantity,
    Unavailable,
    check_headline,
    cost_ratio,
    creation,
    distillation_stages,
    interval,
    scope_cost,
    scope_costs,
    tokens_at_ratio,
)
from distilbench.errors import InputError


def figure(value: float, low: float | None = None, high: float | None = None) -> dict[str, Any]:
    cited = {"value": value, "source": "test", "where": "here"}
    if low is None:
        return cited
    return {**cited, "low": low, "high": high, "kind": "estimated", "note": "test"}


def card(id_: str, **fields: Any) -> Card:
    base = {"id": id_, "name": id_, "developer": "d", "family": "f"}
    return Card.model_validate({**base, "role": "vanilla", "stage": "base", **fields})


def vanilla(id_: str, parameters: float, tokens: float, **fields: Any) -> Card:
    return card(
        id_,
        parameters={"total": figure(parameters)},
        training={"tokens": figure(tokens)},
        **fields,
    )


def distilled(id_: str, lineage: dict[str, Any], **fields: Any) -> Card:
    return card(id_, role="distilled", lineage=lineage, **fields)


BASE = vanilla("base", 8.03e9, 15e12)
TEACHER = card(
    "teacher",
    parameters={"total": figure(671e9), "active": figure(37e9)},
    training={"tokens": figure(14.8e12)},
)
RECIPE = {
    "method": "sequence-level",
    "samples": figure(800e3),
    "tokens_per_sample": figure(5000, 2000, 10000),
    "epochs": figure(2, 2, 3),
    "acceptance_rate": figure(0.5, 0.25, 1.0),
}


def student(**changes: Any) -> Card:
    lineage = {"base": "base", "teacher": "teacher", "recipe": RECIPE, **changes}
    return distilled("student", lineage, parameters={"total": figure(8.03e9)})


def by_id(*cards: Card) -> dict[str, Card]:
    return {card.id: card for card in cards}


def test_stages_by_hand():
    made = student(teacher_uses=figure(6))
    stages = {s.name: s.flops.central for s in distillation_stages(made, by_id(BASE, TEACHER))}
    assert stages == pytest.approx(
        {
            "student_training": 6 * 8.03e9 * 800e3 * 5000 * 2,
            "teacher_generation": 2 * 37e9 * 800e3 * 5000 / 0.5,
            "teacher_training": 6 * 37e9 * 14.8e12 / 6,
            "base_pretraining": 6 * 8.03e9 * 15e12,
        }
    )


@settings(max_examples=40, deadline=None)
@given(
    st.floats(0.05, 1.0),
    st.floats(1, 50),
    st.floats(1e3, 1e5),
    st.booleans(),
    st.booleans(),
)
def test_scopes_are_ordered_in_every_draw(rate, uses, length, generated, pruned):
    recipe = {
        **RECIPE,
        "tokens_per_sample": figure(length, length / 3, length * 3),
        "acceptance_rate": figure(rate, rate / 2, 1.0),
        "teacher_generated": generated,
    }
    uses_range = figure(uses, 1, uses * 2)
    made = student(base="teacher" if pruned else "base", recipe=recipe, teacher_uses=uses_range)
    costs = scope_costs(made, by_id(BASE, TEACHER))
    central = [costs[scope].flops.central for scope in SCOPES]
    draws = np.stack([costs[scope].flops.sample(200, 1) for scope in SCOPES])
    assert central == sorted(central)
    # The same sum in another order may differ in its last bit.
    assert (np.diff(draws, axis=0) >= -1e-9 * draws[1:]).all()
    stages = costs["lineage"].stages
    assert central[-1] == pytest.approx(sum(stage.flops.central for stage in stages))


def test_a_base_that_is_the_teacher_is_counted_once():
    cards = by_id(TEACHER)
    whole = 6 * 37e9 * 14.8e12
    for uses in ({}, {"teacher_uses": figure(4)}):
        made = distilled(
            "pruned",
            {
                "base": "teacher",
                "teacher": "teacher",
                "recipe": {
                    "method": "pruning + logit",
                    "tokens": figure(1e9),
                    "teacher_generated": False,
                },
                **uses,
            },
            parameters={"total": figure(4e9)},
        )
        pipeline = scope_cost(made, cards, "pipeline").flops.central
        assert scope_cost(made, cards, "lineage").flops.central == pytest.approx(whole + pipeline)


def test_what_is_not_known_is_not_zero():
    found = scope_costs(student(teacher=None), by_id(BASE))
    assert isinstance(found["student"].flops, Quantity)
    for scope in ("pipeline", "amortised", "lineage"):
        assert isinstance(found[scope].flops, Unavailable)
        assert "teacher is not disclosed" in found[scope].flops.reason
        assert found[scope].at_least is not None
    assert found["lineage"].at_least.central > found["pipeline"].at_least.central
    ratio = cost_ratio(BASE, student(teacher=None), by_id(BASE), "lineage")
    assert isinstance(ratio.ratio, Unavailable)
    assert ratio.at_most.central < 1


def test_a_teacher_without_a_card_is_named():
    found = scope_cost(student(), by_id(BASE), "pipeline")
    assert "teacher has no card" in found.flops.reason


def test_unstated_acceptance_and_epochs_are_said():
    recipe = {k: v for k, v in RECIPE.items() if k not in ("acceptance_rate", "epochs")}
    found = scope_cost(student(recipe=recipe), by_id(BASE, TEACHER), "pipeline")
    assert isinstance(found.flops, Quantity)
    assert len(found.omits) == 2
    assert any("acceptance" in text for text in found.omits)


def test_distilled_in_pretraining_has_its_pretraining_as_student_training():
    lineage = {
        "teacher": "teacher",
        "recipe": {"method": "logit, in pretraining", "teacher_generated": False},
    }
    made = distilled(
        "gemma",
        lineage,
        parameters={"total": figure(270e6)},
        training={"tokens": figure(6e12)},
    )
    stages = {s.name: s.flops for s in distillation_stages(made, by_id(TEACHER))}
    assert stages["student_training"].central == pytest.approx(6 * 270e6 * 6e12)
    assert stages["logit_caching"].central == pytest.approx(2 * 37e9 * 6e12)
    assert "base_pretraining" not in stages


def test_student_without_a_count_has_its_bases_unless_pruned():
    plain = distilled("s", {"base": "base", "teacher": "teacher", "recipe": RECIPE})
    assert isinstance(scope_cost(plain, by_id(BASE, TEACHER), "student").flops, Quantity)
    pruned = distilled(
        "s", {"base": "base", "teacher": "teacher", "recipe": {**RECIPE, "method": "pruning"}}
    )
    assert isinstance(scope_cost(pruned, by_id(BASE, TEACHER), "student").flops, Unavailable)


def test_vanilla_costs_the_same_under_every_scope_and_owes_its_base():
    tuned = card("instruct", lineage={"base": "base"})
    costs = scope_costs(tuned, by_id(BASE))
    assert {c.flops.central for c in costs.values()} == {6 * 8.03e9 * 15e12}
    assert costs["student"].omits == ("post-training of instruct (unpublished)",)
    assert isinstance(creation(card("closed"), {}).flops, Unavailable)


def test_a_circle_in_the_lineage_is_an_input_error():
    one, two = card("one", lineage={"base": "two"}), card("two", lineage={"base": "one"})
    with pytest.raises(InputError, match="one -> two -> one"):
        creation(one, by_id(one, two))
    loop = distilled("loop", {"teacher": "loop", "recipe": RECIPE})
    with pytest.raises(InputError, match="circle"):
        scope_cost(loop, by_id(loop), "lineage")


def test_stages_of_a_vanilla_card_are_an_input_error():
    with pytest.raises(InputError, match="recipe"):
        distillation_stages(BASE, {})


def test_ratio_draws_the_students_size_once():
    sized = {"total": figure(8e9, 4e9, 16e9)}
    base = card("base", parameters=sized, training={"tokens": figure(15e12)})
    recipe = {"method": "sequence-level", "tokens": figure(8e9), "epochs": figure(1)}
    made = distilled("student", {"base": "base", "teacher": "teacher", "recipe": recipe})
    found = interval(cost_ratio(base, made, by_id(base, TEACHER), "student").ratio)
    assert found.p2_5 == pytest.approx(found.p97_5) == pytest.approx(15e12 / 8e9)


def test_headline_of_the_paper():
    found = check_headline(BASE, student(), by_id(BASE, TEACHER), draws=4000)
    scopes = {verdict.scope: verdict for verdict in found.scopes}
    assert scopes["student"].ratio.central == pytest.approx(1875)
    assert scopes["student"].ratio.p5 < 2000 < scopes["student"].ratio.p95
    assert scopes["student"].verdict == "not decidable"
    assert scopes["pipeline"].verdict == "refuted"
    assert scopes["lineage"].verdict == "refuted"
    assert scopes["lineage"].ratio.p95 < 1
    assert found.student_tokens_at_claim == pytest.approx(7.5e9)
    assert found.tokens_per_sample_at_claim == pytest.approx(4687.5)
    once = next(a for a in found.alternatives if "one epoch" in a.counting)
    assert once.ratio == pytest.approx(3750)
    assert once.exceeds_claim
    assert "refuted under scope pipeline, amortised, lineage" in found.verdict
    assert scopes["student"].tornado[0].unknown == "student: recipe.tokens_per_sample"


def test_headline_is_supported_where_the_numbers_say_so():
    short = {**RECIPE, "tokens_per_sample": figure(500, 400, 600), "epochs": figure(1)}
    found = check_headline(BASE, student(recipe=short), by_id(BASE, TEACHER), draws=1000)
    assert found.scopes[0].verdict == "supported"
    assert found.verdict.startswith("'> 2,000 times less compute': supported under scope student")


@given(st.floats(1, 1e5))
def test_tokens_at_ratio_solve_the_ratio(ratio):
    tokens = tokens_at_ratio(BASE, student(), by_id(BASE), ratio)
    assert 6 * 8.03e9 * 15e12 / (6 * 8.03e9 * tokens) == pytest.approx(ratio)


def measured(value: float) -> dict[str, Any]:
    return {"value": value, "source": "test", "where": "here", "kind": "measured"}


def test_measured_stages_are_preferred_scope_by_scope():
    recipe = {
        **RECIPE,
        "stages": [
            {"name": "student_training", "flops": measured(100.0)},
            {"name": "teacher_generation", "flops": measured(40.0), "uses": measured(4.0)},
            {"name": "logit_caching", "flops": measured(8.0), "uses": measured(2.0)},
            {"name": "evaluation", "flops": measured(1.0)},
        ],
    }
    teacher = card("teacher", training={"flops": measured(1000.0), "tokens": figure(1e9)})
    base = card("base", training={"flops": measured(300.0)})
    made = student(recipe=recipe, teacher_uses=figure(5))
    costs = scope_costs(made, by_id(base, teacher))
    assert {scope: cost.flops.central for scope, cost in costs.items()} == pytest.approx(
        {
            "student": 100,
            "pipeline": 100 + 40 + 8,
            "amortised": 100 + 40 / 4 + 8 / 2 + 1000 / 5,
            "lineage": 100 + 40 / 4 + 8 / 2 + 1000 / 5 + 300,
        }
    )


def test_a_stage_whose_engine_does_not_say_its_flops_is_not_zero():
    recipe = {
        **RECIPE,
        "stages": [
            {"name": "student_training", "flops": measured(100.0)},
            {"name": "teacher_generation", "tokens": measured(5.0)},
        ],
    }
    costs = scope_costs(student(recipe=recipe), by_id(BASE, TEACHER))
    assert costs["student"].flops.central == 100
    assert isinstance(costs["pipeline"].flops, Unavailable)
    assert costs["pipeline"].at_least.central == 100
