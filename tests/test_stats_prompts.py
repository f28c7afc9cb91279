"""Spread over templates and the contamination gap, worked by hand and by simulation."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import polars as pl
import pytest

from distilbench.stats import contamination_gap, macro_accuracy, template_spread


def rows(scores: dict[str, list[int]], **more: Any) -> list[dict[str, Any]]:
    return [
        {
            "entry": "m", "task": "t", "seed": 0, "sample_id": f"q{n}", "cluster": f"q{n}",
            "score": float(score), "template": template, **more,
        }
        for template, given in scores.items()
        for n, score in enumerate(given)
    ]  # fmt: skip


def test_a_spread_worked_by_hand() -> None:
    scores = {"plain": [1, 0, 0, 0], "boxed": [1, 1, 1, 0], "steps": [1, 1, 0, 0]}
    row = template_spread(pl.DataFrame(rows(scores)), ("entry",)).row(0, named=True)
    assert (row["n_templates"], row["n_questions"]) == (3, 4)
    assert (row["lowest"], row["highest"], row["spread"]) == (0.25, 0.75, 0.5)
    assert row["accuracy"] == pytest.approx(0.5)
    assert row["sd"] == pytest.approx(0.25)
    assert row["sd_by_chance"] == pytest.approx((1 / 3 + 1 / 3) ** 0.5 / 4)
    assert 0 <= row["low"] <= row["sd"] <= row["high"]


def test_the_spread_by_chance_is_that_of_shuffled_templates() -> None:
    chance = np.random.default_rng(3)
    scores = (chance.random((60, 4)) < chance.random((60, 1))).astype(int)
    frame = pl.DataFrame(rows({f"t{i}": list(column) for i, column in enumerate(scores.T)}))
    found = template_spread(frame, ("entry",)).row(0, named=True)
    shuffled = [chance.permuted(scores, axis=1).mean(axis=0).var(ddof=1) for _ in range(4000)]
    assert found["sd_by_chance"] == pytest.approx(np.mean(shuffled) ** 0.5, rel=0.03)


def test_only_questions_under_every_template_count_and_one_template_has_no_spread() -> None:
    frame = pl.DataFrame(rows({"a": [1, 0, 1], "b": [1, 0]}))
    assert template_spread(frame, ("entry",))["n_questions"].item() == 2
    assert template_spread(pl.DataFrame(rows({"a": [1, 0]})), ("entry",)).is_empty()


def kinds(accuracy: dict[tuple[str, str], list[int]]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            row
            for (entry, kind), scores in accuracy.items()
            for row in rows({"x": scores}, entry=entry, task=kind, contamination=kind)
        ]
    )


def test_a_model_that_is_better_on_public_questions_only_stands_out() -> None:
    frame = kinds(
        {
            ("clean", "public"): [1, 0] * 20, ("clean", "generated"): [1, 0] * 20,
            ("leaky", "public"): [1, 1, 1, 0] * 10, ("leaky", "generated"): [1, 0] * 20,
        }
    )  # fmt: skip
    table = contamination_gap(frame)
    clean, leaky = table.sort("entry").iter_rows(named=True)
    assert (clean["gap"], leaky["gap"]) == (0.0, 0.25)
    assert leaky["excess"] == pytest.approx(0.25)
    assert clean["excess"] == pytest.approx(-0.25)
    assert leaky["excess_low"] > 0
    assert leaky["excess_stderr"] == pytest.approx((0.25 * 0.75 / 39) ** 0.5)


def test_harder_questions_for_all_are_no_excess() -> None:
    frame = kinds(
        {
            (entry, kind): [1] * right + [0] * (20 - right)
            for (entry, right_public), kind in product(
                (("a", 16), ("b", 12)), ("public", "private")
            )
            for right in (right_public if kind == "public" else right_public - 8,)
        }
    )
    table = contamination_gap(frame)
    assert table["gap"].to_list() == pytest.approx([0.4, 0.4])
    assert table["excess"].to_list() == pytest.approx([0.0, 0.0])


def test_one_kind_or_one_model_has_nothing_to_compare() -> None:
    assert contamination_gap(kinds({("a", "public"): [1, 0]})).is_empty()
    lone = contamination_gap(kinds({("a", "public"): [1, 0], ("a", "generated"): [0, 0]}))
    assert lone["gap"].item() == 0.5
    assert lone["excess"].item() is None


def test_variants_of_a_task_weigh_as_one_task() -> None:
    frame = pl.DataFrame(rows({"a": [1, 1], "b": [1, 1]}) + rows({"x": [0, 0]}, task="other"))
    assert macro_accuracy(frame, ("entry",))["accuracy"].item() == pytest.approx(0.5)
