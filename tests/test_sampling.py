"""How tokens are chosen: suite, model and card, and a seed of its own for every epoch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser, ContentText

from distilbench.catalog import load_catalog
from distilbench.errors import InputError
from distilbench.providers import provider_of
from distilbench.runner import Cell, plan, run_suite
from distilbench.runner._conduct import sampling_seed, without_system
from distilbench.runner._sampling import request_options
from distilbench.suite import Suite

R1 = "deepseek-r1-distill-qwen-1.5b"
TASK = {"reasoning_gym": "chain_sum", "name": "sums", "questions": 2, "fewshot": 0}


def cell(
    suite: Any = None, model: Any = None, source: str = "inspect:vllm/x", card: Any = R1
) -> Cell:
    made = {
        "name": "s",
        "models": [{"source": source, "card": card, "generation": model or {}}],
        "tasks": [TASK],
        "generation": suite or {},
    }
    return plan(Suite.model_validate(made), Path(), "suite.yaml")[0]


def test_nothing_said_is_greedy_with_a_system_prompt() -> None:
    found = cell()
    assert found.generation.model_dump(exclude_none=True) == {
        "temperature": 0.0,
        "system_prompt": True,
    }
    assert found.sampling_source == "default"


def test_the_card_says_how_its_model_is_sampled() -> None:
    found = cell("recommended")
    assert found.generation.temperature == 0.6
    assert found.generation.top_p == 0.95
    assert found.generation.system_prompt is False
    assert "DeepSeek-R1 repository, README" in found.sampling_source


@pytest.mark.parametrize(
    ("suite", "model", "temperature", "top_p"),
    [
        ({"temperature": 0.9}, {}, 0.9, None),
        ({"temperature": 0.9}, {"top_p": 0.5}, 0.9, 0.5),
        ({"temperature": 0.9}, {"temperature": 0}, 0.0, None),
        ({"temperature": 0.9}, "recommended", 0.6, 0.95),
        ({"recommended": True, "temperature": 0.9}, {}, 0.9, 0.95),
        ("recommended", {"recommended": False}, 0.0, None),
        ({"temperature": 0.9}, {"recommended": True, "top_p": 1}, 0.6, 1.0),
    ],
)
def test_the_model_wins_over_the_suite_and_words_over_advice(
    suite: Any, model: Any, temperature: float, top_p: float | None
) -> None:
    found = cell(suite, model).generation
    assert (found.temperature, found.top_p) == (temperature, top_p)


def test_a_model_without_advice_keeps_the_default_unless_it_asks_for_it() -> None:
    assert cell("recommended", card="gpt-4o-mini", source="inspect:openai/x").sampling_source == (
        "default"
    )
    for card, words in (("gpt-4o-mini", "recommends no sampling"), (None, "has no card")):
        with pytest.raises(InputError, match=rf"models\[0\]\.generation.*{words}"):
            cell(model="recommended", card=card)


def test_what_a_server_cannot_be_told_is_refused_or_off() -> None:
    with pytest.raises(InputError, match="'top_k' cannot be sent to 'openai'"):
        cell({"top_k": 20}, source="inspect:openai/x")
    assert cell({"min_p": 0}, source="inspect:openai/x").generation.min_p is None
    qwen = cell("recommended", card="qwen3-8b")
    assert request_options(qwen.generation, provider_of(qwen.reference)) == (
        {"temperature": 0.6, "top_p": 0.95, "top_k": 20},
        {"min_p": 0.0, "top_k": 20},
    )


def test_every_recommendation_names_a_source_and_samples() -> None:
    catalog = load_catalog()
    advised = [card for card in catalog.cards.values() if card.sampling]
    assert len(advised) >= 17
    for card in advised:
        assert card.sampling is not None
        assert catalog.source(card, card.sampling.source).title
        assert card.sampling.temperature
    distills = [c for c in advised if c.id.startswith("deepseek-r1-distill")]
    assert len(distills) == 6
    assert all(c.sampling and c.sampling.system_prompt is False for c in distills)


def test_no_two_epochs_of_any_seeds_share_their_sampling_seed() -> None:
    seeds = {sampling_seed(seed, epoch) for seed in range(50) for epoch in range(1, 201)}
    assert len(seeds) == 50 * 200
    assert sampling_seed(0, 1) == 0
    assert min(sampling_seed(-3, epoch) for epoch in (1, 2)) >= 0


def test_instructions_move_into_the_first_user_turn() -> None:
    shown = [ChatMessageUser(content="1+1?"), ChatMessageAssistant(content="2")]
    asked = ChatMessageUser(content="2+2?")
    moved = without_system([ChatMessageSystem(content="Be brief."), *shown, asked])
    assert [m.role for m in moved] == ["user", "assistant", "user"]
    assert moved[0].text == "Be brief.\n\n1+1?"
    assert moved[-1].text == "2+2?"
    assert without_system(moved) == moved
    parts = ChatMessageUser(content=[ContentText(text="look")])
    assert without_system([ChatMessageSystem(content="Be brief."), parts])[0].text == (
        "Be brief.\nlook"
    )
    assert without_system([ChatMessageSystem(content="Alone.")])[0].role == "user"
    assert shown[0].text == "1+1?"


SAMPLED = """
models: [{source: pypi:smollm2-135m-instruct, generation: {system_prompt: false}}]
tasks: [{reasoning_gym: chain_sum, name: sums, questions: 3, fewshot: 0, stop: [], max_tokens: 16,
         instruction: Reply in French.}]
profiles: [{slots: 3, context: 512}]
epochs: 3
generation: {temperature: 1.5, min_p: 0.01}
"""


@pytest.mark.model
def test_epochs_differ_repeat_and_ask_without_a_system_prompt(tmp_path: Path) -> None:
    from inspect_ai.log import list_eval_logs, read_eval_log

    def answers(folder: Path) -> dict[tuple[str, int], str]:
        folder.mkdir()
        path = folder / "sampled.yaml"
        path.write_text(SAMPLED)
        result = run_suite(path, folder / "runs")
        (info,) = list_eval_logs(str(result.run_dir / "cells"))
        samples = read_eval_log(info, resolve_attachments=True).samples or []
        for sample in samples:
            (call,) = [e for e in sample.events if e.event == "model"]
            assert [m.role for m in call.input] == ["user"]
            assert call.input[0].text.startswith("Reply in French.\n\n")
        cells = pl.read_parquet(result.run_dir / "cells.parquet").row(0, named=True)
        assert (cells["temperature"], cells["min_p"]) == (1.5, 0.01)
        assert cells["system_prompt"] is False
        assert cells["sampling_source"] == "suite"
        return {(str(s.id), s.epoch): s.output.completion for s in samples}

    first, again = answers(tmp_path / "a"), answers(tmp_path / "b")
    assert len(first) == 9
    for question in {key[0] for key in first}:
        assert len({first[question, epoch] for epoch in (1, 2, 3)}) == 3
    assert json.dumps(sorted(first.items())) == json.dumps(sorted(again.items()))
