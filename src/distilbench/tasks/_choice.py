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
from collections.abc import Callable
from typing import NamedTuple

from distilbench.tasks._wording import (
    ADJECTIVE,
    AGAIN,
    BULLET,
    CHOSEN,
    CLAUSE,
    CLOSE,
    CONSIDERED,
    DENIED,
    DOUBTED,
    DRESS,
    END,
    EXPRESSION,
    GOES_ON,
    JOINED,
    LEAD,
    NAMES_IT,
    NEXT,
    NO_WORD,
    NONE,
    NUMERALS,
    OPEN,
    OPERATED,
    REASONS,
    RIGHT,
    RULED_OUT,
    SMALL_ENDS,
    STATED,
    SUPPOSED,
    WEIGHED,
)

_MOST_STATEMENTS = 200
_ENDS_JOINED = re.compile(r"(?:\b(?:or|and)|[,;/&+、或和])[ \t]*$")
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
    following = NEXT.search(text)
    own = _choice(_undressed(text[: following.start()]), offered) if following else None
    return (_choice(_undressed(text), offered) if own is None else own) or None


def _undressed(text: str) -> str:
    return RULED_OUT.sub(" ", BULLET.sub("", DRESS.sub("", text)))


def _choice(undressed: str, offered: str) -> str | None:
    """The letter; "" for a hedge, None for nothing."""
    stated = _stated(undressed, offered)
    if stated.letter is not None:
        behind = undressed[stated.end :]
        later = _after_second_thought if stated.letter else _chosen
        return later(behind, offered) or stated.letter
    says = bool(STATED.search(undressed))
    rules: tuple[Callable[[str, str], str | None], ...] = (_alone, _chosen, _said_right)
    if not says:
        rules = (_first, _alone, _behind_colon, _chosen, _said_right, _in_brackets)
    for rule in rules:
        found = rule(undressed, offered)
        if found is not None:
            return found
    return stated.doubted


def _after_second_thought(text: str, offered: str) -> str | None:
    """The letter that an output takes once it has thought again behind its statement."""
    again = AGAIN.search(text)
    if again is None:
        return None
    rest = text[again.start() :]
    return next((x for rule in (_chosen, _said_right, _alone) if (x := rule(rest, offered))), None)


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


class _Stated(NamedTuple):
    """The letter of a statement ("": it names none, or several), and where that statement ends;
    ``doubted``: of statements that the output does not make itself."""

    letter: str | None
    end: int = 0
    doubted: str | None = None


def _stated(text: str, offered: str) -> _Stated:
    """The last statement that names a letter, or says that none is right."""
    doubted: list[str] = []
    for statement in reversed(list(STATED.finditer(text))[-_MOST_STATEMENTS:]):
        rest = text[statement.end() : statement.end() + 400]
        sentence = _sentence(rest)
        found = _right_behind(rest, offered)
        if found is None:
            found = _only(_standing(sentence, offered))
            if found is None and NONE.search(sentence):
                found = ""
        if found is None:
            continue
        if not sentence.endswith("?") and not DOUBTED.search(_begun(text, statement.end())):
            return _Stated(found, statement.end())
        doubted.append(found)
    return _Stated(None, doubted=_only(doubted))


def _begun(text: str, at: int) -> str:
    """The sentence that a place stands in, up to there."""
    return END.split(text[max(0, at - 200) : at])[-1]


