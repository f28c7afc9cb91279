"""What tokens and machines of a run cost, and who says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from distilbench.providers import HERE, SERVER

if TYPE_CHECKING:
    import polars as pl

    from distilbench.catalog import Catalog

_PRICES = ("input_usd_per_mtok", "cached_input_usd_per_mtok", "output_usd_per_mtok")


class Rate(NamedTuple):
    """What an entry's tokens cost, and who says so."""

    input_usd_per_mtok: float
    cached_input_usd_per_mtok: float | None
    output_usd_per_mtok: float
    source: str

    def words(self) -> str:
        cached = self.cached_input_usd_per_mtok
        middle = "" if cached is None else f", cached {cached:g}"
        return (
            f"USD for a million tokens: input {self.input_usd_per_mtok:g}{middle},"
            f" output {self.output_usd_per_mtok:g}"
        )


def question_costs(
    samples: pl.DataFrame, cells: pl.DataFrame, catalog: Catalog
) -> dict[str, dict[str, Any]]:
    """US dollars of a question and of a correct answer of each entry that has a price."""
    from distilbench.stats import usd_of_answers

    priced_samples = _in_usd(samples, cells, *priced(entry_facts(cells), catalog))
    if priced_samples is None:
        return {}
    return {row["entry"]: row for row in usd_of_answers(priced_samples).to_dicts()}


def with_usd(samples: pl.DataFrame, cells: pl.DataFrame, catalog: Catalog) -> pl.DataFrame:
    """The samples with ``usd``, what each took in US dollars; null: no price, or no tokens of it
    are known."""
    import polars as pl

    placed = samples.with_row_index("place")
    found = _in_usd(placed, cells, *priced(entry_facts(cells), catalog))
    if found is None:
        return samples.with_columns(usd=pl.lit(None, pl.Float64))
    known = found.select("place", "usd")
    return placed.join(known, on="place", how="left", maintain_order="left").drop("place")


def priced(
    facts: list[dict[str, Any]], catalog: Catalog
) -> tuple[dict[str, Rate], dict[str, float]]:
    """Of each entry the price of its tokens, or else that of its machine's hour."""
    rates = {row["entry"]: rate for row in facts if (rate := _rate(row, catalog)) is not None}
    hourly = {
        row["entry"]: row["machine_usd_per_hour"]
        for row in facts
        if row["entry"] not in rates
        and row["machine_usd_per_hour"] is not None
        and _own(row)
        and row["prices"] < 2
    }
    return rates, hourly


def entry_facts(cells: pl.DataFrame) -> list[dict[str, Any]]:
    """Of each entry its prices, its card and where it ran; null: not known, or several.
    ``prices``: how many its cells state, the suite having been changed while it ran."""
    import polars as pl

    columns = (*_PRICES, "price_source", "machine_usd_per_hour", "card", "runs_on")
    known = [name if name in cells.columns else pl.lit(None).alias(name) for name in columns]
    return (
        cells.select("entry", *known)
        .group_by("entry", maintain_order=True)
        .agg(
            pl.col(columns).drop_nulls().first(),
            several=pl.col("runs_on").drop_nulls().n_unique() > 1,
            prices=pl.struct(*_PRICES, "price_source")
            .filter(pl.col("price_source").is_not_null())
            .n_unique(),
        )
        .with_columns(runs_on=pl.when(~pl.col("several")).then("runs_on"))
        .to_dicts()
    )


def _rate(row: dict[str, Any], catalog: Catalog) -> Rate | None:
    """The price that the suite states, else the card's of the company whose API answered: what it
    charges is not what another company charges for the same model, nor one's own machine. None
    where cells state several: one of them is not that of all answers."""
    if row["prices"] > 1:
        return None
    if row["price_source"]:
        stated = {name: row[name] for name in _PRICES}
        return Rate(**stated, source=f"{row['price_source']} (suite)")
    card = catalog.cards.get(row["card"] or "")
    latest = card.price_at(row["runs_on"]) if card else None
    if card is None or latest is None:
        return None
    published = {name: getattr(latest, name) for name in _PRICES}
    return Rate(**published, source=f"{latest.provider}, {latest.date} (card {card.id})")


def _own(row: dict[str, Any]) -> bool:
    """Whether the machine whose price the suite states did the work, as far as is known."""
    return row["runs_on"] in (HERE, SERVER)


def _in_usd(
    samples: pl.DataFrame,
    cells: pl.DataFrame,
    rates: dict[str, Rate],
    hourly: dict[str, float],
) -> pl.DataFrame | None:
    """The samples of the entries that have a price, with ``usd``; null: none has."""
    import polars as pl

    from distilbench.stats import machine_usd, token_usd

    table = pl.DataFrame(
        [{"entry": entry, **rate._asdict()} for entry, rate in rates.items()],
        schema={"entry": pl.String, **dict.fromkeys(_PRICES, pl.Float64), "source": pl.String},
    )
    found = [token_usd(samples, table)] if rates else []
    if hourly:
        mine = cells.filter(pl.col("entry").is_in(list(hourly)))
        found.append(machine_usd(samples, mine))
    return pl.concat(found) if found else None
