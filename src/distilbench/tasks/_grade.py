"""Compares an extracted answer with the reference answer."""

from __future__ import annotations

import re
from fractions import Fraction

_EDGES = " \t\r\n.,;:!?'\"`*()[]"
_MOST_ANSWER = 200  # characters; a longer answer is compared as text only
_MOST_SECONDS = 2
_PLAIN_NUMBER = re.compile(r"-?\d+(\.\d+|/0*[1-9]\d*)?")


def grade(answer: str | None, target: str, grader: str) -> float:
    """1.0 if ``answer`` is right, else 0.0. No answer is wrong.

    ``exact``: the same text, whatever its case, spacing and punctuation at the ends. ``math``:
    that, or the same value by math-verify, within a time limit (it must run in the main thread,
    where math-verify can interrupt itself; Inspect's scorers do).
    """
    if answer is None:
        return 0.0
    if normalise(answer) == normalise(target):
        return 1.0
    return float(grader == "math" and _same_value(answer, target))


def normalise(text: str) -> str:
    """Lower case, single spaces, no punctuation at the ends, no space after a comma."""
    collapsed = " ".join(text.lower().split()).strip(_EDGES)
    return re.sub(r"\s*,\s*", ",", collapsed)


def vote_of(answer: str | None, target: str, score: float, grader: str) -> str | None:
    """What an answer counts as in a majority vote: equal votes are equal text; null is no answer.

    Right answers are one vote, whatever they look like, since the grader holds them equal to the
    reference. Wrong ones are compared normalised, and as numbers where the grader is ``math``.
    """
    if answer is None or not answer.strip():
        return None
    plain = normalise(target if score >= 1 else answer)
    if grader == "math" and len(plain) <= _MOST_ANSWER and _PLAIN_NUMBER.fullmatch(plain):
        return str(Fraction(plain))
    return plain


def _same_value(answer: str, target: str) -> bool:
    if len(answer) > _MOST_ANSWER:
        return False
    from math_verify import parse, verify

    def value(text: str) -> object:
        return parse(f"${text.strip().strip('$')}$", parsing_timeout=_MOST_SECONDS)

    return bool(verify(value(target), value(answer), timeout_seconds=_MOST_SECONDS))