def _right_behind(rest: str, offered: str) -> str | None:
    """The letter at the place where an answer is expected; "" if another is joined to it."""
    lead = LEAD.match(rest)
    at = lead.end() if lead else 0
    any_case = f"[{offered}{offered.lower()}]"
    found = re.compile(rf"({OPEN})({any_case})({CLOSE}){NO_WORD}").match(rest, at)
    if found is None:
        return None
    behind = rest[found.end() :]
    bare = not found[1].strip() and not found[3].strip()
    if DENIED.match(behind):
        return None
    if bare and _is_word(found[2].upper(), behind):
        return None
    if bare and found[2].islower() and not SMALL_ENDS.match(behind):
        return None
    if bare and behind[:1] in ("'", "’", "-", "+", "^", "_", "=", "/") and behind[1:2].isalnum():
        return "" if behind[1:2] in offered and behind[:1] in "/+-" else None
    if found[2].islower():
        return _unless_joined(found[2], behind, offered.lower()).upper()
    return _unless_joined(found[2], behind, offered)


def _unless_joined(letter: str, behind: str, offered: str) -> str:
    """The letter; "" where another offered one is joined to it: a hedge."""
    joined = JOINED.match(behind)
    if joined:
        other = re.compile(rf"{OPEN}([{offered}]){CLOSE}(?![\w'’])").match(behind, joined.end())
        goes_on = other and GOES_ON.match(behind[other.end() :])
        lists = not re.search(r"[a-z]", joined[0])  # "B, C is wrong" lists nothing
        clause = other and lists and CLAUSE.match(behind[other.end() :])
        if other and other[1] != letter and not clause and not (other[1] in "AIai" and goes_on):
            return ""
    return letter


def _sentence(text: str) -> str:
    end = END.search(text.lstrip(" \t\n"))
    text = text.lstrip(" \t\n")
    return text[: end.start() + 1] if end else text


def _standing(text: str, offered: str) -> list[str]:
    """Letters that stand for a choice in a sentence, without those that it denies: A and B (C) are
    one, in brackets behind what it says in words."""
    found: list[str] = []
    dressed: set[str] = set()
    last_alone = False
    for match in re.finditer(rf"(?<![\w'’-])({OPEN})([{offered}])({CLOSE})(?![\w'’+#-])", text):
        bare = not match[1].strip() and not match[3].strip()
        behind = text[match.end() :]
        before = text[max(0, match.start() - 16) : match.start()]
        if bare and (_is_word(match[2], behind) or OPERATED.search(before)):
            continue
        if bare and before[-1:].isspace() and before.strip() and not _names(before):
            continue
        if DENIED.match(behind):
            continue
        found.append(match[2])
        dressed |= set() if bare else {match[2]}
        last_alone = not bare and not _ENDS_JOINED.search(before)
    return [*dressed] if len(dressed) == 1 and last_alone else found


def _is_word(letter: str, behind: str) -> bool:
    """Whether a bare letter is an article, a pronoun, a name in an expression or in an
    abbreviation, or the first of a list of Roman numerals."""
    goes_on = letter in "AI" and GOES_ON.match(behind) and not REASONS.match(behind)
    numeral = letter in "IVX" and NUMERALS.match(behind)
    return bool(goes_on or numeral or EXPRESSION.match(behind))


def _names(before: str) -> bool:
    """Whether what stands before a bare letter leads to a choice: a sign does, and some words."""
    return not before.rstrip(" \t")[-1:].isalnum() or bool(NAMES_IT.search(before))


def _only(letters: list[str]) -> str | None:
    """The one letter of a list; "" if it holds several, None if it is empty."""
    if not letters:
        return None
    return letters[0] if len(set(letters)) == 1 else ""


def _first(text: str, offered: str) -> str | None:
    """A letter that the output begins with, unless the output goes on to list the choices."""
    labelled = re.compile(
        rf"\s*A:[ \t]*{OPEN}([{offered}]){CLOSE}(?:[ \t.]*(?:\n|$)|[.:]|(?<=\)))"
    ).match(text)
    ends = r"[.:,)\]]|[ \t]*(?:\n|$)|[ \t]+(?:[-–—][ \t]|because\b|since\b)"
    found = labelled or re.compile(rf"\s*{OPEN}([{offered}])(?:{CLOSE})(?={ends})").match(text)
    if found is None:
        small = re.fullmatch(rf"\s*\(?([{offered.lower()}])[.)][ \t][^\n]{{1,100}}\s*", text)
        return small[1].upper() if small else None
    behind = text[found.end() :]
    lists = set(re.findall(rf"(?:^|\n)[ \t]*\(?([{offered}])(?:[.):]|[ \t]*(?=\n|$))", text))
    if (not labelled and len(lists) > 1) or DENIED.match(behind.lstrip(".:,)]")):
        return None
    if WEIGHED.match(behind):
        return None
    return _unless_joined(found[1], behind.lstrip(".:"), offered)


