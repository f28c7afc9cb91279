"""Likelihoods as an output of Inspect, and the transformers provider (``hf``) asked for them."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessageAssistant,
    Model,
    ModelOutput,
    ModelUsage,
)

from distilbench.engines._likelihood import (
    Encoded,
    Likelihood,
    Scored,
    all_encoded,
    likelihood,
    pairs,
    scored,
)
from distilbench.engines._settings import METADATA_KEY, READ_KEY
from distilbench.tasks import LIKELIHOODS_KEY

if TYPE_CHECKING:
    from distilbench.providers import Provider

_ONE_AT_A_TIME = threading.Lock()  # questions beside each other would share the cores


def scored_output(model: str, told: Scored | None) -> ModelOutput:
    """What a model told of the likelihood of texts; null: they do not fit its context."""
    choice = ChatCompletionChoice(
        message=ChatMessageAssistant(content="", model=model),
        stop_reason="stop" if told else "model_length",
    )
    if told is None:
        return ModelOutput(model=model, choices=[choice])
    timing = told.timing
    read, cached = timing.input_tokens or 0, timing.cached_tokens or 0
    return ModelOutput(
        model=model,
        choices=[choice],
        usage=ModelUsage(
            input_tokens=read - cached, total_tokens=read, input_tokens_cache_read=cached
        ),
        time=timing.total_s,
        metadata={
            METADATA_KEY: timing.model_dump(),
            READ_KEY: [list(tokens) for tokens in told.read],
            LIKELIHOODS_KEY: [list(likelihood) for likelihood in told.likelihoods],
        },
    )


def scoring(model: Model, provider: Provider) -> Model:
    """The model, whose provider (``hf``) also answers requests for likelihoods, by a forward pass
    of its own model for each text."""
    if provider.name != "hf":
        return model
    generate, api = model.api.generate, model.api

    async def score_or_generate(**request: Any) -> Any:
        asked = (request["config"].extra_body or {}).get(LIKELIHOODS_KEY)
        if not asked:
            return await generate(**request)
        return scored_output(api.model_name, await _scored(api, pairs(asked)))

    api.generate = score_or_generate  # type: ignore[method-assign, assignment]
    return model


async def _scored(api: Any, asked: list[tuple[str, str]]) -> Scored | None:
    async def tokenize(text: str) -> list[int]:
        return list(api.tokenizer(text)["input_ids"])

    started = time.perf_counter()
    found = await all_encoded(asked, tokenize)
    longest = getattr(api.model.config, "max_position_embeddings", None)
    if longest and max(what.evaluated for what in found) > longest:
        return None
    told = [(what, await asyncio.to_thread(_forward, api.model, what)) for what in found]
    return scored(told, [0] * len(told), time.perf_counter() - started)


def _forward(model: Any, what: Encoded) -> Likelihood:
    import torch

    ids = torch.tensor([[*what.context, *what.text][:-1]], device=model.device)
    with _ONE_AT_A_TIME, torch.inference_mode():
        logits = model(ids).logits[0, -len(what.text) :].float()
    wanted = torch.tensor(what.text, device=logits.device)
    told = torch.log_softmax(logits, -1).gather(1, wanted[:, None])
    greedy = bool((logits.argmax(-1) == wanted).all())
    return likelihood(told[:, 0].tolist(), greedy)
