"""Compares an extracted answer with the reference answer."""

from __future__ import annotations

import re
from fractions import Fraction

from distilbench.tasks._latex import plain
from distilbench.tasks._numbers import DATE, rational

_EDGES = ".,;:? \t"
_MOST_ANSWER = 200  # characters; a longer answer is compared as text only
_MOST_SECONDS = 2
_EXACT_DIGITS = 60
_PLACES = 6  # math-verify's: a decimal of so many stands for the value that it rounds
_TOLERANCE = Fraction(1, 10**5)  # of the value, so that tiny ones are not all alike
_FLOAT_DIGITS = 15
_BASE = re.compile(r"(?<=\d)_\{?(\d+)\}?")
_UNIT = re.compile(  # with a power: cm^2. Those without one math-verify knows.
    r"(?<=[\d})\s,~])\\(?:text|mathrm|mbox|textrm)\s*\{[A-Za-z. ]+\}\s*\^\s*(?:[23]|\{[23]\})"
)

_WORDED = re.compile(  # 12 dollars, 3/4 cup, 4 m/s; a single letter may be a variable
    r"(.*[\d}])\s+([A-Za-z]{3,15}(?:\s[A-Za-z]{2,15}){0,2}|[a-z]{1,4}/[a-z]{1,4})\.?"
)
_COUNTS = re.compile(  # words that change the number before them
    r"\b(?:or|and|hundred|thousand|million|billion|trillion|dozen|squared|cubed|factorial|sin|cos"
    r"|tan|log|exp)\b"
)
_SHORT = re.compile(
    r"\d\s*([mckd]?m|km|in|ft|yd|mi|k?g|mg|lbs?|oz|m?s|min|hr?|m?[lL]|cents|dollars)\.?$"
)
_RELATION = re.compile(
    r"^[^(\[]{0,10}?(?:\\(?:[gl]eq?|[gl]t|neq?|[gl]eqslant)(?![a-z])|[<>≤≥≠])"
    r"|\bor (?:more|less|fewer)\b"
)
_OPENS = re.compile(r"[(\[]|\\\{")
_LISTED = re.compile(r"(?<![_\w.])\d+\s+\d")


def grade(answer: str | None, target: str, grader: str) -> float:
    """1.0 if ``answer`` is right, else 0.0. No answer is wrong.

    ``exact``: the same text, whatever its case, spacing, Markdown, ``\\text{}`` and full stop.
    ``math``: that, or the same value: of two numbers exactly, else by math-verify, within a time
    limit (it must run in the main thread, where math-verify can interrupt itself; Inspect's scorers
    do). Brackets, ``!`` and ``'`` are part of an answer.
    """
    if answer is None:
        return 0.0
    if normalise(answer) == normalise(target):
        return 1.0
    return float(grader == "math" and _same_value(answer, target))


def normalise(text: str) -> str:
    """Lower case, single spaces, no full stop or comma at the end, no space after a comma."""
    collapsed = " ".join(plain(text).lower().split())
    bare = collapsed.rstrip(_EDGES).lstrip(": \t") or collapsed
    return re.sub(r"\s*,\s*", ",", bare)


def vote_of(answer: str | None, target: str, score: float, grader: str) -> str | None:
    """What an answer counts as in a majority vote: equal votes are equal text; null is no answer.

    Right answers are one vote, whatever they look like, since the grader holds them equal to the
    reference. Wrong ones are compared normalised, and as numbers where the grader is ``math``.
    """
    if answer is None or not answer.strip():
        return None
    text = target if score >= 1 else answer
    if grader == "math" and len(text) <= _MOST_ANSWER:
        value = rational(plain(text))
        if value is not None:
            return str(value)
    return normalise(text)


def _same_value(answer: str, target: str) -> bool:
    if len(answer) > _MOST_ANSWER or DATE.search(answer) or DATE.search(target):
        return False
    one, other = plain(_UNIT.sub("", answer)), plain(_UNIT.sub("", target))
    if _tight(one) == _tight(other):
        return True
    one, other = _unworded(one, other), _unworded(other, one)
    value, wanted = rational(one), rational(other)
    if value is None or wanted is None:
        return not _apart(one, other) and _verified(one, other)
    if value == wanted or ("%" in answer and value == 100 * wanted):
        return True
    if not _rounded(one, other):
        return False
    apart = abs(value - wanted)
    return apart <= _TOLERANCE * abs(wanted) and apart < _last_place(one, other, wanted)


def _tight(text: str) -> str:
    """Without the spaces that mean nothing in LaTeX, and with one sign of the empty set."""
    text = re.sub(r"\s+(?=[^\w.])|(?<=[^\w.])\s+", "", text)
    return re.sub(r"\\varnothing(?![a-z])|∅|\\\{\\\}", r"\\emptyset", text)


def _unworded(text: str, other: str) -> str:
    """The number of a text that is a number and a unit in words, if the other is one without."""
    found = _WORDED.fullmatch(text)
    if found and rational(other) is not None and not _COUNTS.search(found[2]):
        return found[1] if rational(found[1]) is not None else text
    return text


def _apart(one: str, other: str) -> bool:
    """Whether two texts differ in what math-verify does not look at: it reads f' as f, 12_7 as
    12_8, 1 2 as 3, 5 cm as 5 m, and at least 5 as 5."""
    both = (one, other)
    bases = {tuple(marks) for text in both if (marks := _BASE.findall(text))}
    units = {unit[1] for text in both if (unit := _SHORT.search(text))}
    braces = {opens[0] == "\\{" for text in both if (opens := _OPENS.match(text))}
    bounds = [text for text in both if _RELATION.search(text)]
    bounded = len(bounds) == 1 and any(rational(text) is not None for text in both)
    listed = any(_LISTED.search(text) for text in both)
    primes = one.count("'") != other.count("'")
    return primes or listed or bounded or len(bases) > 1 or len(units) > 1 or len(braces) > 1


def _last_place(one: str, other: str, wanted: Fraction) -> Fraction:
    """One in the last place of the longer decimal, or the noise of a float."""
    places = max(len(part) for text in (one, other) for part in re.findall(r"\.(\d+)", text))
    last: Fraction = max(Fraction(1, 10**places), abs(wanted) / 10**_FLOAT_DIGITS)
    return last


def _rounded(one: str, other: str) -> bool:
    """Whether one is a decimal of several places and the other is none: 0.333333 for 1/3."""
    places = [re.search(rf"\.\d{{{_PLACES},}}", text) for text in (one, other)]
    return bool(places[0]) != bool(places[1])


def _verified(answer: str, target: str) -> bool:
    """math-verify's verdict. It rounds to six places, so what it holds equal is compared once more
    with many; only a decimal beside an exact form (3.141593 for pi) may differ behind the sixth."""
    from math_verify import parse, verify

    def value(text: str) -> list[object]:
        return list(parse(f"${text}$", parsing_timeout=_MOST_SECONDS))

    one, other = value(answer), value(target)
    if not verify(other, one, timeout_seconds=_MOST_SECONDS):
        return False
    if _rounded(answer, target):
        return True
    return bool(
        verify(
            other,
            one,
            float_rounding=_EXACT_DIGITS // 2,
            numeric_precision=_EXACT_DIGITS,
            timeout_seconds=_MOST_SECONDS,
        )
    )
