"""What a door of distilbench leads to: classes found by their place, and those that other installed
packages name by an entry point."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from inspect import isabstract
from pkgutil import iter_modules
from types import ModuleType
from typing import Any, TypeVar

from distilbench.errors import InputError

T = TypeVar("T")


def registered(kind: type[T], home: str, group: str, base: str) -> tuple[type[T], ...]:
    """The classes of a kind: those of the modules in the package ``home``, in the order of their
    files' names, then those of other packages, by the names of their entry points in ``group``.
    ``base`` is the public name of what another package derives its own from.

    Raises ``InputError`` naming the package whose class cannot be imported, is none of the kind, or
    lacks a value that the kind asks for (an attribute that it annotates and does not set).
    """
    places = import_module(home).__path__
    modules = (import_module(f"{home}.{found.name}") for found in iter_modules(places))
    own = (found for module in modules for found in _in(module, kind))
    others = sorted(entry_points(group=group), key=lambda point: (point.name, point.value))
    return (*own, *(_loaded(point, kind, base) for point in others))


def by_name(kinds: Iterable[type[T]], field: str, what: str) -> dict[str, type[T]]:
    """Classes by the name that each has in ``field``. Raises ``InputError`` naming both if two have
    one name; ``what``: what the name is of."""
    named: dict[str, type[T]] = {}
    for kind in kinds:
        name = getattr(kind, field)
        other = named.setdefault(name, kind)
        if other is not kind:
            both = " and ".join(f"{each.__module__}.{each.__qualname__}" for each in (other, kind))
            raise InputError(f"{what} {name}", f"is that of {both}", "uninstall one")
    return named


def _in(module: ModuleType, kind: type[T]) -> Iterator[type[T]]:
    for found in vars(module).values():
        if _is(found, kind) and found.__module__ == module.__name__:
            yield found


def _loaded(point: EntryPoint, kind: type[T], base: str) -> type[T]:
    what = point.group.rpartition(".")[2].removesuffix("s")
    where = f"package {point.dist.name}" if point.dist else f"entry point {point.value}"
    try:
        found = point.load()
    except Exception as error:  # whatever another package's import raises
        said = f"{type(error).__name__}: {error}"
        problem = f"its {what} {point.name!r} cannot be imported ({said})"
        raise InputError(where, problem, "mend or uninstall it") from error
    if not _is(found, kind):
        problem = f"{point.value} is no {what}"
        raise InputError(where, problem, f"derive it from {base}")
    lacking = [name for name in kind.__annotations__ if not hasattr(found, name)]
    lacking += sorted(found.__abstractmethods__) if isabstract(found) else []
    if lacking:
        problem = f"the {what} {point.value} lacks {', '.join(lacking)}"
        raise InputError(where, problem, "mend or uninstall it")
    return found  # type: ignore[no-any-return]


def _is(found: Any, kind: type[T]) -> bool:
    return isinstance(found, type) and issubclass(found, kind) and found is not kind
