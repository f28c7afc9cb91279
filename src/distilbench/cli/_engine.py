"""What the commands share that run the embedded engine, or predict how it would."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from distilbench.cli._counts import say
from distilbench.errors import InputError

if TYPE_CHECKING:
    from distilbench.engines import EngineSettings

SpinCount = Annotated[
    int | None,
    typer.Option(
        min=0, help="Turns that a waiting thread spins before it sleeps.", show_default="1,000"
    ),
]


def engine_settings(**given: Any) -> EngineSettings:
    """Settings from the options of the same names, null: as they are; raises ``InputError`` for
    one out of range."""
    from pydantic import ValidationError

    from distilbench.engines import EngineSettings

    try:
        return EngineSettings(**{name: one for name, one in given.items() if one is not None})
    except ValidationError as error:
        first = error.errors()[0]
        option = "--" + str(first["loc"][0]).replace("_", "-")
        said = first["msg"].removeprefix("Input should be ")
        raise InputError(option, f"is {first['input']}", f"give a number {said}") from error


@contextlib.contextmanager
def engine_failures() -> Iterator[None]:
    """An engine that fails is no bad input: one sentence and exit code 1."""
    from distilbench.engines._process import EngineError

    try:
        yield
    except EngineError as error:
        say(f"error: {error}")
        raise typer.Exit(1) from error
