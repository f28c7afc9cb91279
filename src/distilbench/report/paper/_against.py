"""The chart of the page whose axes the reader chooses, drawn once for each cost."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from distilbench.report.page import (
    INK,
    PALETTE,
    ROLE_SHAPES,
    Axis,
    Chart,
    Explorer,
    Measure,
    inline,
    padded,
    si,
    styled,
)

_WIDE, _HIGH = 300.0, 260.0
"""Pixels of the plot in a column, by which names find their places."""
_LETTER, _LINE = 6.4, 13.0
Place = tuple[str, int]
"""A side of the point, and pixels above or below it."""
_ROW = [(side, rise * 14) for rise, side in product((0, 1, -1, 2, -2, 3, -3), ("right", "left"))]


def against(block: Explorer) -> Iterator[Chart]:
    """A figure for each cost that is known of any model: accuracy by the first measure."""
    measure = block.measures[0]
    for axis in block.axes:
        rows = [
            _row(point, axis, measure)
            for point in block.points
            if point["costs"].get(axis.key) is not None and point["scores"].get(measure.key)
        ]
        if not rows:
            continue
        words = "; ".join(
            f"{r['entry']} {r['accuracy']:.1%} at {r['mark']}{si(r['cost'])}" for r in rows
        )
        named = _named(rows)
        yield Chart(
            f"cost-{'-'.join(axis.key.replace('_', '-').split())}",
            f"{_begun(measure.title)} against {axis.title}, {axis.known}. Shape: role; colour:"
            f" family; bars: 95% intervals; dashed: the Pareto frontier.{_key(named)}"
            f"{_marked(rows)}",
            f"Accuracy against {axis.title}: {words}",
            _chart(named, axis, measure),
        )


def _begun(words: str) -> str:
    return words[:1].upper() + words[1:]


def _named(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """With what stands beside each point: its name; numbers where names hide each other."""
    named = [{**row, "name": row["entry"]} for row in rows]
    if _placed(named, *_ends(rows))[1]:
        return named
    return [{**row, "name": str(n)} for n, row in enumerate(rows, start=1)]


def _key(named: Sequence[Mapping[str, Any]]) -> str:
    numbered = [f"{row['name']} {row['entry']}" for row in named if row["name"] != row["entry"]]
    return f" {'; '.join(numbered)}." if numbered else ""


def _marked(rows: Sequence[Mapping[str, Any]]) -> str:
    bounds = [f"{row['entry']} ({row['mark'].strip()})" for row in rows if row["mark"]]
    said = f" A bound of the cost, not the cost: {', '.join(bounds)}." if bounds else ""
    left = [row["entry"] for row in _frontier(rows)[1]]
    stand = "stands" if len(left) == 1 else "stand"
    names = ", ".join(left)
    return said + (f" Whether {names} {stand} on the frontier is not decidable." if left else "")


Rows = Sequence[Mapping[str, Any]]


def _frontier(rows: Rows) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What surely no other beats, by cost; and of which a cost that is a bound leaves it open: it
    is beaten at its most beside the others' least, and is not the other way round."""

    def unbeaten(row: Mapping[str, Any], own: int, other: int) -> bool:
        mine, worth = row["ends"][own], row["accuracy"]
        return not any(
            one["ends"][other] <= mine
            and one["accuracy"] >= worth
            and (one["ends"][other] < mine or one["accuracy"] > worth)
            for one in rows
            if one is not row
        )

    surely = [dict(row) for row in rows if unbeaten(row, 1, 0)]
    names = {row["entry"] for row in surely}
    left = [dict(r) for r in rows if r["entry"] not in names and unbeaten(r, 0, 1)]
    return sorted(surely, key=lambda row: row["cost"]), left


def _ends(rows: Sequence[Mapping[str, Any]]) -> tuple[list[float], float]:
    """Ends of the axis of costs, logarithmic where all are above zero, and the top of the other."""
    costs = [row["cost"] for row in rows]
    ends = padded(costs) if min(costs) > 0 else [0.0, 1.15 * max(costs) or 1.0]
    return ends, min(1.0, 1.1 * max(row["high"] for row in rows)) or 1.0


def _row(point: Mapping[str, Any], axis: Axis, measure: Measure) -> dict[str, Any]:
    accuracy, low, high = point["scores"][measure.key]
    return {
        "entry": point["entry"], "role": point["role"], "family": point["family"],
        "cost": float(point["costs"][axis.key]), "accuracy": accuracy, "low": low, "high": high,
        "mark": point["marks"].get(axis.key, ""), "ends": _between(point, axis),
    }  # fmt: skip


