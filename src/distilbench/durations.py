"""Durations in the words of people, and the time that the rest of a count takes."""

from __future__ import annotations

_UNITS = (("d", 86_400), ("h", 3600), ("min", 60))


def duration(seconds: float) -> str:
    """A duration in its one or two largest units.

    >>> [duration(s) for s in (0.042, 4.2, 59.7, 200, 7_500, 266_400)]
    ['0.042 s', '4.2 s', '1 min', '3 min 20 s', '2 h 5 min', '3 d 2 h']
    """
    if seconds < 9.95:
        return f"{seconds:.2g} s"
    whole = round(seconds)
    for (unit, size), (below, part) in zip(_UNITS, (*_UNITS[1:], ("s", 1)), strict=True):
        rounded = round(seconds / part) * part
        if rounded >= size:
            rest = rounded % size // part
            return f"{rounded // size} {unit}" + (f" {rest} {below}" if rest else "")
    return f"{whole} s"


def time_left(done: int, total: int, elapsed_s: float) -> float | None:
    """Seconds that the rest takes at the pace until now; null before the first is done.

    >>> time_left(done=5, total=20, elapsed_s=10.0)
    30.0
    """
    return elapsed_s / done * (total - done) if done > 0 else None
