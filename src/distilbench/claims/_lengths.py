"""Tokens of an answer: what a model writes for a question of a benchmark, thoughts among them.

A reasoning model writes ten times more than one that answers at once, so that compute of a token
says little of compute of an answer. Lengths stand on cards with their sources (published, or
measured by a run); where none does, a range stands in their place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Literal

from distilbench.catalog import AnswerLength, Card, Catalog

Mode = Literal["direct", "cot", "thinking"]


@dataclass(frozen=True)
class Tokens:
    """Mean output tokens of an answer with their range. ``known``: as of a figure; ``why`` says
    where it is from."""

    value: float
    low: float
    high: float
    known: str
    why: str


UNKNOWN: dict[str, Tokens] = {
    "direct": Tokens(
        1, 1, 1, "estimated", "an answer without reasoning counts as one token, for every model"
    ),
    "cot": Tokens(
        632, 100, 4000, "estimated",
        "no length is published: 100 to 4,000 tokens of chain of thought",
    ),
    "thinking": Tokens(
        4048, 500, 32768, "estimated",
        "no length is published: 500 tokens to 32,768, the limit of most makers' evaluations",
    ),
}  # fmt: skip
"""What stands for lengths that nobody published, by mode. The shortest thoughts on a card are 478
tokens (GSM8K). Epoch AI finds thoughts about 8 times as long as other answers on GPQA Diamond, MATH
and AIME (https://epoch.ai/data-insights/output-length), which these ranges hold."""


def answer_tokens(card: Card, benchmark: str, mode: str, catalog: Catalog) -> Tokens | None:
    """What the model writes for a question in a mode: of its own card, where several say so the
    geometric mean with the range of all; else the range of other cards on this benchmark, if there
    are two figures or more; else UNKNOWN. None for a mode that is not stated."""
    if mode not in UNKNOWN:
        return None
    own = _stated(card, benchmark, mode)
    if own:
        known = "estimated" if any(one.tokens.kind == "estimated" for one in own) else (
            own[0].tokens.kind
        )  # fmt: skip
        told = "; ".join(f"{one.tokens.source}: {one.tokens.where}" for one in own)
        return _together(own, known, told)
    others = [
        length
        for other in catalog.cards.values()
        for length in _stated(other, benchmark, mode)
    ]  # fmt: skip
    if len(others) > 1:
        return _together(others, "estimated", "not published: the range of other models")
    return UNKNOWN[mode]


def family_tokens(
    models: Iterable[tuple[str, str]], benchmark: str, catalog: Catalog
) -> Tokens | None:
    """What a family writes for a question, whichever its size; ``models``: ids and modes. The range
    is that of all its models; None if of one nothing can be said."""
    found = [answer_tokens(catalog.cards[m], benchmark, mode, catalog) for m, mode in models]
    known = [one for one in found if one is not None]
    if not known or len(known) < len(found):
        return None
    worst = max(known, key=lambda one: one.known == "estimated")
    why = "; ".join(dict.fromkeys(one.why for one in known))
    lows, highs = [one.low for one in known], [one.high for one in known]
    return _spanned([one.value for one in known], lows, highs, worst.known, why)


def _stated(card: Card, benchmark: str, mode: str) -> list[AnswerLength]:
    return [one for one in card.answer_lengths if (one.benchmark, one.mode) == (benchmark, mode)]


def _together(lengths: Sequence[AnswerLength], known: str, why: str) -> Tokens:
    figures = [one.tokens for one in lengths]
    lows = [one.value if one.low is None else one.low for one in figures]
    highs = [one.value if one.high is None else one.high for one in figures]
    return _spanned([one.value for one in figures], lows, highs, known, why)


def _spanned(
    values: Sequence[float], lows: Sequence[float], highs: Sequence[float], known: str, why: str
) -> Tokens:
    """The geometric mean of values, and the range of all."""
    low, high = min(lows), max(highs)
    middle = exp(sum(map(log, values)) / len(values))
    return Tokens(min(max(middle, low), high), low, high, known, why)
