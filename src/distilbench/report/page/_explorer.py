"""A chart whose axes and limits the reader chooses."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distilbench.report.page._drawing import PALETTE

ROLE_SHAPES = {
    "distilled": "circle", "vanilla": "square", "synthetic": "triangle-up",
    "proprietary": "diamond", "not said": "cross",
}  # fmt: skip
_GREY, _LINE = "#9aa3ad", "#7a8694"


_HOVER = {
    "entry": "model", "role": "role", "score": "score", "cost": "cost", "told": "known",
    "sure": "on the frontier in", "equal": "vanilla models", "why": "falls out",
}  # fmt: skip


@dataclass(frozen=True)
class Axis:
    """A cost: its key in the points, its words, d3's format for it and how it is known. ``limit``
    names the control that bounds it, if there is one. ``each``: it is of one answer, and several
    take it several times. ``scale``: the one of ``Explorer.curves`` that it shows, if any."""

    key: str
    title: str
    form: str
    known: str
    limit: str | None = None
    each: bool = False
    scale: str | None = None


@dataclass(frozen=True)
class Measure:
    """A score: its key in the points, its words, and the group it is listed under. ``answers`` it
    takes to a question; ``budget``: output tokens after which answers count as cut off, and
    ``spent`` what each point then takes of them, on average (null: not known)."""

    key: str
    title: str
    group: str
    answers: int = 1
    budget: int | None = None
    spent: Sequence[float | None] | None = None


@dataclass(frozen=True)
class Choice:
    """One of the values of a setting that is not in the records: its words and its source."""

    title: str
    value: float
    source: str


@dataclass(frozen=True)
class Explorer:
    """A score against a cost, both chosen by the reader. ``points``: one a model, with entry, role,
    family, costs (by key of ``axes``; null: not known), known (by the same keys, where it is not
    what the axis says), marks (by the same keys, what stands before a bound), ends (by the same
    keys, of a bound the least and the most that it may be; null: no most), partly (by the same
    keys, of how many questions it is not known), scores (by key of ``measures``: value, low and
    high, or null), barred (why it is never picked, or empty), alike (the number of the group that
    answers identically), grid (g CO2e / kWh that the suite states, or null) and money (by scope:
    USD, how known, accelerator-hours, FLOPs of the rest; mark and bound, where what follows from
    these is a bound).

    ``draws``: of each measure how the points stand to each other in bootstrap draws
    (``stats.standings``). ``curves``: by scale and measure, of each vanilla family its curve or why
    there is none; ``placed``: by the same, of points their equivalent on a curve. ``grids`` and
    ``accelerators``: what the reader may choose to have CO2e, and money of creation. ``alt`` says
    in words what it shows."""

    name: str
    caption: str
    alt: str
    axes: Sequence[Axis]
    measures: Sequence[Measure]
    points: Sequence[Mapping[str, Any]]
    draws: Mapping[str, tuple[NDArray[np.int64], NDArray[np.int64]]]
    curves: Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]] = field(default_factory=dict)
    placed: Mapping[str, Mapping[str, Mapping[int, Any]]] = field(default_factory=dict)
    grids: Sequence[Choice] = ()
    accelerators: Sequence[Choice] = ()

    def data(self) -> dict[str, Any]:
        """All that the script of the page draws from."""
        return {
            "axes": [vars(axis) for axis in self.axes],
            "measures": [vars(measure) for measure in self.measures],
            "points": [dict(point) for point in self.points],
            "draws": {key: _packed(*drawn) for key, drawn in self.draws.items()},
            "curves": self.curves,
            "placed": self.placed,
            "grids": [vars(choice) for choice in self.grids],
            "accelerators": [vars(choice) for choice in self.accelerators],
            "specification": _specification(self.points).to_dict(),
        }


def _packed(ranks: NDArray[np.int64], times: NDArray[np.int64]) -> dict[str, Any]:
    """Ranks as bytes in base64, row after row: a tenth of their size as JSON. Two bytes each, low
    one first, where there are more models than a byte counts."""
    wide = ranks.shape[1] > 256
    raw = ranks.astype("<u2" if wide else "u1").tobytes()
    return {"ranks": base64.b64encode(raw).decode(), "wide": wide, "times": times.tolist()}


def _specification(points: Sequence[Mapping[str, Any]]) -> Any:
    """The chart without its data: bands and curves of vanilla families, the frontier's steps,
    points with intervals, names at pixels that the script finds, with lines to those far off.
    Columns of points: entry, role, family, x, y, low, high, fate (kept, out), what hovers, and of
    names lx, ly, px and py."""
    import altair as alt

    shapes = {role: form for role, form in ROLE_SHAPES.items() if role in _roles(points)}
    bars = _base(points).mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q"), y2="high:Q")
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
        .mark_line(interpolate="step-after", strokeDash=[5, 4], color=_LINE)
        .encode(x=alt.X("x:Q"), y=alt.Y("y:Q"))
    )
    return alt.layer(*_curves(points), steps, bars, marks, *_names())


def _curves(points: Sequence[Mapping[str, Any]]) -> tuple[Any, Any]:
    import altair as alt

    curves = alt.Chart(alt.NamedData(name="curves")).encode(
        x=alt.X("x:Q"), color=_family(points), detail="curve:N"
    )
    band = curves.mark_area(opacity=0.14).encode(y=alt.Y("low:Q"), y2="high:Q")
    return band, curves.mark_line(strokeWidth=1.5).encode(y=alt.Y("y:Q"))


def _names() -> tuple[Any, Any]:
    import altair as alt

    def pixels(column: str) -> dict[str, Any]:
        return {"shorthand": f"{column}:Q", "scale": None}

    names = alt.Chart(alt.NamedData(name="names"))
    lines = alt.Chart(alt.NamedData(name="leaders")).mark_rule(color=_LINE, strokeWidth=0.8)
    leaders = lines.encode(x=alt.X(**pixels("px")), y=alt.Y(**pixels("py")), x2="lx", y2="ly")
    texts = names.mark_text(fontSize=12, align="left", baseline="middle").encode(
        x=alt.X(**pixels("lx")), y=alt.Y(**pixels("ly")), text="entry:N"
    )
    return leaders, texts


def _family(points: Sequence[Mapping[str, Any]]) -> Any:
    import altair as alt

    families = list(dict.fromkeys(point["family"] for point in points))
    colours = [PALETTE[i % (len(PALETTE) - 1)] for i in range(len(families))]
    told_apart = len(families) < len(points)  # else the names beside the points say the same
    return alt.Color(
        "family:N",
        scale=alt.Scale(domain=families, range=colours),
        legend=alt.Legend(title="family", orient="bottom") if told_apart else None,
    )


def _base(points: Sequence[Mapping[str, Any]]) -> Any:
    """What bars and points share: the cost, the family's colour, grey for what falls out, hover."""
    import altair as alt

    kept = "datum.fate === 'kept'"
    return alt.Chart(alt.NamedData(name="points")).encode(
        x=alt.X("x:Q"),
        color=alt.condition(kept, _family(points), alt.value(_GREY)),
        opacity=alt.condition(kept, alt.value(1), alt.value(0.45)),
        tooltip=[alt.Tooltip(f"{name}:N", title=title) for name, title in _HOVER.items()],
    )


def _roles(points: Sequence[Mapping[str, Any]]) -> set[str]:
    return {point["role"] for point in points}
