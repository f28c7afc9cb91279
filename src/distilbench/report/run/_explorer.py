"""The chart under the first screen: accuracy, or a task, against any cost that is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from distilbench.compute import SCOPES, Quantity, scope_costs
from distilbench.report.page import Axis, Explorer, Section
from distilbench.report.run._money import question_costs

if TYPE_CHECKING:
    from distilbench.report.run._data import RunData

_DRAWS = 1000
_MEAN = "mean over tasks"
_AXES = (
    Axis("flops", "inference FLOPs a question", ".2~s", "derived from tokens and architecture"),
    Axis("total_s", "mean seconds a question", ".3~g", "measured"),
    Axis("p95_s", "p95 seconds of a question", ".3~g", "measured", "at most"),
    Axis("ttft_median_s", "median TTFT in seconds", ".3~g", "measured"),
    Axis("energy_j", "joules a question", ".3~g", "as the energy section says", "at most"),
    Axis("usd", "US dollars a question", ".2~g", "derived from the price", "at most"),
    Axis("peak_memory_mib", "peak memory in MiB", ",.3~r", "measured", "at most"),
    Axis("output_tokens", "output tokens a question", ",.3~r", "measured"),
    Axis("parameters", "parameters", ".3~s", "read from the model's file"),
    *(
        Axis(f"creation {scope}", f"creation FLOPs, scope {scope}", ".1~e", "from the model's card")
        for scope in SCOPES
    ),
)


def explorer(data: RunData) -> Section:
    """The chart; nothing where fewer than two models can be compared."""
    title = "Accuracy against any cost"
    if not data.comparable or data.overall.height < 2:
        return Section(title)
    from distilbench.stats import bootstrap_accuracies

    rows = data.overall.to_dicts()
    entries = [row["entry"] for row in rows]
    points = _points(data, rows)
    known = [a for a in _AXES if any(p["costs"][a.key] is not None for p in points)]
    if not known:
        return Section(title)
    drawn = bootstrap_accuracies(data.compared, entries, _DRAWS)
    words = "; ".join(f"{row['entry']} {row['accuracy']:.1%}" for row in rows)
    block = Explorer(
        "any-cost",
        "Shape: role; colour: family; bars: 95% intervals; dashed: the Pareto frontier of what"
        " keeps to the limits; on hover the figures, how they are known, and how often a model"
        " stands on that frontier. The address of this page holds the view.",
        f"Accuracy against a chosen cost: {words}. The numbers stand in the tables below.",
        known,
        [_MEAN, *sorted(data.tasks["task"].unique())],
        points,
        (drawn.T * 10_000).round().astype(int).tolist(),
    )
    return Section(title, (block,))


def _points(data: RunData, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    tasks: dict[str, dict[str, list[float] | None]] = {}
    for row in data.tasks.iter_rows(named=True):
        figures = [row["accuracy"], row["low"], row["high"]]
        tasks.setdefault(row["entry"], {})[row["task"]] = None if row["no_answer"] else figures
    usd = question_costs(data)
    return [
        {
            "entry": row["entry"],
            "role": data.roles.get(row["entry"]) or "not said",
            "family": _family(data, row),
            "costs": {axis.key: None for axis in _AXES}
            | {axis.key: row[axis.key] for axis in _AXES if axis.key in row}
            | {"usd": usd.get(row["entry"], {}).get("usd_per_question")}
            | _creation(data, row["card"]),
            "scores": {_MEAN: [row["accuracy"], row["low"], row["high"]]}
            | tasks.get(row["entry"], {}),
        }
        for row in rows
    ]


def _family(data: RunData, row: dict[str, Any]) -> str:
    card = data.catalog.cards.get(row["card"] or "")
    return card.family if card else str(row["model"])


def _creation(data: RunData, card_id: str | None) -> dict[str, float | None]:
    card = data.catalog.cards.get(card_id or "")
    if card is None:
        return {}
    found = scope_costs(card, data.catalog.cards, data.catalog.accelerators)
    return {
        f"creation {scope}": cost.flops.central if isinstance(cost.flops, Quantity) else None
        for scope, cost in found.items()
    }
