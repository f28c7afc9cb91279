"""Recommendation under limits: worked by hand, and properties of the bootstrap."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distilbench.cli._recommend import _row
from distilbench.errors import InputError
from distilbench.report import recommendation_sentences
from distilbench.stats import Facts, Recommendation, Requirements, recommend

MIB = 2**20


def run_of(
    scores: dict[str, list[float]],
    memory: dict[str, int] | None = None,
    outcome: dict[str, str] | None = None,
    flops: dict[str, float] | None = None,
    answers: dict[str, str | None] | None = None,
    busy: dict[str, bool | None] | None = None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Entries that answered the same questions of one task; a question takes a second."""
    rows = [
        {
            "entry": entry,
            "task": "sums",
            "seed": 0,
            "sample_id": str(i),
            "epoch": 1,
            "cluster": str(i),
            "score": score,
            "outcome": (outcome or {}).get(entry, "stop"),
            "answer": (answers or {}).get(entry, str(score)),
            "total_s": 1.0,
            "energy_j": None,
            "flops": (flops or {}).get(entry, 1e9),
        }
        for entry, drawn in scores.items()
        for i, score in enumerate(drawn)
    ]
    sizes = {entry: (memory or {}).get(entry, 100) for entry in scores}
    cells = pl.DataFrame(
        {
            "entry": list(sizes),
            "peak_memory_bytes": [mib * MIB for mib in sizes.values()],
            "busy": pl.Series([(busy or {}).get(entry) for entry in sizes], dtype=pl.Boolean),
        }
    )
    return pl.DataFrame(rows, schema_overrides={"energy_j": pl.Float64, "answer": pl.String}), cells


def choose(
    scores: dict[str, list[float]], required: Requirements | None = None, **facts: object
) -> Recommendation:
    samples, cells = run_of(scores, **facts)  # type: ignore[arg-type]
    return recommend(samples, cells, required or Requirements(), draws=2000)


RIGHT, WRONG = [1.0] * 20, [0.0] * 20
HALF = [1.0, 0.0] * 10


def test_an_entry_that_dominates_is_best_in_every_draw() -> None:
    found = choose({"a": WRONG, "b": RIGHT})
    assert found.best is not None
    assert found.best.entry == "b"
    assert found.best.probability_best == 1.0
    assert found.candidates[1].probability_best == 0.0
    assert found.ties == ()


def test_the_same_answers_are_one_for_the_probability() -> None:
    """Of 20 questions the other has one less right: both lead where a draw leaves that one out,
    which is shared among two, not three."""
    less = [0.0, *HALF[1:]]
    found = choose({"a": HALF, "b": HALF, "c": less})
    missed = (19 / 20) ** 20
    got = {c.entry: c.probability_best for c in found.candidates}
    assert got == pytest.approx(
        {"a": 1 - missed / 2, "b": 1 - missed / 2, "c": missed / 2}, abs=0.03
    )
    assert found.candidates[0].same_as == ("b",)
    alone = choose({"a": HALF, "b": HALF})
    assert [c.probability_best for c in alone.candidates] == [None, None]
    assert [c.entry for c in alone.equals] == ["b"]


@pytest.mark.parametrize("answers", [{"a": "x", "b": "y"}, {"a": None, "b": None}])
def test_the_same_scores_are_not_the_same_answers(answers: dict[str, str | None]) -> None:
    """Each leads half of every draw; of answers that are not on record nobody knows."""
    found = choose({"a": HALF, "b": HALF}, answers=answers)
    assert [c.probability_best for c in found.candidates] == [0.5, 0.5]
    assert [c.same_as for c in found.candidates] == [(), ()]
    assert [c.entry for c in found.equals] == ["b"]


def test_an_answer_in_one_repetition_tells_two_apart() -> None:
    samples, cells = run_of({"a": HALF, "b": HALF})
    again = samples.with_columns(epoch=pl.lit(2, pl.Int64))
    other = again.with_columns(
        answer=pl.when((pl.col("entry") == "b") & (pl.col("sample_id") == "3"))
        .then(pl.lit("otherwise"))
        .otherwise("answer")
    )
    for repeated, same in ((again, ("b",)), (other, ())):
        found = recommend(pl.concat([samples, repeated]), cells, Requirements(), draws=100)
        assert found.candidates[0].same_as == same


def test_a_latency_of_a_busy_machine_is_said() -> None:
    scores = {"a": RIGHT, "b": HALF, "c": HALF}
    busy = {"a": True, "b": False}
    found = choose(scores, busy=busy)
    assert {c.entry: c.busy for c in found.candidates} == {"a": True, "b": False, "c": None}
    out = choose(scores, Requirements(latency_s=0.5), busy=busy).fallen_out
    assert {one.entry: one.reasons for one in out} == {
        "a": ("p95 of a question 1 s (measured on a busy machine) > 0.5 s",),
        "b": ("p95 of a question 1 s > 0.5 s",),
        "c": ("p95 of a question 1 s > 0.5 s",),
    }


