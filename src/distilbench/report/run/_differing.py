"""What several runs set otherwise: a sentence for each setting that differs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from distilbench.report.run._entries import foreign

if TYPE_CHECKING:
    import polars as pl

Described = tuple[str, Mapping[str, Any], "pl.DataFrame"]
"""A run's name on the page, what ``run.json`` holds, its cells."""
_OF_MODELS = {
    "model_sha256": "the model file (SHA-256)",
    "quantization": "quantization",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "system_prompt": "system_prompt",
    "engine": "engine",
    "engine_version": "engine version",
    "engine_build": "what the engine was compiled for",
    "engine_package": "package of the engine",
}
_OF_PROFILES = {
    "memory_limit_bytes": "memory limit in bytes",
    "cpus": "cores",
    "time_per_question_s": "seconds allowed a question",
    "energy_per_question_j": "joules allowed a question",
    "power_cap_w": "power cap in watts",
    "thinking_tokens": "thinking budget in tokens",
    "context": "context in tokens",
    "slots": "slots",
    "threads": "threads",
}
_OF_TASKS = {"epochs": "epochs", "template": "template"}
_PLACES = ("file", "fewshot_file")
"""Fields of a task that say where its data lies; what they hold is compared by question."""
_LONGEST = 80


def differing(runs: Sequence[Described]) -> Iterator[str]:
    """Seeds, prompts, sampling, limits, versions and machines that are not the same in all runs.
    Told of a model, profile or task only among the runs that have it."""
    yield from _seeds(runs)
    yield from _versions(runs)
    for columns, by in ((_OF_MODELS, "model"), (_OF_PROFILES, "profile"), (_OF_TASKS, "task")):
        yield from _columns(runs, columns, by)
    yield from _planned(runs)
    yield from _hardware(runs)


def _seeds(runs: Sequence[Described]) -> Iterator[str]:
    values = [(label, ", ".join(map(str, facts["seeds"]))) for label, facts, _ in runs]
    yield from _sentence("seeds", (), [v for v in values if v[1]])


def _versions(runs: Sequence[Described]) -> Iterator[str]:
    """Of what answered: what imports results has no part in them."""
    own = [(label, facts) for label, facts, cells in runs if foreign(cells).height < cells.height]
    names = dict.fromkeys(chain.from_iterable(facts["versions"] for _, facts in own))
    for name in names:
        values = [(label, facts["versions"].get(name)) for label, facts in own]
        yield from _sentence(f"version of {name}", (), [(r, v) for r, v in values if v])
    yield from _sentence("Python", (), [(label, facts["python"]) for label, facts in own])


def _hardware(runs: Sequence[Described]) -> Iterator[str]:
    values = []
    for label, _, cells in runs:
        known = cells["hardware"].drop_nulls().unique().sort()
        values += [(label, " and ".join(known))] if len(known) else []
    for sentence in _sentence("hardware or system", (), values):
        yield f"{sentence} Between these, seconds and joules compare machines as well as models."


def _columns(runs: Sequence[Described], columns: Mapping[str, str], by: str) -> Iterator[str]:
    """What cells of one model, profile or task have otherwise; those alike in one sentence."""
    import polars as pl

    found: dict[tuple[str, tuple[tuple[str, str], ...]], list[str]] = defaultdict(list)
    held = [
        (label, cells.group_by(by).agg(pl.col(columns).unique().sort()).rows_by_key(by, named=True))
        for label, _, cells in runs
    ]
    for name in sorted(set(chain.from_iterable(of_run for _, of_run in held))):
        for column, said in columns.items():
            values = tuple(
                (label, _words(of_run[name][0][column])) for label, of_run in held if name in of_run
            )
            if len({value for _, value in values}) > 1:
                found[said, values].append(name)
    for (said, values), names in found.items():
        yield from _sentence(said, names, values)


def _planned(runs: Sequence[Described]) -> Iterator[str]:
    """What the plans of ``run.json`` say of tasks, limits and the length of answers."""
    held = [(label, dict(_settings(facts.get("plan") or ()))) for label, facts, _ in runs]
    found: dict[tuple[str, tuple[tuple[str, str], ...]], list[str]] = defaultdict(list)
    for owner, field in sorted(set(chain.from_iterable(of_run for _, of_run in held))):
        values = tuple(
            (label, _words([of_run.get((owner, field))]))
            for label, of_run in held
            if any(other == owner for other, _ in of_run)
        )
        if len({value for _, value in values}) > 1:
            found[field, values].append(owner)
    for (field, values), owners in found.items():
        yield from _sentence(f"setting {field!r}", [o for o in owners if o], values)


def _settings(plan: Sequence[Mapping[str, Any]]) -> Iterator[tuple[tuple[str, str], Any]]:
    """Each setting of a plan under whose it is (empty: the whole suite's) and its name."""
    for cell in plan:
        task, model = cell["task"], cell["model"]
        for name, value in task.items():
            if name not in ("name", "epochs", *_PLACES):
                yield (f"task {task['name']}", name), value
        yield (f"model {model['name']}", "max_tokens"), model.get("max_tokens")
        for name, value in cell["limits"].items():
            yield ("", f"limits.{name}"), value


def _words(values: Sequence[Any]) -> str:
    return " or ".join(sorted({"none" if value is None else f"{value}" for value in values}))


def _sentence(what: str, whose: Sequence[str], values: Sequence[tuple[str, str]]) -> Iterator[str]:
    """``what`` by run, if it is not the same in all: the runs that have it alike together."""
    alike: dict[str, list[str]] = defaultdict(list)
    for label, value in values:
        alike[value].append(label)
    if len(alike) > 1:
        of = f" of {', '.join(whose)}" if whose else ""
        each = ", ".join(f"{_cut(value)} in {' and '.join(runs)}" for value, runs in alike.items())
        yield f"Not the same in all runs: {what}{of} ({each})."


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
