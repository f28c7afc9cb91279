r"""Finds the answer in a model's output.

Output is untrusted and may be long or strange: every search is linear in its length, or bounded in
time. The rules are those of lm-evaluation-harness's GSM8K filters where they exist.
"""

from __future__ import annotations

import re

_NUMBER = re.compile(r"-?\$?\d[\d,]*(?:\.\d+)?(?:/\d+)?%?")
_MARKED = re.compile(r"####[ \t]*(-?\$?[\d.,/]*\d)")
# lm-evaluation-harness's filters of gsm8k, strict-match and flexible-extract, to the letter.
_STRICT = re.compile(r"#### (-?[0-9.,]+)")
_FLEXIBLE = re.compile(r"-?[$0-9.,]{2,}|-?[0-9]+")
_SAID_CHOICE = re.compile(r"(?i:answer|choice)(?i:\s+is)?\s*:?\s*\**\(?([A-Z])\b")
_FIRST_CHOICE = re.compile(r"\(?([A-Z])(?:[).:,]|\s*$|\n)")
_BRACKETED_CHOICE = re.compile(r"\(([A-Z])\)")
_MOST_TEXT = 100_000  # characters from the end: answers come last
_MOST_SECONDS = 1.0  # for a user's own pattern


def extract(text: str, how: str, pattern: str | None = None) -> str | None:
    r"""The answer in ``text``, or None. Thoughts are taken out before: ``engines._thinking``.

    ``whole``: all of it. ``####``: as lm-evaluation-harness's gsm8k, by its filter strict-match
    (the number behind the first ``####``) and where that finds none by flexible-extract (the last).
    ``boxed``: the inside of the last ``\boxed{}``. ``boxed_choice``: the letter in it, else as
    ``choice``. ``last_number``. ``choice``: the letter after
    the last "answer is", else one that the text begins with, else the last in brackets.
    ``regex``: the last match of ``pattern``, its first group if it has one.
    """
    text = text[-_MOST_TEXT:]
    if how == "whole":
        return text.strip() or None
    if how == "####":
        return _gsm8k(text)
    if how == "boxed":
        return _last_boxed(text)
    if how == "boxed_choice":
        boxed = _last_boxed(text)
        return (_choice(boxed) or boxed) if boxed else _choice(text)
    if how == "last_number":
        return _last_number(text)
    if how == "choice":
        return _choice(text)
    return _last_match(text, pattern or "")


def marked_answer(text: str) -> str | None:
    """The number behind the last ``####`` and nothing else: for reference answers."""
    marked = _MARKED.findall(text)
    return _clean_number(marked[-1]) if marked else None


def _gsm8k(text: str) -> str | None:
    strict = _STRICT.search(text)
    found = [strict.group(1)] if strict else _FLEXIBLE.findall(text)[-1:]
    # What its metric ignores: commas, dollar signs, one full stop at the end.
    return found[0].replace("$", "").replace(",", "").removesuffix(".") or None if found else None


def _last_number(text: str) -> str | None:
    numbers = _NUMBER.findall(text)
    return _clean_number(numbers[-1]) if numbers else None


def _clean_number(number: str) -> str:
    return number.replace("$", "").replace(",", "").rstrip(".%")


def _last_boxed(text: str) -> str | None:
    start = text.rfind("\\boxed{")
    if start < 0:
        return None
    depth, inside = 0, start + len("\\boxed{")
    for position in range(inside - 1, len(text)):
        depth += (text[position] == "{") - (text[position] == "}")
        if depth == 0:
            return text[inside:position].strip() or None
    return None


def _choice(text: str) -> str | None:
    said = _SAID_CHOICE.findall(text)
    if said:
        return str(said[-1])
    first = _FIRST_CHOICE.match(text.strip())
    if first:
        return first.group(1)
    bracketed = _BRACKETED_CHOICE.findall(text)
    return str(bracketed[-1]) if bracketed else None


def _last_match(text: str, pattern: str) -> str | None:
    import regex

    try:
        matches = list(regex.finditer(pattern, text, timeout=_MOST_SECONDS))
    except TimeoutError:
        return None
    if not matches:
        return None
    found = matches[-1].group(1) if matches[-1].re.groups else matches[-1].group()
    return found.strip() if found else None
