"""What a column is sorted by: the numbers that its cells show."""

from __future__ import annotations

import pytest

from distilbench.report.page._libraries import datatables
from distilbench.report.page._sorting import shown_number, sort_keys


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1,061", 1061), ("43.3%", 43.3), ("-32.6 to +0.6", -32.6), ("−3", -3), ("$ 4.50", 4.5),
        ("3.2e+20 (1.004)", 3.2e20), ("7.5 (6 to ?)", 7.5), ("0.40†‡", 0.4), ("3.2 ‡", 3.2),
        ("134.5M", 134.5e6), ("1.5T", 1.5e12), ("8B", 8e9), ("3.1B to beyond the family", 3.1e9),
        ("≈ 12 MiB", 12 * 2**20), ("59 s", 59), ("1 min", 60), ("3 min 20 s", 200),
        ("2 h 5 min", 7500), ("3 d 2 h", 266_400), ("0.042 s", 0.042), ("12 ms", 0.012),
    ],
)  # fmt: skip
def test_a_figure_is_its_number_whatever_its_unit(text: str, number: float) -> None:
    assert shown_number(text) == pytest.approx(number, rel=1e-12)


@pytest.mark.parametrize(
    "text", ["", "Q4_1", "12ab34", "1.2.3", "5 wins", "2 of 3 cells", "2026-11-27", "yes †", "5/10"]
)
def test_what_only_looks_like_a_number_is_none(text: str) -> None:
    assert shown_number(text) is None


def test_a_bound_stands_beyond_its_number() -> None:
    over, exact, under = (shown_number(t) for t in ("over 99.9%", "99.9%", "under 99.9%"))
    assert over is not None
    assert exact is not None
    assert under is not None
    assert under < exact < over < 99.91
    assert shown_number("≥ 2,000") == pytest.approx(2000)


def test_a_column_of_numbers_keeps_its_reasons_as_words_and_the_unknown_as_nothing() -> None:
    assert sort_keys(["8.5%", "not loaded", "–", "not available", "12%"]) == [
        "8.5", "not loaded", "", "", "12",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "texts", [["1.2.3", "1.10"], ["37% of the draws", "4"], ["a", "b"], ["–", "–"], []]
)
def test_a_column_of_words_has_no_numbers(texts: list[str]) -> None:
    assert sort_keys(texts) is None


def test_a_column_of_names_is_one_of_numbers_only_if_all_of_them_are() -> None:
    assert sort_keys(["8B", "llama"], names=True) is None
    assert sort_keys(["64", "8"], names=True) == ["64", "8"]


def test_the_library_that_is_put_in_pages_is_one_script_without_exports() -> None:
    script = datatables()
    assert script.count("globalThis.DataTable=") == 1
    assert "</script" not in script
    assert "\nexport" not in script
    assert "SpryMedia" in script  # its licence is kept
