"""The embedded engine on the two packaged models."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
import xllamacpp

from distilbench.engines import EngineSettings, locate_model
from distilbench.engines._completion import (
    END_OF_THINKING,
    Message,
    Sampling,
    ThinkingBudget,
    few_shot_prompt,
)
from distilbench.engines._llama_cpp import LlamaCpp
from distilbench.engines._process import EngineDied, EngineError
from distilbench.errors import InputError
from distilbench.source import Source
from distilbench.suite import Profile
from tests.tiny_gguf import tiny_gguf

pytestmark = pytest.mark.model
T = TypeVar("T")


def with_engine(
    path: str,
    work: Callable[[LlamaCpp], Awaitable[T]],
    slots: int = 2,
    context: int = 512,
    cancellable: bool = False,
) -> T:
    async def run() -> T:
        settings = EngineSettings(slots=slots, context=context, threads=1, cancellable=cancellable)
        with LlamaCpp(Path(path), settings) as engine:
            try:
                return await work(engine)
            finally:
                await engine.aclose()

    return asyncio.run(run())


def conversation(question: str) -> list[Message]:
    shots = [("What is 1+1?", "2"), ("What is 2+3?", "5"), ("What is 4+4?", "8")]
    turns = [
        message
        for q, a in shots
        for message in ({"role": "user", "content": q}, {"role": "assistant", "content": a})
    ]
    return [*turns, {"role": "user", "content": question}]


def test_a_chat_model_gets_its_template_and_a_base_model_plain_text(
    smollm2: str, gemma3: str
) -> None:
    async def prompt(engine: LlamaCpp) -> str:
        return await engine.prompt(conversation("What is 3+4?"))

    assert "<|im_start|>user\nWhat is 3+4?<|im_end|>" in with_engine(smollm2, prompt)
    plain = with_engine(gemma3, prompt)
    assert plain == few_shot_prompt(conversation("What is 3+4?"))
    assert plain.endswith("Answer: 8\n\nQuestion: What is 3+4?\nAnswer:")


def test_threads_wait_as_the_settings_say_and_not_as_the_shell_does(
    smollm2: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    assert Profile().spin_count == EngineSettings().spin_count
    for settings, spins in ((EngineSettings(), 1_000), (EngineSettings(spin_count=0), 0)):
        with LlamaCpp(Path(smollm2), settings) as engine:
            told = Path(f"/proc/{engine.pid}/environ").read_bytes().split(b"\0")
            assert engine.system_info == xllamacpp.get_system_info()  # of the very process
        assert f"GOMP_SPINCOUNT={spins}".encode() in told
        assert not [entry for entry in told if entry.startswith(b"OMP_WAIT_POLICY")]


def test_greedy_decoding_repeats_and_sampling_follows_its_seed(smollm2: str) -> None:
    async def answers(engine: LlamaCpp) -> list[str]:
        prompt = await engine.prompt([{"role": "user", "content": "Tell me a story."}])
        settings = [Sampling(n_predict=24)] * 2
        settings += [Sampling(n_predict=24, temperature=1.0, seed=seed) for seed in (1, 1, 2)]
        return [(await engine.complete(prompt, s)).text for s in settings]

    greedy, again, first, same, other = with_engine(smollm2, answers, slots=1)
    assert greedy == again
    assert first == same
    assert first != other


def test_limits_and_stops_and_the_clock(smollm2: str) -> None:
    async def complete(engine: LlamaCpp) -> None:
        prompt = await engine.prompt([{"role": "user", "content": "Count: one, two, three,"}])
        limited = await engine.complete(prompt, Sampling(n_predict=5))
        assert (limited.ended, limited.timing.output_tokens) == ("length", 5)
        clock = limited.timing
        assert clock.prefill_s
        assert clock.decode_s
        assert clock.ttft_s
        assert clock.prefill_s + clock.decode_s <= clock.total_s * 1.02
        assert clock.prefill_s <= clock.ttft_s <= clock.total_s
        full = await engine.complete(prompt, Sampling(n_predict=40))
        stop = full.text[8:12]
        stopped = await engine.complete(prompt, Sampling(n_predict=40, stop=(stop,)))
        assert stopped.ended == "stop"
        assert stopped.text == full.text[: full.text.index(stop)]
        too_long = await engine.complete("word " * 2000, Sampling())
        assert (too_long.ended, too_long.text) == ("context", "")

    with_engine(smollm2, complete)


@pytest.mark.parametrize(
    ("model", "context"), [("smollm2", 512), ("gemma3", 512), ("gemma3", 2048)]
)
def test_the_shared_prefix_is_evaluated_once_for_all_slots(
    model: str, context: int, request: pytest.FixtureRequest
) -> None:
    """Gemma's window of 512 is kept whole in a short context and restored in a long one."""

    async def tokens(engine: LlamaCpp) -> tuple[int, list[tuple[int, int]]]:
        prompts = [await engine.prompt(conversation(f"What is {i}+{i}?")) for i in range(9)]
        warm = await engine.warm_up(prompts[:2])
        done = await asyncio.gather(*(engine.complete(p, Sampling(n_predict=4)) for p in prompts))
        return warm.tokens, [
            (c.timing.input_tokens or 0, c.timing.cached_tokens or 0) for c in done
        ]

    path = request.getfixturevalue(model)
    warmed, counts = with_engine(path, tokens, slots=3, context=context)
    assert warmed > 30
    for total, cached in counts:
        assert cached >= warmed - 5
        assert total - cached < 20


