"""The chart of the claims page that the reader filters, drawn once a benchmark and compute."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from distilbench.report.page import INK, PALETTE, Chart, Curves, anchor, inline, si, styled

Rows = list[dict[str, Any]]


def placed(block: Curves) -> Iterator[Chart]:
    """A figure for each benchmark and each compute that is known of any distilled model. Models
    are numbers, which the caption names."""
    for setting in block.settings:
        for axis in block.axes:
            models = _models(block, setting, axis["key"])
            if models:
                yield _figure(block, setting, axis, models)


def _models(block: Curves, setting: str, key: str) -> list[dict[str, Any]]:
    known = [m for m in block.models if m["setting"] == setting and m["x"][key] is not None]
    return [
        {**one, "x": one["x"][key], "places": None, "number": str(n),
         "bound": "bound" if key in one["marks"] else "known"}
        for n, one in enumerate(sorted(known, key=lambda m: -m["score"]), start=1)
    ]  # fmt: skip


def _figure(block: Curves, setting: str, axis: Mapping[str, str], models: Rows) -> Chart:
    words = "; ".join(f"{m['model']} {m['score']:.1f} at {si(m['x'])}" for m in models)
    names = "; ".join(f"{m['number']} {m['model']}" for m in models)
    hollow = (
        " Hollow: the compute is a bound, or within a range."
        if any(m["bound"] == "bound" for m in models)
        else ""
    )
    lines = [dict(r) for r in block.lines if (r["setting"], r["axis"]) == (setting, axis["lines"])]
    points = [
        {**one, "x": one["x"][axis["lines"]]}
        for one in block.points
        if one["setting"] == setting and one["x"][axis["lines"]] is not None
    ]
    return Chart(
        f"curve-{axis['key']}-{anchor(setting)}",
        f"{setting}: score against {axis['title']}. Circles and lines: vanilla families with the"
        f" 95% interval of the curve. Diamonds: distilled models: {names}.{hollow}",
        f"{setting} against {axis['title']}. {words}",
        _chart(lines, points, models, axis["title"]),
    )


def _chart(lines: Rows, points: Rows, models: Rows, title: str) -> Any:
    import altair as alt

    families = list(dict.fromkeys(row["family"] for row in points))
    colour = alt.Color(
        "family:N",
        scale=alt.Scale(
            domain=families,
            range=[PALETTE[i % (len(PALETTE) - 1)] for i in range(len(families))],
        ),
        legend=alt.Legend(title=None),
    )
    x = alt.X(
        "x:Q", title=title, scale=alt.Scale(type="log"), axis=alt.Axis(format=".0e", tickCount=5)
    )
    scores = [row["score"] for row in (*points, *models)]
    ends = [max(0, min(scores) - 5), min(100, max(scores) + 5)]
    y = alt.Y("score:Q", title="score", scale=alt.Scale(domain=ends, nice=False, zero=False))
    curves, circles, own = (alt.Chart(inline(rows)) for rows in (lines, points, models))
    band = curves.mark_area(opacity=0.15, clip=True).encode(
        x=x, y=alt.Y("low:Q", title="score"), y2="high:Q", color=colour
    )
    known = own.transform_filter("datum.bound === 'known'")
    return styled(
        alt.layer(
            band,
            curves.mark_line(strokeWidth=2, clip=True).encode(x=x, y=y, color=colour),
            circles.mark_point(filled=True, size=60, opacity=1).encode(x=x, y=y, color=colour),
            own.mark_point(shape="diamond", size=70, color=INK, opacity=1).encode(x=x, y=y),
            known.mark_point(shape="diamond", size=70, color=INK, opacity=1, filled=True).encode(
                x=x, y=y
            ),
            own.mark_text(align="left", dx=8, fontSize=11, color=INK).encode(
                x=x, y=y, text="number:N"
            ),
        ).properties(height=320)
    )
