"""The choices of a row, and the letter of the right one.

One column of answers speaks one language: whether ``1`` is an index or the text of a choice cannot
be told from a row, but often from all of them. Where it cannot, the suite has to say it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from distilbench.errors import InputError
from distilbench.tasks._cells import ABSENT, Whole, text_of, typed, value_at
from distilbench.tasks._rows import parse_json
from distilbench.tasks._spec import FileTask

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LETTER = re.compile(r"\(?([A-Za-z])[.):]?")
_UNSEPARATED = re.compile(r"""(?<=\w)(['"])\s+(['"])(?=\w)""")
_MOST_LIST = 100_000  # characters of a list written as text


@dataclass(frozen=True)
class Choices:
    """What a row offers: texts by letter. A place without a choice keeps its letter, unused."""

    offered: dict[str, str]
    places: int
    labels: dict[str, str]
    """Letters by the labels that the file gives; empty where it gives none."""


def choice_columns(spec: FileTask) -> tuple[str, ...]:
    return (spec.choices,) if isinstance(spec.choices, str) else spec.choices or ()


def choices_of(spec: FileTask, row: dict[str, Any]) -> Choices:
    """The choices of a row. Raises ``ValueError`` with what is wrong of them."""
    labels = None
    if isinstance(spec.choices, str):
        values, labels = _list(spec.choices, value_at(row, spec.choices))
    else:
        values = [value_at(row, column) for column in choice_columns(spec)]
    if spec.labels:
        labels, _ = _list(spec.labels, value_at(row, spec.labels))
    if len(values) > len(_LETTERS):
        raise ValueError(f"there are {len(values)} choices, more than the letters A to Z")
    texts = dict(zip(_LETTERS, map(_choice, values), strict=False))
    offered = {letter: text for letter, text in texts.items() if text}
    if len(offered) < 2:
        raise ValueError("there are fewer than two choices")
    return Choices(offered, len(values), _labelled(labels, offered, len(values)))


def _choice(value: Any) -> str:
    try:
        return text_of(value)
    except ValueError as error:
        raise ValueError(f"a choice {error}") from error


def _list(column: str, value: Any) -> tuple[list[Any], list[Any] | None]:
    """A list of choices; of an object, its values, and its keys as labels."""
    if isinstance(value, str):
        value = _written(value)
    if isinstance(value, list):
        return value, None
    if isinstance(value, dict) and not any(isinstance(v, list | dict) for v in value.values()):
        return list(value.values()), list(value)
    if isinstance(value, dict):
        inner = ", ".join(f"{column}.{key}" for key in value)
        raise ValueError(f"column {column!r} is an object with lists in it ({inner}); name one")
    raise ValueError(
        f"column {column!r} is {'empty' if value in (None, ABSENT) else 'no list of choices'}"
    )


def _written(text: str) -> Any:
    """A list written as text, as JSON or as Python writes it; anything else as it is."""
    if text.strip()[:1] not in ("[", "{") or len(text) > _MOST_LIST:
        return text
    try:
        return parse_json(text)
    except ValueError:
        pass
    try:
        found = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return text
    if _UNSEPARATED.search(text):
        raise ValueError("a list is written without commas, as numpy writes it")
    return typed(found) if isinstance(found, list) else text


def _labelled(labels: list[Any] | None, offered: dict[str, str], places: int) -> dict[str, str]:
    if labels is None:
        return {}
    if len(labels) != places:
        raise ValueError(f"there are {len(labels)} labels for {places} choices")
    named = {
        _choice(label): letter
        for label, letter in zip(labels, _LETTERS, strict=False)
        if letter in offered
    }
    if len(named) < len(offered) or "" in named:
        raise ValueError("two choices have the same label, or one has none")
    return named


Reader = Callable[[str, Choices], str | None]


def _by_letter(answer: str, choices: Choices) -> str | None:
    found = _LETTER.fullmatch(answer)
    return found[1].upper() if found and found[1].upper() in choices.offered else None


def _by_index(answer: str, choices: Choices, first: int = 0) -> str | None:
    answer = answer.removesuffix(".0")  # a column with gaps, as pandas writes its integers
    digits = answer.isascii() and answer.isdecimal() and len(answer) < 5
    place = int(answer) - first if digits else -1
    letter = _LETTERS[place] if 0 <= place < choices.places else ""
    return letter if letter in choices.offered else None


def _by_label(answer: str, choices: Choices) -> str | None:
    return choices.labels.get(answer)


def _by_text(answer: str, choices: Choices) -> str | None:
    """The choice with exactly this text, else with it up to case and spacing; null if two have."""
    for form in (str, lambda text: " ".join(text.casefold().split())):
        found = [key for key, text in choices.offered.items() if form(text) == form(answer)]
        if found:
            return found[0] if len(found) == 1 else None
    return None


_READERS: dict[str, Reader] = {
    "letter": _by_letter,
    "label": _by_label,
    "index": _by_index,
    "index_from_1": lambda answer, choices: _by_index(answer, choices, 1),
    "text": _by_text,
}

Asked = tuple[str, Any, Choices]
"""Where a row stands, its answer, its choices."""


def right_letters(spec: FileTask, file: str, asked: Sequence[Asked]) -> list[str | InputError]:
    """The letter of the right choice of each row, or why it has none.

    Raises ``InputError`` where the answers of the file can be read in two ways.
    """
    where = f"{file}: column {spec.answer!r}"
    answers = [text_of(answer) for _, answer, _ in asked]
    labelled = any(choices.labels for _, _, choices in asked)
    # An integer of the file itself is an index, whatever the choices are.
    by_type = [isinstance(answer, Whole) and not labelled for _, answer, _ in asked]
    told: str | None = spec.answer_is or ("label" if spec.labels else None)
    pairs = list(zip(answers, asked, strict=True))
    indices = [pair for pair, typed_so in zip(pairs, by_type, strict=True) if typed_so]
    others = [pair for pair, typed_so in zip(pairs, by_type, strict=True) if not typed_so]
    if told is None:
        _refuse_counting_from_1(where, indices)
    reading = told or _reading(where, labelled, others)
    letters: list[str | InputError] = []
    for (answer, (place, _, choices)), typed_so in zip(pairs, by_type, strict=True):
        used = "index" if typed_so and told is None else reading
        letters.append(
            _READERS[used](answer, choices) or _unread(place, spec.answer, answer, used, choices)
        )
    return letters


def _reading(where: str, labelled: bool, asked: list[tuple[str, Asked]]) -> str:
    """What most answers that are no integers are: all of them but mistakes."""
    kinds = ("label", "text") if labelled else ("letter", "text", "index")
    found = {
        kind: [_READERS[kind](answer, choices) for answer, (_, _, choices) in asked]
        for kind in kinds
    }
    fits = {kind: sum(letter is not None for letter in found[kind]) for kind in kinds}
    best = max(kinds, key=lambda kind: fits[kind])
    if best == "index":
        _refuse_counting_from_1(where, asked)
        if all(answer.removesuffix(".0") != "0" for answer, _ in asked):
            raise InputError(
                where,
                "has digits without a 0: places from 0, or from 1",
                "say 'answer_is: index' or 'answer_is: index_from_1' in the task, or name 'labels'",
            )
    if 0 < 2 * fits[best] <= len(asked):
        parts = ", ".join(f"{fits[kind]} by {kind}" for kind in kinds if fits[kind])
        raise InputError(
            where,
            f"is of several kinds: of {len(asked)} answers a choice is named {parts}",
            "say 'answer_is' or 'labels' in the task, or write all of them in one way",
        )
    for rival in kinds:
        for mine, other, (answer, (place, _, _)) in zip(
            found[best], found[rival], asked, strict=True
        ):
            if 2 * fits[rival] > len(asked) and mine and other and mine != other:
                raise InputError(
                    place,
                    f"the answer {answer!r} is choice {mine} by its {best} and {other} by its "
                    f"{rival}",
                    f"say which in the task: 'answer_is: {best}' or 'answer_is: {rival}'",
                )
    return best


def _unread(place: str, column: str, answer: str, reading: str, choices: Choices) -> InputError:
    named = {
        "letter": f"the letter of a choice ({', '.join(choices.offered)})",
        "label": f"the label of a choice ({', '.join(choices.labels)})",
        "index": f"the index of a choice (0 to {choices.places - 1})",
        "index_from_1": f"the number of a choice (1 to {choices.places})",
        "text": "the text of just one choice",
    }[reading]
    return InputError(
        place,
        f"the answer {answer[:60]!r} in column {column!r} is not {named}",
        "correct the row, or say in the task what the answers are: 'answer_is', 'labels'",
    )


def _refuse_counting_from_1(where: str, indices: list[tuple[str, Asked]]) -> None:
    """Indices that reach the number of choices and never 0 count from 1, as WinoGrande's do."""
    beyond = any(answer == str(choices.places) for answer, (_, _, choices) in indices)
    if beyond and all(answer != "0" for answer, _ in indices):
        raise InputError(
            where,
            "has the number of choices as an index, and no 0: it may count from 1",
            "say 'answer_is: index_from_1' in the task, name 'labels', or correct the rows",
        )
