r"""LaTeX and Markdown around an answer: taken off, without a look at what the answer means."""

from __future__ import annotations

import re
import unicodedata

_WRAPPERS = re.compile(
    r"\\(?:text(?:bf|it|rm|tt|sf)?|math(?:bf|rm|it|sf|tt|normal)|mbox|bold(?:symbol)?|bf|rm)"
    r"\s*\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}"
)
_SIZES = re.compile(r"\\(?:left|right|[bB]igg?[lrm]?)(?![a-zA-Z])\s*\.?")
_SPACES = re.compile(r"(?<!\\)\\[ ,;:!]|\\q?quad(?![a-zA-Z])|(?<!\\)~")
_GROUPS = re.compile(r"(?<=\d)(?:\{,\}|,?\\[,;! ])(?=\d{3}(?!\d))")
_DELIMITERS = (("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"))
_PAIRS = (("**", "**"), ("__", "__"), ("*", "*"), ("`", "`"), ('"', '"'), ("“", "”"), ("'", "'"))
_MINUS = str.maketrans({"−": "-", "–": "-", "‐": "-", "‑": "-", "﹣": "-", "－": "-"})
_MOST_NESTED = 8


def plain(text: str) -> str:
    r"""Text in one form: composed characters, ASCII minus signs, no separators of
    thousands in LaTeX, no ``\text{}`` or ``\left``, no
    math delimiters, Markdown or quotes around all of it.

    >>> plain(r"$\text{Yes}$")
    'Yes'
    >>> plain(r"\left(0, 1\right]")
    '(0, 1]'
    """
    text = unicodedata.normalize("NFC", text).translate(_MINUS)
    for _ in range(_MOST_NESTED):
        unwrapped = _WRAPPERS.sub(r"\1", text)
        if unwrapped == text:
            break
        text = unwrapped
    text = _GROUPS.sub("", _SIZES.sub("", text)).replace("{,}", ",")
    return unpaired(_SPACES.sub(" ", text).strip())


def unpaired(text: str) -> str:
    """Without the delimiters that stand on both ends; what stands on one end is the answer's.

    >>> unpaired("**B**"), unpaired("f'"), unpaired("'no'"), unpaired("a*")
    ('B', "f'", 'no', 'a*')
    """
    for _ in range(_MOST_NESTED):
        for left, right in (*_DELIMITERS, *_PAIRS):
            inside = text[len(left) : len(text) - len(right)]
            around = text.startswith(left) and text.endswith(right)
            if around and len(text) > len(left) + len(right) and left[0] not in inside:
                text = inside.strip()
                break
        else:
            break
    return text
