"""The command recommend."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from distilbench.cli._options import RunPlaces
from distilbench.cli._print import Json, print_json, print_line, print_table
from distilbench.cli._sizes import memory_bytes
from distilbench.errors import InputError

if TYPE_CHECKING:
    import polars as pl

    from distilbench.stats import Candidate, Recommendation


def register(app: typer.Typer) -> None:
    app.command()(recommend)


def recommend(
    runs: RunPlaces,
    memory: Annotated[str | None, typer.Option(help="Most memory, as 2GiB.")] = None,
    max_latency_s: Annotated[
        float | None, typer.Option(help="Most seconds of a question (95th percentile).")
    ] = None,
    min_accuracy: Annotated[
        float | None, typer.Option(min=0, max=1, help="Least accuracy, 0 to 1.")
    ] = None,
    max_energy_j: Annotated[
        float | None, typer.Option(help="Most joules of a question (mean).")
    ] = None,
    max_flops: Annotated[
        float | None, typer.Option(help="Most FLOPs of a question (mean).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say which model of a run, or of several, to take under limits, and how sure that is."""
    from distilbench._api import opened_runs
    from distilbench.report import read_runs, run_warnings
    from distilbench.stats import Requirements
    from distilbench.stats import recommend as choose

    _must_be_above_zero("--max-latency-s", max_latency_s)
    _must_be_above_zero("--max-energy-j", max_energy_j)
    _must_be_above_zero("--max-flops", max_flops)
    required = Requirements(
        memory_bytes(memory), max_latency_s, min_accuracy, max_energy_j, max_flops
    )
    with opened_runs(runs) as opened:
        data = read_runs(opened)
    found = choose(data.samples, data.cells, required)
    warnings = run_warnings(data)
    if as_json:
        chosen = {**asdict(found), "cheapest_tie": found.cheapest_tie}
        print_json({**chosen, "warnings": warnings})
    else:
        _print(found, data.cells, warnings)
    if found.best is None:
        raise typer.Exit(1)


def _must_be_above_zero(option: str, most: float | None) -> None:
    if most is not None and not 0 < most < float("inf"):
        raise InputError(option, f"is {most}", "give a number above zero, or leave it out")


def _print(found: Recommendation, cells: pl.DataFrame, warnings: tuple[str, ...]) -> None:
    from distilbench.report import marks, recommendation_sentences

    for sentence in (*warnings, *recommendation_sentences(found)):
        print_line(sentence)
    columns = (
        "model", "accuracy", "95% interval", "P(best)", "P(accuracy enough)", "memory MiB", "p95 s",
        "FLOPs", "J",
    )  # fmt: skip
    if found.candidates:
        mark = dict(marks(cells).iter_rows())
        rows = [_row(c, mark[c.entry]) for c in found.candidates]
        print_table(columns, rows, "Meet every limit, best first:")
    if found.fallen_out:
        fallen = [(out.entry, "; ".join(out.reasons)) for out in found.fallen_out]
        print_table(("model", "why"), fallen, "Fell out:")


def _row(c: Candidate, mark: str) -> tuple[Any, ...]:
    from distilbench.report import chance

    return (
        c.entry,
        f"{c.accuracy:.1%}",
        f"{c.low:.1%} to {c.high:.1%}",
        chance(c.probability_best),
        chance(c.probability_enough),
        c.peak_memory_bytes and f"{c.peak_memory_bytes / 2**20:,.0f}",
        c.p95_s and f"{c.p95_s:.2f} {mark}".rstrip(),
        c.flops and f"{c.flops:.3g}",
        c.energy_j and f"{c.energy_j:.3g}",
    )
