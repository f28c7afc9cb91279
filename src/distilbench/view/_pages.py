"""The pages of a run beside its report, and the list of several runs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from distilbench.errors import InputError
from distilbench.report import Cell, Questions, Section, Shown, Table, finite, render_page

if TYPE_CHECKING:
    from distilbench.place import Place
    from distilbench.runner import ListedRun, Look
    from distilbench.view._run import Viewed

REFRESH_S = 5
Links = tuple[tuple[str, str], ...]


def links(several: bool) -> Links:
    """To the pages of a run, from any of them."""
    of_run = (
        ("Progress", "../progress/"),
        ("Questions", "../questions/"),
        ("Report", "../report/"),
    )
    return (("All runs", "../../"), *of_run) if several else of_run


def progress_page(run: Viewed, several: bool) -> Path:
    """How far it is, and what is right so far; it refreshes itself until the run is finished."""
    look, at, scores = run.look(), run.at(), run.mean_scores()
    rows = [{**vars(cell), "score": scores.get(cell.cell)} for cell in look.cells]
    table = Table.of("Cells; the mean score is of the samples that are finished", rows, _COLUMNS)
    return render_page(
        f"{run.name}: progress",
        f"{_how_far(look)}. {at.sentence[0].upper()}{at.sentence[1:]}.",
        [Section("Cells", (table,))] if rows else [],
        run.scratch / "progress",
        page="progress",
        beside=links(several),
        refresh_s=None if look.is_complete and at.state != "at work" else REFRESH_S,
    )


def _how_far(look: Look) -> str:
    imported = f"{look.imported} imported cells" if look.imported else ""
    if not look.cells:
        return imported or "No cell is planned"
    done = sum(cell.state == "finished" for cell in look.cells)
    samples, of = sum(cell.samples for cell in look.cells), [cell.of for cell in look.cells]
    all_of = "" if None in of else f" of {sum(n or 0 for n in of):,}"
    said = f"{done} of {len(look.cells)} cells are finished: {samples:,}{all_of} samples"
    return f"{said}; and {imported}" if imported else said


def _share(value: float | None) -> str:
    return "–" if finite(value) is None else f"{value:.1%}"


def _shards(done: int, shards: int | None) -> str:
    return "–" if shards is None else f"{done} of {shards}"


_COLUMNS = (
    Shown("model", "model"),
    Shown("task", "task"),
    Shown("mean score so far", "score", _share),
    Shown("samples", "samples", "{:,}"),
    Shown("of", "of", lambda of: "–" if of is None else f"{of:,}"),
    Shown("state", "state"),
    Shown("profile", "profile"),
    Shown("seed", "seed"),
    Shown("shards", ("finished_shards", "shards"), _shards),
)


def questions_page(run: Viewed, several: bool) -> Path:
    """The browser of questions, which asks this server for them."""
    block = Questions(
        "questions",
        "Every question with its transcripts, read from the run directory as it is now.",
        [*run.entries()],
        run.tasks(),
        served=True,
    )
    return render_page(
        f"{run.name}: questions",
        "",
        [Section("Questions", (block,))],
        run.scratch / "questions",
        page="questions",
        beside=links(several),
    )


def list_page(listed: Sequence[tuple[int, ListedRun]], scratch: Path) -> Path:
    """Several runs, and how far each is."""
    rows = [{**vars(run), "number": number} for number, run in listed]
    table = Table.of("Runs", rows, _RUNS)
    at_work = any(run.state == "at work" for _, run in listed)
    return render_page(
        "distilbench: runs",
        "1 run." if len(listed) == 1 else f"{len(listed)} runs.",
        [Section("Runs", (table,))],
        scratch / "list",
        page="list",
        refresh_s=REFRESH_S if at_work else None,
    )


def _link(run: str, number: int) -> Cell:
    return Cell(run, href=f"run/{number}/progress/")


_RUNS = (
    Shown("run", ("run", "number"), _link),
    Shown("state", "state"),
    Shown("cells", "cells"),
    Shown("finished", "finished"),
    Shown("created", "created"),
)


def refused_page(said: str, scratch: Path, beside: Links) -> Path:
    """What cannot be shown, and why."""
    return render_page(
        "Not available", said, [], scratch / "refused", page="refused", beside=beside
    )


def listed_runs(places: Sequence[Place]) -> list[tuple[int, ListedRun]]:
    """The state of each run now; one that has gone is not in it."""
    from distilbench.runner import list_runs

    found = []
    for number, place in enumerate(places):
        with suppress(InputError):  # its folder is gone
            found += [(number, run) for run in list_runs(place)[:1]]
    return found
