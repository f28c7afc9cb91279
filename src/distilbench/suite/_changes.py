"""Changes of a suite from the command line: fewer questions, other models, some of the tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from distilbench.errors import InputError
from distilbench.tasks import TaskSpec


@dataclass(frozen=True)
class Changes:
    """What to change of a suite file's data; the default changes nothing."""

    limit: int | None = None
    """The first so many questions of each task, if it has more."""
    max_tokens: int | None = None
    """Most output tokens of each answer."""
    epochs: int | None = None
    """Times each question, in place of the suite's and of every task's own."""
    repeats: int | None = None
    """Times each cell, in place of every profile's own."""
    minutes: int | None = None
    """That each model is kept under load, in place of every profile's own."""
    models: tuple[str, ...] = ()
    """Sources of the models in place of the suite's."""
    tasks: tuple[str, ...] = ()
    """Names of the tasks to keep."""

    def __bool__(self) -> bool:
        return self != UNCHANGED

    def apply(self, data: dict[str, Any], where: str) -> dict[str, Any]:
        """The suite's data with the changes made. ``where`` names the file in errors. What is not
        valid stays as it is, for the suite's own check to name."""
        data = dict(data)
        limits, tasks = data.get("limits") or {}, data.get("tasks")
        if isinstance(limits, dict):
            least = {"questions": self.limit, "max_tokens": self.max_tokens}
            changed = {f: _least(v, limits.get(f)) for f, v in least.items() if v is not None}
            data |= {"limits": limits | changed} if changed else {}
        if self.models:
            data["models"] = list(self.models)
        if self.tasks and isinstance(tasks, list):
            data["tasks"] = tasks = _kept(tasks, self.tasks, where)
        profiles = data.get("profiles") or [{}]
        of_profiles = {"repeats": self.repeats, "sustained_minutes": self.minutes}
        given = {field: value for field, value in of_profiles.items() if value is not None}
        if given and isinstance(profiles, list):
            data["profiles"] = [_with(one, given) for one in profiles]
        if self.epochs is not None:
            data["epochs"] = self.epochs
            if isinstance(tasks, list):
                data["tasks"] = [_without_epochs(task) for task in tasks]
        return data


def _least(value: int, given: Any) -> Any:
    """The smaller one; what was given if that is no whole number."""
    try:
        return min(value, TypeAdapter(int).validate_python(value if given is None else given))
    except ValidationError:
        return given


def _kept(tasks: list[Any], names: tuple[str, ...], where: str) -> list[Any]:
    named = {_name(task): task for task in tasks}
    for name in names:
        if name not in named:
            raise InputError(
                where, f"has no task {name!r}", f"name some of: {', '.join(filter(None, named))}"
            )
    return [named[name] for name in names]


def _name(task: Any) -> str:
    """The name that a task gets; "" if it is not valid, which the suite's own check will say."""
    adapter: TypeAdapter[Any] = TypeAdapter(TaskSpec)
    try:
        return str(adapter.validate_python(task).name)
    except ValidationError:
        return ""


def _with(profile: Any, changed: dict[str, Any]) -> Any:
    """A profile, or the device that it names alone, with these fields."""
    given = {"like": profile} if isinstance(profile, str) else profile
    return given | changed if isinstance(given, dict) else profile


def _without_epochs(task: Any) -> Any:
    return {k: v for k, v in task.items() if k != "epochs"} if isinstance(task, dict) else task


UNCHANGED = Changes()
