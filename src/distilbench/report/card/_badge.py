"""A badge as SVG, drawn here: no server is asked for it."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from distilbench.compute import BOUND_MARKS, Scope
from distilbench.report.card._record import CreationRecord
from distilbench.report.page import NOT_AVAILABLE

_WIDE, _NARROW = "mwMW@%", "ijlftr.,:;|()[]' "
_COLOURS = {"=": "#0b5cad", "none": "#5a6675"}
_BOUND_COLOUR = "#6b5200"


def badge(record: CreationRecord, scope: Scope = "lineage") -> str:
    """``creation cost, <scope> | <FLOPs>``: blue as a figure, brown as a bound, grey if not
    available. The words say the same as the colour."""
    flops = record.scopes[scope]
    left = "creation cost" if record.role != "distilled" else f"creation cost, {scope}"
    right, colour = NOT_AVAILABLE, _COLOURS["none"]
    if flops.value is not None:
        right = f"{BOUND_MARKS[flops.bound]}{flops.value:.3g} FLOPs"
        colour = _COLOURS.get(flops.bound, _BOUND_COLOUR)
    a, b = _width(left) + 12, _width(right) + 12
    title = f"{record.model}: {left}, {right}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{a + b}" height="20" role="img"'
        f" aria-label={quoteattr(title)}><title>{escape(title)}</title>"
        f'<rect width="{a + b}" height="20" rx="3" fill="#333c47"/>'
        f'<path d="M{a} 0h{b - 3}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3H{a}z" fill="{colour}"/>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
        f"{_text(left, 6, a - 12)}{_text(right, a + 6, b - 12)}</g></svg>\n"
    )


def _text(words: str, x: int, width: int) -> str:
    """Fitted to its place, whichever font there is."""
    return f'<text x="{x}" y="14" textLength="{width}">{escape(words)}</text>'


def _width(words: str) -> int:
    """Pixels in Verdana of 11, about."""
    return round(sum(10 if c in _WIDE else 4.2 if c in _NARROW else 7 for c in words))
