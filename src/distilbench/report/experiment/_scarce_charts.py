"""The figures of the experiment scarce-data: the test's figure against unique data, and against
creation FLOPs."""

from __future__ import annotations

from typing import Any

from distilbench.report.page import colour, inline, padded, shape, styled, tooltips

Row = dict[str, Any]
"""A point: arm, unique, flops, mean, low, high; ``flat``: it hangs on no amount of data."""


def against_data(points: list[Row], arms: list[str], is_text: bool) -> Any:
    """A line through each arm's points; an arm of one amount of data is a level line."""
    import altair as alt

    several = [row for row in points if not row["flat"]]
    sizes = sorted({row["unique"] for row in several})
    x = alt.X(
        "unique:Q",
        title="unique rows of text" if is_text else "questions with gold answers",
        scale=alt.Scale(type="log", domain=padded([float(size) for size in sizes]), nice=False),
        axis=alt.Axis(values=sizes, format=",d"),
    )
    drawn = _curves(several, arms, x, _y(points, is_text), is_text)
    if flat := [row for row in points if row["flat"]]:
        base = alt.Chart(inline(flat)).encode(color=colour("arm", arms))
        drawn += base.mark_rule(strokeWidth=2, strokeDash=[6, 4]).encode(
            y=_y(points, is_text), tooltip=_tips(is_text)
        )
    return styled(drawn.properties(height=300))


def against_flops(points: list[Row], arms: list[str], scope: str, is_text: bool) -> Any:
    """A line through each arm's points."""
    import altair as alt

    x = alt.X(
        "flops:Q",
        title=f"creation FLOPs, {scope}; without the tuning",
        scale=alt.Scale(type="log", domain=padded([row["flops"] for row in points]), nice=False),
        axis=alt.Axis(format="~s", tickCount=5),
    )
    drawn = _curves(points, arms, x, _y(points, is_text), is_text)
    return styled(drawn.properties(height=300))


def _curves(points: list[Row], arms: list[str], x: Any, y: Any, is_text: bool) -> Any:
    import altair as alt

    base = alt.Chart(inline(points)).encode(x=x, color=colour("arm", arms))
    tips = _tips(is_text)
    lines = base.mark_line(strokeWidth=2).encode(y=y, order="unique:Q")
    bars = base.mark_rule(strokeWidth=2, opacity=0.6).encode(
        y=alt.Y("low:Q"), y2="high:Q", tooltip=tips
    )
    marks = base.mark_point(size=100, filled=True, opacity=1).encode(
        y=y, shape=shape("arm", arms), tooltip=tips
    )
    return lines + bars + marks


def _y(points: list[Row], is_text: bool) -> Any:
    import altair as alt

    ends = [row[end] for row in points for end in ("low", "high")]
    margin = 0.05 * (max(ends) - min(ends) or 1.0)
    domain = [min(ends) - margin, max(ends) + margin]
    if not is_text:
        domain = [0, min(1.0, domain[1])]
    return alt.Y(
        "mean:Q",
        title="test loss, nats a token (lower is better)" if is_text else "test accuracy",
        axis=alt.Axis(format=".2f" if is_text else "%"),
        scale=alt.Scale(domain=domain, zero=False),
    )


def _tips(is_text: bool) -> Any:
    named = {"arm": "arm", "unique": "unique rows" if is_text else "gold answers"}
    figures = {"mean": "loss" if is_text else "accuracy", "low": "95% from", "high": "95% to"}
    losses, shares = (figures, {}) if is_text else ({}, figures)
    return [*tooltips(named, shares, losses, ".3f"), *tooltips({}, {}, {"flops": "FLOPs"}, ".3~s")]
