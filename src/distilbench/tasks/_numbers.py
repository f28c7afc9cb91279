r"""Numbers as people, models and LaTeX write them: found in a text, and read exactly.

A number may have a sign (ASCII, U+2212), a currency, separators of thousands (``1,234``,
``1{,}234``, ``1\,234``, thin spaces), a leading point, an exponent (``1e6``, ``3 \times 10^8``,
``3 × 10⁸``), a power (``2^{10}``), a denominator (``3/4``, ``\frac{3}{4}``, ``1 3/4``), a percent
sign. A hyphen behind a letter or a digit is no sign (``COVID-19``, ``2010-2012``), and a digit
behind a letter is no number (``m^2``, ``H2O``). A date of ISO 8601 is its text.
"""

from __future__ import annotations

import re
import unicodedata
from collections import deque
from fractions import Fraction

_MINUS = str.maketrans({"−": "-", "–": "-", "﹣": "-", "－": "-"})
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
DATE = re.compile(r"(?<![\d-])\d{4}-\d{2}-\d{2}(?![\d-])")
"""A date of ISO 8601, which is no subtraction."""
_DATE_LENGTH = 12
_THIN = "\u2009\u202f\u00a0"
_FRACTION = re.compile(r"\\[dt]?frac\s*(?:\{\s*(-?\d+)\s*\}\s*\{\s*(\d+)\s*\}|(\d)\s*(\d)(?!\d))")
_GROUPED = re.compile(rf"(?<=\d)(?:\{{,\}}|,?\\[,;! ]|[{_THIN}'’_])(?=\d{{3}}(?!\d))")
_SPACED = re.compile(r"(?<![\d.,])\d{1,3}(?:(?: \d{3}){2,12}| 0\d{2})(?! ?\d)")
_POWER_OF_TEN = re.compile(
    r"[ \t]{0,3}(?:\\times|\\cdot|[×x*·])[ \t]{0,3}10[ \t]?(?:\^[ \t]?\{?[ \t]?|\*\*[ \t]?)"
    r"([-+]?\d+)[ \t]?\}?(?![\d^])"
)
_STARRED = re.compile(r"(?<![\d.*])(\d+(?:\.\d+)?)\*\*(-?\d+)(?![\d*])")
_VULGAR = re.compile(r"(\d?)[ ]?([¼-¾⅐-⅞])")
_REPEATING = re.compile(r"(-?)(?<!\d)(\d{0,20})\.(\d{0,20})\\overline\s*\{(\d{1,20})\}")
_GOES_ON = re.compile(  # 0.333...
    r"(-?)(?<!\d)(\d{0,20})\.(\d{0,10}?)(\d{1,6}?)\4{2,10}(?:\.\.\.|…|\\[cl]?dots)"
)
_RAISED_POWER = re.compile(r"(?<=\d)(⁻?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)")
_WHOLE = r"\d{1,3}(?:,\d{3}){1,12}(?!,?\d)|\d{1,2}(?:,\d{2}){1,12},\d{3}(?!,?\d)|\d+"
_NUMBER = re.compile(
    rf"""(?P<sign>-[ ]?)?(?:\\?[$€£¥][ ]?)?(?P<inner>-)?
    (?:(?<![A-Za-z_^\d.])(?<!\^\{{)|(?<=USD)|(?<=EUR)|(?<=GBP)|(?<=INR)|(?<=Rs)|(?<=Rs\.))
    (?P<whole>(?:{_WHOLE})(?:\.\d+)?|\.\d+)
    (?P<exponent>[eE][-+]?\d{{1,4}}(?!\w))?
    (?P<power>\^\{{?-?\d{{1,4}}\}}?)?
    (?:[ ](?P<top>\d+)/(?P<bottom>\d+)|[ ]?/[ ]?(?P<denominator>\d+)(?!\.?\d))?
    """,
    re.VERBOSE,
)
_PLAIN = re.compile(
    r"(?P<sign>[-+]?)(?:(?P<decimal>\d+(?:\.\d*)?|\.\d+)(?:[eE](?P<exponent>[-+]?\d{1,4}))?)"
    r"(?:\^\{?(?P<power>-?\d{1,4})\}?)?(?:/(?P<denominator>\d+))?"
)
_MIXED = re.compile(r"(-?)(\d+) +(\d+)/(\d+)")
_APART = re.compile(r"\d +[\d.]")
_GROUPS_OF_3 = re.compile(r"[-+]?\d{1,3}(?: \d{3})+(?:\.\d+)?")  # all of a text: no list
_EUROPEAN = re.compile(r"(?<![\d.,])(\d{1,3}(?:\.\d{3})+),(\d{1,2})(?![\d,]|\.\d)")
_DOTTED = re.compile(r"(?<![\d.,])\d{1,3}(?:\.\d{3}){2,}(?![\d,]|\.\d)")
_NEGATIVE = re.compile(r"(?i:\bnegative |(?:^|(?<= is )|(?<=: )|(?<== ))minus )(?=\$?\.?\d)")
_UNITS = re.compile(r"\\?[$%€£¥]|\^\{?\\circ\}?|°|\\degree")
_MOST_DIGITS = 4000
_SHOWN_EXPONENT = 30


def last_number(text: str) -> str | None:
    """The last number of a text, as plain digits; None if there is none.

    >>> [last_number(t) for t in ("$1,234.50.", "COVID-19", "40 m^2", "about 1.5e6", "1 1/2")]
    ['1234.50', '19', '40', '1500000', '3/2']
    """
    plainly = _written_plainly(text)
    found = deque(_NUMBER.finditer(plainly), maxlen=1)
    if not found:
        return None
    before = max(0, found[0].start() - _DATE_LENGTH)
    date = DATE.search(plainly, before, found[0].end())
    return date[0] if date and date.end() == found[0].end() else _as_digits(found[0])


