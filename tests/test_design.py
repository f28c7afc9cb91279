"""Routes to a small model: their cost by hand, and what is claimed of their scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import distilbench
from distilbench._design import scores_of_run
from distilbench.catalog import Score, load_catalog
from distilbench.cli import app
from distilbench.compute import interval
from distilbench.errors import InputError
from distilbench.forecast.design import Design, KnownScore, Wish, design, price_of_an_hour
from distilbench.forecast.design._evidence import setting_of
from distilbench.forecast.design._routes import fitted
from distilbench.report import read_runs
from tests.made_runs import made_run, marks

GIB = 2**30


@pytest.fixture(scope="module")
def found() -> Design:
    return distilbench.design("gsm8k", 2 * GIB, 100, usd_per_hour=2)


def of(found: Design, kind: str, student: str) -> Any:
    return next(r for r in found.routes if (r.kind, r.student) == (kind, student))


def test_what_is_taken_fits_and_is_the_least_lossy_file_that_does(found: Design) -> None:
    catalog = load_catalog()
    for route in found.routes:
        assert route.memory_bytes <= 2 * GIB
    small, large = of(found, "take", "qwen3-0.6b"), of(found, "quantize", "qwen2.5-3b")
    assert small.quantization == "F16"
    assert large.quantization == "Q4_K_M"
    card = catalog.card("qwen2.5-3b")
    tight = fitted(card, wish(large.memory_bytes - 1))
    assert tight is None  # a byte less, and nothing fits
    assert not [r for r in found.routes if catalog.cards.get(r.student, card).role == "proprietary"]


def wish(memory: int, usd: float = 100.0, benchmark: str = "gsm8k", hour: float | None = 2) -> Wish:
    accelerator = load_catalog().accelerator("h100-sxm")
    price = price_of_an_hour("h100-sxm", hour)
    return Wish(benchmark, memory, usd, accelerator, price)


def test_the_tokens_that_money_pays_for_are_worked_out_by_hand(found: Design) -> None:
    """100 US dollars at 2 an hour are 50 hours of 989.4e12 FLOP/s; by the central utilisations."""
    from distilbench.compute import generation_utilisation, training_utilisation

    train = training_utilisation("plan").central
    sample = generation_utilisation("plan").central
    seconds, peak = 50 * 3600, 9.894e14
    student, teacher = 3.09e9, 3.25e10  # Qwen2.5 3B and 32B, by their cards
    tuned = of(found, "fine-tune", "qwen2.5-3b-instruct")
    assert tuned.tokens.central == pytest.approx(seconds * peak * train / (6 * student), rel=0.01)
    distilled = of(found, "distil", "qwen2.5-3b-instruct")
    assert distilled.teacher == "qwen2.5-32b-instruct"
    a_token_s = (6 * student / train + 2 * teacher / 0.5 / sample) / peak  # a half is kept
    assert distilled.tokens.central == pytest.approx(seconds / a_token_s, rel=0.01)
    told = interval(distilled.tokens)
    assert told.p5 < told.central < told.p95
    assert told.kind == "estimated"


def test_a_pruned_student_is_scored_by_its_parent(found: Design) -> None:
    from distilbench.compute import training_utilisation

    cut = of(found, "prune and distil", "llama-3.1-8b-9-layers")
    # Llama 3.1 8B: 218.1e6 weights a layer, 525.3e6 an embedding, two of these.
    assert cut.active_parameters == pytest.approx(9 * 218.1e6 + 2 * 525.3e6, rel=0.01)
    per_token = 6 * cut.active_parameters + 2 * 8.03e9
    paid = 50 * 3600 * 9.894e14 * training_utilisation("plan").central
    assert cut.tokens.central == pytest.approx(paid / per_token, rel=0.01)
    assert not cut.scores  # nothing is claimed of a model that nobody made
    assert any("MMLU" in text and "9.4e+10 tokens" in text for text in cut.evidence)


def test_scores_of_two_settings_are_not_ranked_as_one() -> None:
    """Phi and Llama on MMLU have scores with 5 shots and with none; the others are not compared."""
    found = distilbench.design("mmlu", 4 * GIB, 0)
    assert {route.kind for route in found.routes} == {"take", "quantize"}  # no money
    assert found.setting == "accuracy, 5-shot, direct"
    best = next(route for route in found.routes if route.kind == "quantize")
    in_setting = [
        (score.value, route.student)
        for route in found.routes
        for score in route.scores
        if score.setting == found.setting
    ]
    assert (best.scores[0].value, best.student) == max(in_setting)
    assert best.student in found.sentences[0]
    assert "Nothing can be trained: there is no money for it." in found.sentences


def test_what_a_source_does_not_say_agrees_with_its_own_scores_only() -> None:
    given = {"benchmark": "gsm8k", "value": 50, "metric": "accuracy", "where": "a table"}
    one, other = (
        Score.model_validate({**given, "mode": "unstated", "shots": 5, "source": source})
        for source in ("paper-a", "paper-b")
    )
    assert setting_of(one) != setting_of(other)
    stated = [
        Score.model_validate({**given, "mode": "cot", "shots": 8, "source": source})
        for source in ("paper-a", "paper-b")
    ]
    assert setting_of(stated[0]) == setting_of(stated[1])


def test_a_measured_score_stands_before_published_ones() -> None:
    mine = KnownScore("mine", 12.0, 4.0, 30.0, "measured, 20 questions", "measured", "runs/a")
    found = design(wish(2 * GIB), load_catalog(), {"qwen3-0.6b": [mine]})
    assert found.setting == "measured, 20 questions"
    assert found.routes[0].student == "qwen3-0.6b"
    assert "12 (4.0 to 30.0)" in found.sentences[0]


def test_no_sentence_predicts_a_score(found: Design) -> None:
    trained = [route for route in found.routes if route.tokens is not None]
    assert trained
    assert all(route.unknown for route in trained)
    assert "not known before it is tried" in found.sentences[-1]


def test_nothing_fits_a_tiny_memory() -> None:
    found = distilbench.design("gsm8k", 2**20, 100)
    assert not [route for route in found.routes if route.kind != "prune and distil"]
    assert found.sentences[0].startswith("No model of the catalog fits")


@pytest.mark.parametrize(
    ("task", "more", "said"),
    [
        ("gsm9k", {}, "use one of: gsm8k"),
        ("gsm8k", {"accelerator": "h100"}, "use one of: h100-sxm"),
        ("gsm8k", {"accelerator": "t4"}, "give --usd-per-hour"),
    ],
)
def test_what_is_not_known_is_refused(task: str, more: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        distilbench.design(task, 2 * GIB, 100, **more)
    assert said in str(caught.value)


def test_the_assumed_price_is_a_range_and_says_so() -> None:
    words = ["design", "--task", "gsm8k", "--memory", "2GiB", "--usd", "100", "--json"]
    told = json.loads(CliRunner().invoke(app, words, catch_exceptions=False).output)
    assert told["usd_per_hour"]["kind"] == "estimated"
    assert told["usd_per_hour"]["p5"] < told["usd_per_hour"]["p95"]
    tuned = next(route for route in told["routes"] if route["kind"] == "fine-tune")
    assert "price of an hour of h100-sxm" in tuned["tokens"]["unknowns"]
    assert all(score["known"] == "published" for r in told["routes"] for score in r["scores"])


def test_scores_of_a_run_stand_beside_the_cards(tmp_path: Path) -> None:
    right = {"mine": {"gsm8k": marks(15, 20), "others": marks(1, 20)}}
    run = made_run(tmp_path / "own", right, cell_fields={"card": "qwen3-0.6b"})
    data = read_runs([("own", run)])
    ((card, score),) = scores_of_run(data, "gsm8k", "runs/own")
    assert (card, score.known, score.value) == ("qwen3-0.6b", "measured", 75)
    assert score.low == pytest.approx(53.1, abs=0.1)  # Wilson's, of 15 of 20
    assert "20 questions of own" in score.setting
    with pytest.raises(InputError, match="holds no answer of a model with a card"):
        scores_of_run(data, "mmlu", "runs/own")
