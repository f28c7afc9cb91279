"""A chart whose axes and limits the reader chooses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from distilbench.report.page._drawing import PALETTE

ROLE_SHAPES = {
    "distilled": "circle", "vanilla": "square", "proprietary": "diamond", "not said": "cross",
}  # fmt: skip


_HOVER = {
    "entry": "model", "role": "role", "score": "accuracy", "cost": "cost", "told": "known",
    "sure": "on the frontier in", "why": "falls out",
}  # fmt: skip


@dataclass(frozen=True)
class Axis:
    """A cost: its key in the points, its words, d3's format for it and how it is known. ``limit``
    names the control that bounds it, if there is one."""

    key: str
    title: str
    form: str
    known: str
    limit: str | None = None


@dataclass(frozen=True)
class Explorer:
    """Accuracy against a cost, both chosen by the reader. ``points``: one a model, with entry,
    role, family, costs (by key of ``axes``; null: not known) and scores (by name of ``measures``,
    each accuracy, low and high, or null). ``draws``: of each point its accuracy by the first
    measure in each bootstrap draw, shares times 10,000. ``alt`` says in words what it shows."""

    name: str
    caption: str
    alt: str
    axes: Sequence[Axis]
    measures: Sequence[str]
    points: Sequence[Mapping[str, Any]]
    draws: Sequence[Sequence[int]]

    def data(self) -> dict[str, Any]:
        """All that the script of the page draws from."""
        return {
            "axes": [vars(axis) for axis in self.axes],
            "measures": list(self.measures),
            "points": [dict(point) for point in self.points],
            "draws": [list(draw) for draw in self.draws],
            "specification": _specification(self.points).to_dict(),
        }


def _specification(points: Sequence[Mapping[str, Any]]) -> Any:
    """The chart without its data: points with intervals, the frontier's steps, names at pixels that
    the script finds. Columns: entry, role, family, x, y, low, high, fate (kept, out), sure, told,
    lx and ly."""
    import altair as alt

    bars = _base(points).mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q"), y2="high:Q")
    shapes = {role: form for role, form in ROLE_SHAPES.items() if role in _roles(points)}
    marks = (
        _base(points)
        .mark_point(size=110, filled=True)
        .encode(
            y=alt.Y("y:Q"),
            shape=alt.Shape(
                "role:N",
                scale=alt.Scale(domain=list(shapes), range=list(shapes.values())),
                legend=alt.Legend(title=None, orient="top"),
            ),
        )
    )
    steps = (
        alt.Chart(alt.NamedData(name="frontier"))
        .mark_line(interpolate="step-after", strokeDash=[5, 4], color="#7a8694")
        .encode(x=alt.X("x:Q"), y=alt.Y("y:Q"))
    )
    names = (
        alt.Chart(alt.NamedData(name="names"))
        .mark_text(fontSize=12, align="left", baseline="middle")
        .encode(x=alt.X("lx:Q", scale=None), y=alt.Y("ly:Q", scale=None), text="entry:N")
    )
    return alt.layer(steps, bars, marks, names)


def _base(points: Sequence[Mapping[str, Any]]) -> Any:
    """What bars and points share: the cost, the family's colour, grey for what falls out, hover."""
    import altair as alt

    families = list(dict.fromkeys(point["family"] for point in points))
    colours = [PALETTE[i % (len(PALETTE) - 1)] for i in range(len(families))]
    told_apart = len(families) < len(points)  # else the names beside the points say the same
    colour = alt.Color(
        "family:N",
        scale=alt.Scale(domain=families, range=colours),
        legend=alt.Legend(title="family", orient="bottom") if told_apart else None,
    )
    kept = "datum.fate === 'kept'"
    return alt.Chart(alt.NamedData(name="points")).encode(
        x=alt.X("x:Q"),
        color=alt.condition(kept, colour, alt.value("#9aa3ad")),
        opacity=alt.condition(kept, alt.value(1), alt.value(0.45)),
        tooltip=[alt.Tooltip(f"{name}:N", title=title) for name, title in _HOVER.items()],
    )


def _roles(points: Sequence[Mapping[str, Any]]) -> set[str]:
    return {point["role"] for point in points}
