r"""Finds the answer in a model's output.

Output is untrusted and may be long or strange: every search is linear in its length, or bounded in
time. The rules are those of lm-evaluation-harness's GSM8K filters where they exist.
"""

from __future__ import annotations

import re
from collections import deque

from distilbench.tasks._choice import choice_of
from distilbench.tasks._numbers import last_number

_MARKED = re.compile(r"####[ \t]*(-?\$?[\d.,/]*\d)")
# lm-evaluation-harness's filters of gsm8k, strict-match and flexible-extract, to the letter.
_STRICT = re.compile(r"#### (-?[0-9.,]+)")
_FLEXIBLE = re.compile(r"-?[$0-9.,]{2,}|-?[0-9]+")
_BOX = re.compile(r"\\(?:boxed|fbox)\s{0,4}\{")
_BARE_BOX = re.compile(r"\\(?:boxed|fbox)(?:\s{1,4}|(?=\d))(-?[^\s${}\\]+)")
_MOST_TEXT = 100_000  # characters from the end: answers come last
_MOST_SECONDS = 1.0  # for a user's own pattern


def extract(
    text: str, how: str, pattern: str | None = None, letters: str | None = None
) -> str | None:
    r"""The answer in ``text``, or None. Thoughts are taken out before: ``engines._thinking``.

    ``whole``: all of it. ``####``: as lm-evaluation-harness's gsm8k, by its filter strict-match
    (the number behind the first ``####``) and where that finds none by flexible-extract (the last).
    ``boxed``: the inside of the last ``\boxed{}``. ``boxed_choice``: the letter in it, else as
    ``choice``. ``last_number``: see ``_numbers``. ``choice``: see ``_choice``; ``letters`` are
    those that the question offers. ``regex``: the last match of ``pattern``, its first group if it
    has one. Raises ``ValueError`` if the pattern takes too long.

    >>> extract("3 boxes of 400 are 1,200.\n#### 1,200", "####")
    '1200'
    >>> extract(r"First \boxed{3}, no: \boxed{\frac{1}{2}}.", "boxed")
    '\\frac{1}{2}'
    >>> extract("It weighs 12 kg.", "regex", r"(\d+) kg")
    '12'
    >>> extract("I do not know.", "boxed") is None
    True
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
        return choice_of(text if boxed is None else boxed, letters)
    if how == "last_number":
        return last_number(text)
    if how == "choice":
        return choice_of(text, letters)
    return _last_match(text, pattern or "")


def marked_answer(text: str) -> str | None:
    """The number behind the last ``####`` and nothing else: for reference answers.

    >>> marked_answer("3 * 4 = 12\\n#### 1,012.")
    '1012'
    """
    marked = _MARKED.findall(text)
    return _clean_number(marked[-1]) if marked else None


def _gsm8k(text: str) -> str | None:
    strict = _STRICT.search(text)
    found = [strict.group(1)] if strict else _FLEXIBLE.findall(text)[-1:]
    # What its metric ignores: commas, dollar signs, one full stop at the end.
    return found[0].replace("$", "").replace(",", "").removesuffix(".") or None if found else None


def _clean_number(number: str) -> str:
    return number.replace("$", "").replace(",", "").rstrip(".%")


def _last_boxed(text: str) -> str | None:
    """What the last box holds; None if it does not end. Escaped braces are the answer's. A box
    without braces counts where there is no other."""
    boxes = deque(_BOX.finditer(text), maxlen=1)
    if not boxes:
        bare = deque(_BARE_BOX.finditer(text), maxlen=1)
        return (bare[0][1].rstrip(".,;") or None) if bare else None
    inside = boxes[0].end()
    depth, position = 1, inside
    while position < len(text):
        if text[position] == "\\":
            position += 2
            continue
        depth += (text[position] == "{") - (text[position] == "}")
        if depth == 0:
            return text[inside:position].strip() or None
        position += 1
    return None


def _last_match(text: str, pattern: str) -> str | None:
    import regex

    try:
        matches = list(regex.finditer(pattern, text, timeout=_MOST_SECONDS))
    except TimeoutError as error:  # no answer would be a wrong grade without a word
        raise ValueError(
            f"'pattern' took over {_MOST_SECONDS:g} s on an answer: write it without repeats of"
            " repeats"
        ) from error
    if not matches:
        return None
    found = matches[-1].group(1) if matches[-1].re.groups else matches[-1].group()
    return found.strip() if found else None
