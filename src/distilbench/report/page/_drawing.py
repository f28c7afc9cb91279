"""What the figures of all pages share: colours, shapes, tooltips, axes, the look."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import altair as alt

# Okabe and Ito's palette, told apart with any kind of colour vision; shapes repeat the difference.
PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000"]
# One shape fewer than colours, so that 42 models pass before a pair of both comes again.
SHAPES = ["circle", "square", "triangle-up", "diamond", "cross", "triangle-down"]
INK = "#1c2430"
# No character of XML: the drawing library ends the process on one.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def styled(chart: Any) -> Any:
    """The look that all figures share; fixed colours on a white panel, in both colour schemes."""
    return (
        chart.configure(font="sans-serif", background="#ffffff")
        .configure_axis(
            labelFontSize=12, titleFontSize=12, titleFontWeight="normal", gridColor="#e6eaf0",
            labelColor=INK, titleColor=INK, domainColor="#8a95a3", tickColor="#8a95a3",
        )
        .configure_axisQuantitative(labelOverlap="greedy", labelSeparation=8)
        .configure_legend(
            orient="top", title=None, columns=1, labelFontSize=12, labelLimit=360, labelColor=INK
        )
        .configure_view(stroke=None)
    )  # fmt: skip


def drawable(chart: Any) -> dict[str, Any]:
    """The specification of a chart for the drawing library; a name of strangers may hold anything,
    and what no drawing can hold becomes the sign for that."""
    spec: dict[str, Any] = _cleaned(chart.to_dict())
    return spec


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return _NOT_XML.sub("\ufffd", value)
    if isinstance(value, dict):
        return {name: _cleaned(inner) for name, inner in value.items()}
    return [_cleaned(inner) for inner in value] if isinstance(value, list) else value


def inline(rows: list[dict[str, Any]]) -> alt.InlineData:
    """Rows as data inside the specification."""
    import altair as alt

    return alt.InlineData(values=rows)


def colour(field: str, domain: list[str]) -> alt.Color:
    import altair as alt

    return alt.Color(
        f"{field}:N",
        sort=domain,
        scale=alt.Scale(domain=domain, range=_cycled(PALETTE, len(domain))),
    )


def shape(field: str, domain: list[str]) -> alt.Shape:
    import altair as alt

    return alt.Shape(
        f"{field}:N",
        sort=domain,
        scale=alt.Scale(domain=domain, range=_cycled(SHAPES, len(domain))),
    )


def _cycled(values: list[str], count: int) -> list[str]:
    return [values[i % len(values)] for i in range(count)]


def tooltips(
    names: dict[str, str],
    shares: dict[str, str],
    numbers: dict[str, str] | None = None,
    unit_format: str = "",
) -> list[alt.Tooltip]:
    import altair as alt

    return [
        *(alt.Tooltip(f"{field}:N", title=title) for field, title in names.items()),
        *(alt.Tooltip(f"{f}:Q", title=title, format=".1%") for f, title in shares.items()),
        *(alt.Tooltip(f"{f}:Q", title=t, format=unit_format) for f, t in (numbers or {}).items()),
    ]


def padded(values: list[float]) -> list[float]:
    """Ends of a logarithmic axis with room on either side."""
    low, high = min(values), max(values)
    room = max(high / low, 2.0)
    return [low / room**0.25, high * room**0.25]