def _alone(text: str, offered: str) -> str | None:
    """The last letter that is all of a line; also a small one, if it is all of the output."""
    if len(text.strip()) < 6 and (bare := text.strip(" \t\n.()[]{}").upper()) in tuple(offered):
        return bare
    lines = re.findall(rf"(?:^|\n)[ \t]*{OPEN}([{offered}]){CLOSE}[ \t]*[.:]?[ \t]*(?=\n|$)", text)
    listed = len(lines) > 1 and len(set(lines)) == len(lines)
    return "" if listed else str(lines[-1]) if lines else None


def _chosen(text: str, offered: str) -> str | None:
    """The last one that the output says it takes: ``I choose B``, ``it must be B``."""
    for said in reversed(list(CHOSEN.finditer(text))[-_MOST_STATEMENTS:]):
        rest = text[said.end() : said.end() + 400]
        found = None if ADJECTIVE.match(rest) else _right_behind(rest, offered)
        if found is not None:
            return found
    return None


def _behind_colon(text: str, offered: str) -> str | None:
    pattern = rf"(?:[:：]|[a-z]{{3}}[ \t]*=)[ \t]*{OPEN}([{offered}]){CLOSE}[ \t]*\.?[ \t]*(?=\n|$)"
    found = re.findall(pattern, text)
    return str(found[-1]) if found else None


def _said_right(text: str, offered: str) -> str | None:
    found = re.finditer(rf"(?<![\w'’]){OPEN}([{offered}]){CLOSE}{RIGHT}", text)
    named = (
        m[1]
        for m in found
        if _names(text[max(0, m.start() - 16) : m.start()])
        and not SUPPOSED.search(_begun(text, m.start()))
    )
    return _only(list(named))


def _in_brackets(text: str, offered: str) -> str | None:
    """Of the last sentence that has letters in brackets, the only one that it does not deny. Where
    other sentences have others, it must be the last of all, and whole: not one that weighs a choice
    in an output that was cut."""
    named = list(re.finditer(rf"[(\[{{]([{offered}])[)\]}}]", text))
    if not named:
        return None
    at = named[-1].start()
    begins = max((m.end() for m in END.finditer(text, max(0, at - 400), at)), default=0)
    ends = END.search(text, at, at + 400)
    end = ends.start() if ends else min(at + 400, len(text))
    if CONSIDERED.search(text[max(begins, at - 400) : at]):
        return None
    mine = [match for match in named if match.start() >= max(begins, at - 400)]
    found = [
        match[1]
        for match in mine
        if not DENIED.match(text[match.end() : end]) and not _abbreviates(match, text)
    ]
    others = {match[1] for match in named[: -len(mine)]} - set(found)
    behind = text[ends.end() :] if ends else text[named[-1].end() :]
    return _only(found) if found and not (others and behind.strip()) else None


def _abbreviates(letter: re.Match[str], text: str) -> bool:
    """Whether a letter in brackets is short for the word before it, as in "its area (A)", or what
    a function is of: P(A)."""
    before = text[max(0, letter.start() - 30) : letter.start()]
    word = re.search(r"([A-Za-z])[a-z]{2,} $", before)
    short = word and word[1].upper() == letter[1]
    return bool(short or re.search(r"[A-Za-z0-9]$", before)) and not NAMES_IT.search(f"{before} ")
