"""The embedded engine as an Inspect model provider."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    GenerateConfig,
    ModelAPI,
    ModelOutput,
    ModelUsage,
    StopReason,
)
from inspect_ai.tool import ToolChoice, ToolInfo

from distilbench.engines._binary import Binary
from distilbench.engines._completion import (
    BASE_MODEL_STOP,
    Completion,
    Message,
    Sampling,
    ThinkingBudget,
)
from distilbench.engines._likelihood import pairs
from distilbench.engines._llama_cpp import LlamaCpp
from distilbench.engines._models import locate_model
from distilbench.engines._process import EngineDied, EngineError
from distilbench.engines._scored import scored_output
from distilbench.engines._settings import FAILURE_KEY, FORCED_KEY, METADATA_KEY, EngineSettings
from distilbench.engines._thinking import MARKERS, opened_by, separated
from distilbench.meter import Timing
from distilbench.source import Source
from distilbench.tasks import LIKELIHOODS_KEY

_STOP_REASONS: dict[str, StopReason] = {
    "stop": "stop",
    "length": "max_tokens",
    "context": "model_length",
}


class DistilbenchAPI(ModelAPI):
    """``distilbench/<source>``: a GGUF file, ``hf:`` or ``pypi:`` model in this process.

    Model arguments (``-M``): the fields of :class:`EngineSettings`; ``file``, where the model was
    found already; ``program``, a llama-server that runs it, and ``program_args``, its flags.
    ``reasoning_tokens`` is a thinking budget; how the answer is then asked for is in ``extra_body``
    (``lead``, ``opener``), and so is ``min_p``, for which Inspect has no field.
    """

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig | None = None,
        file: str | None = None,
        program: str | None = None,
        program_args: dict[str, Any] | None = None,
        **model_args: Any,
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config or GenerateConfig())
        where = f"model distilbench/{model_name}"
        path = Path(file) if file else locate_model(Source.parse(model_name), Path.cwd(), where)
        binary = Binary(Path(program), program_args or {}) if program else None
        self.engine = LlamaCpp(path, EngineSettings(**model_args), binary=binary)

    async def generate(
        self,
        input: list[ChatMessage],
        tools: list[ToolInfo],
        tool_choice: ToolChoice,
        config: GenerateConfig,
    ) -> ModelOutput:
        if tools:
            raise EngineError("distilbench models take no tools")
        started = time.perf_counter()
        try:
            self.engine.load()
            if asked := (config.extra_body or {}).get(LIKELIHOODS_KEY):
                return scored_output(self.model_name, await self.engine.likelihoods(pairs(asked)))
            prompt = await self.engine.prompt(as_messages(input))
            completion = await self.engine.complete(
                prompt, self._sampling(config), _thinking_budget(config)
            )
        except EngineDied as death:
            return _no_answer(self.model_name, death, time.perf_counter() - started)
        # Whatever a budget cut short was a thought, with or without a tag.
        opened = MARKERS[0] if completion.forced else opened_by(prompt)
        return separated(_output(self.model_name, completion), opened, bool(config.stop_seqs))

    async def count_text_tokens(self, text: str) -> int:
        self.engine.load()
        return len(await self.engine.tokenize(text))

    async def aclose(self) -> None:
        await self.engine.aclose()

    def max_connections(self) -> int:
        return self.engine.settings.slots

    def connection_key(self) -> str:
        return self.model_name

    def _sampling(self, config: GenerateConfig) -> Sampling:
        stop = tuple(config.stop_seqs or ())
        given = {
            "n_predict": config.max_tokens,
            "temperature": config.temperature,
            "top_p": config.top_p,
            "top_k": config.top_k,
            "min_p": (config.extra_body or {}).get("min_p"),
            "frequency_penalty": config.frequency_penalty,
            "presence_penalty": config.presence_penalty,
            "seed": config.seed,
        }
        if not self.engine.chat:
            stop += (BASE_MODEL_STOP,)
        chosen: dict[str, Any] = {k: v for k, v in given.items() if v is not None}
        return Sampling(**chosen, stop=stop)


def as_messages(conversation: list[ChatMessage]) -> list[Message]:
    """Inspect's messages as role and text."""
    return [{"role": message.role, "content": message.text} for message in conversation]


def _thinking_budget(config: GenerateConfig) -> ThinkingBudget | None:
    if config.reasoning_tokens is None:
        return None
    beside = config.extra_body or {}
    asked = {name: beside[name] for name in ("lead", "opener") if name in beside}
    return ThinkingBudget(config.reasoning_tokens, **asked)


def _no_answer(model: str, death: EngineDied, total_s: float) -> ModelOutput:
    """The engine's death is the outcome of the question, not an error of the evaluation."""
    timing = Timing(input_tokens=None, output_tokens=None, total_s=total_s)
    return ModelOutput(
        model=model,
        choices=[
            ChatCompletionChoice(
                message=ChatMessageAssistant(content="", model=model), stop_reason="unknown"
            )
        ],
        time=total_s,
        metadata={
            METADATA_KEY: timing.model_dump(),
            FAILURE_KEY: {"outcome": death.failure, "message": str(death)},
        },
    )


def _output(model: str, completion: Completion) -> ModelOutput:
    timing = completion.timing
    read, written = timing.input_tokens or 0, timing.output_tokens or 0
    cached = timing.cached_tokens or 0
    return ModelOutput(
        model=model,
        choices=[
            ChatCompletionChoice(
                message=ChatMessageAssistant(content=completion.text, model=model),
                stop_reason=_STOP_REASONS[completion.ended],
            )
        ],
        usage=ModelUsage(
            input_tokens=read - cached,
            output_tokens=written,
            total_tokens=read + written,
            input_tokens_cache_read=cached,
            reasoning_tokens=timing.reasoning_tokens,
        ),
        time=timing.total_s,
        metadata={METADATA_KEY: timing.model_dump(), FORCED_KEY: completion.forced},
    )
