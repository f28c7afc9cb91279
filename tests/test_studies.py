"""Others' studies beside ours: their energies and our counting, by hand."""

from __future__ import annotations

import pytest

from distilbench.catalog import load_catalog
from distilbench.claims import Placement, StudyRow, one_offs, study_rows
from distilbench.report.claims._studies import _said
from distilbench.stats import Equivalent


def rows(placements: list[Placement] | None = None) -> dict[str, StudyRow]:
    return {row.finding: row for row in study_rows(placements or [], draws=2000)}


def test_the_energies_of_the_study_at_our_scope_and_what_we_would_have_expected() -> None:
    row = rows()["logit distillation of a 1B from a 32B"]
    assert row.theirs == pytest.approx((11.00 + 5.20) / 6.30)
    ours = row.ours
    assert ours is not None
    assert ours.central == pytest.approx(1 + 2 * 32 / (6 * 1.48))
    # Utilisations of 0.21 to 0.46 on both sides, log-triangular: never beyond their ratio.
    assert 1 + 7.21 * 0.21 / 0.46 < ours.p5 < ours.p95 < 1 + 7.21 * 0.46 / 0.21
    assert row.agrees == "outside"
    # 64 / 11.00 kWh over 8.88 / 6.30 kWh
    assert "did 4.1 times the FLOPs of a joule" in row.why
    assert "17% earlier" in row.why


def test_every_row_has_a_source_and_what_is_not_comparable_says_why() -> None:
    sources = load_catalog().sources
    for row in study_rows([], draws=200):
        assert row.source in sources
        assert row.why
        if row.agrees == "not comparable":
            assert row.ours is None
    assert {row.source for row in study_rows([], draws=200)} == {
        "arxiv-2605-13981", "arxiv-2412-04315", "arxiv-2509-22193", "arxiv-2508-15478",
        "arxiv-2603-23640",
    }  # fmt: skip


def test_one_off_distillation_of_a_student_by_hand() -> None:
    found = {one.model: one for one in one_offs(load_catalog(), draws=2000)}
    eight = found["deepseek-r1-distill-llama-8b"]
    assert eight.ratio.central == pytest.approx(1 + 2 * 37e9 / 0.13 / (6 * 8.03e9 * 2.5))
    assert eight.holds
    assert not found["deepseek-r1-distill-qwen-1.5b"].holds
    assert found["llama-3.2-1b"].ratio.p95 < 2.4
    said = _said(list(found.values()))
    inside = sum(one.holds for one in found.values())
    assert f"inside our range for {inside} of {len(found)} students" in said
    assert "No student's cost" in _said([])


def test_density_counts_students_that_answer_directly() -> None:
    def placement(mode: str, low: float, high: float) -> Placement:
        size = Equivalent("parameters", (low + high) / 2, "=", low, high, 0.95)
        return Placement(
            "m", "students", "b", "accuracy", 0, mode, None, "f", 3, 1, 50.0, None, "s", int(8e9),
            None, None, None, size, {}, {},
        )  # fmt: skip

    thin, dense = placement("direct", 1e9, 4e9), placement("direct", 9e9, 2e10)
    found = rows([thin, thin, dense, placement("reasoned", 9e9, 2e10)])
    (row,) = [row for finding, row in found.items() if "less dense" in finding]
    assert row.counted is not None
    assert "of 3 placements" in row.counted
    assert "2 are surely less dense" in row.counted
    assert row.agrees == "agrees"
