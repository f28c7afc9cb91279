"""Commands of the main job: init, run, report, schema."""

from __future__ import annotations

import os
import sys
from enum import StrEnum, auto
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from distilbench.cli._counts import say
from distilbench.cli._options import Margin, RunPlaces, here
from distilbench.cli._print import Json, print_json, print_line, print_table
from distilbench.errors import InputError
from distilbench.files import read_parquet, write_text

if TYPE_CHECKING:
    import polars as pl

    from distilbench.place import Place
    from distilbench.runner import RunResult

SuiteFile = Annotated[Path, typer.Argument(help="Suite file (YAML).")]
Out = Annotated[str, typer.Option(help="Folder or URL (s3://bucket/runs) of run directories.")]
Open = Annotated[bool, typer.Option("--open", help="Open the report in a browser.")]
Executor = Annotated[
    str, typer.Option(help="Where the workers run: local, or ray (a cluster's machines).")
]
Address = Annotated[
    str | None,
    typer.Option(help="Of the Ray cluster, as host:port.", show_default="$RAY_ADDRESS, or here"),
]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Workers that ask a served model side by side.")
]

EstimateGpu = Annotated[
    str, typer.Option(help="GPU of the estimate: an accelerator of the catalog.")
]
Repeats = Annotated[
    int | None,
    typer.Option("--repeats", "-r", min=1, help="Times each cell, in turn with the other models."),
]
Minutes = Annotated[
    int | None,
    typer.Option(min=0, help="Minutes that each model is kept under load after its cells."),
]


class PackagedSuite(StrEnum):
    """Suites that come with the package."""

    template = auto()
    demo = auto()
    paper = auto()


class PackagedRecipe(StrEnum):
    """Recipes that come with the package."""

    template = auto()
    half_smollm2 = "half-smollm2"
    eight_gpus = "eight-gpus"


def register(app: typer.Typer) -> None:
    app.command()(init)
    app.command()(run)
    app.command()(report)
    app.command()(schema)


def init(
    path: Annotated[Path, typer.Argument(help="File to write.")] = Path("suite.yaml"),
    suite: Annotated[
        PackagedSuite, typer.Option(help="template: to fill in; demo; paper: its line-up.")
    ] = PackagedSuite.template,
    recipe: Annotated[
        PackagedRecipe | None,
        typer.Option(
            help="Write the recipe of a distilled model: template, to fill in; half-smollm2:"
            " SmolLM2-135M at half its depth; eight-gpus: an 8B student on eight GPUs."
        ),
    ] = None,
) -> None:
    """Write a commented suite file, or recipe, to start from."""
    from distilbench.suite import packaged_suite

    if recipe is None:
        _write_new({path: packaged_suite(suite.value)})
        print_line(f"wrote {path}; run it with: distilbench run {path}")
        return
    from distilbench.distill import accelerate_configuration, packaged_recipe

    written = {path: packaged_recipe(recipe.value)}
    if recipe is PackagedRecipe.eight_gpus:
        beside = path.parent / "fsdp-8.yaml"  # as the recipe names it
        if beside in written:
            raise InputError(str(path), "is the file that goes with the recipe", "name another")
        written[beside] = accelerate_configuration()
    _write_new(written)
    print_line(f"wrote {path}; run it with: distilbench distill {path}")


def run(
    suite: SuiteFile = Path("suite.yaml"),
    out: Out = "runs",
    limit: Annotated[int | None, typer.Option(min=1, help="Questions of each task.")] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Tokens of each answer.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Times each question.")] = None,
    repeats: Repeats = None,
    minutes: Minutes = None,
    models: Annotated[
        str, typer.Option(help="Sources in place of the suite's models, as a,b.")
    ] = "",
    tasks: Annotated[str, typer.Option(help="Names of the tasks to run, as a,b.")] = "",
    dry: Annotated[
        bool, typer.Option("--dry-run", help="Estimate tokens, hours and money; run nothing.")
    ] = False,
    gpu: EstimateGpu = "h100-sxm",
    executor: Executor = "local",
    address: Address = None,
    workers: Workers = None,
    margin: Margin = 5.0,
    open_report: Open = False,
    as_json: Json = False,
) -> None:
    """Run a suite, or what is missing of it, and write the report."""
    from distilbench.cli._progress import Progress
    from distilbench.report import write_report
    from distilbench.runner import run_suite
    from distilbench.suite import Changes

    changes = Changes(limit, max_tokens, epochs, repeats, minutes, _listed(models), _listed(tasks))
    if dry:
        from distilbench.cli._dry_run import dry_run

        dry_run(suite, out, changes, gpu, as_json)
        return
    with Progress(quiet=as_json) as progress:
        result = run_suite(suite, out, progress.on_event, changes, executor, workers, address)
    for sentence in result.failed:  # before the report, which may lack what it needs
        say(f"failed: {sentence}")
    page = _sent(write_report(result.run_dir, margin=margin), result.place)
    _print_result(result, page, as_json)
    if open_report:
        open_page(page)
    if not result.complete:
        raise typer.Exit(1)


