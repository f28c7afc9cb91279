"""The tasks that there are: generated ones, and the benchmarks of installed packages."""

from __future__ import annotations

import warnings
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from distilbench.registry import of_packages
from distilbench.yaml_file import read_yaml

# Where a package states no size, or that of all splits and not of the one that it asks.
_SIZES = {"inspect_evals/math": 5000, "distilbench/math_500": 500}


class TaskEntry(NamedTuple):
    """A task: its name in a suite, category (the generator's module, or the benchmark's group),
    what it asks, and how many questions its data set has (null: generated, or not stated)."""

    name: str
    category: str
    summary: str
    questions: int | None = None


def list_tasks() -> list[TaskEntry]:
    """All data sets of the installed reasoning-gym, by category and name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from reasoning_gym.factory import DATASETS
    entries = (
        TaskEntry(name, kind.__module__.split(".")[1], _first_line(kind.__doc__))
        for name, (kind, _) in DATASETS.items()
    )
    return sorted(entries, key=lambda entry: (entry.category, entry.name))


@cache
def list_benchmarks() -> list[TaskEntry]:
    """Inspect tasks of the installed packages, read from their files; none is imported."""
    found: dict[str, TaskEntry] = {}
    for point in of_packages("inspect_ai"):
        spec = find_spec(point.value.partition(".")[0].partition(":")[0])
        folder = Path(spec.origin).parent if spec and spec.origin else None
        if folder is not None:
            entries = _described(point.name, folder) or _decorated(point.name, folder)
            found.update((entry.name, _with_size(entry)) for entry in entries)
    return [found[name] for name in sorted(found)]


def _with_size(entry: TaskEntry) -> TaskEntry:
    return entry._replace(questions=_SIZES.get(entry.name, entry.questions))


def _described(package: str, folder: Path) -> list[TaskEntry]:
    """Tasks that a package describes in ``eval.yaml`` files, as inspect_evals does."""
    entries = []
    for path in sorted(folder.glob("*/eval.yaml")):
        described = read_yaml(path, "title:").data
        for task in described.get("tasks", ()):
            entries.append(
                TaskEntry(
                    f"{package}/{task['name']}",
                    str(described.get("group", "")),
                    str(described.get("title", "")),
                    task.get("dataset_samples"),
                )
            )
    return entries


def _decorated(package: str, folder: Path) -> list[TaskEntry]:
    """Tasks that a package's source marks with Inspect's decorator."""
    entries = []
    for path in sorted(folder.rglob("*.py")):
        source = path.read_text("utf-8", errors="replace")
        if "@task" in source:
            entries += _in_source(package, path.parent.name, source)
    return entries


def _in_source(package: str, category: str, source: str) -> list[TaskEntry]:
    import ast

    return [
        TaskEntry(f"{package}/{node.name}", category, _first_line(ast.get_docstring(node)))
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef)
        and any(ast.unparse(mark).partition("(")[0] == "task" for mark in node.decorator_list)
    ]


def _first_line(text: str | None) -> str:
    lines = (text or "").strip().splitlines()
    return lines[0].strip() if lines else ""
