"""The one error that is the user's to mend."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError

_REMEDIES = {
    "extra_forbidden": ("is not a field of this record", "correct its spelling or remove it"),
    "missing": ("is missing", "add it"),
}
_MOST_NAMES = 8
FieldPath = tuple[str | int, ...]
"""Where a field stands in a file: names of mappings, indices of lists."""

# What steers a terminal or turns the direction of writing: control characters of both sets, line
# separators, marks of direction.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    r"""Text of a stranger as one line that a terminal only shows.

    >>> printable("a\x1b[2Jb")
    'a\\x1b[2Jb'
    """
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class InputError(ValueError):
    """Bad input: a suite, model file, card or data file.

    Carries one sentence that names the file, the field and the remedy. The command line prints
    it and exits with code 2.

    >>> print(InputError("a.yaml: field 'seed'", "is -1", "give 0 or more"))
    a.yaml: field 'seed': is -1; give 0 or more
    """

    def __init__(self, where: str, problem: str, remedy: str) -> None:
        self.where, self.problem, self.remedy = where, problem, remedy
        super().__init__(printable(f"{where}: {problem}; {remedy}"))


def one_sentence(
    where: str,
    error: ValidationError,
    lines: Mapping[FieldPath, int] | None = None,
    at: FieldPath = (),
) -> InputError:
    """The first complaint of pydantic as an ``InputError`` with the path of the field.

    ``lines`` gives the line of each field of the file, of which the record is the part ``at``.
    """
    first = error.errors(include_url=False, include_context=False)[0]
    # The kind of a task is in the path, and not in the file.
    path = (*at, *(part for part in first["loc"] if not str(part).startswith("<")))
    if lines and path:
        known_at = next((path[:n] for n in range(len(path), 0, -1) if path[:n] in lines), None)
        where += f", line {lines[known_at]}" if known_at else ""
    field = ""
    for part in path:
        field += f"[{part}]" if isinstance(part, int) else f".{part}" if field else str(part)
    known = _REMEDIES.get(first["type"])
    if known:
        return InputError(where, f"field {field!r} {known[0]}", known[1])
    message = first["msg"].removeprefix("Value error, ")
    if not field:
        problem, _, remedy = message.partition("; ")
        return InputError(where, problem, remedy or "correct it")
    given = repr(first["input"])
    shown = given if len(given) <= 60 else given[:57] + "..."
    lowered = message[0].lower() + message[1:]
    return InputError(where, f"field {field!r} is {shown}", f"give a value so that: {lowered}")


def use_one_of(key: str, known: Iterable[str]) -> str:
    """The remedy for a name that is not known: the names that may have been meant, else all.

    >>> use_one_of("H100", ["a100-sxm", "h100-sxm", "h100-pcie"])
    'use one of: h100-sxm, h100-pcie'
    """
    from difflib import get_close_matches

    names = list(known)
    plain = {name: _letters(name) for name in names}
    wanted = _letters(key)
    near = [name for name, text in plain.items() if wanted and (wanted in text or text in wanted)]
    close = get_close_matches(wanted, plain.values(), n=3, cutoff=0.6)
    near += [name for name in names if plain[name] in close and name not in near]
    if near or len(names) <= _MOST_NAMES:
        return f"use one of: {', '.join(near[:_MOST_NAMES] or names)}"
    return f"use one of: {', '.join(names[:_MOST_NAMES])} and {len(names) - _MOST_NAMES} more"


def _letters(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())
