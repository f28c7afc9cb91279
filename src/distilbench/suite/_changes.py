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
    models: tuple[str, ...] = ()
    """Sources of the models in place of the suite's."""
    tasks: tuple[str, ...] = ()
    """Names of the tasks to keep."""

    def __bool__(self) -> bool:
        return self != UNCHANGED

    def apply(self, data: dict[str, Any], where: str) -> dict[str, Any]:
        """The suite's data with the changes made. ``where`` names the file in errors."""
        data = dict(data)
        limits = dict(data.get("limits") or {})
        for field, value in (("questions", self.limit), ("max_tokens", self.max_tokens)):
            if value is not None:
                limits[field] = min(value, limits.get(field) or value)
        if limits:
            data["limits"] = limits
        if self.models:
            data["models"] = list(self.models)
        if self.tasks:
            data["tasks"] = _kept(data.get("tasks") or [], self.tasks, where)
        if self.epochs is not None:
            data["epochs"] = self.epochs
            data["tasks"] = [_without_epochs(task) for task in data.get("tasks") or []]
        return data


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


def _without_epochs(task: Any) -> Any:
    return {k: v for k, v in task.items() if k != "epochs"} if isinstance(task, dict) else task


UNCHANGED = Changes()
