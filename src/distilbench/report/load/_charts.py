"""The figures of a sweep."""

from __future__ import annotations

from typing import Any

from distilbench.report.page import INK, colour, inline, shape, styled, tooltips


def against_concurrency(
    rows: list[dict[str, Any]],
    series: list[str],
    title: str,
    unit_format: str,
    objective: float | None = None,
) -> Any:
    """Rows of concurrency, value, what: a line for each of ``series``, and a dashed one at the
    objective, which the axis always holds."""
    import altair as alt

    base = alt.Chart(inline(rows)).encode(
        x=alt.X(
            "concurrency:Q",
            title="users at once",
            scale=alt.Scale(type="log", base=2, nice=False),
            axis=alt.Axis(values=sorted({row["concurrency"] for row in rows}), format="d"),
        ),
        y=alt.Y("value:Q", title=title.lower(), scale=alt.Scale(zero=True)),
        color=colour("what", series),
        tooltip=tooltips(
            {"what": "what", "concurrency": "users"}, {}, {"value": title}, unit_format
        ),
    )
    points = base.mark_point(size=80, filled=True, opacity=1).encode(shape=shape("what", series))
    drawn = [base.mark_line(strokeWidth=2), points]
    if objective is not None:
        drawn += _objective(objective)
    return styled(alt.layer(*drawn).properties(height=260))


def _objective(most: float) -> list[Any]:
    """A dashed line with its words."""
    import altair as alt

    at = alt.Chart(inline([{"most": most, "words": f"objective {most:g} s"}]))
    line = at.mark_rule(strokeDash=[6, 4], strokeWidth=2, color=INK).encode(y="most:Q")
    words = at.mark_text(align="left", dx=4, dy=-8, fontSize=12, color=INK)
    return [line, words.encode(y="most:Q", x=alt.value(0), text="words:N")]
