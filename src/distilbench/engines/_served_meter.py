"""The meter of models that run elsewhere: one clock around every provider of Inspect.

Inspect calls a provider once for each attempt at an answer. The meter stands around that call: it
notes when each HTTP request left, when each streamed event with content came, and what failed. Only
the attempt that gave the answer is its latency; failed attempts and the waiting after them are
counted apart. All times are of the client's clock, so they include the network.

Passing ``on_stream`` to Inspect's ``Model.generate`` switches streaming on in every provider that
can stream (and asks OpenAI-compatible servers for the usage at the end of a stream).
"""

from __future__ import annotations

import contextlib
import functools
import math
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from importlib import import_module
from json import JSONDecodeError
from typing import Any, NamedTuple

from inspect_ai.model import Model, ModelAPI, ModelCall, ModelOutput, RetryDecision, StreamEvent
from tenacity import RetryCallState
from tenacity.wait import WaitBaseT, wait_exponential, wait_random

from distilbench.engines._settings import METADATA_KEY
from distilbench.engines._tokens import tokens_of
from distilbench.engines._transport import transport_errors
from distilbench.keys import clean_error, redact, redacted, secrets
from distilbench.meter import Timing

_LONGEST_WAIT_S = 300  # that a server's Retry-After may ask for
_BACKOFF = wait_exponential(multiplier=0.5, max=60) + wait_random(0, 0.5)
_LEAST_GAPS = 2  # between streamed events, to speak of their tail


class StreamCutOff(RuntimeError):
    """A stream ended without a reason to stop: the answer is not whole."""


class Request(NamedTuple):
    """One HTTP request: when it left, and whether the server accepted it."""

    sent: float
    accepted: bool


@dataclass
class Generation:
    """What was noted of one answer, over all attempts at it. Times are ``time.perf_counter``."""

    begun: float = field(default_factory=time.perf_counter)
    failed: int = 0
    attempt_begun: float = 0.0
    requests: list[Request] = field(default_factory=list)
    """Of the attempt at work."""
    events: list[float] = field(default_factory=list)
    """Its streamed events with content."""
    thought: bool = False
    """Whether reasoning was among them."""

    def begin_attempt(self) -> None:
        self.attempt_begun = time.perf_counter()
        self.requests, self.events, self.thought = [], [], False

    def end_attempt(self, succeeded: bool) -> None:
        refused = sum(not request.accepted for request in self.requests)
        self.failed += refused if succeeded else max(refused, 1)

    def hear(self, event: StreamEvent) -> None:
        if event.type == "retry":
            return
        self.events.append(time.perf_counter())
        self.thought |= event.type == "reasoning"

    def timing(self, output: ModelOutput, ended: float, request_s: float | None) -> Timing:
        """The successful attempt's timing. ``request_s``: the provider's own time of its request,
        for those that do not speak through httpx."""
        if self.requests:
            sent = self.requests[-1].sent
        else:
            sent = ended - request_s if request_s else self.attempt_begun
        tokens = tokens_of(output)
        return Timing(
            **tokens,
            **self._stream_times(sent, tokens),
            total_s=ended - sent,
            retries=self.failed,
            retry_s=sent - self.begun if self.failed else 0.0,
        )

    def _stream_times(self, sent: float, tokens: dict[str, int | None]) -> dict[str, float | None]:
        if not self.events:
            return {}
        times: dict[str, float | None] = {"ttft_s": self.events[0] - sent}
        # The first visible token may not be the first that was generated; and of an answer (or a
        # tool's call) that came in one piece nothing says when its first token was.
        hidden = bool(tokens["reasoning_tokens"]) and not self.thought
        in_one = len(self.events) < 2 and (tokens["output_tokens"] or 0) > 1
        if not hidden and not in_one:
            times["decode_s"] = self.events[-1] - self.events[0]
        gaps = sorted(b - a for a, b in zip(self.events, self.events[1:], strict=False))
        if len(gaps) >= _LEAST_GAPS:
            times["inter_token_p99_s"] = gaps[math.ceil(0.99 * len(gaps)) - 1]
        return times


_current: ContextVar[Generation | None] = ContextVar("distilbench_generation", default=None)
_watched: set[str] = set()


