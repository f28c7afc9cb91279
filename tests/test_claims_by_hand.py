"""Ten headline numbers of the claims page, by hand: plain arithmetic on published figures that
stand here again, apart from the cards and the code that reads them."""

from __future__ import annotations

import pytest

from distilbench.catalog import Catalog, load_catalog
from distilbench.compute import (
    Quantity,
    Scope,
    cost_ratio,
    distillation_stages,
    implied_utilisation,
    tornado,
)

H100, H800 = 989e12, 989e12  # dense bfloat16 FLOP/s
UTILISATION = 0.40  # this program's central assumption for training
R1_TOKENS = 804_745 * 5355.3  # supplement, table 5
LLAMA_8B = 6 * 8.03e9 * 15e12


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


def ratio(catalog: Catalog, distilled: str, scope: Scope) -> Quantity:
    base = catalog.card(catalog.card(distilled).lineage.base or "")
    found = cost_ratio(base, catalog.card(distilled), catalog.cards, scope, catalog.accelerators)
    assert isinstance(found.ratio, Quantity)
    return found.ratio


def stage(catalog: Catalog, model: str, name: str) -> float:
    stages = distillation_stages(catalog.card(model), catalog.cards, catalog.accelerators)
    (flops,) = [stage.flops for stage in stages if stage.name == name]
    assert isinstance(flops, Quantity)
    return flops.central


def test_1_and_2_the_students_ratio_at_two_and_three_epochs(catalog: Catalog) -> None:
    (epochs,) = tornado(ratio(catalog, "deepseek-r1-distill-llama-8b", "student"))
    assert epochs.result_at_low == pytest.approx(1740, abs=1)  # 15e12 / 8.619e9
    assert epochs.result_at_high == pytest.approx(1160, abs=1)  # 15e12 / 12.929e9


def test_3_sampling_the_teacher_at_the_rate_of_its_5000_hours(catalog: Catalog) -> None:
    generated = 5000 * 3600 / 8 * 14_800  # node-seconds x tokens a second of a node: 3.33e10
    found = stage(catalog, "deepseek-r1-distill-llama-8b", "teacher_generation")
    assert found == pytest.approx(2 * 37e9 * generated, rel=0.01)


def test_4_the_ratio_with_the_teachers_sampling(catalog: Catalog) -> None:
    cost = 6 * 8.03e9 * R1_TOKENS * 2.5 + 2 * 37e9 * R1_TOKENS / 0.13
    found = ratio(catalog, "deepseek-r1-distill-llama-8b", "pipeline")
    assert found.central == pytest.approx(LLAMA_8B / cost)
    assert found.central == pytest.approx(243, abs=1)


def test_5_a_students_share_of_what_made_r1(catalog: Catalog) -> None:
    """Its base by 6 N D, R1-Zero and R1 by hours, without the 5,000 that made the data."""
    base = 6 * 37e9 * 14.8e12
    taught = (101_000 + 41_000) * 3600 * H800 * UTILISATION
    students = [c for c in catalog.cards.values() if c.lineage.teacher == "deepseek-r1"]
    for student in students:
        found = stage(catalog, student.id, "teacher_training")
        assert found == pytest.approx((base + taught) / len(students), rel=1e-3), student.id
    assert len(students) == 21  # 16 and those of Light-R1 (4) and Phi-4-mini-reasoning


def test_6_the_logits_of_llama_3_2_stay_below_86_thousand_hours_at_peak(catalog: Catalog) -> None:
    at_peak = 86_000 * 3600 * H100
    assert at_peak == pytest.approx(3.06e23, rel=0.01)
    for student in ("llama-3.2-1b", "llama-3.2-3b"):
        found = stage(catalog, student, "logit_caching")
        assert found == pytest.approx(at_peak * UTILISATION, rel=1e-3)
        assert found < at_peak


def test_7_utilisation_that_hours_imply(catalog: Catalog) -> None:
    """6 N D over hours x peak, of a model with estimated tokens: 5e12 of Llama 3.2's."""
    by_hand = 6 * 1.23e9 * 5e12 / (370_000 * 3600 * H100)
    card = catalog.card("llama-3.2-1b")
    found = implied_utilisation(card, catalog.cards, catalog.accelerators)
    assert found == pytest.approx(by_hand, rel=1e-3) == pytest.approx(0.028, abs=0.0005)


def test_8_the_student_of_llama_3_2_by_its_hours(catalog: Catalog) -> None:
    found = stage(catalog, "llama-3.2-1b", "student_training")
    assert found == pytest.approx(370_000 * 3600 * H100 * UTILISATION, rel=1e-3)


def test_9_sky_t1_by_its_hours(catalog: Catalog) -> None:
    """Eight H100 for 19 hours; its base has 18e12 tokens of pretraining."""
    cost = 8 * 19 * 3600 * H100 * UTILISATION
    found = ratio(catalog, "sky-t1-32b-preview", "student")
    assert found.central == pytest.approx(6 * 32.76e9 * 18e12 / cost, rel=0.01)
    assert found.central == pytest.approx(16_000, rel=0.03)


def test_10_who_counts_the_base_is_never_above_one(catalog: Catalog) -> None:
    base = 6 * 37e9 * 14.8e12 + 142_000 * 3600 * H800 * UTILISATION
    cost = 6 * 8.03e9 * R1_TOKENS * 2.5 + 2 * 37e9 * R1_TOKENS / 0.13 + base / 21 + LLAMA_8B
    found = ratio(catalog, "deepseek-r1-distill-llama-8b", "lineage")
    assert found.central == pytest.approx(LLAMA_8B / cost, rel=1e-3)
    assert found.central < 1