def test_a_shared_prefix_that_does_not_fit_is_an_overflow_of_each_question(gemma3: str) -> None:
    """Gemma's slots read the prefix in again before each question, where there is one to read."""

    async def ask(engine: LlamaCpp) -> list[str]:
        prompts = ["word " * 3100 + question for question in ("One?", "Two?")]
        with pytest.raises(EngineError):
            await engine.warm_up(prompts)
        return [(await engine.complete(p, Sampling(n_predict=4))).ended for p in (*prompts, "Hi")]

    assert with_engine(gemma3, ask, slots=1, context=3072) == ["context", "context", "length"]


def test_parallel_greedy_answers_do_not_leak_between_slots(gemma3: str) -> None:
    """Each question's own number must come back: a mixed-up slot would answer another's."""

    async def echo(engine: LlamaCpp) -> list[str]:
        shots = "".join(f"Question: Repeat {n}\nAnswer: {n}\n\n" for n in (512, 37, 904, 61))
        prompts = [f"{shots}Question: Repeat {n}\nAnswer:" for n in range(100, 112)]
        await engine.warm_up(prompts[:2])
        done = await asyncio.gather(
            *(engine.complete(p, Sampling(n_predict=8, stop=("\n",))) for p in prompts)
        )
        return [completion.text.strip() for completion in done]

    answers = with_engine(gemma3, echo, slots=4)
    assert answers == [str(n) for n in range(100, 112)]


def test_a_cancelled_request_frees_its_slot_at_once(smollm2: str) -> None:
    async def cancel(engine: LlamaCpp) -> tuple[float, float]:
        long = Sampling(n_predict=450, stop=())
        prompt = await engine.prompt([{"role": "user", "content": "Write a very long story."}])
        started = time.perf_counter()
        await engine.complete(prompt, Sampling(n_predict=45, stop=()))
        tenth = time.perf_counter() - started
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(engine.complete(prompt, long), 0.3)
        started = time.perf_counter()
        await engine.complete(prompt, Sampling(n_predict=1))
        return time.perf_counter() - started, tenth

    waited, tenth = with_engine(smollm2, cancel, slots=1, cancellable=True)
    assert waited < 5 * tenth  # half of what the cancelled one would have taken


def test_a_streamed_answer_is_the_same_as_a_whole_one(smollm2: str) -> None:
    async def answer(engine: LlamaCpp) -> tuple[str, str, int | None]:
        prompt = await engine.prompt([{"role": "user", "content": "What is a café? Name two."}])
        done = await engine.complete(prompt, Sampling(n_predict=40))
        return done.text, done.ended, done.timing.output_tokens

    streamed = with_engine(smollm2, answer, slots=1, cancellable=True)
    assert streamed == with_engine(smollm2, answer, slots=1)


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"GGUF" + b"\0" * 100)
    with pytest.raises(InputError, match=r"broken\.gguf"):
        LlamaCpp(path, EngineSettings())


