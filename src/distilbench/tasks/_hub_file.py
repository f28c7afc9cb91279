"""Benchmarks that a data set of the Hugging Face hub describes itself, in its ``eval.yaml``.

Inspect builds the task (``hf/OWNER/NAME``); here is what is looked at before. The file is a
stranger's: Inspect would read a template that names a file or an address, and ask whatever model
a scorer names. So each solver and scorer may have those arguments that only say how to ask and
compare, and all else is refused. Everything comes from one commit, which the questions keep.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING, Any, NamedTuple

from distilbench.errors import InputError
from distilbench.inspect_private import create_hub_task, hub_task_file, hub_task_problem
from distilbench.tasks._pattern import check_pattern
from distilbench.tasks._spec import InspectTask, TaskSpec
from distilbench.yaml_file import read_yaml

if TYPE_CHECKING:
    from inspect_ai import Task

FILE = "eval.yaml"
_NAME = re.compile(r"hf/(?P<repo>[\w.-]+/[\w.-]+)(/(?P<task>[\w.-]+))?(@(?P<revision>[\w./-]+))?")
_TEMPLATES = ("template", "critique_template", "completion_template")
# What a solver may be told. Those that put a text in also take values for its places.
_SOLVERS: dict[str, tuple[str, ...]] = {
    "prompt_template": ("template",),
    "system_message": ("template",),
    "user_message": ("template",),
    "chain_of_thought": ("template",),
    "self_critique": ("critique_template", "completion_template"),
    "multiple_choice": ("template", "cot", "multiple_correct"),
    "generate": (),
}
_WITH_VALUES = ("prompt_template", "system_message", "user_message")
_SCORERS: dict[str, tuple[str, ...]] = {
    "includes": ("ignore_case",),
    "match": ("location", "ignore_case", "numeric"),
    "pattern": ("pattern", "ignore_case", "match_all"),
    "answer": ("pattern",),
    "exact": (),
    "f1": ("stop_words",),
    "choice": (),
    "math": (),
}
_GRADED_BY_A_MODEL = ("model_graded_qa", "model_graded_fact")
_ADDRESS = re.compile(r"\s*[A-Za-z][\w+.-]*:\S")
_PLACE = re.compile(r"\w*(?P<beyond>[.\[].*)?")
_MOST_CHARACTERS = 20_000


class HubName(NamedTuple):
    """A data set of the hub, which of its tasks (null: its only one), and the revision asked."""

    repo: str
    task: str | None
    revision: str | None


def hub_name(spec: InspectTask) -> HubName | None:
    """What ``hf/OWNER/NAME[/TASK][@REVISION]`` names; null: another kind of task.

    Raises ``InputError`` if it begins so and is not of that form.
    """
    if not spec.inspect.startswith("hf/"):
        return None
    found = _NAME.fullmatch(spec.inspect)
    revision = spec.args.get("revision")
    if found is None or ".." in spec.inspect or "/." in spec.inspect:
        raise InputError(
            f"{_where(spec)}: field 'inspect'",
            f"{spec.inspect!r} names no data set of the hub",
            "write hf/OWNER/NAME, or hf/OWNER/NAME/TASK where it has several tasks",
        )
    if "hf/" in spec.inspect[3:]:
        raise InputError(
            f"{_where(spec)}: field 'inspect'",
            f"Inspect takes every 'hf/' out of {spec.inspect!r}, and would read another data set",
            "download its rows and name them with 'file'",
        )
    if unknown := [name for name in spec.args if name != "revision"]:
        raise InputError(
            f"{_where(spec)}: field 'args.{unknown[0]}'",
            "a task of the hub has no such argument",
            "it has: revision",
        )
    if revision is not None and not (isinstance(revision, str) and revision):
        raise InputError(
            f"{_where(spec)}: field 'args.revision'",
            "is no text",
            "write a commit, branch or tag, in quotes",
        )
    if found["revision"] and revision:
        raise InputError(
            f"{_where(spec)}: field 'args.revision'",
            "the name has a revision already (@)",
            "keep one of the two",
        )
    return HubName(found["repo"], found["task"], found["revision"] or revision)


def shadowed(spec: TaskSpec) -> str | None:
    """A sentence where a folder of this machine stands before the hub's rows: Hugging Face's
    ``load_dataset`` reads one of the data set's name in the working folder, whatever is asked."""
    name = hub_name(spec) if isinstance(spec, InspectTask) else None
    folder = Path(name.repo) if name else None
    if name is None or folder is None or not folder.is_dir():
        return None
    return (
        f"task {spec.name!r}: its rows are those of the folder {folder.resolve()}, not the hub's,"
        f" and its data_revision is that of {FILE} alone; to ask the hub's, start in another folder"
    )


