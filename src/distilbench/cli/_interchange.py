"""Commands that bring results of other programs in and take a run's results out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from distilbench.cli._print import Json, print_json, print_line


def register(app: typer.Typer) -> None:
    app.command("import")(import_)
    app.command()(export)


def import_(
    paths: Annotated[
        list[Path],
        typer.Argument(
            help="Folders or files of lm-eval, Inspect, lighteval, llama-bench, Every Eval Ever.",
            show_default=False,
        ),
    ],
    into: Annotated[Path, typer.Option(help="Run directory; made if there is none.")],
    model: Annotated[str | None, typer.Option(help="Name of the model in the run.")] = None,
    profile: Annotated[str | None, typer.Option(help="Profile's name; default: the tool.")] = None,
    metric: Annotated[
        str | None,
        typer.Option(help="Metric, or metric,filter, that is the score; of Inspect the scorer."),
    ] = None,
    role: Annotated[str | None, typer.Option(help="vanilla, distilled or proprietary.")] = None,
    card: Annotated[str | None, typer.Option(help="Id of the model's card.")] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Put results in the place of older ones.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring results of lm-eval, Inspect, lighteval, llama-bench or Every Eval Ever into a run."""
    from distilbench.interchange import Naming, import_results
    from distilbench.report import write_report

    cells = import_results(paths, into, Naming(model, profile, metric, role, card), replace)
    page = write_report(into)
    if as_json:
        print_json({"run_dir": str(into), "report": str(page), "cells": cells})
        return
    for name in cells:
        print_line(f"imported {name}")
    print_line(f"report: {page}")


def export(
    run_dir: Annotated[Path, typer.Argument(help="Run directory.", show_default=False)],
    form: Annotated[
        str, typer.Option("--format", help="lm-eval, model-index, csv or every-eval-ever.")
    ],
    out: Annotated[Path, typer.Option(help="Folder to write into.")],
    as_json: Json = False,
) -> None:
    """Write a run's results in the form of another program."""
    from distilbench.interchange import export_run

    files = export_run(run_dir, form, out)
    if as_json:
        print_json([str(file) for file in files])
        return
    for file in files:
        print_line(file)