def test_an_architecture_that_llama_cpp_lacks_fails_to_load_with_a_reason(tmp_path: Path) -> None:
    path = tiny_gguf(tmp_path / "alien.gguf", "alien")
    with pytest.raises(EngineError, match=r"could not load alien\.gguf: .+"):
        LlamaCpp(path, EngineSettings(slots=1, context=256)).load()


def test_an_engine_that_died_is_started_again_for_the_same_questions(smollm2: str) -> None:
    async def die_once(engine: LlamaCpp) -> tuple[list[str], list[str]]:
        prompts = [await engine.prompt(conversation(f"What is {i}+{i}?")) for i in range(5)]
        await engine.warm_up(prompts[:2])

        async def answers() -> list[str]:
            sampling = Sampling(n_predict=24)
            return [
                c.text
                for c in await asyncio.gather(*(engine.complete(p, sampling) for p in prompts))
            ]

        before = await answers()
        engine.usage.begin()
        spent = engine.usage.cpu_seconds
        asked = asyncio.create_task(answers())
        await asyncio.sleep(0.15)
        assert engine.pid
        os.kill(engine.pid, signal.SIGKILL)
        after = await asked
        assert len(engine.usage._cpu) == 2
        assert (engine.usage.cpu_seconds or 0) > (spent or 0) > 0
        assert engine.usage.peak_memory_bytes is None
        return before, after

    before, after = with_engine(smollm2, die_once)
    assert after == before


def test_a_question_that_the_engine_dies_of_twice_is_a_crash_and_the_next_is_answered(
    smollm2: str,
) -> None:
    async def deadly(engine: LlamaCpp) -> str:
        killed: list[str] = []

        async def killer() -> None:
            while len(killed) < 2:
                await asyncio.sleep(0.1)
                if engine.pid and engine.address[0] not in killed:  # loaded, under a new address
                    killed.append(engine.address[0])
                    os.kill(engine.pid, signal.SIGSEGV)

        prompt = await engine.prompt([{"role": "user", "content": "Tell a long story."}])
        killing = asyncio.create_task(killer())
        with pytest.raises(EngineDied, match="signal 11") as caught:
            await engine.complete(prompt, Sampling(n_predict=400))
        await killing
        assert caught.value.failure == "crash"
        return (await engine.complete(prompt, Sampling(n_predict=3))).text

    assert with_engine(smollm2, deadly)


def test_a_thinking_budget_ends_the_thought_and_asks_for_the_answer(smollm2: str) -> None:
    async def answer(engine: LlamaCpp) -> None:
        question = "A box has 3 rows of 4 pens. Explain in many steps how many pens there are."
        prompt = await engine.prompt([{"role": "user", "content": question}])
        budget = ThinkingBudget(16, opener="#### ")
        forced = await engine.complete(prompt, Sampling(n_predict=6), budget)
        thought, _, said = forced.text.partition(END_OF_THINKING)
        assert forced.forced is True
        assert thought.rstrip().endswith("The final answer is")
        assert said.strip().startswith("#### ")
        timing = forced.timing
        assert timing.reasoning_tokens == 16
        assert timing.output_tokens is not None
        assert 16 < timing.output_tokens <= 16 + 6
        plain = await engine.complete(prompt, Sampling(n_predict=16))
        assert thought.startswith(plain.text)
        lead = len(await engine.tokenize("The final answer is ####"))
        assert timing.input_tokens is not None
        assert plain.timing.input_tokens is not None
        assert 0 < timing.input_tokens - plain.timing.input_tokens <= lead + 4
        free = await engine.complete(prompt, Sampling(n_predict=6), ThinkingBudget(400))
        assert free.forced is False
        assert END_OF_THINKING not in free.text

    with_engine(smollm2, answer, slots=1)


@pytest.mark.parametrize(
    ("source", "remedy"),
    [
        ("pypi:unknown", "gemma-3-270m"),
        ("hf:owner/name", "hf:owner/name/file.gguf"),
        ("none.gguf", "path"),
    ],
)
def test_models_that_cannot_be_found(source: str, remedy: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="field 'models") as caught:
        locate_model(Source.parse(source), tmp_path, "suite.yaml: field 'models[0].source'")
    assert remedy in str(caught.value)
