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

_DRESS = re.compile(
    r"\\(?:boxed|fbox|text(?:bf|it|rm|tt|sf)?|math(?:bf|rm|it|sf|tt)|mbox|bf|rm)\s*(?=\{)"
    r"|</?(?![A-Z]>)[A-Za-z][\w-]*>|\\[()\[\]]|[$*`~]|__"
)
_BULLET = re.compile(r"(?m)^[ \t]*(?:(?:[#>•+→✅✔☑👉🎯\ufe0f-]+|\d{1,2}[.)])[ \t]+)+(?=\S)")
_STATED = re.compile(
    r"(?i:\b(?:answer|(?:correct|right|best|final)[ \t]+(?:option|choice|letter|statement)"
    r"|réponse|respuesta|resposta|risposta|antwort)\b(?:[ \t]+(?:choice|option|letter|correcta?))?"
    r"(?:[ \t]+(?:to|for|here)\b[^.:\n]{0,60}?)?(?:,[^,.:\n]{1,30},)?"
    r"[ \t]*(?:[:：=→]|[-–—][ \t]|[ \t](?:is|would be|should be|must be|est|es|ist|è|é)\b[ \t]*:?)"
    r"|(?:^|(?<=\n))[ \t]*(?:the )?(?:(?:final|correct) )?answer[ \t]*"
    r"(?=\n|\(?[A-Z]\)?[ \t.]*(?:\n|$))"
    r"|(?:答案|正确选项)[ \t]*(?:应该|应)?(?:[是为选]|[:：])|(?:故|应|因此|所以)选择?)"
)
_NEXT = re.compile(r"\n[ \t]*(?:Question|Q)[ \t]*:")  # a base model goes on with one of its own
_CHOSEN = re.compile(
    r"(?i:\b(?:i(?:'d| would|'ll| will)?|we|let's)[ \t]+"
    r"(?:choose|pick|select|go with|opt for)\b"
    r"|\b(?:it|that|this)(?:['’]s|[ \t]+(?:is|must be|has to be|would be))(?=[ \t]))"
    r"|^\s*(?i:(?:choose|pick|select)\b|(?=(?:choice|option)\b))"
)
_LEAD = re.compile(
    r"(?i:[ \t\n]*(?:(?:the|option|choice|letter|answer|correct|clearly|therefore|definitely|thus"
    r"|la|le|el|die|lettre|letra)"
    r"(?=[\s(\[{:])[ \t]*:?[ \t]*){0,4})"
)
_OPEN, _CLOSE = r"[(\[{<\"'“‘]{0,3}[ \t]?", r"[ \t]?[)\]}>\"'”’]{0,3}"
_JOINED = re.compile(
    r"[ \t]*(?:[,;./&+]?[ \t]*\b(?:or|and)\b(?:[ \t]+(?:possibly|maybe|perhaps|even|also))?"
    r"|[,;/&+、或和])"
    r"[ \t]*(?i:option )?|[ \t]+(?=\(?[A-Z]\)?[ \t.]*(?:\n|$))"
)
_DENIED = re.compile(
    r"[ \t]*(?:\b(?:is|was|seems|looks|cannot be|can't be)\b|isn't\b)?[ \t]*"
    r"(?:clearly |also |therefore )?\b(?:not\b(?![ \t]+(?:option |choice )?\(?[A-Z]\b)"
    r"|wrong|incorrect|false|ruled out|eliminated|too\b|isn't|cannot be|can't be)"
)
_NAMES_IT = re.compile(  # words before a bare letter that names a choice, not a vitamin
    r"(?i:\b(?:is|be|was|option|choice|letter|answer|statement|to|with|or|and|either|both|neither|nor|not"
    r"|choose|pick|select|say|correct|only|indeed|actually|likely|probably|definitely|clearly|so|thus"
    r"|than|of|for|the|it's|that's|hence|therefore|but|est|es|ist))[ \t]+$"
)
_NEGATED = re.compile(r"(?i:\b(?:not|isn't|never|rather than|instead of|than|unlike)\s+)$")
_NONE = re.compile(
    r"(?i:\b(?:none|neither|unclear|unknown|cannot|can't|both|all of|not (?:sure|listed|given))\b)"
)
_END = re.compile(r"[.;!?](?=\s|$)|\n")
_GOES_ON = re.compile(r"[ \t]+[a-z]")
_WORDS = r"(?:because|since|as|is|due|given|with|which|for|but|and|or|so|not)\b"
_REASONS = re.compile(rf"[ \t]+{_WORDS}")
_ADJECTIVE = re.compile(rf"[ \t]*[A-Z][ \t]+(?!{_WORDS})[a-z]")  # it is B cells
_CLAUSE = re.compile(r"[ \t]+(?!(?:or|and)\b)[a-z]")
_RIGHT = r"[ \t]+(?:is|must be|seems|looks)[ \t]+(?:the[ \t]+)?(?:correct|right|best|true|answer)\b"
_NO_WORD = r"(?![^\W\u3040-\u9fff])"  # Chinese and Japanese write no space behind a letter
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
    undressed = _BULLET.sub("", _DRESS.sub("", text))
    following = _NEXT.search(undressed)
    own = _choice(undressed[: following.start()], offered) if following else None
    return (_choice(undressed, offered) if own is None else own) or None


