"""Numbers as the report writes them; what is null is not available."""

from __future__ import annotations

from collections.abc import Callable, Sequence

NOT_AVAILABLE = "not available"


def number(value: float | None, form: str) -> str:
    """A number in a format, or that there is none."""
    return NOT_AVAILABLE if value is None else form.format(value)


def interval_words(low: float | None, high: float | None, form: Callable[[float], str]) -> str:
    """The 95% interval behind a figure; an end that is not bounded is said."""
    if low is None:
        return "" if high is None else f" ({form(high)} or less)"
    return f" ({form(low)} or more)" if high is None else f" ({form(low)} to {form(high)})"


def si(value: float | None) -> str:
    """Four digits with a metric prefix: 63.2G, 134.5M."""
    if value is None:
        return NOT_AVAILABLE
    for factor, prefix in ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M")):
        if abs(value) >= factor:
            return f"{value / factor:.4g}{prefix}"
    return f"{value:.4g}"


def rounded(value: float) -> str:
    """Two or three digits, never as a power of ten where it is above one: 0.31, 2.1, 100, 2,300.

    >>> [rounded(value) for value in (0.314, 2.14, 99.7, 100, 2345.6)]
    ['0.31', '2.1', '100', '100', '2,350']
    """
    if float(f"{value:.2g}") >= 100:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:.2g}"


def mib(size: float | None) -> str:
    """Bytes in mebibytes: 1,024."""
    return NOT_AVAILABLE if size is None else f"{size / 2**20:,.0f}"


def percent_range(low: float | None, high: float | None) -> str:
    """The ends of an interval of shares."""
    return NOT_AVAILABLE if low is None or high is None else f"{low:.1%} to {high:.1%}"


def points(share: float | None) -> str:
    """A difference of shares in percentage points: +19.2."""
    if share is None:
        return NOT_AVAILABLE
    return f"{round(100 * share, 1) + 0.0:+.1f}"  # + 0.0: no negative zero


def points_range(low: float | None, high: float | None) -> str:
    """The ends of an interval of a difference, in percentage points."""
    return NOT_AVAILABLE if low is None or high is None else f"{points(low)} to {points(high)}"


def listed(parts: Sequence[str]) -> str:
    """Words of a list: a, b and c."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def anchor(title: str) -> str:
    """What a heading is linked by: its words in small letters, joined by dashes."""
    return "-".join("".join(c if c.isalnum() else " " for c in title.lower()).split())
