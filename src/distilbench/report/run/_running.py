"""What an answer of a candidate costs, over that of a baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from distilbench.report.run._entries import short_hardware

if TYPE_CHECKING:
    import polars as pl

    from distilbench.report.run._data import RunData


class _Cost(NamedTuple):
    name: str
    column: str
    unit: str
    known: str
    unknown: str | None = None


_COSTS = (
    _Cost("FLOPs a question", "flops", "FLOP", "derived", "flops_unknown"),
    _Cost("mean seconds a question", "total_s", "s", "measured", "total_s_unknown"),
    _Cost("p95 seconds of a question", "p95_s", "s", "measured", "total_s_unknown"),
    _Cost("median TTFT", "ttft_median_s", "s", "measured"),
    _Cost("tokens of an answer", "output_tokens", "tokens", "measured", "output_tokens_unknown"),
    _Cost("joules a question", "energy_j", "J", "measured", "energy_j_unknown"),
    _Cost("US dollars a question", "usd", "USD", "derived", "usd_unknown"),
    _Cost("peak memory", "peak_memory_bytes", "bytes", "measured"),
    _Cost("model file", "model_file_bytes", "bytes", "measured"),
)  # fmt: skip
_OF_THE_MACHINE = ("s", "J")


@dataclass(frozen=True)
class Ratio:
    """A cost of both, and the candidate's over the baseline's; null: not known of one. ``known``
    says how, ``remark`` what to think of before it is taken for the models'."""

    baseline: str
    candidate: str
    cost: str
    unit: str
    of_baseline: float | None
    of_candidate: float | None
    ratio: float | None
    known: str
    remark: str = ""


def running_costs(
    sides: Sequence[RunData], common: pl.DataFrame, cells: pl.DataFrame, names: tuple[str, str]
) -> list[Ratio]:
    """Each cost that is known of either side (entries baseline and candidate), over the questions
    of ``common`` that took something on both; those that neither tells are left out."""
    import polars as pl

    from distilbench.stats import costs, in_common, spent

    took = common.filter(spent())
    shared = in_common(took, ("variant", "seed", "sample_id"))
    if took["entry"].n_unique() < 2 or shared.is_empty():
        return []
    of_cells = cells.group_by("entry").agg(
        pl.col("peak_memory_bytes", "model_file_bytes").max(),
        pl.col("energy_known", "energy_method", "hardware").drop_nulls().unique().sort(),
        pl.col("busy").any().alias("busy"),
        pl.col("suspended_s").sum().alias("suspended"),
    )
    table = costs(shared).join(of_cells, on="entry", how="left").rows_by_key("entry", named=True)
    rows = []
    for side, entry in zip(sides, ("baseline", "candidate"), strict=True):
        mine = replace(side, samples=shared.filter(pl.col("entry") == entry))
        usd = mine.question_costs.get(entry, {})
        priced = {"usd": usd.get("usd_per_question"), "usd_unknown": usd.get("unknown")}
        rows.append({**table[entry][0], **priced})
    return [
        _ratio(cost, rows[0], rows[1], names)
        for cost in _COSTS
        if any(row[cost.column] is not None for row in rows)
    ]


def _ratio(cost: _Cost, old: dict[str, Any], new: dict[str, Any], names: tuple[str, str]) -> Ratio:
    a, b = old[cost.column], new[cost.column]
    known = cost.known
    if cost.unit == "J":
        known = " and ".join(sorted({*old["energy_known"], *new["energy_known"]})) or known
    return Ratio(
        *names, cost.name, cost.unit, a, b,
        b / a if a and b is not None else None,
        known, "; ".join(_remarks(cost, old, new)),
    )  # fmt: skip


def _remarks(cost: _Cost, old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    said = []
    both = (("baseline", old), ("candidate", new))
    if cost.unit in _OF_THE_MACHINE:
        if old["hardware"] != new["hardware"]:
            machines = short_hardware([*old["hardware"], *new["hardware"]])
            other = any(machines.values()) or not (old["hardware"] and new["hardware"])
            said.append("on other hardware" if other else "under another system")
        busy = [name for name, row in both if row["busy"]]
        if busy:
            said.append(f"on a busy machine ({' and '.join(busy)})")
        stopped = [name for name, row in both if row["suspended"]]
        if stopped:
            said.append(f"without questions that were stopped meanwhile ({' and '.join(stopped)})")
    if cost.unit == "J" and old["energy_method"] != new["energy_method"]:
        said.append("by other methods")
    for name, row in both:
        unknown = cost.unknown and row[cost.unknown]
        if unknown:
            said.append(f"not known of {unknown:,} answers of the {name}")
    return said