@dataclass
class ServedMeter:
    """Meters every generation of ``model``; each output then bears its timing in its metadata."""

    model: Model
    answers: int = field(init=False, default=0)
    streamed: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        watch_requests()
        api = self.model.api
        _import_resources(getattr(api, "client", None))
        setattr(self.model, "generate", self._listening(self.model.generate))  # noqa: B010
        setattr(api, "should_retry", _also_broken_replies(api.should_retry))  # noqa: B010
        setattr(api, "retry_wait", lambda: _wait(api))  # noqa: B010
        setattr(api, "generate", self._metered(api.generate, api))  # noqa: B010

    @property
    def method(self) -> str:
        """How times are known, for the record."""
        if self.streamed:
            return "client's clock; first token: first streamed event"
        reason = "the provider did not stream" if self.answers else "no answer came"
        return f"client's clock; time to first token not available: {reason}"

    def _listening(self, generate: Callable[..., Awaitable[ModelOutput]]) -> Callable[..., Any]:
        """``Model.generate``: one answer, all attempts at it."""

        async def listening(*args: Any, on_stream: Any = None, **kwargs: Any) -> ModelOutput:
            generation = Generation()

            async def heard(event: StreamEvent) -> None:
                generation.hear(event)
                if on_stream is not None:
                    await on_stream(event)

            token = _current.set(generation)
            try:
                return await generate(*args, on_stream=heard, **kwargs)
            finally:
                _current.reset(token)

        return listening

    def _metered(self, attempt: Callable[..., Awaitable[Any]], api: ModelAPI) -> Callable[..., Any]:
        """``ModelAPI.generate``: one attempt at an answer."""

        async def metered(**request: Any) -> Any:
            generation = _current.get() or Generation()
            generation.begin_attempt()
            _leave_retries_to_inspect(api)
            try:
                result = await attempt(**request)
                ended = time.perf_counter()
                output, call = result if isinstance(result, tuple) else (result, None)
                _clean_call(call)
                if isinstance(output, Exception):
                    clean_error(output)
                    generation.end_attempt(succeeded=False)
                    return result
                if generation.events and _cut_off(call):
                    raise StreamCutOff("the stream ended before the answer did")
            except BaseException as error:
                generation.end_attempt(succeeded=False)
                if isinstance(error, Exception):
                    clean_error(error)
                raise
            generation.end_attempt(succeeded=True)
            self.answers += 1
            self.streamed += bool(generation.events)
            output = _clean_output(output)
            timing = generation.timing(output, ended, call.time if call else output.time)
            output.metadata = {**(output.metadata or {}), METADATA_KEY: timing.model_dump()}
            return output if call is None else (output, call)

        return metered


def watch_requests() -> None:
    """Note each request of the HTTP clients that the providers' libraries are built on."""
    for name in ("httpx", "httpx2"):
        with contextlib.suppress(ImportError):
            client = import_module(name).AsyncClient
            if name not in _watched:
                client.send = _watching(client.send)
                _watched.add(name)


def _watching(send: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
    @functools.wraps(send)
    async def watching(*args: Any, **kwargs: Any) -> Any:
        generation, sent, accepted = _current.get(), time.perf_counter(), False
        try:
            response = await send(*args, **kwargs)
            accepted = not response.is_error
            return response
        finally:
            if generation is not None:
                generation.requests.append(Request(sent, accepted))

    return watching


def _import_resources(client: Any) -> None:
    """The clients of OpenAI and Anthropic import the code of a route at its first use, which
    would stop the clocks of the first questions for a second."""
    for route in ("chat", "messages", "responses"):
        with contextlib.suppress(AttributeError):
            getattr(client, route)


def _leave_retries_to_inspect(api: ModelAPI) -> None:
    """One place decides on retries, so that their bound is what the suite says. The clients of
    OpenAI, Anthropic and Groq would each retry twice more on their own."""
    client: Any = getattr(api, "client", None)
    if hasattr(client, "max_retries"):
        client.max_retries = 0


def _also_broken_replies(
    should_retry: Callable[[Exception], bool | RetryDecision],
) -> Callable[[Exception], bool | RetryDecision]:
    """The provider's judgement, and beside it replies that broke off or are no JSON."""

    def judged(error: Exception) -> bool | RetryDecision:
        decision = should_retry(error)
        if not decision and isinstance(error, _broken_replies()):
            return RetryDecision.transient()
        return decision

    return judged


def _broken_replies() -> tuple[type[Exception], ...]:
    return (StreamCutOff, JSONDecodeError, UnicodeDecodeError, *transport_errors())


def _wait(api: ModelAPI) -> WaitBaseT:
    """As long as the server asks for (Retry-After), else exponential backoff with jitter."""

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        decision = api.should_retry(error) if isinstance(error, Exception) else None
        asked = decision.retry_after if isinstance(decision, RetryDecision) else None
        return _BACKOFF(state) if asked is None else min(asked, _LONGEST_WAIT_S)

    return wait


def _cut_off(call: ModelCall | None) -> bool:
    """Whether an OpenAI-compatible stream ended without a finish reason."""
    choices = (call.response or {}).get("choices") if call else None
    first = choices[0] if isinstance(choices, list) and choices else None
    return isinstance(first, dict) and first.get("finish_reason", "") is None


def _clean_call(call: ModelCall | None) -> None:
    """Take the keys out of the raw request and reply that Inspect logs."""
    if call is not None:
        call.request, call.response = redacted(call.request), redacted(call.response)


def _clean_output(output: ModelOutput) -> ModelOutput:
    written = output.model_dump_json()
    if not any(secret in written for secret in secrets()):
        return output
    return ModelOutput.model_validate_json(redact(written))
