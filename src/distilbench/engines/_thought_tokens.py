"""How many of an answer's tokens were its thought."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from distilbench.engines._completion import Completion
from distilbench.engines._thinking import opened_by, separate

Detokenize = Callable[[tuple[int, ...]], Awaitable[str]]


async def with_thought_counted(done: Completion, prompt: str, detokenize: Detokenize) -> Completion:
    """The completion with the tokens of its thought counted, end tag included; without a thought
    as it was. Exact: the generated tokens are counted, not the text tokenized again."""
    parts = separate(done.text, opened_by(prompt))
    if parts.thought is None:
        return done
    count = done.timing.output_tokens
    if not parts.unfinished:
        before = done.text[: done.text.rindex(parts.end) + len(parts.end)].count(parts.end)
        count = await _tokens_until(done.tokens, parts.end, before, detokenize)
    timing = done.timing.model_copy(update={"reasoning_tokens": count})
    return replace(done, timing=timing)


async def _tokens_until(
    tokens: tuple[int, ...], mark: str, times: int, detokenize: Detokenize
) -> int:
    """The fewest of ``tokens`` whose text holds ``mark`` so many times, by bisection."""
    low, high = 0, len(tokens)
    while low < high:
        middle = (low + high) // 2
        text = await detokenize(tokens[:middle])
        low, high = (low, middle) if text.count(mark) >= times else (middle + 1, high)
    return low
