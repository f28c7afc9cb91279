"""The figure of an experiment: accuracy against creation compute, seeds and intervals."""

from __future__ import annotations

from typing import Any

from distilbench.report.page import colour, inline, padded, shape, styled, tooltips


def accuracy_against_creation(
    means: list[dict[str, Any]], seeds: list[dict[str, Any]], arms: list[str], title: str
) -> Any:
    """``means``: arm, budget, flops, accuracy, low, high. ``seeds``: arm, seed, flops, accuracy.

    A line through the means of each arm with its interval over seeds; small points are seeds.
    """
    import altair as alt

    x, y = _axes(means, seeds, title)
    base = alt.Chart(inline(means)).encode(x=x, color=colour("arm", arms))
    tips = tooltips(
        {"arm": "arm", "budget": "training questions"},
        {"accuracy": "accuracy", "low": "95% from", "high": "95% to"},
        {"flops": "FLOPs"},
        ".3~s",
    )
    lines = base.mark_line(strokeWidth=2).encode(y=y)
    bars = base.mark_rule(strokeWidth=2, opacity=0.6).encode(
        y=alt.Y("low:Q"), y2="high:Q", tooltip=tips
    )
    points = base.mark_point(size=100, filled=True, opacity=1).encode(
        y=y, shape=shape("arm", arms), tooltip=tips
    )
    each = (
        alt.Chart(inline(seeds))
        .mark_point(size=22, filled=True, opacity=0.45)
        .encode(
            x=x,
            y=y,
            color=colour("arm", arms),
            tooltip=tooltips(
                {"arm": "arm", "seed": "seed"}, {"accuracy": "accuracy"}, {"flops": "FLOPs"}, ".3~s"
            ),
        )
    )
    return styled((lines + bars + each + points).properties(height=300))


def _axes(means: list[dict[str, Any]], seeds: list[dict[str, Any]], title: str) -> tuple[Any, Any]:
    import altair as alt

    x = alt.X(
        "flops:Q",
        title=title,
        scale=alt.Scale(type="log", domain=padded([row["flops"] for row in seeds]), nice=False),
        axis=alt.Axis(format="~s", tickCount=5),
    )
    top = min(1.0, 1.05 * max(row["high"] for row in means))
    y = alt.Y(
        "accuracy:Q",
        title="held-out accuracy",
        axis=alt.Axis(format="%"),
        scale=alt.Scale(domain=[0, top]),
    )
    return x, y
