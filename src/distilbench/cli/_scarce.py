"""The command of the experiment scarce-data."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from distilbench.cli._boundary import TRAINING, need
from distilbench.cli._print import Json, print_json, print_line, print_table
from distilbench.cli._progress_lines import Lines
from distilbench.cli._run import Open, tell_page
from distilbench.durations import duration

if TYPE_CHECKING:
    from distilbench.distill.experiment import ScarcePlan


def scarce_data(
    config: Annotated[
        Path | None, typer.Option(help="The experiment's YAML file; default: the packaged one.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("runs/scarce-data"),
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Trainings at a time, a core each; default: all cores."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Time a few steps, print what it would take.")
    ] = False,
    open_report: Open = False,
    as_json: Json = False,
) -> None:
    """Tune and test students with and without a teacher where data is scarce."""
    from distilbench.distill import load_scarce, plan_scarce, run_scarce
    from distilbench.report import write_scarce_report

    experiment = load_scarce(config)
    at_once = workers or os.cpu_count() or 1
    need(*TRAINING)
    if dry_run:
        _tell(plan_scarce(experiment, at_once), as_json)
        return
    run_scarce(experiment, out, at_once, Lines(quiet=as_json).on_event)
    tell_page(write_scarce_report(out), out, as_json, open_report)


def _tell(plan: ScarcePlan, as_json: bool) -> None:
    if as_json:
        print_json(plan.facts)
        return
    columns = ("study", "what", "trainings", "steps at most", "FLOPs at most", "core time at most")
    rows: list[tuple[Any, ...]] = [
        (part.study, part.what, part.trainings, part.steps, f"{part.flops:.3g}",
         duration(part.core_s))
        for part in plan.parts
    ]  # fmt: skip
    print_table(columns, rows, "scarce-data")
    print_line(
        f"{plan.trainings} trainings; at most {duration(plan.wall_s)} with {plan.workers} at a"
        f" time, each on a core of its own (derived from {plan.timed_steps} steps that were timed"
        " now on one thread; FLOPs by formula)"
    )
