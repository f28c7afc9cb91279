"""What a table is sorted by: the numbers that its cells show, whatever their units."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from distilbench.report.page._format import NOT_AVAILABLE

ABSENT = ("", "–", NOT_AVAILABLE)
"""What stands in a cell of which nothing is known: last, whichever way a table is sorted."""

_NUMBER = r"\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?"
_UNITS = {
    "": 1.0, "%": 1.0, "x": 1.0, "×": 1.0, "J": 1.0, "W": 1.0,
    "k": 1e3, "M": 1e6, "G": 1e9, "B": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30, "TiB": 2.0**40,
    "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0,
}  # fmt: skip
_UNIT = "|".join(sorted((re.escape(unit) for unit in _UNITS if unit), key=len, reverse=True))
_FIGURE = re.compile(
    rf"(?P<bound>≥|≤|>|<|over |under |)\s*[~≈]?\s*(?P<sign>[+−-]?)\s*\$?\s*(?P<number>{_NUMBER})"
    rf"\s?(?P<unit>{_UNIT})?(?: (?P<rest>{_NUMBER}) (?P<part>h|min|s))?"
    r"\s?[†‡]*(?: to [^\d\s]*[\s\S]+)?(?: \(.*\))?"
)  # fmt: skip
_BEYOND = {"≥": math.inf, ">": math.inf, "over ": math.inf, "≤": -math.inf, "<": -math.inf}
_STARTS = re.compile(r"[\s~≈≥≤<>$+-]*\d")


def shown_number(text: str) -> float | None:
    """The number that a cell shows, in a unit's base (3.2M: 3,200,000; 2 min 5 s: 125); of a range
    its lower end, of a bound what lies just beyond it. Null for words, or a sentence that begins
    with a number.

    >>> [shown_number(text) for text in ("63.2G", "-3.1 to +4.0", "2 min 5 s", "0.40 †", "43.3%")]
    [63200000000.0, -3.1, 125.0, 0.4, 43.3]
    >>> [shown_number(text) for text in ("5 wins", "Q4_1", "1.2.3", "37% of the draws")]
    [None, None, None, None]
    """
    found = _FIGURE.fullmatch(text.strip())
    if found is None:
        return None
    value = _times(found["number"], found["unit"]) + _times(found["rest"], found["part"])
    value *= -1 if found["sign"] in ("-", "−") else 1
    beyond = _BEYOND.get(found["bound"], -math.inf if found["bound"] else None)
    return value if beyond is None else math.nextafter(value, beyond)


def _times(number: str | None, unit: str | None) -> float:
    return float(number.replace(",", "")) * _UNITS[unit or ""] if number else 0.0


def sort_keys(texts: Sequence[str], names: bool = False) -> list[str] | None:
    """What the cells of a column are sorted by, empty where nothing is known; null if the column
    holds words. A reason in place of a number ("not loaded") stays as it is: numbers stand before
    it. ``names``: the column says what a row is of, and words among its numbers make it one of
    words."""
    known = [text for text in texts if text.strip() not in ABSENT]
    numbers = {text: shown_number(text) for text in known}
    others = [text for text, number in numbers.items() if number is None]
    if len(others) == len(numbers) or (others and names) or any(map(_STARTS.match, others)):
        return None
    return [_key(text, numbers.get(text)) for text in texts]


def _key(text: str, number: float | None) -> str:
    if text.strip() in ABSENT:
        return ""
    return text if number is None else f"{number:.17g}"
