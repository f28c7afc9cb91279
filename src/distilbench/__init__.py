"""What a distilled language model is worth: accuracy, running cost and creation cost.

The front door. Everything a program or a notebook needs has its name here; nothing is imported
before it is asked for, so that ``import distilbench`` costs nothing.

    >>> import distilbench
    >>> cost = distilbench.creation_cost("deepseek-r1-distill-llama-8b")
    >>> cost.card.role
    'distilled'

The rooms of the package, and the way data flows through them, are in ``docs/architecture.md``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distilbench._api import Run, Task, diff, report_runs, run
    from distilbench._creation import Comparison, CreationCost, compare, creation_cost
    from distilbench._design import design
    from distilbench.catalog import load_catalog
    from distilbench.distill import make_student as distill
    from distilbench.errors import InputError
    from distilbench.stats import accuracy, paired_difference
    from distilbench.suite import Model, Profile, Suite

__version__ = "0.1.0"
__all__ = [
    "Comparison",
    "CreationCost",
    "InputError",
    "Model",
    "Profile",
    "Run",
    "Suite",
    "Task",
    "accuracy",
    "compare",
    "creation_cost",
    "design",
    "diff",
    "distill",
    "load_catalog",
    "paired_difference",
    "report_runs",
    "run",
]
_HOMES = {
    "distilbench._api": ("Run", "Task", "diff", "report_runs", "run"),
    "distilbench._creation": ("Comparison", "CreationCost", "compare", "creation_cost"),
    "distilbench._design": ("design",),
    "distilbench.catalog": ("load_catalog",),
    "distilbench.errors": ("InputError",),
    "distilbench.stats": ("accuracy", "paired_difference"),
    "distilbench.suite": ("Model", "Profile", "Suite"),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name == "distill":  # a room and what it does: calling the room makes a student
        return import_module("distilbench.distill")
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
