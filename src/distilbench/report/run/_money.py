"""The section of a run's report on money."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from distilbench.claims import Rate, entry_facts, priced, question_costs
from distilbench.providers import HERE
from distilbench.report.page import NOT_AVAILABLE, Section, Shown, Table, Text

if TYPE_CHECKING:
    from distilbench.report.run._data import RunData

_COLUMNS = (
    Shown("model", "entry"),
    Shown("USD / question", "usd_per_question", "{:.3g}", "derived"),
    Shown("USD / 1,000 questions", "usd_per_thousand", "{:.3g}", "derived"),
    Shown("USD / correct answer", "usd_per_correct", "{:.3g}", "derived"),
    Shown("price", "price", lambda words: words or NOT_AVAILABLE),
    Shown("source", "source"),
)
_SEVERAL = "its cells state several prices: the suite's was changed while the run went on"


def money(data: RunData) -> Section:
    """US dollars of every entry: by the suite's price, the card's, or the machine's."""
    facts = entry_facts(data.cells)
    rates, hourly = priced(facts, data.catalog)
    if not rates and not hourly:
        reason = "no price in the suite or on a card, and no machine_usd_per_hour in the profile"
        if any(row["prices"] > 1 for row in facts):
            reason = _SEVERAL
        return Section("Money", (Text(f"Money: {NOT_AVAILABLE} ({reason})."),))
    costs = data.question_costs
    rows = [_row(row, costs.get(row["entry"]), rates, hourly) for row in facts]
    table = Table.of("Cost in US dollars", rows, _COLUMNS)
    return Section("Money", (table, Text(_note(costs, bool(hourly)))))


def dollars(data: RunData, one: str, other: str) -> float | None:
    """US dollars of an answer of one entry over those of another, on the questions that took
    something of both; null where a price is not known of both."""
    import polars as pl

    from distilbench.stats import in_common, spent

    pair = pl.col("entry").is_in([one, other])
    cells, both = data.cells.filter(pair), data.samples.filter(pair)
    rates, hourly = priced(entry_facts(cells), data.catalog)
    if not {one, other} <= {*rates, *hourly} or both["entry"].n_unique() < 2:
        return None
    shared = in_common(both.filter(spent()))
    if shared["entry"].n_unique() < 2:
        return None
    found = question_costs(shared, cells, data.catalog)
    mine, theirs = (found.get(entry, {}).get("usd_per_question") for entry in (one, other))
    return mine / theirs if mine is not None and theirs else None


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
        why = (
            _SEVERAL
            if facts["prices"] > 1
            else "no answers"
            if priced
            else f"no price in the suite or, as {where}, on a card"
        )
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
