"""The command that writes a model's creation cost for its model card: card creation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from distilbench.cli._catalog import card_app
from distilbench.cli._creation import Cards, Draws, Seed
from distilbench.cli._options import ModelName, OneScope
from distilbench.cli._print import Json, print_json, print_line
from distilbench.files import must_hold_files, read_json, write_json, write_text

if TYPE_CHECKING:
    from distilbench.report.card import CreationRecord


def register(app: typer.Typer) -> None:
    card_app.command("creation")(creation)


def creation(
    model: ModelName,
    scope: Annotated[OneScope, typer.Option(help="Scope that the badge shows.")] = "lineage",
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for creation.md, creation.svg and creation.json; default: print the"
            " Markdown.",
            show_default=False,
        ),
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(help="Record of Every Eval Ever to put it into.", show_default=False),
    ] = None,
    cards: Cards = None,
    draws: Draws = 10_000,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """A model's creation cost for its model card: a table in Markdown, a badge, and as data."""
    from distilbench.named import named_cards
    from distilbench.report.card import (
        NO_RECORD,
        creation_markdown,
        creation_record,
        with_creation,
    )

    [card], known = named_cards([model], cards or [])
    found = creation_record(card, known, draws, seed)
    if record is not None:
        write_json(record, with_creation(read_json(record, remedy=NO_RECORD), record, found))
    if out is not None:
        _write(found, scope, out)
    if as_json:
        print_json(found.model_dump(mode="json"))
    elif out is not None:
        print_line(f"wrote {out / 'creation.md'}, creation.svg and creation.json")
    else:
        for line in creation_markdown(found).splitlines():
            print_line(line)


def _write(found: CreationRecord, scope: OneScope, out: Path) -> None:
    from distilbench.report.card import badge, creation_markdown

    must_hold_files(out)
    out.mkdir(parents=True, exist_ok=True)
    write_text(out / "creation.md", creation_markdown(found, "creation.svg"))
    write_text(out / "creation.svg", badge(found, scope))
    write_text(out / "creation.json", found.model_dump_json(indent=2) + "\n")