def _between(point: Mapping[str, Any], axis: Axis) -> tuple[float, float]:
    """Least and most of the cost, which differ where it is a bound."""
    cost = float(point["costs"][axis.key])
    least, most = point.get("ends", {}).get(axis.key, (cost, cost))
    return least, math.inf if most is None else most


def _chart(rows: list[dict[str, Any]], axis: Axis, measure: Measure) -> Any:
    import altair as alt

    ends, top = _ends(rows)
    x = alt.X(
        "cost:Q",
        title=axis.title,
        scale=alt.Scale(type="log" if ends[0] > 0 else "linear", domain=ends, nice=False),
        axis=alt.Axis(format=axis.form, tickCount=5),
    )
    scale = alt.Scale(domain=[0, top])
    y = alt.Y("accuracy:Q", title=measure.title, axis=alt.Axis(format="%"), scale=scale)
    base = alt.Chart(_drawn(rows)).encode(x=x, color=_families(rows))
    bars = base.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q"), y2="high:Q")
    points = base.mark_point(size=100, filled=True, opacity=1).encode(y=y, shape=_roles(rows))
    steps = (
        alt.Chart(_drawn(_frontier(rows)[0]))
        .mark_line(interpolate="step-after", strokeDash=[5, 4], color="#7a8694")
        .encode(x=x, y=y)
    )
    names = [
        alt.Chart(_drawn(found))
        .mark_text(
            align="left" if side == "right" else "right",
            baseline="middle", dx=9 if side == "right" else -9, dy=rise, fontSize=11, color=INK,
        )
        .encode(x=x, y=y, text="name:N")
        for (side, rise), found in _placed(rows, ends, top)[0].items()
    ]  # fmt: skip
    return styled(alt.layer(steps, bars, points, *names).properties(height=_HIGH))


def _drawn(rows: Rows) -> Any:
    """Rows as data of a chart: without the ends, of which infinity is no JSON."""
    return inline([{name: v for name, v in row.items() if name != "ends"} for row in rows])


def _families(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Colours of the families, in the order of the page; a legend where several models share
    one, since else the names beside the points say the same."""
    import altair as alt

    families = list(dict.fromkeys(row["family"] for row in rows))
    colours = [PALETTE[i % (len(PALETTE) - 1)] for i in range(len(families))]
    legend = alt.Legend(title=None) if len(families) < len(rows) else None
    return alt.Color("family:N", scale=alt.Scale(domain=families, range=colours), legend=legend)


def _roles(rows: Sequence[Mapping[str, Any]]) -> Any:
    import altair as alt

    there = {row["role"] for row in rows}
    shapes = {role: form for role, form in ROLE_SHAPES.items() if role in there}
    return alt.Shape(
        "role:N",
        scale=alt.Scale(domain=list(shapes), range=list(shapes.values())),
        legend=alt.Legend(title=None),
    )


def _placed(
    rows: list[dict[str, Any]], ends: Sequence[float], top: float
) -> tuple[dict[Place, list[dict[str, Any]]], bool]:
    """Models by the place of their name beside their point: the first of some places that hides
    no other name or point and stays inside of the plot; and whether all found one."""
    at = [(_across(row["cost"], ends) * _WIDE, (1 - row["accuracy"] / top) * _HIGH) for row in rows]
    taken = [(x - 7, y - 7, x + 7, y + 7) for x, y in at]
    found: dict[Place, list[dict[str, Any]]] = {}
    all_found = True
    for row, (x, y) in zip(rows, at, strict=True):
        boxes = {place: _box(x, y, place, len(row["name"])) for place in _ROW}
        free = [place for place, box in boxes.items() if _is_free(box, taken)]
        place = free[0] if free else _ROW[0]
        all_found = all_found and bool(free)
        taken.append(boxes[place])
        found.setdefault(place, []).append(row)
    return found, all_found


def _across(cost: float, ends: Sequence[float]) -> float:
    low, high = ends
    if low > 0:
        return math.log(cost / low) / math.log(high / low)
    return cost / high


Box = tuple[float, float, float, float]


def _box(x: float, y: float, place: Place, letters: int) -> Box:
    side, rise = place
    left = x + 9 if side == "right" else x - 9 - letters * _LETTER
    return (left, y + rise - _LINE / 2, left + letters * _LETTER, y + rise + _LINE / 2)


def _is_free(box: Box, taken: Sequence[Box]) -> bool:
    left, above, right, below = box
    if left < -40 or right > _WIDE + 5 or above < 0 or below > _HIGH:
        return False
    return not any(
        left < x2 and x1 < right and above < y2 and y1 < below for x1, y1, x2, y2 in taken
    )