def test_a_cheaper_entry_that_is_not_beaten_beyond_chance_is_named() -> None:
    nearly = [*HALF[:-2], 0.0, 0.0]
    found = choose({"big": HALF, "small": nearly}, flops={"big": 2e9, "small": 1e9})
    assert found.best is not None
    assert found.best.entry == "big"
    assert found.cheapest_tie is not None
    assert found.cheapest_tie.entry == "small"
    dear = choose({"big": HALF, "small": nearly}, flops={"big": 1e9, "small": 2e9})
    assert dear.cheapest_tie is None


def test_what_does_not_meet_a_limit_falls_out_with_every_reason() -> None:
    required = Requirements(memory_bytes=150 * MIB, latency_s=0.5, min_accuracy=0.9)
    found = choose({"a": HALF}, required, memory={"a": 200})
    assert found.best is None
    (out,) = found.fallen_out
    assert out.reasons == (
        "peak memory 200 MiB > 150 MiB",
        "p95 of a question 1 s > 0.5 s",
        "accuracy 50.0% < 90.0%",
    )


def test_a_figure_that_is_not_available_cannot_meet_a_limit() -> None:
    (out,) = choose({"a": HALF}, Requirements(energy_j=5.0)).fallen_out
    assert out.reasons == ("energy of a question is not available",)


def test_a_model_that_did_not_fit_falls_out_for_that() -> None:
    found = choose({"a": WRONG, "b": HALF}, outcome={"a": "out_of_memory"})
    assert [c.entry for c in found.candidates] == ["b"]
    assert found.fallen_out[0].candidate is None
    assert found.fallen_out[0].reasons == ("answered nothing: out of memory",)


def test_the_best_under_a_limit_is_not_the_best_without() -> None:
    scores, memory = {"large": RIGHT, "small": HALF}, {"large": 900, "small": 90}
    free = choose(scores, memory=memory)
    bound = choose(scores, Requirements(memory_bytes=100 * MIB), memory=memory)
    assert free.best is not None
    assert bound.best is not None
    assert (free.best.entry, bound.best.entry) == ("large", "small")
    assert bound.best.probability_best is None  # there is nothing else to be better than


def test_how_sure_the_least_accuracy_is_comes_from_the_draws() -> None:
    """Of 20 questions half are right: a draw has at least half right in 0.588 of the cases
    (binomial with n 20, p 1/2: 0.5 + P(10)/2)."""
    found = choose({"a": HALF}, Requirements(min_accuracy=0.5))
    assert found.best is not None
    assert found.best.probability_enough == pytest.approx(0.588, abs=0.04)


def test_seventy_percent_on_three_tasks_is_seventy_percent() -> None:
    """In floats (0.7 + 0.7 + 0.7) / 3 is 0.6999999999999998. The tasks have one cluster each, so
    that every draw is what was measured."""
    part, cells = run_of({"a": [1.0] * 7 + [0.0] * 3, "b": [0.0] * 10})
    samples = pl.concat(
        part.with_columns(task=pl.lit(task), cluster=pl.lit("one")) for task in ("t", "u", "v")
    )
    found = recommend(samples, cells, Requirements(min_accuracy=0.7), draws=50)
    assert [one.entry for one in found.candidates] == ["a"]
    assert found.candidates[0].probability_enough == 1.0
    assert found.candidates[0].probability_best in (None, 1.0)


def test_entries_without_a_common_question_are_refused() -> None:
    first, cells = run_of({"a": HALF})
    second, _ = run_of({"b": HALF})
    moved = second.with_columns(pl.lit("logic").alias("task"))
    with pytest.raises(InputError, match="no question in common"):
        recommend(pl.concat([first, moved]), cells, Requirements())


