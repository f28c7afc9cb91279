r"""The letter that an output names, of the letters that the question offers.

What counts, in this order: the last statement (``answer is``, ``answer:``), where a letter stands
right behind it or alone in its sentence; a letter that begins the output or stands alone in a line;
one behind a colon at the end of a line; one that is said to be correct; the only one in brackets in
the last sentence with brackets. Two letters in one place are a hedge, and no answer. Markdown,
LaTeX, brackets and tags around a letter do not matter.
"""

from __future__ import annotations

import re
import string

_DRESS = re.compile(
    r"\\(?:boxed|fbox|text(?:bf|it|rm|tt|sf)?|math(?:bf|rm|it|sf|tt)|mbox|bf|rm)\s*(?=\{)"
    r"|</?[A-Za-z][\w-]*>|\\[()\[\]]|[$*`~]|__"
)
_STATED = re.compile(
    r"(?i:\b(?:answer|(?:correct|right|best|final)[ \t]+(?:option|choice|letter))\b"
    r"(?:[ \t]+(?:choice|option|letter))?(?:[ \t]+(?:to|for|here)\b[^.:\n]{0,60}?)?"
    r"[ \t]*(?::|=|[ \t](?:is|would be|should be|must be)\b[ \t]*:?))"
)
_LEAD = re.compile(
    r"(?i:[ \t\n]*(?:(?:the|option|choice|letter|answer|correct|clearly|therefore|definitely|thus)"
    r"(?=[\s(\[{:])[ \t]*:?[ \t]*){0,4})"
)
_OPEN, _CLOSE = r"[(\[{<\"'“‘]{0,3}[ \t]?", r"[ \t]?[)\]}>\"'”’]{0,3}"
_JOINED = re.compile(r"[ \t]*(?:,|/|&|\bor\b|\band\b|,[ \t]*or\b|,[ \t]*and\b)[ \t]*(?i:option )?")
_NEGATED = re.compile(r"(?i:\b(?:not|isn't|never|rather than|instead of|than|unlike)\s+)$")
_NONE = re.compile(
    r"(?i:\b(?:none|neither|unclear|unknown|cannot|can't|both|all of|not (?:sure|listed|given))\b)"
)
_END = re.compile(r"[.;!?](?=\s|$)|\n")
_GOES_ON = re.compile(r"[ \t]+[a-z]")
_REASONS = re.compile(r"[ \t]+(?:because|since|as|is|due|given|with|which|for|but|and|or|so|not)\b")
_RIGHT = r"[ \t]+(?:is|must be|seems|looks)[ \t]+(?:the[ \t]+)?(?:correct|right|best|true)\b"
_MOST_STATEMENTS = 200
_LISTED = re.compile(r"(?:^|(?<=[\s:]))\(([A-Z])\)(?=\s)|(?:^|(?<=\n))[ \t]*([A-Z])[.):](?=\s)")


def choice_of(text: str, letters: str | None = None) -> str | None:
    """The letter, or None: no letter, or several.

    ``letters`` are those that the question offers, in capitals; None: any from A to Z.

    >>> choice_of("The answer is **B**. Note that choice A is wrong.", "ABCD")
    'B'
    >>> choice_of("So the answer is (A) or (B).", "AB")
    """
    offered = string.ascii_uppercase if letters is None else letters
    if not offered:
        return None
    undressed = _DRESS.sub("", text)
    stated = _stated(undressed, offered)
    if stated is not None:
        return stated or None
    says = bool(_STATED.search(undressed))
    rules = (_alone,) if says else (_first, _alone, _behind_colon, _said_right, _in_brackets)
    for rule in rules:
        found = rule(undressed, offered)
        if found is not None:
            return found or None
    return None


def letters_in(question: str) -> str | None:
    """The letters of the choices that a question lists, as ``(A) ...`` or ``A. ...``; None if none.

    >>> letters_in("Which?\\nOptions:\\n(A) ice\\n(B) iron")
    'AB'
    """
    found = [a or b for a, b in _LISTED.findall(question)]
    start = max((i for i, letter in enumerate(found) if letter == "A"), default=len(found))
    run = ""
    for letter in found[start:]:
        if letter != string.ascii_uppercase[len(run) : len(run) + 1]:
            break
        run += letter
    return run if len(run) > 1 else None


def _stated(text: str, offered: str) -> str | None:
    """The letter of the last statement that names one; "" if the last that decides names none."""
    for statement in reversed(list(_STATED.finditer(text))[-_MOST_STATEMENTS:]):
        rest = text[statement.end() : statement.end() + 400]
        found = _right_behind(rest, offered)
        if found is None:
            sentence = _sentence(rest)
            found = _only(_standing(sentence, offered))
            if found is None and _NONE.search(sentence):
                return ""
        if found is not None:
            return found
    return None


