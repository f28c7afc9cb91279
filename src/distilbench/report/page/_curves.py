"""Families as fitted curves and models placed among them: a chart that the reader filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from distilbench.report.page._drawing import PALETTE

_HOVER = {
    "model": "model",
    "family": "family",
    "said": "score",
    "cost": "compute",
    "by": "measured by",
}
_INK = "ink"
"""A colour that the script of the page replaces by that of the scheme."""


@dataclass(frozen=True)
class Curves:
    """Scores of models against compute, benchmark by benchmark; ``alt`` says in words what it
    shows.

    ``settings``: the benchmarks with their settings, as words. ``axes``: key, title, and which of a
    family's lines goes with it (``lines``). ``lines``: rows of setting, axis, family, x, score,
    low, high. ``points``: the models of the families; setting, model, family, score, source, x by
    name of the lines, null where not known. ``models``: those that are placed; the same with low
    and high (null: not known), x by key of the axes, ``marks`` (by key, where x is a bound or
    within a range: what stands before it), ``notes`` (by key, what else is to be said) and
    ``places``: for each curve its family, size as words, and by axis the gain (text,
    low, high). ``sources``: titles by key.
    """

    name: str
    caption: str
    alt: str
    settings: Sequence[str]
    axes: Sequence[Mapping[str, str]]
    lines: Sequence[Mapping[str, Any]]
    points: Sequence[Mapping[str, Any]]
    models: Sequence[Mapping[str, Any]]
    sources: Mapping[str, str]

    columns = (
        "model", "family", "score (95%)", "compute", "equivalent vanilla size",
        "compute-equivalent gain", "measured by",
    )  # fmt: skip

    def data(self) -> dict[str, Any]:
        """All that the script of the page draws from."""
        families = list(dict.fromkeys(point["family"] for point in self.points))
        return {
            "settings": list(self.settings),
            "axes": [dict(axis) for axis in self.axes],
            "families": families,
            "colours": [PALETTE[i % (len(PALETTE) - 1)] for i in range(len(families))],
            "lines": [dict(row) for row in self.lines],
            "points": [dict(row) for row in self.points],
            "models": [dict(row) for row in self.models],
            "sources": dict(self.sources),
            "specification": _specification().to_dict(),
        }


def _specification() -> Any:
    """The chart without its data: bands and lines of families, their models as circles, the placed
    ones as diamonds (hollow where their compute is a lower bound), names at pixels."""
    import altair as alt

    colour = alt.Color("family:N", legend=alt.Legend(title="vanilla family", orient="bottom"))
    x, y = alt.X("x:Q"), alt.Y("score:Q")
    lines = alt.Chart(alt.NamedData(name="lines"))
    tips = [alt.Tooltip(f"{name}:N", title=title) for name, title in _HOVER.items()]
    models = alt.Chart(alt.NamedData(name="models"))
    at = {"x": alt.X("lx:Q", scale=None), "y": alt.Y("ly:Q", scale=None)}
    return alt.layer(
        lines.mark_area(opacity=0.15, clip=True).encode(
            x=x, y=alt.Y("low:Q"), y2="high:Q", color=colour
        ),
        lines.mark_line(strokeWidth=2, clip=True).encode(x=x, y=y, color=colour),
        alt.Chart(alt.NamedData(name="leaders"))
        .mark_rule(color="#8a95a3", strokeWidth=1)
        .encode(**at, x2="px", y2="py"),
        alt.Chart(alt.NamedData(name="bars"))
        .mark_rule(color=_INK, opacity=0.3, strokeWidth=1.5)
        .encode(x=x, y=alt.Y("low:Q"), y2="high:Q"),
        alt.Chart(alt.NamedData(name="vanilla"))
        .mark_point(filled=True, size=70, opacity=1, shape="circle")
        .encode(x=x, y=y, color=colour, tooltip=tips),
        models.mark_point(
            shape="diamond", size=110, filled=False, strokeWidth=1.5, color=_INK
        ).encode(x=x, y=y, tooltip=tips),
        models.transform_filter("datum.known === 'known'")
        .mark_point(shape="diamond", size=110, filled=True, opacity=1, color=_INK)
        .encode(x=x, y=y, tooltip=tips),
        alt.Chart(alt.NamedData(name="names"))
        .mark_text(fontSize=12, align="left", baseline="middle", color=_INK)
        .encode(**at, text="entry:N"),
    )
