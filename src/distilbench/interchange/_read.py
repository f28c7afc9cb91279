"""Reading of files that others wrote: they are untrusted and may be damaged."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from distilbench.errors import InputError
from distilbench.interchange._imported import whole

_PREFERRED = ("exact_match", "acc", "extractive_match", "prompt_level_strict_acc", "pass@1")
_FILTERS = ("flexible-extract", "none")
# Metrics whose score is the mean of the questions' scores, whoever computes them.
_MEANS = (
    *("acc", "acc_norm", "exact_match", "pass@1", "prompt_level_strict_acc"),
    *("extractive_match", "em", "qem", "pem", "accuracy"),
)
_FALLING = ("perplexity", "ppl", "bits_per_byte", "brier", "loss", "error", "wer", "ter", "mse")
ROUNDING = 1e-3
_MOST_BYTES = 64 * 2**20
"""Of one JSON text: as Python's values it is up to 20 times that."""
_TOO_LARGE = f"larger than {_MOST_BYTES // 2**20} MiB"


def read_json(path: Path) -> Any:
    """The content of a JSON file. Raises ``InputError`` if it is none, or too large; ``OSError`` if
    it cannot be read."""
    with path.open("rb") as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise InputError(str(path), f"is {_TOO_LARGE}", "import its parts one by one")
    try:
        return json.loads(content)  # of UTF-8, 16 or 32, as shells write them
    except (ValueError, RecursionError) as error:
        raise InputError(str(path), f"is not JSON ({str(error)[:100]})", "mend it") from error


def read_json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON Lines file. Raises ``InputError`` naming the line that is none."""
    with path.open("rb") as lines:
        for number, line in enumerate(iter(lambda: lines.readline(_MOST_BYTES + 1), b""), start=1):
            if not line.strip():
                continue
            if len(line) > _MOST_BYTES:
                raise InputError(f"{path}: line {number}", f"is {_TOO_LARGE}", "remove the line")
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


def is_falling(metric: str) -> bool:
    """Whether less is better by a metric's name: then it is no accuracy."""
    return any(word in metric.lower().split("_") or word == metric.lower() for word in _FALLING)


def is_missing(score: Any) -> bool:
    """Whether there is no score where one should stand."""
    return score is None or (isinstance(score, float) and math.isnan(score))


def limited(asked: dict[str, Any]) -> int | None:
    """Questions of the whole set where a limit asked only some of them."""
    original, effective = whole(asked.get("original")), whole(asked.get("effective"))
    return original if original and effective and effective < original else None


def check_samples(
    samples: list[dict[str, Any]],
    asked: dict[str, Any],
    metric: str | None,
    reported: float | None,
    where: str,
) -> str | None:
    """What is missing of the samples of a result, null if nothing is.

    Raises ``InputError`` if they are not those of the score: another run's, or cut.
    """
    wanted = whole(asked.get("effective"))
    if samples and wanted is not None and len(samples) < wanted:
        return f"{len(samples)} of {wanted} questions answered"
    graded = sum(sample["score"] is not None for sample in samples)
    if graded < len(samples):
        return f"{graded} of {len(samples)} answers have a score"
    if not samples or reported is None or metric not in _MEANS:
        return None
    mean = sum(sample["score"] for sample in samples) / len(samples)
    if abs(mean - reported) > ROUNDING:
        raise InputError(
            where,
            f"its {len(samples)} questions have a mean {metric} of {mean:.4f}, its result says"
            f" {reported:.4f}",
            "give all files of one run, or the result without its questions",
        )
    return None


def _metric_rank(name: str) -> int:
    metric = name.partition(",")[0]
    return _PREFERRED.index(metric) if metric in _PREFERRED else len(_PREFERRED)


def _filter_rank(name: str) -> int:
    chosen = name.partition(",")[2]
    return _FILTERS.index(chosen) if chosen in _FILTERS else len(_FILTERS)