def _right_behind(rest: str, offered: str) -> str | None:
    """The letter at the place where an answer is expected; "" if another is joined to it."""
    lead = _LEAD.match(rest)
    at = lead.end() if lead else 0
    any_case = f"[{offered}{offered.lower()}]"
    found = re.compile(rf"({_OPEN})({any_case})({_CLOSE})(?!\w)").match(rest, at)
    if found is None:
        return None
    behind = rest[found.end() :]
    bare = not found[1].strip() and not found[3].strip()
    if bare and found[2] in "AIai" and _GOES_ON.match(behind) and not _REASONS.match(behind):
        return None  # an article, or a pronoun
    if bare and found[2].islower() and not re.match(r"[ \t]*(?:[.,;:!)\n]|$)", behind):
        return None
    if (bare and behind[:2] in ("++", "--")) or behind[:1] == "#":
        return None
    if bare and behind[:1] in ("'", "’", "-", "+", "^", "_", "=", "/") and behind[1:2].isalnum():
        return "" if behind[:1] == "/" and behind[1:2] in offered else None
    return _unless_joined(found[2].upper(), behind, offered)


def _unless_joined(letter: str, behind: str, offered: str) -> str:
    """The letter; "" where another offered one is joined to it: a hedge."""
    joined = _JOINED.match(behind)
    if joined:
        other = re.compile(rf"{_OPEN}([{offered}]){_CLOSE}(?![\w'’])").match(behind, joined.end())
        goes_on = other and _GOES_ON.match(behind[other.end() :])
        if other and other[1] != letter and not (other[1] in "AI" and goes_on):
            return ""
    return letter


def _sentence(text: str) -> str:
    end = _END.search(text.lstrip(" \t\n"))
    text = text.lstrip(" \t\n")
    return text[: end.start() + 1] if end else text


def _standing(text: str, offered: str) -> list[str]:
    """Letters that stand for a choice in a sentence, without those that it denies."""
    found = []
    for match in re.finditer(rf"(?<![\w'’-])({_OPEN})([{offered}])({_CLOSE})(?![\w'’+#-])", text):
        bare = not match[1].strip() and not match[3].strip()
        behind = text[match.end() :]
        if bare and match[2] in "AI" and _GOES_ON.match(behind) and not _REASONS.match(behind):
            continue
        if not _NEGATED.search(text[max(0, match.start() - 16) : match.start()]):
            found.append(match[2])
    return found


def _only(letters: list[str]) -> str | None:
    """The one letter of a list; "" if it holds several, None if it is empty."""
    if not letters:
        return None
    return letters[0] if len(set(letters)) == 1 else ""


def _first(text: str, offered: str) -> str | None:
    """A letter that the output begins with, unless the output goes on to list the choices."""
    found = re.compile(rf"\s*{_OPEN}([{offered}])(?:{_CLOSE})(?=[.:,)\]]|[ \t]*(?:\n|$))").match(
        text
    )
    if found is None:
        return None
    behind = text[found.end() :]
    lists = set(re.findall(rf"(?:^|\n)[ \t]*\(?([{offered}])[.):]", text))
    if behind[:1].strip() and len(lists) > 1:
        return None
    return _unless_joined(found[1], behind.lstrip(".:"), offered)


def _alone(text: str, offered: str) -> str | None:
    """The last letter that is all of a line; also a small one, if it is all of the output."""
    if len(text.strip()) < 6 and (bare := text.strip(" \t\n.()[]{}").upper()) in tuple(offered):
        return bare
    lines = re.findall(
        rf"(?:^|\n)[ \t]*{_OPEN}([{offered}]){_CLOSE}[ \t]*[.:]?[ \t]*(?=\n|$)", text
    )
    return str(lines[-1]) if lines else None


def _behind_colon(text: str, offered: str) -> str | None:
    pattern = rf"[:：=][ \t]*{_OPEN}([{offered}]){_CLOSE}[ \t]*\.?[ \t]*(?=\n|$)"
    found = re.findall(pattern, text)
    return str(found[-1]) if found else None


def _said_right(text: str, offered: str) -> str | None:
    found = re.findall(rf"(?<![\w'’]){_OPEN}([{offered}]){_CLOSE}{_RIGHT}", text)
    return _only([str(letter) for letter in found])


def _in_brackets(text: str, offered: str) -> str | None:
    """Of the last sentence that has letters in brackets, the only one that it does not deny."""
    at = max((m.start() for m in re.finditer(rf"[(\[{{][{offered}][)\]}}]", text)), default=None)
    if at is None:
        return None
    begins = max((m.end() for m in _END.finditer(text, max(0, at - 400), at)), default=0)
    sentence = text[max(begins, at - 400) : at + 400]
    ends = _END.search(sentence, at - max(begins, at - 400))
    shown = sentence[: ends.start()] if ends else sentence
    found = [
        match[1]
        for match in re.finditer(rf"[(\[{{]([{offered}])[)\]}}]", shown)
        if not _NEGATED.search(shown[max(0, match.start() - 16) : match.start()])
    ]
    return _only(found)
