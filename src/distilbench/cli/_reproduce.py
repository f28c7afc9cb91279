"""The command on the claims of arXiv 2602.20164: reproduce."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from distilbench.cli._creation import Cards, Draws, Seed
from distilbench.cli._lengths import Lengths, with_measured_lengths
from distilbench.cli._print import Json, print_json, print_line, print_table
from distilbench.files import must_hold_files, write_text


def register(app: typer.Typer) -> None:
    app.command()(reproduce)


def reproduce(
    out: Annotated[Path, typer.Option(help="Folder of the report.")] = Path("runs/reproduce"),
    cards: Cards = None,
    draws: Draws = 10_000,
    seed: Seed = 0,
    margin: Annotated[
        float, typer.Option(min=0, help="Percentage points that a model on par may score less.")
    ] = 5.0,
    measured_by: Annotated[
        Literal["all", "maker", "independent"],
        typer.Option(help="Scores of makers on their own models, of others, or all."),
    ] = "all",
    lengths: Lengths = None,
    as_json: Json = False,
) -> None:
    """Check the three claims of arXiv 2602.20164 on published figures, with no model at hand."""
    from distilbench.catalog import load_catalog
    from distilbench.claims import check_claims, verdicts
    from distilbench.cli._counts import Steps
    from distilbench.report import write_claims_report

    must_hold_files(out)
    step = Steps(4, quiet=as_json)
    catalog, told = with_measured_lengths(load_catalog(tuple(cards or ())), lengths or [])
    claims = check_claims(
        catalog,
        draws=draws,
        seed=seed,
        margin=margin,
        measured_by=measured_by,
        on_step=step,
    )
    step("figures and page")
    page = write_claims_report(claims, out)
    found = verdicts(claims)
    write_text(out / "verdicts.json", found.model_dump_json(indent=2) + "\n")
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    print_table(("claim", "verdict"), list(claims.in_words().items()))
    for line in (*told, f"report: {page}"):
        print_line(line)
    print_line(f"verdicts as data: {out / 'verdicts.json'}")
