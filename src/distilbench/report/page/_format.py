"""Numbers as the report writes them."""

from __future__ import annotations

NOT_AVAILABLE = "not available"


def number(value: float | None, form: str) -> str:
    """A number in a format, or that there is none."""
    return NOT_AVAILABLE if value is None else form.format(value)


def si(value: float | None) -> str:
    """Four digits with a metric prefix: 63.2G, 134.5M."""
    if value is None:
        return NOT_AVAILABLE
    for factor, prefix in ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M")):
        if abs(value) >= factor:
            return f"{value / factor:.4g}{prefix}"
    return f"{value:.4g}"


def percent_range(low: float, high: float) -> str:
    """The ends of an interval of shares."""
    return f"{low:.1%} to {high:.1%}"


def points(share: float) -> str:
    """A difference of shares in percentage points: +19.2."""
    return f"{round(100 * share, 1) + 0.0:+.1f}"  # + 0.0: no negative zero
