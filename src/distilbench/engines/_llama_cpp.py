"""The embedded engine: a GGUF model served by llama.cpp in a process of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from distilbench.architecture import ModelDescription, describe
from distilbench.engines._binary import Binary
from distilbench.engines._completion import (
    BASE_MODEL_STOP,
    END_OF_THINKING,
    FEW_SHOT_TEMPLATE,
    Completion,
    Message,
    Sampling,
    ThinkingBudget,
    few_shot_prompt,
    joined,
    read_refusal,
    read_reply,
)
from distilbench.engines._contract import WarmUp
from distilbench.engines._likelihood import Scored, generating, score
from distilbench.engines._limits import Fence
from distilbench.engines._lives import Lives, Post, T
from distilbench.engines._memory import gpu_layers_that_fit
from distilbench.engines._process import EngineDied, EngineError, EngineKilled
from distilbench.engines._server_process import engine_process
from distilbench.engines._sessions import Sessions
from distilbench.engines._settings import CHECKPOINTS, EngineSettings, Listen, forgets_prefix
from distilbench.engines._thought_tokens import with_thought_counted
from distilbench.engines._tokens import shared_prefix
from distilbench.meter import ProcessUsage, usable_cores

_PREFIX = "prefix.bin"
_CHECKPOINT_LAG = 5  # llama.cpp puts its checkpoint so many tokens before the end of a prompt
_LEAST_PREFIX = 16  # tokens; a shorter shared prefix is not worth the copies
_GLANCE_S = 0.2
_TEMPLATE_S = 60.0
"""That a chat template may take; one of a million tokens takes a second."""
_LONG_S = 0.5  # of a template that is given up: it is to blame for that, and will not end


@dataclass
class LlamaCpp:
    """A loaded model. Use as a context manager, or call :meth:`load` and :meth:`close`.

    llama.cpp's own server runs in a child process (:class:`EngineProcess`): its memory can be
    told from the harness's, limited, and lost without losing the run. Requests are streamed only
    where a question has a time limit: llama.cpp notices that a caller has gone only while it sends,
    but each event costs half a millisecond of a core that could decode.
    """

    path: Path
    settings: EngineSettings
    listen: Listen | None = None
    """Where to listen; default: on a free loopback port under a key made up for it."""
    binary: Binary | None = None
    """A llama-server of the user's own that runs it; null: the llama.cpp of xllamacpp."""
    description: ModelDescription = field(init=False)
    fence: Fence = field(init=False)
    usage: ProcessUsage = field(init=False, default_factory=ProcessUsage)
    """What the engine's processes took: it is started again when it dies."""
    _lives: Lives = field(init=False)
    _sessions: Sessions = field(init=False)
    _warm: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self.description = describe(self.path)
        self.fence = Fence(self.settings.memory_bytes, self.settings.cpus)
        self._sessions = Sessions(self.settings.slots, lambda: self.address)
        self._lives = Lives(
            self.path.name, self._sessions, self._start_settings, self._restoring_all
        )

    def __enter__(self) -> LlamaCpp:
        self.load()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def threads(self) -> int:
        return self.settings.threads or min(usable_cores(), self.settings.cpus or usable_cores())

    @property
    def pid(self) -> int | None:
        """Process of the engine while a model is loaded."""
        return self._lives.pid

    @property
    def lost(self) -> EngineKilled | None:
        """Why it cannot be run here now: its process was ended from outside again and again."""
        return self._lives.lost

    @property
    def load_s(self) -> float | None:
        """Seconds that loading the model took."""
        return process.load_s if (process := self._lives.process) else None

    @property
    def system_info(self) -> str | None:
        """What the loaded llama.cpp says of its own build; null: not known."""
        return process.system_info if (process := self._lives.process) else None

    @property
    def compiler(self) -> str | None:
        """What compiled it and for what, as its package tells; null: not known."""
        return process.compiler if (process := self._lives.process) else None

    @property
    def address(self) -> tuple[str, str]:
        """URL and API key of the OpenAI-compatible server on loopback."""
        process = self._lives.process
        assert process is not None
        return process.url, process.key

    @property
    def chat(self) -> bool:
        """Whether the model has a chat template; a base model has none."""
        return bool(self.description.chat_template)

    def load(self) -> None:
        """Load the model. Does nothing the second time; a model that failed once fails at once.

        Raises ``EngineDied`` if its memory does not suffice, ``EngineKilled`` if it is ended from
        outside each time, ``EngineError`` if it fails otherwise.
        """
        if self._lives.failed is not None:
            raise self._lives.failed
        if self._lives.process is not None:
            return
        gpu, spins = self.settings.gpu_index, self.settings.spin_count
        process = engine_process(self.binary, self.fence, self.usage, gpu, spins)
        if self.listen is not None:
            process.key = self.listen.key
        self._lives.begin(process)

    def wait(self) -> None:
        """Return when the engine's process is gone: raises ``EngineError``, which says why."""
        process = self._lives.process
        assert process is not None
        while process.is_running:
            time.sleep(_GLANCE_S)
        raise process.death()

    def close(self) -> None:
        """End the engine's process and delete its scratch files."""
        self._lives.close()
        self.fence.remove()

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        await self._sessions.aclose()

    async def prompt(self, messages: list[Message]) -> str:
        """The text that a conversation becomes: the model's own chat template, or few-shot
        completion for a base model, which has none."""
        if not self.chat:
            return few_shot_prompt(messages)
        return str((await self._lives.surely(lambda: self._render(messages)))["prompt"])

    async def _render(self, messages: list[Message]) -> dict[str, Any]:
        """llama.cpp goes on with a template that nobody waits for any more. One that does not end
        is ended with its process."""
        asked, started = await self._lives.ready(), time.monotonic()
        try:
            async with asyncio.timeout(_TEMPLATE_S):
                return await self._post("/apply-template", {"messages": messages})
        except (TimeoutError, asyncio.CancelledError) as error:
            taken_s = time.monotonic() - started
            endless = EngineDied("timeout", f"the chat template did not end in {taken_s:.0f} s")
            if taken_s > _LONG_S and self.pid == asked:
                self._lives.end_for(endless)
            if isinstance(error, TimeoutError):
                raise endless from error
            raise

    async def tokenize(self, text: str) -> list[int]:
        """Tokens of a prompt, with the beginning-of-sequence token where the model wants it."""
        request = {"content": text, "add_special": True, "parse_special": True}
        reply = await self._lives.surely(lambda: self._post("/tokenize", request))
        return [int(token) for token in reply["tokens"]]

    async def warm_up(self, prompts: list[str]) -> WarmUp:
        """Evaluate the longest token prefix that ``prompts`` share, once for all slots.

        One slot evaluates it, its state is saved, and the others read it in: milliseconds, where
        each slot left to itself would evaluate the whole prefix again.
        """
        self._lives.begin_cell()
        return await self._lives.surely(lambda: self._share_prefix(prompts))

    async def _share_prefix(self, prompts: list[str]) -> WarmUp:
        started = time.perf_counter()
        tokens = [await self.tokenize(prompt) for prompt in prompts]
        shared = shared_prefix(tokens)
        self._warm = False  # until there is a state to read in
        if len(prompts) < 2 or shared < _LEAST_PREFIX:
            return WarmUp()
        # A running state goes on from its end only: that must be the end of the prefix.
        lag = 0 if self.description.recurrent else _CHECKPOINT_LAG
        evaluated = tokens[0][: shared + lag]
        await self._post("/completion", {"prompt": evaluated, "n_predict": 0, "id_slot": 0})
        await self._post("/slots/0?action=save", {"filename": _PREFIX})
        for slot in range(1, self.settings.slots):
            await self._restore(slot)
        self._warm = True
        return WarmUp(len(evaluated), time.perf_counter() - started)

    async def complete(
        self, prompt: str, sampling: Sampling, budget: ThinkingBudget | None = None
    ) -> Completion:
        """Generate after ``prompt``, under a thinking budget if one is given.

        A prompt that does not fit the context comes back empty, ended by ``context``. If the
        engine dies it is started again, and the question asked once more with no other beside it:
        raises ``EngineDied`` if the engine dies of it again, ``EngineError`` if it fails otherwise.
        A death from outside blames no question: raises ``EngineKilled`` once :attr:`lost` is set.
        """
        return await self._asked(lambda slot: self._answer(prompt, sampling, budget, slot))

    async def likelihoods(self, asked: Sequence[tuple[str, str]]) -> Scored | None:
        """How likely each text is behind its context (pairs of context and text), one after the
        other in one slot; null: one does not fit the context. Deaths as in :meth:`complete`."""
        return await self._asked(lambda slot: self._score(asked, slot))

    async def _asked(self, ask: Callable[[int], Awaitable[T]]) -> T:
        """Ask in a slot; if the engine dies of it, once more with no other question beside it."""
        async with self._sessions.slot() as slot:
            try:
                return await ask(slot)
            except (EngineDied, EngineKilled):
                pass
        async with self._sessions.all_slots() as slot:
            while True:
                await self._lives.again()
                try:
                    return await ask(slot)
                except EngineKilled:
                    pass

    async def _score(self, asked: Sequence[tuple[str, str]], slot: int) -> Scored | None:
        found = await score(
            asked,
            self.settings.context,
            self.tokenize,
            lambda what: self._post("/completion", generating(what, slot)),
        )
        self._lives.answered()
        return found

    async def _answer(
        self, prompt: str, sampling: Sampling, budget: ThinkingBudget | None, slot: int
    ) -> Completion:
        if budget is None:
            return await self._counted(await self._generate(prompt, sampling, slot), prompt)
        # A thought has many lines: what ends the task's answers does not end it.
        ends = tuple(stop for stop in sampling.stop if stop == BASE_MODEL_STOP)
        thinking = replace(sampling, n_predict=budget.tokens, stop=ends)
        thought = await self._generate(prompt, thinking, slot)
        thought = await self._counted(thought, prompt)
        if thought.ended != "length":
            return replace(thought, forced=False)
        if END_OF_THINKING in thought.text:  # it is answering already
            between = ""
        else:
            between = f"\n\n{budget.lead}\n{END_OF_THINKING}\n\n{budget.opener}"
        asked = between if self._thinks else between.replace(f"\n{END_OF_THINKING}\n\n", " ")
        answer = await self._generate(prompt + thought.text + asked, sampling, slot, again=True)
        return replace(joined(thought, answer, between), forced=bool(between))

    async def _counted(self, done: Completion, prompt: str) -> Completion:
        async def detokenize(tokens: tuple[int, ...]) -> str:
            return str((await self._post("/detokenize", {"tokens": list(tokens)}))["content"])

        return await with_thought_counted(done, prompt, detokenize)

    async def _generate(
        self, prompt: str, sampling: Sampling, slot: int, again: bool = False
    ) -> Completion:
        """``again``: the slot holds the beginning of ``prompt`` already."""
        streamed = self.settings.cancellable
        request = sampling.request(prompt, slot, streamed)
        asked, started = await self._lives.ready(), time.perf_counter()
        if self._warm and (self._forgets or self.description.recurrent) and not again:
            await self._restore(slot)
        try:
            status, body = await self._sessions.completion(request)
        except httpx.TransportError as error:
            raise self._lives.gone(error, asked) from error
        total_s = time.perf_counter() - started
        self._lives.answered()
        if status != 200:
            return read_refusal(body, total_s)
        return read_reply(body, streamed, total_s)

    def _start_settings(self) -> dict[str, Any]:
        layers = gpu_layers_that_fit(self.description, self.settings)
        return {
            "path": str(self.path),
            "slots": self.settings.slots,
            "context": self.settings.context,
            "threads": self.threads,
            "gpu_layers": layers,
            "keep_window": not self._forgets,
            "checkpoints": CHECKPOINTS,
            "host": self.listen.host if self.listen else "127.0.0.1",
            "port": self.listen.port if self.listen else 0,
            "chat_template": None if self.chat else FEW_SHOT_TEMPLATE,
            "stop": [] if self.chat else [BASE_MODEL_STOP],
        }

    @property
    def _forgets(self) -> bool:
        return forgets_prefix(self.description.architecture, self.settings.context)

    @property
    def _thinks(self) -> bool:
        """Whether the model's chat template knows the end of thinking."""
        return self.description.thinks

    def _restoring_all(self) -> list[Post]:
        return [_restoring(slot) for slot in range(self.settings.slots if self._warm else 0)]

    async def _restore(self, slot: int) -> None:
        await self._post(*_restoring(slot))

    async def _post(self, path: str, request: dict[str, Any]) -> dict[str, Any]:
        asked = await self._lives.ready()
        try:
            return await self._sessions.post(path, request)
        except EngineError:
            raise
        except (httpx.TransportError, RuntimeError) as error:
            raise self._lives.gone(error, asked) from error


def _restoring(slot: int) -> Post:
    """The request that reads the shared prefix's state into a slot."""
    return f"/slots/{slot}?action=restore", {"filename": _PREFIX}
