"""The reference answer in a column of a data file."""

from __future__ import annotations

import re
from typing import Any

from distilbench.tasks._cells import Number, text_of
from distilbench.tasks._extract import extract, marked_answer
from distilbench.tasks._spec import FileTask

_ALONE = re.compile(r"[-+−]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?", re.ASCII)
_THOUSANDS = re.compile(r"(?<!\d)\d{1,3}(?:,\d{2,3})*,\d{3}(?!\d)")
_PAIR = re.compile(r"\d,\d")  # 10,20 or 3,5: two numbers, or a decimal comma
_POWER_OF_10 = re.compile(r"10\s*\^")
_EXPRESSION = re.compile(  # 5!, 5², \sqrt{2}, 101_2, 6 million, at least 5: not the number in it
    r"[\d)}]\s*[!^²³⁰-⁹]|[√π∞]|(?i:sqrt|\\(?:pi|[dt]?frac|d?binom|log|ln|sin|cos|tan|infty)(?![a-z]))"
    r"|\d_\{?\d|\b0[bxo][0-9a-f]|\d[ie]\b|\d\.\d+\.\d|[<>≤≥≠]|\\(?:[gl]eq?|[gl]t|neq?)(?![a-z])"
    r"|(?i:\b(?:hundred|thousand|[mbtr]+illion|dozen|log|ln|sin|cos|tan|or (?:more|less|fewer)"
    r"|(?:more|less|fewer) than|at (?:least|most))s?\b)"
)
_BOXES = re.compile(
    r"\\boxed\s*\{[^{}]*\}[\s,;$.]*(?:(?:and|or)\b|\\text\{ ?(?:and|or) ?\})?[\s,$]*\\boxed"
)
_MOST_ANSWER = 200  # characters; what is longer is a worked solution


def reference_of(spec: FileTask, answer: Any, boxed: bool) -> str:
    """The reference answer, by the rule that finds answers in outputs.

    A number of the file is itself. A column without a box, or that the user's pattern does not
    match, holds the answers alone; ``boxed``: other rows have a box. Raises ``ValueError`` with
    what is wrong where the rule finds none, or only a part.
    """
    worked = text_of(answer)
    if spec.extract == "whole":
        return worked
    if isinstance(answer, Number) and spec.extract in ("####", "boxed", "last_number"):
        return worked
    if spec.extract == "####":
        found = marked_answer(worked)
    elif spec.extract == "last_number":
        found = _number(worked, spec.answer_is == "worked")
    elif spec.extract == "boxed" and _BOXES.search(worked):
        raise ValueError(f"holds several boxes side by side: {worked[-60:]!r}")
    elif spec.extract == "boxed" and (boxed or len(worked) > _MOST_ANSWER):
        found = extract(worked, "boxed")
    else:
        found = extract(worked, spec.extract, spec.pattern)
        found = worked if found is None and spec.extract in ("boxed", "regex") else found
    if found is None:
        raise ValueError(f"holds no answer by the rule {spec.extract!r}: {worked[-60:]!r}")
    return found


def _number(worked: str, is_solution: bool) -> str | None:
    if _ALONE.fullmatch(worked):
        number = re.sub(r"^(-?)\.", r"\g<1>0.", worked.replace("−", "-").removeprefix("+"))
        return text_of(Number(number))
    found = marked_answer(worked) if "####" in worked else extract(worked, "last_number")
    if found is None or is_solution or "####" in worked:
        return found
    others = _digits(worked) > _digits(found) and _digits(worked[: _start_of(found, worked)]) > 0
    if _EXPRESSION.search(_POWER_OF_10.sub("", worked)):
        raise ValueError(
            f"holds an expression, and more than one number in it: 'last_number' would compare "
            f"{found} alone: {worked[-60:]!r}"
        )
    if others or _PAIR.search(_THOUSANDS.sub("", worked)):
        raise ValueError(
            f"holds more than one number, of which 'last_number' would compare {found} alone: "
            f"{worked[-60:]!r}"
        )
    return found


def _digits(text: str) -> int:
    return sum(character.isdecimal() for character in text)


def _start_of(found: str, worked: str) -> int:
    """Where the last number begins: behind it, the rule no longer finds it whole."""
    for start in range(len(worked) - 1, max(-1, len(worked) - _MOST_ANSWER), -1):
        if extract(worked[start:], "last_number") == found:
            while start and (worked[start - 1].isdecimal() or worked[start - 1] == "."):
                start -= 1
            return start
    return max(0, len(worked) - _MOST_ANSWER)
