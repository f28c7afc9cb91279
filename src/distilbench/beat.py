"""Something done again and again while something else is at work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def every(seconds: float, do: Callable[[], object]) -> Iterator[None]:
    """Call ``do`` in a thread of its own each so many seconds. Left only once its last call has
    ended."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(seconds):
            do()

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
