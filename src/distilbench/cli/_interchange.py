"""Commands that bring results of other programs in and take a run's results out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from distilbench.cli._counts import say
from distilbench.cli._options import RunPlace, here
from distilbench.cli._print import Json, print_json, print_line

if TYPE_CHECKING:
    from distilbench.interchange import Importer


class _Import(TyperCommand):
    """Its help lists the importers that there are: found only where it is asked for."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        from distilbench.interchange import all_importers

        with formatter.section("What can be read"):
            formatter.write_dl([(one.program, _reads(one)) for one in all_importers()])


class _Export(TyperCommand):
    """Its help lists the exporters that there are."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        from distilbench.interchange import all_exporters

        with formatter.section("Formats"):
            formatter.write_dl([(name, one.writes) for name, one in all_exporters().items()])


def register(app: typer.Typer) -> None:
    app.command("import", cls=_Import)(import_)
    app.command(cls=_Export)(export)


def _reads(one: Importer) -> str:
    return f"{one.reads}; --metric names {one.metric}" if one.metric else one.reads


def import_(
    paths: Annotated[
        list[Path],
        typer.Argument(
            help="Folders or files of the programs below.",
            show_default=False,
        ),
    ],
    into: Annotated[
        str, typer.Option(help="Run directory, a folder or a URL; made if there is none.")
    ],
    model: Annotated[str | None, typer.Option(help="Name of the model in the run.")] = None,
    profile: Annotated[str | None, typer.Option(help="Profile's name; default: the tool.")] = None,
    metric: Annotated[
        str | None,
        typer.Option(help="What is the score, in the program's own words."),
    ] = None,
    role: Annotated[
        str | None, typer.Option(help="vanilla, distilled, synthetic or proprietary.")
    ] = None,
    card: Annotated[str | None, typer.Option(help="Id of the model's card.")] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Put results in the place of older ones.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring results of other programs into a run."""
    from distilbench.interchange import Naming, import_results
    from distilbench.place import Place, at_work
    from distilbench.report import write_report

    naming = Naming(model, profile, metric, role, card)
    with at_work(Place.parse(into), say) as run_dir:
        cells = import_results(paths, run_dir, naming, replace)
        page = write_report(run_dir)
    if as_json:
        print_json({"run_dir": str(into), "report": str(page), "cells": cells})
        return
    for name in cells:
        print_line(f"imported {name}")
    print_line(f"report: {page}")


def export(
    run: RunPlace,
    form: Annotated[str, typer.Option("--format", help="One of the formats below.")],
    out: Annotated[str, typer.Option(help="Folder to write into, on this machine.")],
    as_json: Json = False,
) -> None:
    """Write a run's results in the form of another program."""
    from distilbench.interchange import export_run
    from distilbench.place import Place, copied

    folder = here(out)
    with copied(Place.parse(run)) as run_dir:
        files = export_run(run_dir, form, folder)
    if as_json:
        print_json([str(file) for file in files])
        return
    for file in files:
        print_line(file)
