"""Stop sequences that a provider refuses."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from inspect_ai.model import GenerateConfig, Model, ModelOutput, get_model

from distilbench.engines._stops import stopping
from distilbench.providers import provider_of


def asked(provider: str, stops: list[str], text: str) -> tuple[list[str] | None, ModelOutput]:
    """The stop sequences that reach the provider, and the answer that comes of ``text``."""
    model: Model = get_model("mockllm/model", memoize=False)
    seen: list[list[str] | None] = []

    async def generate(config: GenerateConfig, **request: Any) -> ModelOutput:
        seen.append(config.stop_seqs)
        return ModelOutput.from_content("m", text, stop_reason="max_tokens")

    model.api.generate = generate  # type: ignore[assignment]
    api: Any = stopping(model, provider_of(provider)).api
    output = asyncio.run(api.generate(input=[], config=GenerateConfig(stop_seqs=stops)))
    return seen[0], output


def test_blank_stops_are_not_sent_to_anthropic_and_hold_all_the_same() -> None:
    sent, output = asked("anthropic", ["\n", "###"], "42\nfor sure")
    assert sent == ["###"]
    assert output.completion == "42"
    assert output.stop_reason == "stop"


def test_nothing_is_sent_where_all_stops_are_blank() -> None:
    sent, output = asked("anthropic", ["\n\n", "\n"], "no end")
    assert sent is None
    assert (output.completion, output.stop_reason) == ("no end", "max_tokens")


@pytest.mark.parametrize(("provider", "stops"), [("openai", ["\n"]), ("anthropic", ["END"])])
def test_others_are_sent_as_they_are(provider: str, stops: list[str]) -> None:
    sent, output = asked(provider, stops, "42\nfor sure")
    assert sent == stops
    assert output.completion == "42\nfor sure"
