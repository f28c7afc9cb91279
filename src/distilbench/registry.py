"""What a door of distilbench leads to: classes found by their place, and those that other installed
packages name by an entry point."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from inspect import isabstract
from pathlib import Path
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
    return (*own, *(_loaded(point, kind, base) for point in of_packages(group)))


def of_packages(group: str) -> list[EntryPoint]:
    """What other packages name in a group, by their names; none of it is imported for that."""
    return sorted(entry_points(group=group), key=lambda point: (point.name, point.value))


def names(home: str, group: str) -> frozenset[str]:
    """What can be had by :func:`named`; nothing is imported for it."""
    own = (found.name for found in iter_modules([str(_folder(home))]))
    return frozenset((*own, *(point.name for point in of_packages(group))))


def named(kind: type[T], home: str, group: str, base: str, name: str) -> type[T]:
    """The class that the file ``name`` of the package ``home`` holds, or that an entry point of
    this name leads to; no other is imported. Raises ``KeyError`` if there is none, ``InputError``
    as :func:`registered`."""
    if any(found.name == name for found in iter_modules([str(_folder(home))])):
        return next(_in(import_module(f"{home}.{name}"), kind))
    point = next((point for point in of_packages(group) if point.name == name), None)
    if point is None:
        raise KeyError(name)
    return _loaded(point, kind, base)


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


def _folder(home: str) -> Path:
    """Where a package of distilbench is, without importing it."""
    return Path(__file__).parent.joinpath(*home.split(".")[1:])


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
    return isinstance(found, type) and kind in found.__mro__[1:]
