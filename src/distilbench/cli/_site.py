"""Commands on many runs for others to see: site, contribute."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from distilbench.cli._options import RunPlaces, here
from distilbench.cli._print import Json, print_json, print_line


def register(app: typer.Typer) -> None:
    app.command()(site)
    app.command()(contribute)


def site(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...",
            help="Run directories (folders or URLs), and folders of results (contribute).",
            show_default=False,
        ),
    ],
    out: Annotated[str, typer.Option(help="Folder to write into, on this machine.")] = "site",
    title: Annotated[str, typer.Option(help="Heading of its first page.")] = "Leaderboard",
    as_json: Json = False,
) -> None:
    """Make a leaderboard of many runs: a folder of static files that any host serves."""
    from distilbench._api import opened_runs
    from distilbench.publish import is_results_folder, write_site

    folders = [Path(run) for run in runs if is_results_folder(Path(run))]
    places = [run for run in runs if Path(run) not in folders]
    with opened_runs(places) as opened:
        page = write_site(opened, folders, here(out), title)
    if as_json:
        print_json({"page": str(page), "runs": places, "folders": [str(one) for one in folders]})
        return
    print_line(page)


def contribute(
    runs: RunPlaces,
    to: Annotated[
        str, typer.Option(help="Folder of results, on this machine; made if there is none.")
    ],
    by: Annotated[str, typer.Option(help="Who contributes: your account's name.")],
    as_json: Json = False,
) -> None:
    """Append runs' results to a folder that others append to: a data set of the hub."""
    from distilbench._api import opened_runs
    from distilbench.publish import append_run, read_results_folder

    folder = here(to)
    with opened_runs(runs) as opened:
        files = [append_run(run_dir, folder, by) for _, run_dir in opened]
    rows = read_results_folder(folder)
    if as_json:
        print_json({"files": [str(file) for file in files], "rows": rows.height})
        return
    for file in files:
        print_line(f"wrote {file}")
    print_line(f"{folder} holds {rows.height:,} results")
