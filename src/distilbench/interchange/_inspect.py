"""Reads logs of Inspect (.eval, or .json with its ``eval``): the runner's own way to records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from distilbench.errors import InputError
from distilbench.interchange._imported import Imported, clean_name
from distilbench.runner import Cell, sample_record
from distilbench.suite import Model, Profile
from distilbench.tasks import FileTask

_IDENTITY = ("run", "cell", "origin", "model", "task", "profile", "seed")


def is_inspect(data: Any) -> bool:
    return isinstance(data, dict) and "eval" in data and "version" in data


def read_inspect(path: Path) -> list[Imported]:
    """The one task of a log. Raises ``InputError`` if it cannot be read or holds no samples."""
    from inspect_ai.log import read_eval_log

    try:
        log = read_eval_log(str(path))
    except Exception as error:  # a damaged archive fails in many ways
        reason = " ".join(str(error).split())[:100]
        raise InputError(str(path), f"is no Inspect log ({reason})", "give another") from error
    if not log.samples:
        raise InputError(str(path), "holds no samples", "give a log that was written whole")
    version = log.eval.packages.get("inspect_ai")
    cell = _stand_in(clean_name(log.eval.model), clean_name(log.eval.task))
    records = {}
    for sample in log.samples:
        record = sample_record(sample, cell, "", None, None, None)
        columns = {key: value for key, value in record.items() if key not in _IDENTITY}
        records[columns["sample_id"], columns["epoch"]] = columns
    results = log.results.scores if log.results else []
    mean = results[0].metrics.get("accuracy") or results[0].metrics.get("mean") if results else None
    return [
        Imported(
            tool="inspect",
            origin=f"inspect {version}" if version else "inspect",
            model=log.eval.model,
            task=log.eval.task.rpartition("/")[2],
            source=path,
            facts={
                "engine": f"inspect:{log.eval.model.partition('/')[0]}",
                "engine_version": version,
                "reported_score": float(mean.value) if mean else None,
                "reported_metric": f"{results[0].name} {mean.name}" if mean else None,
            },
            samples=list(records.values()),
            texts={str(sample.id): _texts(sample.input) for sample in log.samples},
        )
    ]


def _stand_in(model: str, task: str) -> Cell:
    """A cell with as much as turning a sample into a record asks for."""
    parts: dict[str, Any] = {
        "name": "imported",
        "file": None,
        "model": Model(source=f"inspect:{model}", name=model),
        "task": FileTask(file=Path("-"), name=task),
        "profile": Profile(),
        "seed": 0,
    }
    return Cell.model_construct(**parts)


def _texts(given: Any) -> tuple[str, ...]:
    """The question: the input, or the last turn of the user."""
    if isinstance(given, str):
        return (given.strip(),)
    turns = [message.text.strip() for message in given if message.role == "user"]
    return tuple(turns[-1:])