def _choice(undressed: str, offered: str) -> str | None:
    """The letter; "" for a hedge, None for nothing."""
    stated = _stated(undressed, offered)
    if stated is not None:
        return stated
    says = bool(_STATED.search(undressed))
    rules: tuple[Callable[[str, str], str | None], ...] = (_alone, _chosen)
    if not says:
        rules = (_first, _alone, _behind_colon, _chosen, _said_right, _in_brackets)
    for rule in rules:
        found = rule(undressed, offered)
        if found is not None:
            return found
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
    found = re.compile(rf"({_OPEN})({any_case})({_CLOSE}){_NO_WORD}").match(rest, at)
    if found is None:
        return None
    behind = rest[found.end() :]
    bare = not found[1].strip() and not found[3].strip()
    if _DENIED.match(behind):
        return None
    if bare and found[2] in "AIai" and _GOES_ON.match(behind) and not _REASONS.match(behind):
        return None  # an article, or a pronoun
    if bare and found[2].islower() and not re.match(r"[ \t]*(?:[.,;:!)\n]|$)", behind):
        return None
    if (bare and behind[:2] in ("++", "--")) or behind[:1] == "#":
        return None
    if bare and behind[:1] in ("'", "’", "-", "+", "^", "_", "=", "/") and behind[1:2].isalnum():
        return "" if behind[1:2] in offered and behind[:1] in "/+-" else None
    return _unless_joined(found[2].upper(), behind, offered)


def _unless_joined(letter: str, behind: str, offered: str) -> str:
    """The letter; "" where another offered one is joined to it: a hedge."""
    joined = _JOINED.match(behind)
    if joined:
        other = re.compile(rf"{_OPEN}([{offered}]){_CLOSE}(?![\w'’])").match(behind, joined.end())
        goes_on = other and _GOES_ON.match(behind[other.end() :])
        lists = not re.search(r"[a-z]", joined[0])  # "B, C is wrong" lists nothing
        clause = other and lists and _CLAUSE.match(behind[other.end() :])
        if other and other[1] != letter and not clause and not (other[1] in "AI" and goes_on):
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
        before = text[max(0, match.start() - 16) : match.start()]
        if bare and before[-1:].isspace() and before.strip() and not _names(before):
            continue
        if not _NEGATED.search(before) and not _DENIED.match(behind):
            found.append(match[2])
    return found


def _names(before: str) -> bool:
    """Whether what stands before a bare letter leads to a choice: a sign does, and some words."""
    return not before.rstrip()[-1:].isalnum() or bool(_NAMES_IT.search(before))


def _only(letters: list[str]) -> str | None:
    """The one letter of a list; "" if it holds several, None if it is empty."""
    if not letters:
        return None
    return letters[0] if len(set(letters)) == 1 else ""


def _first(text: str, offered: str) -> str | None:
    """A letter that the output begins with, unless the output goes on to list the choices."""
    labelled = re.compile(rf"\s*A:[ \t]*{_OPEN}([{offered}]){_CLOSE}[ \t.]*(?:\n|$)").match(text)
    ends = r"[.:,)\]]|[ \t]*(?:\n|$)|[ \t]+(?:[-–—][ \t]|because\b|since\b)"
    found = labelled or re.compile(rf"\s*{_OPEN}([{offered}])(?:{_CLOSE})(?={ends})").match(text)
    if found is None:
        return None
    behind = text[found.end() :]
    lists = set(re.findall(rf"(?:^|\n)[ \t]*\(?([{offered}])(?:[.):]|[ \t]*(?=\n|$))", text))
    if (not labelled and len(lists) > 1) or _DENIED.match(behind.lstrip(".:,)]")):
        return None
    return _unless_joined(found[1], behind.lstrip(".:"), offered)


def _alone(text: str, offered: str) -> str | None:
    """The last letter that is all of a line; also a small one, if it is all of the output."""
    if len(text.strip()) < 6 and (bare := text.strip(" \t\n.()[]{}").upper()) in tuple(offered):
        return bare
    lines = re.findall(
        rf"(?:^|\n)[ \t]*{_OPEN}([{offered}]){_CLOSE}[ \t]*[.:]?[ \t]*(?=\n|$)", text
    )
    listed = len(lines) > 1 and len(set(lines)) == len(lines)
    return "" if listed else str(lines[-1]) if lines else None


def _chosen(text: str, offered: str) -> str | None:
    """The last one that the output says it takes: ``I choose B``, ``it must be B``."""
    for said in reversed(list(_CHOSEN.finditer(text))[-_MOST_STATEMENTS:]):
        rest = text[said.end() : said.end() + 400]
        found = None if _ADJECTIVE.match(rest) else _right_behind(rest, offered)
        if found is not None:
            return found
    return None


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
        and not _DENIED.match(shown[match.end() :])
    ]
    return _only(found)
