"""How likely texts are behind others: what llama.cpp is asked for it, and what it answers.

llama.cpp's server tells no log-probability of a prompt, but of each token that it generates, over
the whole vocabulary and before any sampler. So each text is generated under a grammar that lets
exactly its tokens through (token-level GBNF).
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from distilbench.engines._process import EngineError
from distilbench.meter import Timing

_NEVER = -3.4e38
"""What llama.cpp tells of a token whose probability is too small for a float."""
_ROUNDING = 1e-3
Tokenize = Callable[[str], Awaitable[list[int]]]


class Likelihood(NamedTuple):
    """Log-probability in nats of a text's tokens behind its context; whether each is the most
    likely one there; how many there are."""

    logprob: float
    greedy: bool
    tokens: int


class Scored(NamedTuple):
    """Likelihoods in the order asked, and what they took: all that was read is input, and no token
    is written."""

    likelihoods: list[Likelihood]
    timing: Timing
    read: list[tuple[int, int, int]]
    """Tokens of each context, of the text behind it, and of the context those cached."""


class Encoded(NamedTuple):
    context: list[int]
    text: list[int]

    @property
    def evaluated(self) -> int:
        """Tokens that the model reads: the last one is only asked for."""
        return len(self.context) + len(self.text) - 1


def pairs(asked: dict[str, Any]) -> list[tuple[str, str]]:
    """The contexts and texts of a request, of which one may stand for all."""
    contexts, texts = asked["contexts"], asked["continuations"]
    count = max(len(contexts), len(texts))
    return list(
        zip(contexts * (count // len(contexts)), texts * (count // len(texts)), strict=True)
    )


async def refuse_end_token(tokenize: Tokenize) -> None:
    """Raises ``EngineError`` where the tokenizer also ends every text: what stands behind a context
    could then not be told from its end."""
    bare = await tokenize("")
    if (await tokenize("a"))[: len(bare)] != bare:
        raise EngineError("its tokenizer ends every text with a token; no likelihood can be told")


async def encoded(context: str, text: str, tokenize: Tokenize) -> Encoded:
    """Tokens of a context and of a text behind it, as lm-evaluation-harness (``_encode_pair``)
    divides them: of both together, those behind as many as the context alone has. White space at
    the end of the context belongs to the text."""
    bare = context.rstrip()
    whole, alone = await tokenize(context + text), await tokenize(bare)
    behind = Encoded(alone, whole[len(alone) :])
    if not behind.context or not behind.text:
        raise EngineError("a text without tokens, or behind nothing, has no likelihood")
    return behind


async def all_encoded(asked: Sequence[tuple[str, str]], tokenize: Tokenize) -> list[Encoded]:
    """Each pair of context and text, :func:`encoded`; a context that many texts share is tokenized
    once. Raises as :func:`encoded` and :func:`refuse_end_token`."""
    known: dict[str, list[int]] = {}

    async def once(text: str) -> list[int]:
        if text not in known:
            known[text] = await tokenize(text)
        return known[text]

    await refuse_end_token(once)
    return [await encoded(context, text, once) for context, text in asked]


def generating(what: Encoded, slot: int) -> dict[str, Any]:
    """llama.cpp's request that generates exactly these tokens and tells their probabilities."""
    return {
        "prompt": what.context,
        "id_slot": slot,
        "cache_prompt": True,
        "n_predict": len(what.text),
        "grammar": "root ::= " + " ".join(f"<[{token}]>" for token in what.text),
        "samplers": [],
        "temperature": 0.0,
        "n_probs": 1,
        "post_sampling_probs": False,
    }


def read(what: Encoded, told: Sequence[dict[str, Any]]) -> Likelihood:
    """Raises ``EngineError`` where other tokens came than were asked for."""
    if [token["id"] for token in told] != what.text:
        raise EngineError("llama.cpp did not generate the tokens whose likelihood was asked for")
    logprobs = [token["logprob"] for token in told]
    greedy = all(token["top_logprobs"][0]["id"] == token["id"] for token in told)
    return likelihood(logprobs, greedy)


def likelihood(logprobs: Sequence[float | None], greedy: bool) -> Likelihood:
    """Of the log-probability of each token. Raises ``EngineError`` where one is no number (weights
    that overflow): some choice would be taken all the same."""
    known = [max(value, _NEVER) for value in logprobs if value is not None and value <= _ROUNDING]
    if len(known) < len(logprobs):
        raise EngineError("the model told no probability of a token; no likelihood can be told")
    return Likelihood(sum(known), greedy, len(known))


async def score(
    asked: Sequence[tuple[str, str]],
    most_tokens: int,
    tokenize: Tokenize,
    generate: Callable[[Encoded], Awaitable[dict[str, Any]]],
) -> Scored | None:
    """How likely each text is behind its context (pairs of context and text); null: one does not
    fit into ``most_tokens``. ``generate`` gives llama.cpp's reply to :func:`generating`."""
    told, cached, started = [], [], time.perf_counter()
    found = await all_encoded(asked, tokenize)
    if max(what.evaluated for what in found) >= most_tokens:
        return None
    for what in found:
        reply = await generate(what)
        told.append((what, read(what, reply.get("completion_probabilities", ()))))
        cached.append(reply["timings"]["cache_n"])
    return scored(told, cached, time.perf_counter() - started)


def scored(
    told: Sequence[tuple[Encoded, Likelihood]], cached_tokens: Sequence[int], total_s: float
) -> Scored:
    """``cached_tokens``: of those of each context, how many had been read before. Raises
    ``EngineError`` if all texts are too unlikely to tell which is the likeliest."""
    if all(likelihood.logprob <= _NEVER for _, likelihood in told):
        raise EngineError("all choices are too unlikely to be told apart")
    timing = Timing(
        input_tokens=sum(what.evaluated for what, _ in told),
        cached_tokens=sum(cached_tokens),
        output_tokens=0,
        total_s=total_s,
    )
    read = [
        (len(what.context), len(what.text), cached)
        for (what, _), cached in zip(told, cached_tokens, strict=True)
    ]
    return Scored([likelihood for _, likelihood in told], timing, read)
