"""What every page is made of: blocks (sections, tables, charts), words for numbers, the renderer.

A page is data until :func:`render_page` writes it: one HTML file that works offline, its figures as
PNG and SVG, and the same in Markdown. Knows no run, no claim and no experiment.
"""

from distilbench.report.page._cards import Card, Cards, Fact, Tone, spread
from distilbench.report.page._curves import Curves
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
from distilbench.report.page._explorer import ROLE_SHAPES, Axis, Choice, Explorer, Measure
from distilbench.report.page._format import (
    NOT_AVAILABLE,
    anchor,
    interval_words,
    listed,
    mib,
    number,
    percent_range,
    points,
    points_range,
    rounded,
    si,
)
from distilbench.report.page._page import (
    Chart,
    Details,
    Pre,
    Section,
    Text,
    flat,
    markdown_text,
    render_fragment,
    render_page,
)
from distilbench.report.page._questions import (
    ENDED,
    PAIRS,
    SORTS,
    Answer,
    Asked,
    Questions,
    Said,
)
from distilbench.report.page._rulings import Ruled, Ruling, Rulings, Term
from distilbench.report.page._table import Cell, Known, Shown, Table

__all__ = [
    "ENDED",
    "INK",
    "NOT_AVAILABLE",
    "PAIRS",
    "PALETTE",
    "ROLE_SHAPES",
    "SORTS",
    "Answer",
    "Asked",
    "Axis",
    "Card",
    "Cards",
    "Cell",
    "Chart",
    "Choice",
    "Curves",
    "Details",
    "Explorer",
    "Fact",
    "Known",
    "Measure",
    "Pre",
    "Questions",
    "Ruled",
    "Ruling",
    "Rulings",
    "Said",
    "Section",
    "Shown",
    "Table",
    "Term",
    "Text",
    "Tone",
    "anchor",
    "colour",
    "flat",
    "inline",
    "interval_words",
    "listed",
    "markdown_text",
    "mib",
    "number",
    "padded",
    "percent_range",
    "points",
    "points_range",
    "render_fragment",
    "render_page",
    "rounded",
    "shape",
    "si",
    "spread",
    "styled",
    "tooltips",
]
