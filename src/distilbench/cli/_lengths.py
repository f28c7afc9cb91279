"""Lengths of answers from runs, for the command reproduce."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from distilbench.errors import InputError

if TYPE_CHECKING:
    from distilbench.catalog import Catalog

Lengths = Annotated[
    list[str] | None,
    typer.Option(
        metavar="RUN",
        help="Run whose answers say how many tokens its models write on a benchmark, where nothing"
        " is published. Again for others.",
    ),
]


def with_measured_lengths(catalog: Catalog, runs: list[str]) -> tuple[Catalog, list[str]]:
    """The catalog with lengths of answers that runs measured, and a sentence on each."""
    from distilbench._api import opened_runs
    from distilbench.claims import with_lengths
    from distilbench.report import read_runs

    told: list[str] = []
    for place in runs:
        with opened_runs([place]) as opened:
            data = read_runs(opened)
        catalog, said = with_lengths(catalog, data.samples, data.cells, data.facts["name"])
        if not said:
            raise InputError(
                f"--lengths {place}",
                "holds no answer of a model with a card on a benchmark of the catalog, of which"
                " nothing is published",
                "name another run, or leave --lengths out",
            )
        told += said
    return catalog, told
