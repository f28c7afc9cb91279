"""Reading of files that others wrote: they are untrusted and may be damaged."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from distilbench.errors import InputError

_PREFERRED = ("exact_match", "acc", "extractive_match", "prompt_level_strict_acc", "pass@1")
_FILTERS = ("flexible-extract", "none")


def read_json(path: Path) -> Any:
    """The content of a JSON file. Raises ``InputError`` if it is none."""
    try:
        return json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(str(path), "cannot be read", "give a file that exists") from error
    except (ValueError, RecursionError) as error:
        raise InputError(str(path), f"is not JSON ({str(error)[:100]})", "mend it") from error


def read_json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON Lines file. Raises ``InputError`` naming the line that is none."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                where = f"{path}: line {number}"
                raise InputError(where, "is not JSON", "mend it or remove the line") from error
            yield mapping(row, f"{path}: line {number}")


def mapping(value: Any, where: str) -> dict[str, Any]:
    """``value`` if it is a JSON object; raises ``InputError`` if not."""
    if not isinstance(value, dict):
        raise InputError(where, "is no JSON object", "give a file as its program wrote it")
    return value


def choose_metric(names: Iterable[str], wanted: str | None, where: str) -> str | None:
    """The metric to take as the score, of names ``metric`` or ``metric,filter``.

    As asked for; else the first there is of exact_match, acc, extractive_match,
    prompt_level_strict_acc and pass@1, else the first; of its filters flexible-extract, else none,
    else the first. Null if there are no names.
    """
    known = [name for name in names if "_stderr" not in name]
    if wanted is not None:
        fitting = [name for name in known if name == wanted or name.partition(",")[0] == wanted]
        if not fitting:
            listed = ", ".join(known) or "none"
            raise InputError(where, f"has no metric {wanted!r}; it has: {listed}", "name another")
        return min(fitting, key=_filter_rank)
    return min(known, key=lambda name: (_metric_rank(name), _filter_rank(name)), default=None)


def _metric_rank(name: str) -> int:
    metric = name.partition(",")[0]
    return _PREFERRED.index(metric) if metric in _PREFERRED else len(_PREFERRED)


def _filter_rank(name: str) -> int:
    chosen = name.partition(",")[2]
    return _FILTERS.index(chosen) if chosen in _FILTERS else len(_FILTERS)
