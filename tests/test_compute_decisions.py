"""Break-even, lifetime compute, the distillation scaling law, and the planner."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from distilbench.catalog import Card, Figure
from distilbench.compute import (
    LAW,
    PlannedRecipe,
    Unavailable,
    break_even_served,
    break_even_students,
    capacity_gap,
    default_site,
    distil_or_train,
    interval,
    lifetime_flops,
    plan_distillation,
    served_tokens_to_break_even,
    student_loss,
    supervised_loss,
)
from distilbench.errors import InputError

costs = st.floats(1e-3, 1e9)
FLOAT = {"source": "test", "where": "here"}


@dataclass(frozen=True)
class Gpu:
    name: str
    peak_bf16_flops: Figure | None
    power_w: Figure | None


H100 = Gpu("H100", Figure(value=989.4e12, **FLOAT), Figure(value=700, **FLOAT))


def vanilla(id_: str, parameters: float, tokens: float = 1e12) -> Card:
    return Card.model_validate(
        {
            "id": id_,
            "name": id_,
            "developer": "d",
            "family": "f",
            "role": "vanilla",
            "stage": "base",
            "parameters": {"total": {"value": parameters, **FLOAT}},
            "training": {"tokens": {"value": tokens, **FLOAT}},
        }
    )


@given(costs, costs, costs)
def test_break_even_students_makes_both_ways_equal(teacher, baseline, distilled):
    students = break_even_students(teacher, baseline, distilled)
    if distilled >= baseline:
        assert students == math.inf
        return
    assume(baseline - distilled > 1e-6 * baseline)
    left = teacher + students * distilled
    assert left == pytest.approx(students * baseline, rel=1e-6)


@given(costs, costs, costs)
def test_break_even_served_makes_lifetimes_equal(extra, small, big):
    assume(big - small > 1e-6 * big)
    tokens = break_even_served(extra, small, big)
    assert extra + tokens * small == pytest.approx(tokens * big, rel=1e-6)


def test_break_even_served_at_the_edges():
    assert break_even_served(1e20, 5.0, 5.0) == math.inf
    assert break_even_served(-1.0, 5.0, 9.0) == 0
    with pytest.raises(InputError, match="not negative"):
        break_even_served(1.0, -5.0, 9.0)


def test_lifetime_is_creation_plus_two_n_per_token():
    assert lifetime_flops(7.2e23, 8e9, 1e12) == pytest.approx(7.2e23 + 1.6e22)


def test_served_tokens_from_cards():
    big, small = vanilla("big", 70e9), vanilla("small", 7e9)
    cards = {"big": big, "small": small}
    found = served_tokens_to_break_even(small, big, cards, "student")
    assert found.central == pytest.approx(6 * 7e9 * 1e12 / (2 * 63e9))
    both_made = served_tokens_to_break_even(small, big, cards, "student", replaced_exists=False)
    assert both_made.central == 0
    assert isinstance(served_tokens_to_break_even(big, small, cards, "student"), Unavailable)


@given(st.floats(143e6, 12e9), st.floats(4e9, 500e9), st.floats(1.01, 4))
def test_supervised_loss_falls_with_parameters_and_tokens(parameters, tokens, factor):
    loss = supervised_loss(parameters, tokens)
    assert supervised_loss(parameters * factor, tokens) < loss
    assert supervised_loss(parameters, tokens * factor) < loss
    assert loss > LAW.e


@given(st.floats(143e6, 7e9), st.floats(4e9, 100e9), st.floats(1.05, 4))
def test_student_loss_falls_with_tokens(parameters, tokens, factor):
    teacher = supervised_loss(7e9, 140e9)
    assert student_loss(parameters, tokens * factor, teacher) < student_loss(
        parameters, tokens, teacher
    )


def test_scenarios_that_charge_more_buy_fewer_tokens():
    found = {
        scenario: distil_or_train(1e21, 500e6, 2e9, 40e9, scenario=scenario)
        for scenario in ("best case", "teacher inference", "teacher pretraining", "both")
    }
    tokens = [found[s].distilled.tokens for s in found]
    assert tokens[0] == pytest.approx(found["best case"].supervised.tokens)
    assert tokens[0] > tokens[1] > tokens[3]
    assert tokens[0] > tokens[2] > tokens[3]
    losses = [found[s].distilled.loss for s in found]
    assert losses[0] < losses[1] < losses[3]
    assert found["both"].better == "train"
    both = found["both"]
    spent = 6 * 2e9 * 40e9 + both.distilled.tokens * (6 * 500e6 + 2 * 2e9)
    assert spent == pytest.approx(1e21)


def test_a_small_budget_with_a_free_teacher_favours_distillation():
    found = distil_or_train(6 * 1e9 * 10e9, 1e9, 2e9, 100e9, scenario="best case")
    assert found.better == "distil"
    assert found.loss_difference < 0
    assert "Unverified" in found.provenance
    assert not found.verified


def test_a_teacher_beyond_the_budget_leaves_training():
    found = distil_or_train(1e20, 500e6, 7e9, 100e9)
    assert found.distilled is None
    assert found.better == "train"


def test_extrapolation_is_refused_unless_asked_for():
    with pytest.raises(InputError, match="student parameters"):
        distil_or_train(1e21, 70e9, 12e9, 100e9, scenario="best case")
    found = distil_or_train(1e21, 70e9, 12e9, 100e9, scenario="best case", extrapolate=True)
    assert any("student parameters" in text for text in found.outside)


def test_plan_by_hand_and_additive_over_stages():
    recipe = PlannedRecipe(tokens=4e9, epochs=2, acceptance_rate=0.5, evaluation_tokens=1e8)
    site = default_site("france", usd_per_hour=2.0)
    plan = plan_distillation(vanilla("s", 8e9), vanilla("t", 70e9), recipe, H100, site)
    flops = {stage.name: stage.footprint.flops.central for stage in plan.stages}
    assert flops == pytest.approx(
        {
            "teacher_generation": 2 * 70e9 * 8e9,
            "student_training": 6 * 8e9 * 8e9,
            "evaluation": 2 * 8e9 * 1e8,
        }
    )
    assert plan.total.flops.central == pytest.approx(sum(flops.values()))
    hours = 6 * 8e9 * 8e9 / (989.4e12 * 0.40 * 3600)
    trained = plan.stages[1].footprint
    assert trained.accelerator_hours.central == pytest.approx(hours)
    assert trained.energy_kwh.central == pytest.approx(hours * 0.7 * 1.2)
    assert trained.co2e_kg.central == pytest.approx(hours * 0.7 * 1.2 * 0.056)
    assert trained.cost_usd.central == pytest.approx(2 * hours)
    assert plan.total.cost_usd.central == pytest.approx(2 * plan.total.accelerator_hours.central)
    spread = interval(plan.total.accelerator_hours, draws=1000)
    assert spread.kind == "estimated"
    assert spread.p5 < spread.p95


def test_plan_with_logits_scores_the_text_once_and_has_no_price_unless_given():
    recipe = PlannedRecipe(tokens=4e9, epochs=3, sampled=False, scored_epochs=1)
    plan = plan_distillation(vanilla("s", 8e9), vanilla("t", 70e9), recipe, H100, default_site())
    assert [stage.name for stage in plan.stages] == ["logit_caching", "student_training"]
    assert plan.stages[0].footprint.flops.central == pytest.approx(2 * 70e9 * 4e9)
    assert plan.total.cost_usd is None


def test_plan_of_on_policy_text_scores_and_writes_in_every_epoch():
    recipe = PlannedRecipe(4e9, epochs=3, sampled=False, scored_epochs=3, own_epochs=3)
    plan = plan_distillation(vanilla("s", 8e9), vanilla("t", 70e9), recipe, H100, default_site())
    flops = {stage.name: stage.footprint.flops.central for stage in plan.stages}
    assert flops == pytest.approx(
        {
            "logit_caching": 2 * 70e9 * 4e9 * 3,
            "student_generation": 2 * 8e9 * 4e9 * 3,
            "student_training": 6 * 8e9 * 4e9 * 3,
        }
    )


@pytest.mark.parametrize(
    ("field", "value"), [("tokens", 0), ("epochs", -1), ("acceptance_rate", 1.5)]
)
def test_a_recipe_that_cannot_be_is_refused(field, value):
    with pytest.raises(InputError, match=field.replace("_", " ")):
        PlannedRecipe(**{"tokens": 1e9, field: value})


def test_hardware_without_a_peak_rate_is_refused():
    with pytest.raises(InputError, match="no peak rate"):
        plan_distillation(
            vanilla("s", 8e9),
            vanilla("t", 70e9),
            PlannedRecipe(tokens=1e9),
            Gpu("odd", None, None),
            default_site(),
        )


def test_the_capacity_gap_by_hand():
    """A student of 3e8 on 1e11 tokens: teachers of 1.2e9 and of 1.26e10, by equations 1 and 8."""
    gap = capacity_gap(3e8, 1e11, 2e11)
    last = gap.points[-1]
    assert (gap.points[0].teacher_parameters, last.teacher_parameters) == pytest.approx(
        (143e6, 12.6e9)
    )
    # L_T = 1.220 + (3355 / 1.26e10^0.408 + 18186 / 2e11^0.431)^0.452
    taught_by = 1.220 + (3355 / 12.6e9**0.408 + 18186 / 2e11**0.431) ** 0.452
    alone = 1.220 + (3355 / 3e8**0.408 + 18186 / 1e11**0.431) ** 0.452
    reach = taught_by**-2.549 * (1 + (taught_by / (alone * 1.315)) ** (1 / 0.090)) ** (
        -522.61 * 0.090
    )
    own = (2243 / 3e8**0.321 + 24181 / 1e11**0.637) ** 0.764
    assert last.student_loss == pytest.approx(taught_by + reach * own)
    assert (last.low, last.high) == pytest.approx(
        (0.99 * last.student_loss, 1.01 * last.student_loss)
    )
    assert 0.9e9 < gap.best.teacher_parameters < 2e9
    assert gap.rise == pytest.approx(last.student_loss - gap.best.student_loss)
    assert gap.rise > 0
    assert not gap.beyond_error


def test_a_large_student_on_few_tokens_has_no_gap_in_the_range():
    gap = capacity_gap(1e9, 20e9, 2e11)
    assert gap.rise == 0
    assert gap.best is gap.points[-1]
