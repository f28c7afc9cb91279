"""Tokens: of an answer, as Inspect's usage counts them, in the words of the records; those that
prompts begin with alike."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inspect_ai.model import ModelOutput


def tokens_of(output: ModelOutput) -> dict[str, int | None]:
    """Columns of a sample record; all null where the provider does not say."""
    usage = output.usage
    if usage is None:
        return dict.fromkeys(("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens"))
    cached = usage.input_tokens_cache_read or 0
    return {
        "input_tokens": usage.input_tokens + cached + (usage.input_tokens_cache_write or 0),
        "cached_tokens": cached,
        "output_tokens": usage.output_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
    }


def shared_prefix(prompts: Sequence[Sequence[int]]) -> int:
    """How many tokens all prompts begin with alike.

    >>> shared_prefix([[1, 2, 3], [1, 2, 4, 5], [1, 2]])
    2
    """
    columns = zip(*prompts, strict=False)
    return sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))