def test_every_cost_limits() -> None:
    """A question takes a second; what the records lack the caller gives."""
    samples, cells = run_of({"a": RIGHT, "b": HALF})
    samples = samples.with_columns(
        ttft_s=pl.lit(0.2), decode_s=pl.lit(0.5), output_tokens=pl.lit(11), energy_j=pl.lit(4.0)
    )
    facts: Facts = {
        "a": {"usd": 0.002, "usd_unknown": 0, "co2e_g": 3.0, "creation_flops": 5e20},
        "b": {"usd": 0.001, "usd_unknown": 2, "co2e_g": "no joules", "creation_flops": None},
    }

    def reasons(**limit: float) -> dict[str, tuple[str, ...]]:
        found = recommend(samples, cells, Requirements(**limit), draws=50, facts=facts)
        return {out.entry: out.reasons for out in found.fallen_out}

    assert reasons(ttft_s=0.2, min_tokens_per_s=20, energy_j=4, output_tokens=11) == {}
    assert reasons(ttft_s=0.1)["a"] == ("p95 of the time to first token 0.2 s > 0.1 s",)
    # Ten tokens after the first in half a second: 20 a second.
    assert reasons(min_tokens_per_s=21)["a"] == (
        "decoding speed of a slot 20 tokens/s < 21 tokens/s",
    )
    assert reasons(output_tokens=10)["b"] == ("output tokens of a question 11 > 10",)
    assert reasons(usd=0.0015) == {
        "a": ("price of 1,000 questions 2 USD > 1.5 USD",),
        "b": ("price of 1,000 questions is not known of 2 of 20 questions",),
    }
    assert reasons(co2e_g=5) == {"b": ("CO2e of a question is not available (no joules)",)}
    assert reasons(creation_flops=1e20) == {
        "a": ("creation FLOPs 5e+20 > 1e+20",),
        "b": ("creation FLOPs is not available",),
    }


def test_a_creation_that_is_an_upper_bound_is_within_a_limit_or_not_known_to_be() -> None:
    """At most 5e20: within 6e20 for sure, and of 1e20 nobody knows, unlike a known 5e20."""
    samples, cells = run_of({"a": RIGHT, "b": HALF})
    facts: Facts = {
        "a": {"creation_flops": 5e20, "creation_at_most": "t: its training is shared"},
        "b": {"creation_flops": 5e20, "creation_at_most": None},
    }

    def found(most: float) -> Recommendation:
        return recommend(samples, cells, Requirements(creation_flops=most), draws=50, facts=facts)

    within = found(6e20)
    assert [one.entry for one in within.candidates] == ["a", "b"]
    assert within.candidates[0].creation_at_most == "t: its training is shared"
    assert _row(within.candidates[0], "")["creation FLOPs"] == "≤ 5e+20"
    assert _row(within.candidates[1], "")["creation FLOPs"] == "5e+20"
    beyond = found(1e20)
    assert {out.entry: out.reasons for out in beyond.fallen_out} == {
        "a": (
            "creation FLOPs are not known to be within 1e+20: at most 5e+20"
            " (t: its training is shared)",
        ),
        "b": ("creation FLOPs 5e+20 > 1e+20",),
    }
    assert [one.entry for one in beyond.closest] == ["b"]
    facts["a"] |= {"creation_surely": 2e20}  # type: ignore[operator]
    assert found(1e20).fallen_out[0].reasons == ("creation FLOPs of at least 2e+20 > 1e+20",)
    assert "not known to be within" in found(3e20).fallen_out[0].reasons[0]
    weights = {"accuracy": 1.0, "creation": 0.5}
    weighed = recommend(samples, cells, Requirements(), draws=50, facts=facts, weights=weights)
    said = " ".join(recommendation_sentences(weighed))
    assert "Creation FLOPs of a are an upper bound, and weighed as such" in said


@pytest.mark.parametrize(
    ("surely", "decided"),
    [
        (2e20, "Whether a is of a greater utility than b is not decidable: "),
        (None, "Whether a is of a greater utility than b is not decidable: "),
        (3e20, "b stays first whatever of those bounds was spent."),
    ],
)
def test_a_utility_of_a_bound_is_decided_where_the_bound_decides(
    surely: float | None, decided: str
) -> None:
    """As accurate: b took 2.5e20, a 5e20 at most, and so a is first if it took less than b."""
    facts: Facts = {
        "a": {"creation_flops": 5e20, "creation_at_most": "t", "creation_surely": surely},
        "b": {"creation_flops": 2.5e20, "creation_at_most": None},
    }
    samples, cells = run_of({"a": [1.0, 0.0], "b": [1.0, 0.0]})
    found = recommend(
        samples, cells, Requirements(), draws=50, facts=facts, weights={"creation": 1.0}
    )
    assert found.best is not None
    assert found.best.entry == "b"
    assert found.candidates[0].utility_most == found.candidates[0].utility == 0
    most = found.candidates[1].utility_most
    assert most == (None if surely is None else pytest.approx(-1 + np.log2(5e20 / surely)))
    assert decided in " ".join(recommendation_sentences(found))


