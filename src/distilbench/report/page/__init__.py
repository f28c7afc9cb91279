"""What every page is made of: blocks (sections, tables, charts), words for numbers, the renderer.

A page is data until :func:`render_page` writes it: one HTML file that works offline, its figures as
PNG and SVG, and the same in Markdown. Knows no run, no claim and no experiment.
"""

from distilbench.report.page._page import (
    Cell,
    Chart,
    Details,
    Pre,
    Section,
    Table,
    Text,
    render_page,
)

__all__ = ["Cell", "Chart", "Details", "Pre", "Section", "Table", "Text", "render_page"]
