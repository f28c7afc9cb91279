"""The commands of experiments."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from distilbench.cli._boundary import TRAINING, need
from distilbench.cli._print import Json
from distilbench.cli._progress_lines import Lines
from distilbench.cli._run import Open, tell_page
from distilbench.cli._scarce import scarce_data
from distilbench.errors import InputError


def register(app: typer.Typer) -> None:
    experiments = typer.Typer(
        help="Experiments on making models.", no_args_is_help=True, rich_markup_mode=None
    )
    experiments.callback()(_experiments)
    experiments.command("distil-vs-vanilla")(distil_vs_vanilla)
    experiments.command("scarce-data")(scarce_data)
    app.add_typer(experiments, name="experiment")


def _experiments() -> None:
    """Experiments on making models."""


def distil_vs_vanilla(
    config: Annotated[Path | None, typer.Option(help="The experiment's YAML file.")] = None,
    small: Annotated[bool, typer.Option("--small", help="The one for two CPU cores.")] = False,
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path(
        "runs/distil-vs-vanilla"
    ),
    open_report: Open = False,
    as_json: Json = False,
) -> None:
    """Train vanilla and distilled students on equal budgets; draw accuracy against compute."""
    if small == (config is not None):
        raise InputError("distil-vs-vanilla", "which experiment?", "give --small or --config FILE")
    from distilbench.distill import load_experiment, run_experiment
    from distilbench.report import write_experiment_report

    experiment = load_experiment(config)
    need(*TRAINING)
    run_experiment(experiment, out, Lines(quiet=as_json).on_event)
    tell_page(write_experiment_report(out), out, as_json, open_report)