def test_a_utility_is_the_sum_of_weighted_doublings() -> None:
    """a is right twice as often as b and takes eight times the FLOPs: at a weight of 0.2 three
    doublings take 0.6 of the one that accuracy is worth; at 0.5 they take 1.5."""
    samples, cells = run_of({"a": RIGHT, "b": HALF}, flops={"a": 8e9, "b": 1e9})

    def utilities(**weights: float) -> dict[str, float | None]:
        found = recommend(samples, cells, Requirements(), draws=500, weights=weights)
        assert found.utility is not None
        assert found.equals == ()
        return {c.entry: c.utility for c in found.candidates}

    light, heavy = utilities(accuracy=1, flops=0.2), utilities(accuracy=1, flops=0.5)
    assert light == pytest.approx({"a": -0.6, "b": -1.0})
    assert heavy == pytest.approx({"b": -1.0, "a": -1.5})
    assert [next(iter(found)) for found in (light, heavy)] == ["a", "b"]
    assert list(utilities(flops=1)) == ["b", "a"]  # by the cost alone


def test_the_certainty_of_a_utility_is_its_share_of_draws() -> None:
    """b leads where its draw of 20 has 2^(-0.6) x 20 = 13.2 right or more: 14, and a is right on
    all. Binomial with n 20, p 1/2: P(X >= 14) = 0.0577."""
    samples, cells = run_of({"a": RIGHT, "b": HALF}, flops={"a": 8e9, "b": 1e9})
    weights = {"accuracy": 1.0, "flops": 0.2}
    found = recommend(samples, cells, Requirements(), draws=10_000, weights=weights)
    assert found.candidates[1].probability_best == pytest.approx(0.0577, abs=0.008)
    said = recommendation_sentences(found)
    assert said[0].startswith("Take a: utility -0.6, accuracy 100.0% (95% interval ")
    assert ", of the greatest utility in 94" in said[0]
    assert said[1].startswith(
        "Utility: 1 x log2(accuracy / best) - 0.2 x log2(FLOPs of a question / least); 0 is the"
    )


def test_what_is_weighted_and_not_known_falls_out() -> None:
    samples, cells = run_of({"a": RIGHT, "b": HALF, "c": WRONG})
    facts: Facts = {"a": {"usd": "no price"}, "b": {"usd": 0.001}, "c": {"usd": 0.002}}
    weights = {"accuracy": 1.0, "usd": 1.0}
    found = recommend(samples, cells, Requirements(), draws=50, facts=facts, weights=weights)
    assert [c.entry for c in found.candidates] == ["b"]
    assert {out.entry: out.reasons for out in found.fallen_out} == {
        "a": ("price of 1,000 questions is not available (no price)",),
        "c": ("accuracy 0.0% has no ratio to the best",),
    }
    for bad in ({"energi": 1.0}, {"energy": -1.0}, {"energy": float("nan")}, {"energy": 0.0}):
        with pytest.raises(InputError, match="weight"):
            recommend(samples, cells, Requirements(), weights=bad)


answers = st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=6, max_size=6)


@settings(max_examples=30)
@given(st.lists(answers, min_size=1, max_size=4))
def test_probabilities_add_up_and_do_not_hang_on_the_order(drawn: list[list[float]]) -> None:
    names = [f"m{i}" for i in range(len(drawn))]
    scores = dict(zip(names, drawn, strict=True))
    found = choose(scores)
    by_name = {c.entry: c.probability_best for c in found.candidates}
    once = {c.entry: c for c in found.candidates if all(c.entry < o for o in c.same_as)}
    if len(once) == 1:
        assert set(by_name.values()) == {None}
    else:
        total = sum(c.probability_best or 0.0 for c in once.values())
        assert total == pytest.approx(1.0)
    turned = choose(dict(reversed(scores.items())))
    assert {c.entry: c.probability_best for c in turned.candidates} == by_name


def test_an_entry_of_unknown_cost_is_not_dearer_than_one_of_known_cost() -> None:
    samples, cells = run_of({"a": RIGHT, "b": [*RIGHT[:-1], 0.0]})
    known = pl.col("entry") == "b"
    samples = samples.with_columns(pl.when(known).then(pl.col("total_s", "flops")))
    cells = cells.with_columns(pl.when(known).then("peak_memory_bytes"))
    found = recommend(samples, cells, Requirements(), draws=200)
    assert [c.entry for c in found.candidates] == ["a", "b"]
    assert [c.entry for c in found.ties] == ["b"]
    assert found.cheapest_tie is None


def test_what_takes_less_of_one_cost_and_more_of_another_says_both() -> None:
    nearly = [*HALF[:-2], 0.0, 0.0]
    costs = {"flops": {"big": 2e9, "small": 1e9}, "memory": {"big": 100, "small": 300}}
    said = " ".join(recommendation_sentences(choose({"big": HALF, "small": nearly}, **costs)))
    assert "small takes 0.5 times the FLOPs, about the same p95 latency but 3 times" in said
    assert "but 3 times the memory, and its accuracy of" in said
    assert "costs less" not in said
