"""Reads logs of Inspect (.eval, or .json with its ``eval``): the runner's own way to records."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.errors import InputError
from distilbench.interchange._imported import Imported, Naming
from distilbench.interchange._importer import Importer, ResultFile
from distilbench.interchange._names import model_names
from distilbench.interchange._read import ROUNDING
from distilbench.providers import runs_on
from distilbench.runner import Cell, sample_record
from distilbench.suite import Model, Profile
from distilbench.tasks import FileTask
from distilbench.transcripts import read_log_header, read_log_samples

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog, EvalSample
    from inspect_ai.scorer import Score

_IDENTITY = ("run", "cell", "origin", "model", "task", "profile", "seed")
_WORDS = {"c": 1.0, "p": 0.5, "i": 0.0, "n": 0.0, "yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
_ENDED = {"error": "ended with an error", "cancelled": "cancelled", "started": "not finished"}
_SHOTS = ("fewshot", "num_fewshot", "n_shot", "shots")


class Inspect(Importer):
    program = "Inspect"
    reads = ".eval and .json logs"
    suffixes = (".eval", ".json")
    metric = "a scorer, or scorer/value"

    def recognises(self, file: ResultFile) -> bool:
        if file.path.suffix == ".eval":
            return True
        return isinstance(file.json, dict) and "eval" in file.json and "version" in file.json

    def read(self, file: ResultFile, naming: Naming) -> list[Imported]:
        """The one task of a log. Refused is one that holds neither samples nor results, or whose
        score is no number or is not named."""
        return [_log(file.path, naming)]


def _log(path: Path, naming: Naming) -> Imported:
    log = read_log_header(path)
    # Read twice: first which scores there are, for all transcripts at once may not fit in memory.
    scored = [tuple(_values_of(sample)) for sample in read_log_samples(path)]
    if not scored and log.status == "success" and not log.results:
        raise InputError(str(path), "holds no samples", "give a log that was written whole")
    reported = [tuple(score.name for score in log.results.scores)] if log.results else []
    names = dict.fromkeys(name for values in scored or reported for name in values)
    chosen = _choose(path, log, names, naming.metric)
    found: dict[tuple[str, int], dict[str, Any]] = {}
    texts: dict[str, tuple[str, ...]] = {}
    for sample in read_log_samples(path):
        found[str(sample.id), sample.epoch] = _record(sample, chosen, path)
        texts[str(sample.id)] = _texts(sample.input)
    records = list(found.values())
    score, metric = _reported(log, chosen)
    missing = _missing(log, records) or _otherwise(log, records, score)
    version = log.eval.packages.get("inspect_ai")
    local = (log.eval.model_args or {}).get("model_path")
    return Imported(
        tool="inspect",
        origin=f"inspect {version}" if version else "inspect",
        model=f"{log.eval.model} {local}" if local else log.eval.model,
        names=model_names(str(local)) if local else None,
        task=_task(log),
        source=path,
        facts={
            "engine": f"inspect:{log.eval.model.partition('/')[0]}",
            "engine_version": version,
            "runs_on": runs_on(log.eval.model, log.eval.model_base_url, {}),
            "reported_score": score,
            "reported_metric": f"{chosen} {metric}" if chosen and metric else chosen,
        },
        samples=records,
        texts=texts,
        missing=missing,
    )


def _task(log: EvalLog) -> str:
    """The task with its package, and with the number of examples where it is an argument."""
    given = (log.eval.task_args or {}).get
    shots = next((n for name in _SHOTS if type(n := given(name)) is int), None)
    return log.eval.task if shots is None else f"{log.eval.task}-{shots}shot"


def _values_of(sample: EvalSample) -> list[str]:
    scores = (sample.scores or {}).items()
    return [name for scorer, score in scores for name in _named_values(scorer, score)]


def _choose(path: Path, log: EvalLog, names: dict[str, None], wanted: str | None) -> str | None:
    """Of the names of a log's scores the one that counts: the scorer, and the name of the value
    after a slash if it gives several.

    As asked for; else the log's headline, else its first. Null if nothing is scored. Raises
    ``InputError`` if there is none of that name, or several values of which none is named."""
    where, known = str(path), ", ".join(names) or "none"
    if wanted:
        fitting = [name for name in names if wanted in (name, name.partition("/")[2])]
        if len(fitting) != 1:
            problem = f"has no score {wanted!r}" if not fitting else f"has several {wanted!r}"
            raise InputError(where, f"{problem}; it has: {known}", "name another with --metric")
        return fitting[0]
    if not names:
        return None
    headline = getattr(getattr(log.results, "headline", None), "scorer", None)
    scorer = headline if any(n.partition("/")[0] == headline for n in names) else next(iter(names))
    scorer = str(scorer).partition("/")[0]
    values = [name for name in names if name.partition("/")[0] == scorer]
    if len(values) > 1:
        problem = f"the score {scorer!r} has several values; the log has: {known}"
        raise InputError(where, problem, "name one with --metric")
    return values[0]


def _named_values(scorer: str, score: Score) -> list[str]:
    if isinstance(score.value, dict):
        return [f"{scorer}/{name}" for name in score.value]
    return [scorer]


def _record(sample: EvalSample, chosen: str | None, path: Path) -> dict[str, Any]:
    """Columns of a sample record; the score is null where there is none."""
    from inspect_ai.scorer import Score

    grade = None if sample.error else _grade(sample, chosen, path)
    scores = {} if grade is None else {"score": Score(value=min(max(grade, 0.0), 1.0))}
    answer = _score(sample, chosen).answer if grade is not None else None
    if scores:
        scores["score"].answer = answer
    plain = sample.model_copy(update={"scores": scores})
    record = vars(sample_record(plain, _stand_in(), "", None))
    columns = {key: value for key, value in record.items() if key not in _IDENTITY}
    return {**columns, "score": grade}


def _score(sample: EvalSample, chosen: str | None) -> Score:
    return (sample.scores or {})[(chosen or "").partition("/")[0]]


def _grade(sample: EvalSample, chosen: str | None, path: Path) -> float | None:
    """The value that counts as a number; null if the sample has none. Inspect itself takes a text
    that it does not know for 0; here it is refused."""
    scorer, _, name = (chosen or "").partition("/")
    if scorer not in (sample.scores or {}):
        return None
    value: Any = _score(sample, chosen).value
    if name:
        value = value.get(name) if isinstance(value, dict) else None
    if isinstance(value, str):
        value = _WORDS.get(value.strip().lower(), value)
    try:
        number = float(value) if value is not None else math.nan
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{path}: sample {sample.id}",
            f"the score {chosen!r} is no number ({str(value)[:40]}); the log has:"
            f" {', '.join(_values_of(sample))}",
            "name another with --metric",
        ) from error
    return number if math.isfinite(number) else None


def _missing(log: EvalLog, records: list[dict[str, Any]]) -> str | None:
    """What is missing of the answers or their grades; null if nothing is."""
    if log.status == "success" and not records:
        return "its questions were not logged"
    data, epochs = log.eval.dataset, log.eval.config.epochs or 1
    asked = len(data.sample_ids or ()) or data.samples or 0
    total = log.results.total_samples if log.results else 0
    total = max(total or asked * epochs, len(records))
    answered = sum(record["outcome"] != "error" for record in records)
    graded = sum(record["score"] is not None for record in records)
    if log.status != "success" or answered < total:
        failed = len(records) - answered
        how = _ENDED.get(log.status) or (f"{failed} with an error" if failed else "log not whole")
        return f"{how}: {answered} of {total} {'questions' if epochs == 1 else 'times'} answered"
    if graded < total:
        return (
            f"{graded} of {total} answers have a score" if graded else "its answers have no score"
        )
    if getattr(log, "invalidated", False):
        return "marked as invalid in the log"
    if any(not 0 <= record["score"] <= 1 for record in records):
        return "its scores are not in [0, 1]"
    return None


def _otherwise(log: EvalLog, records: list[dict[str, Any]], reported: float | None) -> str | None:
    """How the mean of the scores differs from what the log states; null if it does not. Of several
    epochs a log may state another figure than the mean."""
    if reported is None or not records or (log.eval.config.epochs or 1) > 1:
        return None
    mean = sum(record["score"] for record in records) / len(records)
    if abs(mean - reported) <= ROUNDING:
        return None
    return f"its scores have a mean of {mean:.4f}, its result says {reported:.4f}"


def _reported(log: EvalLog, chosen: str | None) -> tuple[float | None, str | None]:
    """The mean that the log states of the score that counts, and which of its metrics that is."""
    scorer, _, value = (chosen or "").partition("/")
    for score in log.results.scores if log.results else ():
        if score.name == (value or scorer):
            metric = score.metrics.get("accuracy") or score.metrics.get("mean")
            if metric and isinstance(metric.value, int | float) and math.isfinite(metric.value):
                return float(metric.value), metric.name
    return None, None


def _stand_in() -> Cell:
    """A cell with as much as turning a sample into a record asks for."""
    parts: dict[str, Any] = {
        "name": "imported",
        "file": None,
        "model": Model(source="inspect:model", name="model"),
        "task": FileTask(file=Path("-"), name="task"),
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
