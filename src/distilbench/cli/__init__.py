"""The command line: thin commands over the rooms, which they import only when they run.

Each command parses its options, calls one or two public functions of a room, and prints. Bad input
ends at ``_boundary``: one sentence on standard error, exit code 2. May import every room, inside
functions only, so that ``distilbench --help`` answers at once.
"""

from __future__ import annotations

import signal
import sys
from typing import Annotated

import typer

from distilbench.cli import (
    _boundary,
    _break_even,
    _card_creation,
    _catalog,
    _creation,
    _design,
    _diff,
    _distil_or_train,
    _distill,
    _experiment,
    _fit,
    _interchange,
    _load,
    _look,
    _paper,
    _publish,
    _recommend,
    _reproduce,
    _run,
    _runs,
    _serve,
    _site,
    _view,
)
from distilbench.cli._print import print_line

app = typer.Typer(
    name="distilbench",
    help="What a distilled language model is worth: accuracy, running cost and creation cost.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for register in (
    _run.register,
    _runs.register,
    _view.register,
    _recommend.register,
    _break_even.register,
    _diff.register,
    _fit.register,
    _load.register,
    _serve.register,
    _creation.register,
    _design.register,
    _reproduce.register,
    _distil_or_train.register,
    _catalog.register,
    _card_creation.register,
    _distill.register,
    _interchange.register,
    _experiment.register,
    _look.register,
    _paper.register,
    _publish.register,
    _site.register,
):
    register(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print_line(f"distilbench {version('distilbench')}")
        raise typer.Exit


@app.callback()
def _all_commands(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version."
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command of this process's arguments, and end the process with its exit code."""
    code = _boundary.run_command(app, sys.argv[1:])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is done but the end of Python
    sys.exit(code)