def fetch(spec: InspectTask, name: HubName, commit: str | None, seed: int) -> tuple[Task, str]:
    """The task and the commit that it is of. ``commit``: the one to take; null: what the revision
    is now. ``seed`` sets the order of choices where the file has them shuffled.

    Raises ``InputError`` on a file that is not as it must be, and whatever the hub's client or
    Inspect raises where file or rows cannot be had.
    """
    path, found = hub_task_file(name.repo, commit or name.revision or "main")
    where = f"{_where(spec)}: {FILE} of {name.repo}"
    read_yaml(path, "tasks:")  # bounds what Inspect's own reader is given
    task = check(where, path, name)
    _check_score(spec, where, [str(scorer["name"]) for scorer in task["scorers"]])
    of = f"{name.repo}/{name.task}" if name.task else name.repo
    return create_hub_task(of, found, seed), found


def hub_task_id(spec: InspectTask, commit: str | None) -> tuple[str, str]:
    """The data set that a task of the hub names, and the id that its ``eval.yaml`` of ``commit``
    (null: as it is now) gives the task. The file is read only where the name has no id.

    Raises ``InputError`` if the file cannot be read, or has several tasks.
    """
    name = hub_name(spec)
    if name is None:
        raise ValueError(f"{spec.inspect} is no task of the hub")
    if name.task is not None:
        return name.repo, name.task
    where = f"{_where(spec)}: {FILE} of {name.repo}"
    try:
        path, _ = hub_task_file(name.repo, commit or name.revision or "main")
        read_yaml(path, "tasks:")
    except InputError:
        raise
    except Exception as error:  # the hub's client, its network, or Inspect
        remedy = f"name its task in the suite: hf/{name.repo}/TASK"
        raise InputError(where, f"cannot be read ({type(error).__name__})", remedy) from error
    return name.repo, str(check(where, path, name)["id"])


def check(where: str, path: Path, name: HubName) -> dict[str, Any]:
    """The one task of a file that is named, as Inspect reads it.

    Raises ``InputError`` if there is none, or it holds what is not allowed in a stranger's file.
    """
    tasks = _tasks(where, path)
    chosen = [task for task in tasks if name.task is None or task.get("id") == name.task]
    if len(chosen) != 1:
        named = ", ".join(str(task.get("id")) for task in tasks)
        raise InputError(
            where,
            f"has {'no' if not chosen else 'several'} tasks"
            + (f" of the name {name.task!r}" if name.task else f": {named}"),
            f"name one of them: hf/{name.repo}/TASK" + ("" if chosen else f" ({named})"),
        )
    for solver in chosen[0]["solvers"]:
        _check_args(where, "solver", solver, _SOLVERS)
    for scorer in chosen[0]["scorers"]:
        if scorer["name"] not in _GRADED_BY_A_MODEL:
            _check_args(where, "scorer", scorer, _SCORERS)
        elif len(chosen[0]["scorers"]) == 1 or set(scorer.get("args") or {}) - {"model"}:
            _refuse_model_graded(where, scorer["name"])
    return chosen[0]


