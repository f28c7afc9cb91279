"""Counts, steps and time left of long work, as lines on standard error."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field

from distilbench.durations import duration, time_left
from distilbench.errors import printable

LINE_S = 15.0
"""Between two lines of progress where there is no terminal."""


def say(text: str) -> None:
    """A line on standard error, in which nothing steers the terminal."""
    print(printable(text), file=sys.stderr, flush=True)


@dataclass
class Count:
    """So many of a total, and how long the rest takes at the pace until now."""

    what: str
    total: int
    done: int = 0
    skipped: int = 0
    """Of ``done``: what was there at the start and took no time."""
    begun: float = field(default_factory=lambda: time.monotonic())

    def __str__(self) -> str:
        elapsed = time.monotonic() - self.begun
        said = f"{self.done:,} of {self.total:,} {self.what}"
        if self.done >= self.total:
            return f"{said} in {duration(elapsed)}"
        left = time_left(self.done - self.skipped, self.total - self.skipped, elapsed)
        said += f", {duration(elapsed)} so far"
        return said if left is None else f"{said}, about {duration(left)} left"


class Seldom:
    """Lets a line pass every ``LINE_S``, so that a log is not filled with progress."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def due(self) -> bool:
        """Whether a line may be said now; then the waiting begins anew."""
        if time.monotonic() - self._last < LINE_S:
            return False
        self._last = time.monotonic()
        return True


class Steps:
    """A line at the beginning of each step of a command that takes seconds to minutes."""

    def __init__(self, total: int, quiet: bool = False) -> None:
        self._total, self._quiet = total, quiet
        self._begun, self._number = time.monotonic(), 0

    def __call__(self, doing: str) -> None:
        self._number += 1
        if not self._quiet:
            so_far = duration(time.monotonic() - self._begun)
            say(f"[{self._number}/{self._total}] {doing} ({so_far} so far)")