def report(
    runs: RunPlaces,
    out: Annotated[
        str | None,
        typer.Option(
            help="Folder to write into, on this machine.",
            show_default="the run's folder report; of several runs: runs-report",
        ),
    ] = None,
    margin: Margin = 5.0,
    open_report: Open = False,
) -> None:
    """Make the report of a run again, from its records, also while it is at work; of several runs
    one page."""
    page = _report_of(runs, out, margin)
    print_line(page)
    if open_report:
        open_page(page)


def _report_of(runs: list[str], out: str | None, margin: float) -> Path:
    from distilbench._api import Run, report_runs
    from distilbench.place import Place, copied

    folder = None if out is None else here(out)
    if len(runs) > 1:
        return report_runs(runs, folder or "runs-report", margin)
    place = Place.parse(runs[0])
    with copied(place) as run_dir:
        page = Run.open(run_dir).report(folder, margin)
        return page if folder else _sent(page, place)


def schema() -> None:
    """Print the JSON Schema of suite files, for editors."""
    from distilbench.suite import json_schema

    print_json(json_schema())


def _write_new(files: dict[Path, str]) -> None:
    """Write all files and the folders they are in, or none if one of them exists."""
    for path in files:
        if path.exists():
            raise InputError(str(path), "the file exists", "name another file or remove it")
    for path, text in files.items():
        write_text(path, text)


def _sent(page: Path, place: Place) -> Path:
    """A report, of a run at a URL also there, if that may be written."""
    from distilbench.place import Unreachable, send

    if place.url is not None:
        try:
            send(page.parent, place, "report")
            say(f"also at {place}/report/{page.name}")
        except Unreachable as error:
            say(f"note: the report is here alone: {error}")
    return page


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _print_result(result: RunResult, page: Path, as_json: bool) -> None:
    from distilbench._api import Run
    from distilbench.report import sustained_facts
    from distilbench.stats import accuracy_of_answers

    samples, cells = (
        read_parquet(result.run_dir / f"{name}.parquet") for name in ("samples", "cells")
    )
    table = accuracy_of_answers(samples, cells, ("model", "profile", "task"))
    facts: dict[str, Any] = {
        "run_dir": str(result.place),
        "report": str(page),
        "cells": {"planned": result.planned, "finished": result.finished},
        "failed": list(result.failed),
    }
    minutes = sustained_facts(Run(result.run_dir).sustained())
    if as_json:
        speeds = Run(result.run_dir).speeds()
        print_json(
            {
                **facts,
                "accuracy": table.to_dicts(),
                "speeds": speeds.to_dicts(),
                "sustained": minutes,
            }
        )
        return
    columns = ("model", "profile", "task", "questions", "accuracy", "95% interval")
    print_table(columns, _rows(table))
    for one in minutes:
        print_line(f"{one['model']} under {one['profile']}, under load: {one['said']}")
    if result.finished < result.planned:
        left = result.planned - result.finished
        print_line(f"{left} of {result.planned} cells are unfinished: run again to resume")
    if result.unsustained:
        print_line(f"{result.unsustained} models are still to be kept under load: run again")
    print_line(f"report: {page}")


def _rows(table: pl.DataFrame) -> list[tuple[Any, ...]]:
    return [
        (
            row["model"],
            row["profile"],
            row["task"],
            row["n_questions"],
            row["no_answer"] or f"{row['accuracy']:.1%}",
            None if row["no_answer"] else f"{row['low']:.1%} to {row['high']:.1%}",
        )
        for row in table.iter_rows(named=True)
    ]


def tell_page(page: Path, folder: Path, as_json: bool, open_report: bool) -> None:
    """Say where an experiment's page and its folder are; open the page if that is asked for."""
    if as_json:
        print_json({"report": str(page), "folder": str(folder)})
    else:
        print_line(f"report: {page}")
    if open_report:
        open_page(page)


def open_page(page: Path | str) -> None:
    """Open a page, a file or an address, in a browser, or say where it is if there is no screen."""
    import webbrowser

    screen = sys.platform in ("win32", "darwin") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    address = page if isinstance(page, str) else page.resolve().as_uri()
    if not screen or not webbrowser.open(address):
        print_line(f"no screen here: open {page} in a browser")
