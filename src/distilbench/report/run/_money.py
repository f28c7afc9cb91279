"""The section of a run's report on money."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from distilbench.providers import HERE, SERVER
from distilbench.report.page import NOT_AVAILABLE, Section, Shown, Table, Text

if TYPE_CHECKING:
    import polars as pl

    from distilbench.catalog import Catalog
    from distilbench.report.run._data import RunData

_PRICES = ("input_usd_per_mtok", "cached_input_usd_per_mtok", "output_usd_per_mtok")
_COLUMNS = (
    Shown("model", "entry"),
    Shown("USD / question", "usd_per_question", "{:.3g}", "derived"),
    Shown("USD / 1,000 questions", "usd_per_thousand", "{:.3g}", "derived"),
    Shown("USD / correct answer", "usd_per_correct", "{:.3g}", "derived"),
    Shown("price", "price", lambda words: words or NOT_AVAILABLE),
    Shown("source", "source"),
)


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


def money(data: RunData) -> Section:
    """US dollars of every entry: by the suite's price, the card's, or the machine's."""
    facts = _facts(data.cells)
    rates, hourly = _priced(facts, data.catalog)
    if not rates and not hourly:
        reason = "no price in the suite or on a card, and no machine_usd_per_hour in the profile"
        return Section("Money", (Text(f"Money: {NOT_AVAILABLE} ({reason})."),))
    costs = _costs(data.used, data.cells, rates, list(hourly))
    rows = [_row(row, costs.get(row["entry"]), rates, hourly) for row in facts]
    table = Table.of("Cost in US dollars", rows, _COLUMNS)
    return Section("Money", (table, Text(_note(costs, bool(hourly)))))


def question_costs(data: RunData) -> dict[str, dict[str, Any]]:
    """US dollars of a question and of a correct answer of each entry that has a price."""
    rates, hourly = _priced(_facts(data.cells), data.catalog)
    return _costs(data.used, data.cells, rates, list(hourly)) if rates or hourly else {}


def dollars(data: RunData, one: str, other: str) -> float | None:
    """US dollars of an answer of one entry over those of another, on the questions that both
    answered; null where a price is not known of both."""
    import polars as pl

    from distilbench.stats import in_common

    pair = pl.col("entry").is_in([one, other])
    rates, hourly = _priced(_facts(data.cells.filter(pair)), data.catalog)
    both = data.samples.filter(pair)
    if not {one, other} <= {*rates, *hourly} or both["entry"].n_unique() < 2:
        return None
    shared = in_common(both)
    if shared.is_empty():
        return None
    found = _costs(shared, data.cells, rates, list(hourly))
    mine, theirs = (found.get(entry, {}).get("usd_per_question") for entry in (one, other))
    return mine / theirs if mine is not None and theirs else None


def _priced(
    facts: list[dict[str, Any]], catalog: Catalog
) -> tuple[dict[str, Rate], dict[str, float]]:
    """Of each entry the price of its tokens, or else that of its machine's hour."""
    rates = {row["entry"]: rate for row in facts if (rate := _rate(row, catalog)) is not None}
    hourly = {
        row["entry"]: row["machine_usd_per_hour"]
        for row in facts
        if row["entry"] not in rates and row["machine_usd_per_hour"] is not None and _own(row)
    }
    return rates, hourly


def _facts(cells: pl.DataFrame) -> list[dict[str, Any]]:
    import polars as pl

    columns = (*_PRICES, "price_source", "machine_usd_per_hour", "card", "runs_on")
    known = [name if name in cells.columns else pl.lit(None).alias(name) for name in columns]
    return (
        cells.select("entry", *known)
        .group_by("entry", maintain_order=True)
        .agg(
            pl.col(columns).drop_nulls().first(),
            several=pl.col("runs_on").drop_nulls().n_unique() > 1,
        )
        .with_columns(runs_on=pl.when(~pl.col("several")).then("runs_on"))
        .to_dicts()
    )


def _rate(row: dict[str, Any], catalog: Catalog) -> Rate | None:
    """The price that the suite states, else the card's of the company whose API answered: what it
    charges is not what another company charges for the same model, nor one's own machine."""
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


def _costs(
    samples: pl.DataFrame, cells: pl.DataFrame, rates: dict[str, Rate], hourly: list[str]
) -> dict[str, dict[str, Any]]:
    import polars as pl

    from distilbench.stats import machine_usd, token_usd

    table = pl.DataFrame(
        [{"entry": entry, **rate._asdict()} for entry, rate in rates.items()],
        schema={"entry": pl.String, **dict.fromkeys(_PRICES, pl.Float64), "source": pl.String},
    )
    found = token_usd(samples, table).to_dicts() if rates else []
    if hourly:
        found += machine_usd(samples, cells.filter(pl.col("entry").is_in(hourly))).to_dicts()
    return {row["entry"]: row for row in found}


def _row(
    facts: dict[str, Any],
    cost: dict[str, Any] | None,
    rates: dict[str, Rate],
    hourly: dict[str, float],
) -> dict[str, Any]:
    """An entry's figures, its price in words, and who says so; null: not known."""
    entry, place = facts["entry"], facts["runs_on"]
    if cost is None:
        priced = entry in rates or entry in hourly
        where = "where it ran is not known" if place is None else f"it ran on {place}"
        why = "no answers" if priced else f"no price in the suite or, as {where}, on a card"
        figures = dict.fromkeys(
            ("usd_per_question", "usd_per_thousand", "usd_per_correct", "price")
        )
        return {"entry": entry, **figures, "source": why}
    each, rate = cost["usd_per_question"], rates.get(entry)
    machine = "the machine" if place == HERE else "the server's machine, taken to be the suite's"
    said = (
        (rate.words(), rate.source)
        if rate is not None
        else (f"USD for an hour of {machine}: {hourly[entry]:g}", "suite (profile)")
    )
    return {
        **cost,
        "usd_per_thousand": None if each is None else 1000 * each,
        "price": said[0],
        "source": said[1],
    }


def _note(costs: dict[str, dict[str, Any]], by_time: bool) -> str:
    said = [
        "Derived: tokens of the provider's usage times the price (means over tasks of a task's"
        " mean). Attempts that failed are not in it: what a provider charges for them it does not"
        " say. Writing to a provider's cache is priced as input."
    ]
    if by_time:
        said.append(
            "By the hour: wall time of the cells without loading, times the machine's price; of a"
            " cell that was killed and resumed only the last attempt's time."
        )
    unknown = sum(cost["unknown"] for cost in costs.values())
    if unknown:
        said.append(f"Left out: {unknown:,} samples whose tokens are not known.")
    return " ".join(said)
