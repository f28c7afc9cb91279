"""Commands on the catalog: catalog list, show and check, accelerators, card new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from distilbench.cli._creation import Cards
from distilbench.cli._options import ModelName
from distilbench.cli._print import Json, print_json, print_line, print_table, si
from distilbench.errors import InputError
from distilbench.named import described_model
from distilbench.source import Source

if TYPE_CHECKING:
    from distilbench.catalog import Accelerator, CatalogCheck, Cited

_DIFFERENT = 1
_MOST_NAMES = 12

card_app = typer.Typer(help="Model cards: facts on a model, each figure with its source.")


class _ListByDefault(TyperGroup):
    """``catalog llama`` is ``catalog list llama``: what is no command is searched for."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        named = args and (args[0] in self.commands or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if named else ["list", *args])


catalog_app = typer.Typer(cls=_ListByDefault)


def register(app: typer.Typer) -> None:
    app.add_typer(catalog_app, name="catalog")
    catalog_app.callback()(_catalog)
    catalog_app.command("list")(list_cards)
    catalog_app.command()(show)
    catalog_app.command()(check)
    app.command()(accelerators)
    app.add_typer(card_app, name="card")
    card_app.callback()(_cards)
    card_app.command("new")(new)


def _cards() -> None:
    """Model cards: facts on a model, each figure with its source."""


def _catalog() -> None:
    """The model cards: facts on models, each figure with its source. Alone: list."""


def list_cards(
    search: Annotated[str, typer.Argument(help="Part of an id, name, family or role.")] = "",
    cards: Cards = None,
    as_json: Json = False,
) -> None:
    """List the model cards, and how many of their figures were compared with their source."""
    from distilbench.catalog import checked_card, cited_figures, load_catalog

    whole = load_catalog(tuple(cards or ()))
    found = [
        card
        for card in whole.cards.values()
        if search.lower() in f"{card.id} {card.name} {card.family} {card.role}".lower()
    ]
    if as_json:
        print_json([checked_card(whole, card) for card in found])
        return
    rows = []
    for card in found:
        checks = [figure.check for figure in cited_figures(whole, card)]
        rows.append(
            (
                card.id,
                card.role,
                si(card.parameters.total.value) if card.parameters.total else None,
                si(card.training.tokens.value) if card.training.tokens else None,
                card.lineage.teacher,
                len(card.scores),
                f"{sum(check is not None for check in checks)} of {len(checks)}",
            )
        )
    print_table(("card", "role", "parameters", "tokens", "teacher", "scores", "checked"), rows)


def show(
    card: Annotated[str, typer.Argument(help="Id of a card.", show_default=False)],
    cards: Cards = None,
    as_json: Json = False,
) -> None:
    """Every figure of a card: where it is from, how it is known, and who compared it with what."""
    from distilbench.catalog import check_words, checked_card, cited_figures, load_catalog

    whole = load_catalog(tuple(cards or ()))
    found = whole.card(card)
    if as_json:
        print_json(checked_card(whole, found))
        return
    rows = []
    for field, cited, check in cited_figures(whole, found):
        source = whole.source(found, cited.source)
        rows.append(
            (
                field,
                _value(cited),
                getattr(cited, "kind", "published"),
                cited.where,
                source.url or source.title,
                check_words(check),
            )
        )
    print_table(("figure", "value", "known", "where", "source", "checked"), rows, found.name)


def _value(cited: Cited) -> str | None:
    """What a figure, a score or a price says, short."""
    from distilbench.catalog import Figure, Licence, Price, Score

    match cited:
        case Score():
            return f"{cited.benchmark} {cited.value:g}"
        case Figure():
            return si(cited.value)
        case Price():
            return f"{si(cited.input_usd_per_mtok)} / {si(cited.output_usd_per_mtok)}"
        case Licence():
            return cited.name
    return None


def check(
    folder: Annotated[
        Path,
        typer.Argument(
            help="Files of others: Epoch's CSV tables, Every Eval Ever records, config.json, model"
            " cards with a model-index, llm-prices lists, models.dev files.",
            show_default=False,
        ),
    ],
    cards: Cards = None,
    tolerance: Annotated[
        float, typer.Option(help="Percent by which sizes, tokens and FLOPs may differ.", min=0)
    ] = 5.0,
    as_json: Json = False,
) -> None:
    """Compare the cards with files of others: exit code 0 no difference, 1 some, 2 bad input."""
    from distilbench.catalog import check_catalog, load_catalog

    found = check_catalog(load_catalog(tuple(cards or ())), folder, tolerance / 100)
    failed = bool(found.differences)
    if as_json:
        print_json({**asdict(found), "compared": found.compared, "exit_code": failed * _DIFFERENT})
    else:
        _print_check(found)
    if failed:
        raise typer.Exit(_DIFFERENT)


def _print_check(found: CatalogCheck) -> None:
    for name, kind in found.files.items():
        print_line(f"{name}: {kind}")
    if found.unread:
        print_line(f"not known, not read: {_some(found.unread)}")
    rows = [
        (d.card, d.field, _shown(d.ours), _shown(d.theirs), d.ratio and f"{d.ratio:.3g}",
         d.our_source, d.their_source, d.note)
        for d in found.differences
    ]  # fmt: skip
    if rows:
        columns = ("card", "figure", "ours", "theirs", "ratio", "our source", "theirs from", "note")
        print_table(columns, rows, "Differences, ours / theirs:")
    counts = ", ".join(f"{count} {name}" for name, count in found.agreements.items())
    agree = f"{sum(found.agreements.values())} agree" + (f" ({counts})" if counts else "")
    print_line(f"{found.compared} figures compared: {agree}, {len(rows)} differ")
    if found.not_on_card:
        print_line(f"{len(found.not_on_card)} are not on our card: {_some(found.not_on_card)}")
    if found.unmatched:
        print_line(f"{len(found.unmatched)} names are no card: {_some(found.unmatched)}")
    if found.left_out:
        print_line(f"{len(found.left_out)} could not be compared: {_some(found.left_out)}")


def _some(names: Sequence[str]) -> str:
    more = (
        f"; and {len(names) - _MOST_NAMES} more (--json: all)" if len(names) > _MOST_NAMES else ""
    )
    return "; ".join(names[:_MOST_NAMES]) + more


def _shown(value: float | str | tuple[float, float]) -> str:
    if isinstance(value, tuple):
        return " / ".join(f"{one:g}" for one in value)
    return value if isinstance(value, str) else f"{value:.4g}"


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
    role: Annotated[
        str, typer.Option(help="vanilla, distilled, synthetic or proprietary.")
    ] = "vanilla",
) -> None:
    """Write a card to fill in, with what the model's file says of its size."""
    from distilbench.catalog import blank_card, card_slug, load_catalog
    from distilbench.files import write_text

    described = described_model(model, load_catalog())
    name = described.name or Source.parse(model).name
    path = out or Path(f"{card_slug(name)}.yaml")
    if path.exists():
        raise InputError(str(path), "the file exists", "name another with --out, or remove it")
    write_text(path, blank_card(described, name, role))
    print_line(
        f"wrote {path}; fill it in, then: distilbench compute {card_slug(name)} --cards {path}"
    )
