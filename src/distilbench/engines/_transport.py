"""What the HTTP clients raise when a server cannot be reached."""

from __future__ import annotations

import contextlib
from functools import cache
from importlib import import_module


@cache
def transport_errors() -> tuple[type[Exception], ...]:
    """Of each client that is installed. None of them is an ``OSError``."""
    found: list[type[Exception]] = []
    for name in ("httpx", "httpx2"):
        with contextlib.suppress(ImportError):
            found.append(import_module(name).TransportError)
    return tuple(found)


def fetch_errors() -> tuple[type[Exception], ...]:
    """What reading a file on a hub may raise: no network, no such file, no valid name."""
    return (OSError, ValueError, *transport_errors())
