"""Figures of the claims report as cells of a table: bounds, ranges, and links to their sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from distilbench.catalog import Catalog
from distilbench.compute import BOUND_MARKS, Bound, CostRatio, Interval, Unavailable, interval
from distilbench.report.page import NOT_AVAILABLE, Cell

if TYPE_CHECKING:
    from distilbench.claims import Tokens
    from distilbench.stats import Equivalent, Gain


def size_text(found: Equivalent) -> str:
    mark = {"=": "", ">=": "≥ ", "<=": "≤ "}[found.bound]
    return f"{mark}{found.value / 1e9:.3g}B"


def gain_text(gain: Gain | None) -> str:
    if gain is None:
        return NOT_AVAILABLE
    mark = BOUND_MARKS[gain.bound]
    low = f"{gain.low:.2g}" if gain.low is not None else "?"
    high = f"{gain.high:.2g}" if gain.high is not None else "?"
    return f"{mark}{gain.value:.2g} ({low} to {high})"


def tokens_text(writes: Tokens | None) -> str:
    if writes is None:
        return NOT_AVAILABLE
    if writes.low == writes.high:
        return f"{writes.value:,.0f} tokens"
    return f"{writes.value:,.0f} tokens ({writes.low:,.0f} to {writes.high:,.0f})"


def size_range(low: float | None, high: float | None) -> str:
    known = [f"{end / 1e9:.3g}B" if end is not None else "beyond the family" for end in (low, high)]
    return " to ".join(known)


def interval_cell(
    ratio: Interval | Unavailable, at_most: Interval | None, bound: Bound = "="
) -> Cell:
    """A ratio with the mark of its bound."""
    if isinstance(ratio, Unavailable):
        if at_most is None:
            return Cell(NOT_AVAILABLE, title=ratio.reason)
        return Cell(f"≤ {ratio_text(at_most.central)}", title=ratio.reason, kind="derived")
    return Cell(
        BOUND_MARKS[bound] + ratio_text(ratio.central),
        title="; ".join(map(str, ratio.unknowns)),
        kind=ratio.kind,
    )


def quantity_cell(ratio: CostRatio, draws: int, seed: int) -> Cell:
    bound = interval(ratio.at_most, draws, seed) if ratio.at_most is not None else None
    if isinstance(ratio.ratio, Unavailable):
        return interval_cell(ratio.ratio, bound)
    found = interval(ratio.ratio, draws, seed)
    cell = interval_cell(found, bound, ratio.bound)
    title = f"5% to 95%: {ratio_text(found.p5)} to {ratio_text(found.p95)}"
    if ratio.why_bound:
        title += ", shares of a teacher's training taken as they are; " + "; ".join(ratio.why_bound)
    return cell._replace(title=title)


def range_text(ratio: Interval | Unavailable) -> str:
    if isinstance(ratio, Unavailable):
        return "–"
    return f"{ratio_text(ratio.p5)} to {ratio_text(ratio.p95)}"


def ratio_text(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def flops_cell(flops: float | None, ratio: float | None) -> Cell:
    if flops is None or ratio is None:
        return Cell(NOT_AVAILABLE)
    return Cell(f"{flops:.3g} ({ratio:.3f})", kind="derived")


def yes_no(answer: bool | None) -> str:
    return {True: "yes", False: "no", None: "–"}[answer]


def model_cell(catalog: Catalog, model: str) -> Cell:
    return Cell(catalog.cards[model].name, title=model)


def source_cell(value: Any, source: str, where: str) -> Cell:
    return Cell(str(value), href=f"#source-{source}", title=f"{source}: {where}", kind="published")
