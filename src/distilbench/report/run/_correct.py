"""The section of a run's report on what a correct answer costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from distilbench.report.page import Cell, Known, Section, Shown, Table, Text, interval_words, si
from distilbench.report.run._energy import ranged
from distilbench.report.run._marks import explained, marks

if TYPE_CHECKING:
    from distilbench.report.run._data import RunData

_NO_JOULES = Cell("not available")
_SAID = {
    "usd": "USD {}", "total_s": "{} s", "energy_j": "{} J", "flops": "{} FLOPs",
    "output_tokens": "{} output tokens",
}  # fmt: skip
_PLAIN: Mapping[str, tuple[str, Callable[[float], str]]] = {
    "output_tokens": ("output tokens", "{:,.1f}".format),
    "flops": ("FLOPs", si),
    "total_s": ("seconds", "{:,.2f}".format),
    "energy_j": ("joules", "{:,.3g}".format),
    "usd": ("US dollars", "{:.3g}".format),
}


def in_words(row: Mapping[str, Any]) -> list[str]:
    """The costs of a correct answer that are known, each with its unit."""
    return [
        text.format(_PLAIN[cost][1](row[cost]))
        for cost, text in _SAID.items()
        if row[cost] is not None
    ]


def correct_answers(data: RunData) -> Section:
    """What a correct answer costs, wrong answers included."""
    from distilbench.stats import api_ranges

    marked = dict(marks(data.cells).select("entry", "mark").iter_rows())
    guessed, remote = _estimated(data), api_ranges(data.used)
    rows = []
    for entry in (e for e in data.entries if e in data.correct_costs):
        row = data.correct_costs[entry]
        cells = {
            cost: _cell(
                row, cost, form, marked[entry] if cost == "total_s" else "",
                "estimated" if cost == "energy_j" and entry in guessed else "derived",
            )
            for cost, (_, form) in _PLAIN.items()
        }  # fmt: skip
        if entry in remote and row["energy_j"] is None:
            found = remote[entry]
            cells["energy_j"] = ranged(found.correct_low_j, found.correct_high_j) or _NO_JOULES
        rows.append({"entry": entry, "accuracy": row["accuracy"], **cells})
    columns = (
        Shown("model", "entry"),
        Shown("accuracy", "accuracy", "{:.1%}"),
        *(Shown(words, cost) for cost, (words, _) in _PLAIN.items()),
    )
    note = (
        "The cost of all answers, wrong ones and those that ran out of time too, over the number of"
        " correct ones (derived; estimated where the joules are), with its 95% interval; joules of"
        " a remote API are the range of EcoLogits' estimate, and no measurement. Not"
        " defined where nothing was correct; not available where a cost is not known of every"
        " answer." + explained("".join(marked.values()))
    )
    table = Table.of("Per correct answer", rows, columns)
    return Section("Cost of a correct answer", (table, Text(note)))


def _cell(
    row: Mapping[str, Any], cost: str, form: Callable[[float], str], mark: str, known: Known
) -> Cell:
    """The figure with its interval, or why there is none."""
    from distilbench.stats import undefined

    why = undefined(dict(row), cost)
    if why is not None:
        return Cell(why)
    low, high = (row[f"{cost}_{end}"] for end in ("low", "high"))
    return Cell(f"{form(row[cost])}{mark}{interval_words(low, high, form)}", kind=known)


def _estimated(data: RunData) -> set[str]:
    """The entries of whose joules some are estimated."""
    import polars as pl

    if "energy_known" not in data.cells.columns:
        return set()
    return set(data.cells.filter(pl.col("energy_known") == "estimated")["entry"])
