"""The figure of what moves a ratio."""

from __future__ import annotations

from typing import Any

from distilbench.compute import TornadoBar
from distilbench.report.page import INK, PALETTE, inline, styled


def tornado_chart(bars: tuple[TornadoBar, ...]) -> Any:
    """One bar for each unknown, the widest on top; the rule is the central result."""
    import altair as alt

    rows = [
        {
            "unknown": _field(bar.unknown),
            "of": bar.unknown,
            "from": min(bar.result_at_low, bar.result_at_high),
            "to": max(bar.result_at_low, bar.result_at_high),
            "range": f"{bar.low:g} to {bar.high:g}",
        }
        for bar in bars
    ]
    order = [_field(bar.unknown) for bar in bars]
    base = alt.Chart(inline(rows)).encode(
        y=alt.Y("unknown:N", sort=order, title=None, axis=alt.Axis(labelLimit=280))
    )
    spans = base.mark_bar(color=PALETTE[0], height=16).encode(
        x=alt.X("from:Q", title="ratio", scale=alt.Scale(type="log", nice=True)),
        x2="to:Q",
        tooltip=[
            alt.Tooltip("of:N", title="unknown"),
            alt.Tooltip("range:N", title="from, to"),
            alt.Tooltip("from:Q", title="least ratio", format=",.3~r"),
            alt.Tooltip("to:Q", title="largest ratio", format=",.3~r"),
        ],
    )
    centre = [{"central": bars[0].result_at_central}]
    rule = alt.Chart(inline(centre)).mark_rule(color=INK, strokeWidth=2).encode(x="central:Q")
    return styled((spans + rule).properties(height=34 * len(bars) + 20))


def _field(unknown: str) -> str:
    """The figure without its card, which the tooltip and the caption name."""
    return unknown.rpartition(": ")[2]
