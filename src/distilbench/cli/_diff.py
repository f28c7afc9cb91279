"""The command diff."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from distilbench.cli._options import Margin
from distilbench.cli._print import Json, print_json, print_line, print_table
from distilbench.errors import InputError

if TYPE_CHECKING:
    from distilbench.report import Diff

_WORSE = 1
_HELP = "a folder, or a URL as s3://."


def register(app: typer.Typer) -> None:
    app.command()(diff)


def diff(
    baseline: Annotated[
        str, typer.Argument(metavar="RUN1", help=f"The baseline: {_HELP}", show_default=False)
    ],
    candidate: Annotated[
        str, typer.Argument(metavar="RUN2", help=f"The candidate: {_HELP}", show_default=False)
    ],
    pair: Annotated[
        list[str] | None,
        typer.Option(
            metavar="OLD=NEW",
            help="Compare these models alone: one of RUN1 with one of RUN2. May be repeated.",
        ),
    ] = None,
    margin: Margin = 5.0,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 also where nothing is decided.")
    ] = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print Markdown, for a comment.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say whether a run is worse than another: exit code 0 no worse, 1 worse, 2 bad input."""
    from distilbench._api import diff as compare

    if markdown and as_json:
        raise InputError("--markdown", "does not go with --json", "give one of them")
    found = compare(baseline, candidate, _pairs(pair or ()), margin)
    failed = found.verdict == "worse" or (strict and found.verdict == "undecided")
    if as_json:
        print_json({**asdict(found), "verdict": found.verdict, "exit_code": failed * _WORSE})
    elif markdown:
        _print_markdown(found)
    else:
        _print(found)
    if failed:
        raise typer.Exit(_WORSE)


def _pairs(given: list[str] | tuple[()]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in given:
        old, sign, new = text.partition("=")
        if not (old and sign and new):
            raise InputError(f"--pair {text}", "names no two models", "write --pair old=new")
        if old in found:
            raise InputError(f"--pair {text}", f"{old!r} is given twice", "give it once")
        found[old] = new
    return found


def _print_markdown(found: Diff) -> None:
    from distilbench.report import diff_markdown

    for line in diff_markdown(found).splitlines():
        print_line(line)


def _print(found: Diff) -> None:
    from distilbench.report import (
        COMPARISONS,
        RATIOS,
        comparison_rows,
        diff_sentences,
        ratio_rows,
    )

    print_table(COMPARISONS, comparison_rows(found), "Accuracy, candidate minus baseline:")
    if found.running:
        print_table(RATIOS, ratio_rows(found), "Running cost, candidate / baseline:")
    for note in found.notes:
        print_line(note)
    for sentence in diff_sentences(found):
        print_line(sentence)
