"""What the chart of a run rests on: standings of draws, pass@k by question, curves in a run, money
of creation, and pairs that are counted together."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from distilbench.catalog import load_catalog
from distilbench.claims import own_costs, run_curves, standing
from distilbench.compute import creation_money, scope_cost
from distilbench.stats import (
    bootstrap,
    bootstrap_accuracies,
    bootstrap_scores,
    frontier_probability,
    macro_of_questions,
    paired_difference,
    paired_differences,
    pass_questions,
    repeats,
    standings,
)


def answers(models: int, questions: int, epochs: int = 1, seed: int = 0) -> pl.DataFrame:
    chance = np.random.default_rng(seed)
    return pl.DataFrame(
        [
            {
                "model": f"m{m}", "entry": f"m{m}", "profile": "p", "task": task, "seed": 0,
                "sample_id": f"{task}-{n}", "cluster": f"{task}-{n // 2}", "epoch": epoch,
                "score": float(chance.random() < 0.3 + m / 10), "vote": "a",
            }
            for m in range(models)
            for task in ("s", "t")
            for n in range(questions)
            for epoch in range(epochs)
        ]
    )  # fmt: skip


def test_standings_tell_the_frontier_that_accuracies_tell() -> None:
    drawn = bootstrap_accuracies(answers(4, 12), ["m0", "m1", "m2", "m3"], 3_000)
    ranks, times = standings(drawn)
    assert times.sum() == 3_000
    again = np.repeat(ranks, times, axis=0).astype(float)
    costs = [1.0, 2.0, 2.0, None]
    assert frontier_probability(costs, again) == pytest.approx(
        frontier_probability(costs, drawn), nan_ok=True
    )
    best = (ranks == ranks.max(axis=1, keepdims=True)).astype(float)
    leads = np.isclose(drawn, drawn.max(axis=1, keepdims=True), rtol=0, atol=1e-12)
    assert np.average(best, axis=0, weights=times) == pytest.approx(leads.mean(axis=0))


def test_several_scores_are_drawn_on_the_same_questions() -> None:
    samples = answers(3, 10).with_columns(half=pl.col("score") / 2)
    entries = ["m0", "m1", "m2"]
    whole, half = bootstrap_scores(samples, entries, ["score", "half"], 500)
    assert whole == pytest.approx(2 * half)
    kept = bootstrap(samples, entries, 500, kept=20)
    assert (kept.tasks["s"] + kept.tasks["t"]) / 2 == pytest.approx(kept.mean[:20])
    assert kept.mean.mean(axis=0) == pytest.approx(
        samples.group_by("entry").agg(pl.col("score").mean()).sort("entry")["score"], abs=0.03
    )


def test_pass_at_k_by_question_has_the_mean_that_repeats_tells() -> None:
    samples = answers(2, 15, epochs=4)
    wanted = repeats(samples, ("entry",)).filter(
        (pl.col("metric") == "pass") & (pl.col("k") == 2)
    ).sort("entry")  # fmt: skip
    found = macro_of_questions(pass_questions(samples, 2, ["entry"]), ["entry"]).sort("entry")
    for mine, theirs in (("accuracy", "value"), ("low", "low"), ("high", "high")):
        assert found[mine].to_list() == pytest.approx(wanted[theirs].to_list())


@pytest.mark.parametrize("at_once", [1, 1_000_000])
def test_pairs_that_are_counted_together_are_those_that_are_counted_alone(
    monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr("distilbench.stats._paired._TOGETHER", at_once)
    samples = answers(4, 9, epochs=2)
    together = paired_differences(samples)
    alone = [paired_difference(samples, a, b) for a, b in combinations(("m0", "m1", "m2", "m3"), 2)]
    assert_frame_equal(together, pl.concat(alone))


def family(scores: list[float], sizes: list[float]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "entry": [f"v{n}" for n in range(len(scores))], "family": "f", "profile": "p",
            "role": "vanilla", "score": scores, "stderr": 1.0, "parameters": sizes,
        }
    )  # fmt: skip


def test_a_run_has_a_curve_from_three_sizes_or_says_why_not() -> None:
    two, falling, three = (
        next(iter(run_curves(family(*given), "parameters")))
        for given in (
            ([20.0, 50.0], [1e9, 4e9]),
            ([50.0, 40.0, 20.0], [1e9, 2e9, 4e9]),
            ([20.0, 50.0, 80.0], [1e9, 4e9, 16e9]),
        )
    )
    assert two.refused == "2 vanilla models of it with a known size, 3 are needed"
    assert falling.refused == "its score does not rise with size"
    assert three.curve is not None
    # The scores lie evenly about one half on a logarithmic scale: 50 percent is the middle one.
    at = standing(three.curve, 50.0, 0.0, 2e9)
    assert at.size.value == pytest.approx(4e9, rel=1e-3)
    assert at.gains["parameters"].value == pytest.approx(2.0, rel=1e-3)


def test_a_family_that_is_not_known_has_no_curve() -> None:
    unknown = family([20.0, 50.0, 80.0], [1e9, 4e9, 16e9]).with_columns(
        family=pl.lit(None, pl.String)
    )
    assert list(run_curves(unknown, "parameters")) == []


def test_money_of_creation_is_stated_or_hours_or_flops() -> None:
    catalog = load_catalog()
    cards, accelerators = catalog.cards, catalog.accelerators
    stated = creation_money(cards["sky-t1-32b-preview"], cards, "student", accelerators)
    assert (stated.usd, stated.known) == (450.0, "published")
    wider = creation_money(cards["sky-t1-32b-preview"], cards, "lineage", accelerators)
    assert wider.usd is None
    hours = creation_money(cards["llama-3.1-8b"], cards, "student", accelerators)
    assert (hours.usd, hours.hours, hours.flops) == (None, 1.46e6, 0.0)
    lineage = creation_money(cards["deepseek-r1-distill-llama-8b"], cards, "lineage", accelerators)
    assert lineage.hours == 1.46e6  # its base's; all else is in FLOPs
    whole = scope_cost(cards["qwen2.5-3b"], cards, "student", accelerators).flops
    rest = creation_money(cards["qwen2.5-3b"], cards, "student", accelerators)
    assert rest.hours == 0
    assert rest.flops == whole.central  # type: ignore[union-attr]


def test_own_costs_tell_whether_they_are_whole() -> None:
    catalog = load_catalog()
    found = own_costs(catalog.card("deepseek-r1-distill-qwen-1.5b"), catalog)
    assert found["student"].value <= found["lineage"].value
