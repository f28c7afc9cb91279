"""What every page is made of: blocks (sections, tables, charts), words for numbers, the renderer.

A page is data until :func:`render_page` writes it: one HTML file that works offline, its figures as
PNG and SVG, and the same in Markdown. Knows no run, no claim and no experiment.
"""

from distilbench.report.page._cards import Card, Cards, Fact, Tone
from distilbench.report.page._drawing import (
    INK,
    PALETTE,
    colour,
    inline,
    padded,
    shape,
    styled,
    tooltips,
)
from distilbench.report.page._explorer import Axis, Choice, Explorer, Measure
from distilbench.report.page._format import (
    NOT_AVAILABLE,
    mib,
    number,
    percent_range,
    points,
    points_range,
    si,
)
from distilbench.report.page._page import (
    Chart,
    Details,
    Pre,
    Section,
    Text,
    render_fragment,
    render_page,
)
from distilbench.report.page._table import Cell, Known, Shown, Table

__all__ = [
    "INK",
    "NOT_AVAILABLE",
    "PALETTE",
    "Axis",
    "Card",
    "Cards",
    "Cell",
    "Chart",
    "Choice",
    "Details",
    "Explorer",
    "Fact",
    "Known",
    "Measure",
    "Pre",
    "Section",
    "Shown",
    "Table",
    "Text",
    "Tone",
    "colour",
    "inline",
    "mib",
    "number",
    "padded",
    "percent_range",
    "points",
    "points_range",
    "render_fragment",
    "render_page",
    "shape",
    "si",
    "styled",
    "tooltips",
]
