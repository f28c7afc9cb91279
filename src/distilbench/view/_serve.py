"""The server's life: a socket on loopback, until it is interrupted."""

from __future__ import annotations

import secrets
import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from distilbench.errors import InputError
from distilbench.view._app import application
from distilbench.view._run import Viewed

if TYPE_CHECKING:
    from distilbench.place import Place
    from distilbench.view._gate import Gate

_HERE = "127.0.0.1"
_LEAVE_S = 2
"""Requests that still run when it is stopped may take so long to end."""


@dataclass(frozen=True)
class View:
    """A server that listens, and whose address is known."""

    url: str
    """With the token."""
    _app: Gate
    _socket: socket.socket

    def wait(self) -> None:
        """Answer until interrupted: raises ``KeyboardInterrupt`` then."""
        import uvicorn

        config = uvicorn.Config(
            self._app,
            http="h11",
            ws="none",
            lifespan="off",
            log_level="error",
            access_log=False,  # it would hold the token
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_LEAVE_S,
        )
        uvicorn.Server(config).run(sockets=[self._socket])


@contextmanager
def listening(places: Sequence[Place], port: int) -> Iterator[View]:
    """A server of these runs on loopback; port 0 is one that is free. A single run is looked at
    first: raises ``InputError`` if it is damaged, or the port is taken."""
    with tempfile.TemporaryDirectory(prefix="distilbench-view-") as name:
        scratch = Path(name)
        runs = [Viewed(place, scratch / str(number)) for number, place in enumerate(places)]
        if len(runs) == 1:
            runs[0].table()
        with _bound(port) as opened:
            port, token = opened.getsockname()[1], secrets.token_urlsafe(32)
            app = application(runs, scratch, token, port)
            yield View(f"http://{_HERE}:{port}/?token={token}", app, opened)


def _bound(port: int) -> socket.socket:
    opened = socket.socket(socket.AF_INET)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind((_HERE, port))
        opened.listen()  # who comes before the server is up waits for it
    except OSError as error:
        opened.close()
        why = f"cannot be listened on ({error.strerror})"
        raise InputError(f"--port {port}", why, "choose another, or 0 for a free one") from error
    return opened
