"""Figures of the claims report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from distilbench.claims import Claims, FamilyCurve
from distilbench.compute import TornadoBar, scope_cost
from distilbench.report.page import PALETTE, Chart, inline, styled

_LINE_POINTS = 60
_MOST_FIGURES = 6


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
    rule = alt.Chart(inline(centre)).mark_rule(color="#1c2430", strokeWidth=2).encode(x="central:Q")
    return styled((spans + rule).properties(height=34 * len(bars) + 20))


def curve_figures(claims: Claims) -> Iterator[Chart]:
    """For each benchmark on which a distilled model was placed: score against creation compute
    and against parameters, the fitted families with their bands, the distilled models on top."""
    placed: dict[tuple[Any, ...], int] = {}
    for place in claims.placements:
        key = (place.benchmark, place.metric, place.shots, place.mode)
        placed[key] = placed.get(key, 0) + 1
    for key in sorted(placed, key=lambda k: -placed[k])[:_MOST_FIGURES]:
        for scale, title, name in (
            ("compute_flops", "creation compute in FLOPs", "creation"),
            ("inference", "inference compute in FLOPs per token (2N)", "inference"),
        ):
            yield _curve_figure(claims, key, scale, title, name)


def _curve_figure(claims: Claims, key: tuple[Any, ...], scale: str, title: str, name: str) -> Chart:
    benchmark, metric, shots, _ = key
    source = "compute_flops" if scale == "compute_flops" else "parameters"
    fitted = [
        c
        for c in claims.curves
        if c.curve is not None
        and c.scale == source
        and (c.benchmark, c.metric, c.shots, c.mode) == key
    ]
    models = [row for row in _distilled_points(claims, key, scale) if row["x"] is not None]
    setting = f"{metric}, {shots}-shot" if shots is not None else str(metric)
    models = [{**row, "number": str(n)} for n, row in enumerate(models, start=1)]
    words = "; ".join(f"{row['model']} {row['score']:.1f} at {row['x']:.2g}" for row in models)
    key_of_models = "; ".join(f"{row['number']} {row['model']}" for row in models)
    return Chart(
        f"curve-{name}-{benchmark}-{metric.replace('@', '')}-{shots}".replace(" ", "-"),
        f"{benchmark} ({setting}): score against {title}. Lines: vanilla families with the 95%"
        " interval of the curve. Diamonds: distilled models"
        + (", under the widest scope: " if scale == "compute_flops" else ": ")
        + key_of_models
        + ".",
        f"{benchmark} against {title}. {words}",
        _curve_chart(fitted, models, scale, title),
    )


def _curve_chart(
    fitted: list[FamilyCurve], models: list[dict[str, Any]], scale: str, title: str
) -> Any:
    import altair as alt

    per_token = 1.0 if scale == "compute_flops" else 2.0
    families = [found.family for found in fitted]
    lines = [row for found in fitted for row in _line(found, per_token)]
    points = [row for found in fitted for row in _points(found, per_token)]
    x = alt.X("x:Q", title=title, scale=alt.Scale(type="log"), axis=alt.Axis(format=".0e"))
    colour = alt.Color(
        "family:N",
        scale=alt.Scale(domain=families, range=[PALETTE[i % 7] for i in range(len(families))]),
        legend=alt.Legend(),
    )
    tips = [
        alt.Tooltip("model:N"),
        alt.Tooltip("score:Q", format=".1f"),
        alt.Tooltip("x:Q", title=title, format=".3~e"),
    ]
    score = alt.Y("score:Q", title="score", scale=alt.Scale(domain=[0, 100]))
    band = (
        alt.Chart(inline(lines))
        .mark_area(opacity=0.15)
        .encode(x=x, y=alt.Y("low:Q", title="score"), y2="high:Q", color=colour)
    )
    line = alt.Chart(inline(lines)).mark_line(strokeWidth=2).encode(x=x, y=score, color=colour)
    dots = (
        alt.Chart(inline(points))
        .mark_point(filled=True, size=60, opacity=1)
        .encode(x=x, y=score, color=colour, tooltip=tips)
    )
    own = (
        alt.Chart(inline(models))
        .mark_point(shape="diamond", size=110, filled=True, opacity=1, color="#1c2430")
        .encode(x=x, y=score, tooltip=tips)
    )
    names = (
        alt.Chart(inline(models))
        .mark_text(align="left", dx=9, fontSize=10, color="#1c2430")
        .encode(x=x, y=score, text="number:N")
    )
    return styled((band + line + dots + own + names).properties(height=320))


def _line(found: FamilyCurve, per_token: float) -> list[dict[str, Any]]:
    import numpy as np

    from distilbench.stats import predict

    assert found.curve is not None
    grid = np.geomspace(found.curve.low_end, found.curve.high_end, _LINE_POINTS)
    table = predict(found.curve, grid)
    return [
        {
            "family": found.family,
            "x": row[found.scale] * per_token,
            **{name: row[name] for name in ("score", "low", "high")},
        }
        for row in table.iter_rows(named=True)
    ]


def _points(found: FamilyCurve, per_token: float) -> list[dict[str, Any]]:
    return [
        {
            "family": found.family,
            "model": row["model"],
            "score": row["score"],
            "x": row[found.scale] * per_token,
        }
        for row in found.points.iter_rows(named=True)
    ]


def _distilled_points(claims: Claims, key: tuple[Any, ...], scale: str) -> Iterator[dict[str, Any]]:
    """Distilled models of one setting at their creation cost, or at 2N per token."""
    seen = set()
    for place in claims.placements:
        mine = (place.benchmark, place.metric, place.shots, place.mode)
        if mine != key or place.model in seen:
            continue
        seen.add(place.model)
        card = claims.catalog.cards[place.model]
        if scale == "compute_flops":
            cost = scope_cost(card, claims.catalog.cards, "lineage", claims.catalog.accelerators)
            x = cost.at_least.central if cost.at_least else None
        else:
            x = 2.0 * place.active_parameters if place.active_parameters else None
        yield {"model": card.name, "score": place.score, "x": x}


def _field(unknown: str) -> str:
    """The figure without its card, which the tooltip and the caption name."""
    return unknown.rpartition(": ")[2]