def rational(text: str) -> Fraction | None:
    """The exact value of a text that is one number; None for anything else.

    >>> rational("1{,}234"), rational(r"\\frac{1}{2}"), rational("50%"), rational("x")
    (Fraction(1234, 1), Fraction(1, 2), Fraction(50, 1), None)
    """
    if len(text) > _MOST_DIGITS:
        return None
    bare = _UNITS.sub("", _written_plainly(text)).strip().rstrip(".")
    if _GROUPS_OF_3.fullmatch(bare):
        bare = bare.replace(" ", "")
    if _APART.search(bare):
        return _mixed(bare)
    stripped = bare.replace(" ", "")
    if re.fullmatch(rf"[-+]?(?:{_WHOLE})(?:\.\d*)?", stripped):
        stripped = stripped.replace(",", "")
    found = _PLAIN.fullmatch(stripped)
    return _value(found) if found else None


def _written_plainly(text: str) -> str:
    """ASCII signs, no separators that are not commas, fractions and powers of ten in one line."""
    text = text.translate(_MINUS)
    text = _NEGATIVE.sub("-", text)
    for repeating in (_REPEATING, _GOES_ON):
        text = repeating.sub(lambda m: str(_repeating(m)), text)
    text = _FRACTION.sub(_in_line, text)
    text = _EUROPEAN.sub(lambda m: f"{m[1].replace('.', '')}.{m[2]}", text)
    text = _DOTTED.sub(lambda m: m[0].replace(".", ""), text)
    text = _GROUPED.sub("", text)
    text = _SPACED.sub(lambda m: m[0].replace(" ", ""), text)
    text = _VULGAR.sub(_in_ascii, text)
    text = _STARRED.sub(r"\1^{\2}", text)
    text = _RAISED_POWER.sub(lambda m: f"^{{{m[1].translate(_RAISED)}}}", text)
    return _POWER_OF_TEN.sub(r"e\1", text)


def _in_ascii(found: re.Match[str]) -> str:
    """``½`` as 1/2, ``3½`` as 3 1/2."""
    fraction = unicodedata.normalize("NFKC", found[2]).replace("\u2044", "/")
    return f"{found[1]} {fraction}" if found[1] else fraction


def _in_line(found: re.Match[str]) -> str:
    top, bottom = found[1] or found[3], found[2] or found[4]
    before = found.string[found.start() - 1 : found.start()]
    return f" {top}/{bottom}" if before.isdecimal() else f"{top}/{bottom}"


def _repeating(found: re.Match[str]) -> Fraction:
    """``0.1\\overline{6}`` is 1/6."""
    shift = 10 ** len(found[3])
    period = Fraction(int(found[4]), 10 ** len(found[4]) - 1)
    value: Fraction = (int(f"{found[2]}{found[3]}" or 0) + period) / shift
    return -value if found[1] else value


def _mixed(bare: str) -> Fraction | None:
    """A whole number and a fraction: 1 1/2 is 3/2."""
    found = _MIXED.fullmatch(bare)
    if found is None or int(found[3]) >= int(found[4]):
        return None
    value = int(found[2]) + Fraction(int(found[3]), int(found[4]))
    return -value if found[1] else value


def _value(found: re.Match[str]) -> Fraction | None:
    value = Fraction(found["decimal"])
    exponent, power = int(found["exponent"] or 0), int(found["power"] or 1)
    bottom = int(found["denominator"] or 1)
    if not bottom or (value == 0 and power <= 0):
        return None
    value = (value * Fraction(10) ** exponent) ** power / bottom
    return -value if found["sign"] == "-" else value


def _as_digits(found: re.Match[str]) -> str:
    sign = "-" if found["inner"] or (found["sign"] and _is_sign(found)) else ""
    number = found["whole"].replace(",", "")
    if found["bottom"]:
        top, bottom = int(found["top"]), int(found["bottom"])
        if not bottom or top >= bottom or not number.isdecimal() or found["exponent"]:
            return f"{top}/{bottom}"  # two numbers, of which this is the last
        return f"{sign}{int(number) * bottom + top}/{bottom}"
    number = f"0{number}" if number.startswith(".") else number
    if found["exponent"]:
        number = _without_exponent(number, int(found["exponent"][1:]))
    over = f"/{found['denominator']}" if found["denominator"] else ""
    return f"{sign}{number}{found['power'] or ''}{over}"


def _is_sign(found: re.Match[str]) -> bool:
    """Behind a letter, a digit or a bracket a hyphen joins or subtracts; one with a space behind it
    is a sign only where a value begins: elsewhere it is a dash, a bullet or a minus."""
    before = found.string[max(0, found.start() - 40) : found.start()]
    if found["sign"] == "-":
        return not before[-1:].isalnum() and before[-1:] not in (")", "]", "}", "_", "%")
    return before.rstrip(" ")[-1:] in ("=", ":", "(", "[", "{", ",", "$", "<", ">", "≈")


def _without_exponent(number: str, exponent: int) -> str:
    if abs(exponent) > _SHOWN_EXPONENT:
        return f"{number}e{exponent}"
    whole, _, part = number.partition(".")
    if exponent >= 0:
        part = part.ljust(exponent, "0")
        whole, part = whole + part[:exponent], part[exponent:]
    else:
        whole = whole.rjust(1 - exponent, "0")
        whole, part = whole[:exponent], whole[exponent:] + part
    digits = whole.lstrip("0") or "0"
    return f"{digits}.{part}" if part else digits
