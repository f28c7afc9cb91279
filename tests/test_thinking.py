"""Thoughts told from answers: tags, channels, thoughts that a limit cut off, and their tokens."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inspect_ai.model import (
    ChatMessage,
    ChatMessageUser,
    ContentReasoning,
    ContentText,
    GenerateConfig,
    Model,
    ModelAPI,
    ModelCall,
    ModelOutput,
)

from distilbench.engines import THINKING_KEY, EngineSettings
from distilbench.engines._completion import Sampling
from distilbench.engines._llama_cpp import LlamaCpp
from distilbench.engines._thinking import MARKERS, opened_by, separate, separated, separating


@pytest.mark.parametrize("marker", MARKERS, ids=lambda marker: marker.models)
def test_every_marker_parts_the_thought_from_the_answer(marker: tuple[str, str, str]) -> None:
    start, end, _ = marker
    assert separate(f"{start}\n1+1 is 2\n{end}\n\n2")[:3] == ("1+1 is 2", "2", False)
    assert separate(f"\n{start}1+1 is 3")[:3] == ("1+1 is 3", "", True)


def test_a_thought_that_the_prompt_began() -> None:
    opened = opened_by("<|im_start|>assistant\n<think>\n")
    assert opened == MARKERS[0]
    assert separate("so 2\n</think>\n2", opened)[:3] == ("so 2", "2", False)
    assert separate("so 2\n</think>\n2")[:3] == ("so 2", "2", False)
    assert separate("so the answer is 2", opened)[:3] == ("so the answer is 2", "", True)
    assert opened_by("<|im_start|>assistant\n<think>\n\n</think>\n\n") is None


def test_channels_leave_no_trace_in_the_thought_or_the_answer() -> None:
    text = (
        "<|channel|>analysis<|message|>add<|end|><|start|>assistant"
        "<|channel|>final<|message|>The answer is 2."
    )
    assert separate(text)[:2] == ("add", "The answer is 2.")


def test_speaking_of_a_tag_is_not_thinking() -> None:
    assert separate("Write the tag <think> first.")[:2] == (None, "Write the tag <think> first.")


@given(st.text(alphabet="ab <>/think\n", max_size=80), st.text(alphabet="ab \n", max_size=40))
def test_nothing_of_a_thought_is_ever_in_the_answer(thought: str, answer: str) -> None:
    assert separate(f"<think>{thought}</think>{answer}").answer == answer.strip()
    cut = separate(f"<think>{thought.replace('</think>', '')}")
    assert (cut.answer, cut.unfinished) == ("", True)


def output(content: str | list[object], stop: str = "stop") -> ModelOutput:
    made = ModelOutput.from_content("m", content, stop_reason=stop)  # type: ignore[arg-type]
    return separated(made)


def test_the_completion_is_the_answer_alone() -> None:
    made = output("<think>7? no, 8</think>8")
    assert made.completion == made.message.text == "8"
    (reasoning,) = [c for c in made.message.content if isinstance(c, ContentReasoning)]
    assert reasoning.reasoning == "7? no, 8"
    assert made.metadata == {THINKING_KEY: False}
    assert output("8").metadata is None


def test_a_thought_cut_off_is_told_from_one_that_just_stops() -> None:
    for stop, truncated in (("max_tokens", True), ("model_length", True), ("stop", False)):
        made = output("<think>the answer is 7", stop)
        assert made.completion == ""
        assert made.metadata == {THINKING_KEY: truncated}
    by_stop_string = ModelOutput.from_content("m", "<think>first,", stop_reason="stop")
    assert separated(by_stop_string, stops=True).metadata == {THINKING_KEY: True}
    parsed = [ContentReasoning(reasoning="the answer is 7"), ContentText(text="")]
    assert output(parsed, "max_tokens").metadata == {THINKING_KEY: True}
    done = [ContentReasoning(reasoning="the answer is 7"), ContentText(text="7")]
    assert output(done, "max_tokens").metadata == {THINKING_KEY: False}


class Served(ModelAPI):
    """A server that leaves the end tag in its text, as one without a reasoning parser does."""

    async def generate(self, *args: object, **more: object) -> tuple[ModelOutput, ModelCall]:
        call = ModelCall.create({}, {})
        return ModelOutput.from_content("served", "it is 7\n</think>\n8"), call


class Stopped(ModelAPI):
    """A server that stops at a stop string in the middle of a thought."""

    async def generate(self, *args: object, **more: object) -> ModelOutput:
        return ModelOutput.from_content("served", "<thinking>\nfirst", stop_reason="stop")


def test_a_thought_that_a_stop_string_ended_is_cut_for_every_provider() -> None:
    asked: list[ChatMessage] = [ChatMessageUser(content="?")]
    for stops, cut in ((["\n\n"], True), (None, False)):
        model = separating(Model(Stopped("served"), GenerateConfig()))
        request = model.api.generate(asked, [], "none", GenerateConfig(stop_seqs=stops))
        made = asyncio.run(request)
        assert isinstance(made, ModelOutput)
        assert made.metadata == {THINKING_KEY: cut}


@pytest.mark.parametrize(
    ("text", "thought", "answer"),
    [
        ("<thinking>7? 8</thinking>\n8", "7? 8", "8"),
        ("<|channel>thought\n7? 8<channel|>8", "7? 8", "8"),
        ("<|channel>thought\n<channel|>8", "", "8"),
        ("I write <thinking> tags", None, "I write <thinking> tags"),
    ],
)
def test_thoughts_in_other_marks(text: str, thought: str | None, answer: str) -> None:
    assert separate(text)[:2] == (thought, answer)


def test_any_provider_of_inspect_is_separated() -> None:
    model = separating(Model(Served("served"), GenerateConfig()))
    asked: list[ChatMessage] = [ChatMessageUser(content="?")]
    replied = asyncio.run(model.api.generate(asked, [], "none", GenerateConfig()))
    assert isinstance(replied, tuple)
    made = replied[0]
    assert isinstance(made, ModelOutput)
    assert made.completion == "8"
    assert made.metadata == {THINKING_KEY: False}


SHOTS = "".join(
    f"Question: {a}+{b}?\n<think>\n{a} and {b} make {a + b}\n</think>\n{a + b}\n\n"
    for a, b in ((1, 1), (2, 3), (4, 4), (3, 6), (5, 2))
)


@pytest.mark.model
def test_tokens_of_a_thought_are_counted_up_to_its_end_tag(gemma3: str) -> None:
    async def think(engine: LlamaCpp) -> None:
        prompt = f"{SHOTS}Question: 2+2?\n<think>\n"
        done = await engine.complete(prompt, Sampling(n_predict=60, stop=("\n\n",)))
        parts = separate(done.text, opened_by(prompt))
        assert parts.thought
        assert not parts.unfinished
        count, total = done.timing.reasoning_tokens, done.timing.output_tokens
        assert count
        assert total
        assert total == len(done.tokens)
        assert count < total

        async def text(number: int) -> str:
            reply = await engine._post("/detokenize", {"tokens": list(done.tokens[:number])})
            return str(reply["content"])

        assert "</think>" in await text(count)
        assert "</think>" not in await text(count - 1)
        cut = await engine.complete(prompt, Sampling(n_predict=3))
        assert separate(cut.text, opened_by(prompt)).unfinished
        assert cut.timing.reasoning_tokens == cut.timing.output_tokens == 3
        plain = await engine.complete("Question: 2+2?\nAnswer:", Sampling(n_predict=3))
        assert plain.timing.reasoning_tokens is None

    async def run() -> None:
        with LlamaCpp(Path(gemma3), EngineSettings(slots=1, context=512, threads=1)) as engine:
            await think(engine)
            await engine.aclose()

    asyncio.run(run())
