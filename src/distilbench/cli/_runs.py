"""Commands for runs that are there: status, list, cancel, merge."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from distilbench.cli._counts import say
from distilbench.cli._options import RunPlace
from distilbench.cli._print import Json, print_json, print_line, print_table
from distilbench.errors import InputError

if TYPE_CHECKING:
    from distilbench.runner import CellStatus


def register(app: typer.Typer) -> None:
    app.command()(status)
    app.command("list")(list_)
    app.command()(cancel)
    app.command()(merge)


def status(run: RunPlace, as_json: Json = False) -> None:
    """Say how far a run is, and who is at work in it. Changes nothing."""
    from distilbench.place import Place, copied, who_is_at_work, without_finished_logs
    from distilbench.runner import cell_status, load_cells

    place = Place.parse(run)
    with copied(place, without_finished_logs) as folder:
        cells = [cell_status(folder, cell) for cell in load_cells(folder)]
    at = who_is_at_work(place)
    if as_json:
        print_json({"run": str(place), "driver": asdict(at), "cells": [asdict(c) for c in cells]})
        return
    columns = ("model", "task", "profile", "seed", "state", "samples", "of", "shards")
    if cells:
        print_table(columns, [_row(cell) for cell in cells])
    finished = sum(cell.state == "finished" for cell in cells)
    print_line(f"{finished} of {len(cells)} cells are finished; {at.sentence}")


def _row(cell: CellStatus) -> tuple[Any, ...]:
    shards = None if cell.shards is None else f"{cell.finished_shards} of {cell.shards}"
    return (
        cell.model, cell.task, cell.profile, cell.seed, cell.state, cell.samples, cell.of, shards,
    )  # fmt: skip


def list_(
    folder: Annotated[str, typer.Argument(help="Folder or URL of run directories.")] = "runs",
    as_json: Json = False,
) -> None:
    """List the runs of a folder or URL, and how far each is."""
    from distilbench.place import Place
    from distilbench.runner import list_runs

    place = Place.parse(folder)
    runs = list_runs(place)
    if as_json:
        print_json([asdict(run) for run in runs])
        return
    if not runs:
        print_line(f"no run is in {place}")
        return
    columns = ("run", "state", "cells", "finished", "created")
    print_table(columns, [(r.run, r.state, r.cells, r.finished, r.created) for r in runs])


def cancel(run: RunPlace) -> None:
    """Stop the run that is at work in a run directory, as Ctrl-C does where it was started."""
    from distilbench.place import Place, copied, without_finished_logs
    from distilbench.place import cancel as stop
    from distilbench.runner import load_cells

    place = Place.parse(run)
    with copied(place, without_finished_logs) as folder:
        load_cells(folder)  # refuses what is no run
    was = stop(place)
    said = {
        "at work": "stopped: what was finished is kept; the same command goes on from there",
        "no sign": f"{was.sentence}: it is asked to stop should it come back",
    }
    print_line(said.get(was.state, f"nothing to stop: {was.sentence}"))


def merge(
    runs: Annotated[
        list[str],
        typer.Argument(help="Run directories, each a folder or a URL.", show_default=False),
    ],
    out: Annotated[str, typer.Option(help="The new run directory: a folder or a URL.")],
    as_json: Json = False,
) -> None:
    """Make one run of several runs of the same suite, as of two machines."""
    from distilbench.place import Place
    from distilbench.runner import merge_runs

    if not out:
        raise InputError("--out", "is empty", "name the new run directory")
    merged = merge_runs([Place.parse(run) for run in runs], Place.parse(out), lambda s: say(s))
    if as_json:
        facts = {"cells": merged.cells, "finished": merged.finished, "kept_once": merged.said}
        print_json({"run": str(merged.place), **facts})
        return
    for sentence in merged.said:
        print_line(sentence)
    print_line(
        f"{merged.place}: {merged.finished} of {merged.cells} cells are finished;"
        f" next: distilbench report {merged.place}"
    )
