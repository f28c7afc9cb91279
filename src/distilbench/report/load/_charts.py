"""The figures of a sweep."""

from __future__ import annotations

from typing import Any

from distilbench.report.page import colour, inline, shape, styled, tooltips


def against_concurrency(
    rows: list[dict[str, Any]], series: list[str], title: str, unit_format: str
) -> Any:
    """Rows of concurrency, value, what: a line for each of ``series``."""
    import altair as alt

    base = alt.Chart(inline(rows)).encode(
        x=alt.X(
            "concurrency:Q",
            title="concurrent requests",
            scale=alt.Scale(type="log", base=2, nice=False),
            axis=alt.Axis(values=sorted({row["concurrency"] for row in rows}), format="d"),
        ),
        y=alt.Y("value:Q", title=title.lower(), scale=alt.Scale(zero=True)),
        color=colour("what", series),
        tooltip=tooltips(
            {"what": "what", "concurrency": "concurrency"}, {}, {"value": title}, unit_format
        ),
    )
    points = base.mark_point(size=80, filled=True, opacity=1).encode(shape=shape("what", series))
    return styled((base.mark_line(strokeWidth=2) + points).properties(height=260))