def _tasks(where: str, path: Path) -> list[dict[str, Any]]:
    import yaml

    described = yaml.safe_load(path.read_text("utf-8"))
    tasks = described.get("tasks") if isinstance(described, dict) else None
    if not isinstance(tasks, list) or not tasks or not all(isinstance(t, dict) for t in tasks):
        raise InputError(where, "has no list 'tasks'", "name a data set that is a benchmark")
    framework = described.get("evaluation_framework", "inspect-ai")
    if framework != "inspect-ai":
        raise InputError(
            where,
            f"is for {str(framework)[:60]!r}, not for Inspect (inspect-ai)",
            "download its rows and name them with 'file'",
        )
    for place, task in enumerate(tasks, start=1):
        if problem := hub_task_problem(task):
            raise InputError(
                f"{where}: task {place}",
                f"Inspect refuses it ({problem})",
                "take another revision (args: {revision: ...}), or name its rows with 'file'",
            )
    return tasks


def _check_args(
    where: str, kind: str, told: dict[str, Any], known: dict[str, tuple[str, ...]]
) -> None:
    name, args = told["name"], told.get("args") or {}
    field = f"{where}: {kind} {name!r}"
    if name not in known:
        raise InputError(
            field,
            "would use what a data set may not choose here",
            "use a benchmark of an installed package, or name its rows with 'file'",
        )
    for key, value in args.items():
        if key not in known[name] and (name not in _WITH_VALUES or not _is_plain(value)):
            raise InputError(
                field,
                f"has the argument {str(key)[:40]!r}, which a data set may not set here",
                "sampling is set in the suite ('generation'); else name its rows with 'file'",
            )
        if not (_is_plain(value) or (isinstance(value, list) and all(map(_is_plain, value)))):
            raise InputError(field, f"its {key!r} is no plain value", "name its rows with 'file'")
        if key in _TEMPLATES:
            _check_template(f"{field}: {key!r}", value)
    if kind == "scorer" and name == "pattern":
        try:
            check_pattern(str(args.get("pattern", "")))
        except ValueError as error:
            raise InputError(field, str(error), "name its rows with 'file'") from error


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


def _check_template(field: str, text: Any) -> None:
    """A template is a text: Inspect would read one that names a file or an address, and format
    one with whatever stands in its braces."""
    remedy = "name its rows with 'file', and write the prompt as a template of the suite"
    if not isinstance(text, str) or len(text) > _MOST_CHARACTERS:
        raise InputError(field, "is no text of a bounded length", remedy)
    bare = len(text.split()) < 2 and "{" not in text
    if bare or _ADDRESS.match(text) or _exists(text):
        raise InputError(field, "would be read as the name of a file or an address", remedy)
    try:
        places = [place for place in Formatter().parse(text) if place[1] is not None]
    except ValueError as error:
        raise InputError(field, f"has braces that do not pair ({error})", remedy) from error
    for _, place, width, conversion in places:
        known = _PLACE.fullmatch(place or "")
        if known and (known["beyond"] or width or conversion):
            raise InputError(field, f"reaches into {place[:40]!r} in its braces", remedy)  # type: ignore[index]


def _exists(text: str) -> bool:
    try:
        return os.path.lexists(text)
    except (OSError, ValueError):
        return False


def _check_score(spec: InspectTask, where: str, scorers: list[str]) -> None:
    """Only the score that counts is run, so a judge beside it is not asked."""
    counts = spec.score if spec.score in scorers else scorers[0]
    if counts in _GRADED_BY_A_MODEL:
        _refuse_model_graded(where, counts, [s for s in scorers if s not in _GRADED_BY_A_MODEL])


def _refuse_model_graded(where: str, name: str, others: list[str] | None = None) -> None:
    raise InputError(
        f"{where}: scorer {name!r}",
        "asks a model to grade, whose mistakes and cost would be in the figures",
        f"name another with 'score': {', '.join(others)}"
        if others
        else "name its rows with 'file', which compares answers",
    )


def _where(spec: InspectTask) -> str:
    return f"task {spec.name!r}"
