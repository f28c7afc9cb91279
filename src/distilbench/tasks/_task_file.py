"""Inspect tasks of a file of the user's own: ``weather.py@tallest``, as in ``inspect eval``.

A suite may be anybody's, and alone does not decide what code runs. So the file is looked for on
``PYTHONPATH`` only, which whoever starts the run sets, and a suite gives a bare name.
"""

from __future__ import annotations

import hashlib
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from distilbench.errors import InputError
from distilbench.inspect_private import parameters_of
from distilbench.tasks._not_built import explained
from distilbench.tasks._spec import InspectTask

if TYPE_CHECKING:
    from collections.abc import Callable

    from inspect_ai import Task


def names_a_file(spec: InspectTask) -> bool:
    return ".py@" in spec.inspect


def file_version(spec: InspectTask) -> str:
    """The hash of the file, which is part of what a cell is; "" if there is none."""
    path = _found(spec)
    return f"sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}" if path else ""


def task_in_file(spec: InspectTask) -> tuple[Callable[..., Task], list[str]]:
    """The function that makes the task, and the names of its arguments.

    Raises ``InputError`` if there is no such file on ``PYTHONPATH``, it cannot be imported, or it
    has no such task.
    """
    file, _, name = spec.inspect.partition("@")
    where, path = f"task {spec.name!r}", _found(spec)
    if path is None:
        raise InputError(
            where,
            f"{file} is in no folder of PYTHONPATH, and code is taken from nowhere else",
            f"name its folder: PYTHONPATH=FOLDER distilbench ... (now: {_given() or 'not set'})",
        )
    try:
        module = import_module(path.stem)
    except Exception as error:  # whatever stands in the file
        raise explained(spec, error) from error
    if Path(module.__file__ or "").resolve() != path.resolve():
        raise InputError(
            where, f"Python has another module {path.stem!r} ({module.__file__})", "rename the file"
        )
    made = getattr(module, name, None)
    parameters = parameters_of(made)
    if made is None or parameters is None:
        raise InputError(
            where,
            f"{path} has no task {name!r}",
            "name a function of it that Inspect's decorator @task stands before",
        )
    return made, parameters


def _given() -> str:
    return os.environ.get("PYTHONPATH", "")


def _found(spec: InspectTask) -> Path | None:
    file = spec.inspect.partition("@")[0]
    for folder in filter(None, _given().split(os.pathsep)):
        path = Path(folder) / file
        if path.is_file():
            if folder not in sys.path:
                sys.path.insert(0, folder)
            return path
    return None
