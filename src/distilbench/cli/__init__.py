"""The command line: thin commands over the rooms, which they import only when they run.

Each command parses its options, calls one or two public functions of a room, and prints. Bad input
prints one sentence on standard error and exits with code 2. May import every room, inside
functions only, so that ``distilbench --help`` answers at once.
"""

from __future__ import annotations

import sys

import typer

from distilbench.cli import (
    _catalog,
    _creation,
    _distill,
    _experiment,
    _fit,
    _interchange,
    _load,
    _look,
    _recommend,
    _run,
    _serve,
)
from distilbench.errors import InputError

app = typer.Typer(
    name="distilbench",
    help="What a distilled language model is worth: accuracy, running cost and creation cost.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for register in (
    _run.register,
    _recommend.register,
    _fit.register,
    _load.register,
    _serve.register,
    _creation.register,
    _catalog.register,
    _distill.register,
    _interchange.register,
    _experiment.register,
    _look.register,
):
    register(app)


def main() -> None:
    """Entry point of the ``distilbench`` command."""
    try:
        app()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
