"""Figures as a paper wants them: one theme, the width of a column, fonts embedded.

The charts are the page's own. They are drawn with text of 12 pixels and scaled as a whole until
that is 8 points, so that marks, lines and text keep their proportions and the width is exact.
"""

from __future__ import annotations

import re
from typing import Any

from distilbench.errors import InputError
from distilbench.report.page import Chart

WIDTHS_MM = {"column": 84.0, "text": 140.0, "page": 178.0}
"""One of two columns (ACM, IEEE: 84 to 89 mm), the text of a page of one column (NeurIPS, ICLR:
5.5 in), both columns."""
_POINTS_PER_MM = 72 / 25.4
_TEXT_POINTS, _TEXT_PIXELS = 8.0, 12.0
_PNG_DPI = 300
_LEGEND_COLUMN = 330  # pixels
_LENGTH = re.compile(r"(\d+(?:\.\d+)?)\s*(mm|cm|in|pt)")
_MM = {"mm": 1.0, "cm": 10.0, "in": 25.4, "pt": 25.4 / 72}
_INK = "#000000"
_SIZE = re.compile(r' width="([\d.]+)" height="([\d.]+)"')


def width_mm(text: str) -> float:
    """A width by its name or as a length. Raises ``InputError`` if it is neither.

    >>> width_mm("column"), round(width_mm("3.25in"), 2)
    (84.0, 82.55)
    """
    if text in WIDTHS_MM:
        return WIDTHS_MM[text]
    found = _LENGTH.fullmatch(text.strip())
    length = float(found[1]) * _MM[found[2]] if found else 0.0
    if not 20 <= length <= 1000:
        names = ", ".join(WIDTHS_MM)
        raise InputError("--width", f"is {text!r}", f"give {names}, or 20mm to 1000mm as 3.25in")
    return length


def drawn(chart: Chart, form: str, width_mm: float = WIDTHS_MM["column"]) -> bytes:
    """A figure of that width: ``pdf``, of vectors with its fonts embedded, ``svg``, or ``png`` of
    300 dots an inch."""
    import vl_convert

    svg = _scaled(_svg(chart, width_mm), width_mm * _POINTS_PER_MM)
    if form == "svg":
        return _SIZE.sub(r' width="\1pt" height="\2pt"', svg, count=1).encode()
    if form == "pdf":
        return bytes(vl_convert.svg_to_pdf(svg))
    return bytes(vl_convert.svg_to_png(svg, ppi=_PNG_DPI))


def _svg(chart: Chart, width_mm: float) -> str:
    import vl_convert

    pixels = width_mm * _POINTS_PER_MM * _TEXT_PIXELS / _TEXT_POINTS
    spec = chart.specification
    themed = {
        **spec,
        "width": pixels,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "padding": 3,
        "config": _themed(spec.get("config", {}), pixels),
    }
    # A width of its own in a specification that vega cannot fit is set right by scaling.
    return str(vl_convert.vegalite_to_svg(themed, allowed_base_urls=[]))


def _themed(config: dict[str, Any], pixels: float) -> dict[str, Any]:
    """The page's configuration for paper: one font, black text, legends as wide as the figure."""
    columns = max(1, int(pixels // _LEGEND_COLUMN))
    ours: dict[str, dict[str, Any]] = {
        "axis": {"labelColor": _INK, "titleColor": _INK},
        "legend": {
            "labelColor": _INK, "titleColor": _INK, "columns": columns, "symbolLimit": 0,
            "labelLimit": pixels / columns - 40, "offset": 8,
        },
        "view": {"stroke": None},
        "text": {"fill": _INK},
    }  # fmt: skip
    merged = {name: {**config.get(name, {}), **values} for name, values in ours.items()}
    return {**config, **merged, "font": "Liberation Sans", "background": "#ffffff"}


def _scaled(svg: str, points: float) -> str:
    """The same drawing so many points wide; its own coordinates stay, in ``viewBox``."""
    found = _SIZE.search(svg)
    assert found is not None, "vega writes width and height"
    wide, high = float(found[1]), float(found[2])
    size = f' width="{points:.2f}" height="{high * points / wide:.2f}"'
    return svg[: found.start()] + size + svg[found.end() :]
