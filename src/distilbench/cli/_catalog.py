"""Commands on the catalog: catalog, accelerators, card new."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from distilbench.cli._creation import Cards
from distilbench.cli._options import ModelName
from distilbench.cli._print import Json, print_json, print_line, print_table, si
from distilbench.errors import InputError
from distilbench.named import described_model

if TYPE_CHECKING:
    from distilbench.catalog import Accelerator

card_app = typer.Typer(help="Model cards: facts on a model, each figure with its source.")


def register(app: typer.Typer) -> None:
    app.command()(catalog)
    app.command()(accelerators)
    app.add_typer(card_app, name="card")
    card_app.callback()(_cards)
    card_app.command("new")(new)


def _cards() -> None:
    """Model cards: facts on a model, each figure with its source."""


def catalog(
    search: Annotated[str, typer.Argument(help="Part of an id, name, family or role.")] = "",
    cards: Cards = None,
    as_json: Json = False,
) -> None:
    """List the model cards: facts on models, each figure with its source."""
    from distilbench.catalog import load_catalog

    found = [
        card
        for card in load_catalog(tuple(cards or ())).cards.values()
        if search.lower() in f"{card.id} {card.name} {card.family} {card.role}".lower()
    ]
    if as_json:
        print_json([card.model_dump(mode="json", exclude_none=True) for card in found])
        return
    rows = [
        (
            card.id,
            card.role,
            si(card.parameters.total.value) if card.parameters.total else None,
            si(card.training.tokens.value) if card.training.tokens else None,
            card.lineage.teacher,
            len(card.scores),
        )
        for card in found
    ]
    print_table(("card", "role", "parameters", "tokens", "teacher", "scores"), rows)


def accelerators(
    search: Annotated[str, typer.Argument(help="Part of a key or name.")] = "",
    as_json: Json = False,
) -> None:
    """List the accelerators: peak rates, power, memory, rent; what --accelerator and --gpu take."""
    from distilbench.catalog import load_catalog

    found = {
        key: accelerator
        for key, accelerator in load_catalog().accelerators.items()
        if search.lower() in f"{key} {accelerator.name}".lower()
    }
    if as_json:
        rows = [
            {"key": k, **a.model_dump(mode="json", exclude_none=True)} for k, a in found.items()
        ]
        print_json(rows)
        return
    columns = ("accelerator", "name", "BF16 FLOP/s", "power W", "memory GiB", "USD an hour")
    print_table(columns, [(key, *_facts(accelerator)) for key, accelerator in found.items()])


def _facts(accelerator: Accelerator) -> tuple[str | None, ...]:
    figures = (
        accelerator.peak_bf16_flops,
        accelerator.power_w,
        accelerator.memory_bytes,
        accelerator.rental_usd_per_hour,
    )
    flops, watts, size, rent = (figure.value if figure else None for figure in figures)
    return (
        accelerator.name,
        None if flops is None else si(flops),
        None if watts is None else si(watts),
        None if size is None else si(size / 2**30),
        None if rent is None else si(rent),
    )


def new(
    model: ModelName,
    out: Annotated[
        Path | None, typer.Option(help="File to write; default: ID.yaml.", show_default=False)
    ] = None,
    role: Annotated[str, typer.Option(help="vanilla, distilled or proprietary.")] = "vanilla",
) -> None:
    """Write a card to fill in, with what the model's file says of its size."""
    from distilbench.catalog import blank_card, card_slug, load_catalog
    from distilbench.files import write_text

    described = described_model(model, load_catalog())
    name = Path(described.name or model.partition(":")[2] or model).stem
    path = out or Path(f"{card_slug(name)}.yaml")
    if path.exists():
        raise InputError(str(path), "the file exists", "name another with --out, or remove it")
    write_text(path, blank_card(described, name, role))
    print_line(
        f"wrote {path}; fill it in, then: distilbench compute {card_slug(name)} --cards {path}"
    )
