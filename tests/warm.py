"""Starts Python processes that have what they import: most of what our tests start is distilbench
itself, and each would import the same libraries for seconds.

A process of the tests has a *stock* (``tests/stock.py``): a process that has imported all of it
once and then does nothing but fork. While :func:`install` is in force, ``subprocess`` takes from
there what it would start as ``python -m distilbench…``, ``python -c …distilbench…`` and the
``distilbench`` command. What comes is a process like any other: a child of the one that asked, with
the arguments, environment, descriptors and folder it was to have, and with an end of its own; it
has a stock too, as it starts workers. Only what Python does before ``__main__``, and imports, are
not tried again: tests of these are marked ``cold``, as are those that look at a process from
outside by its words or environment.

Where it could not be the same, a process starts as always: with another value in its environment
of what something looked at while it was imported, on a terminal, with a function to call first,
under coverage, on other systems than Linux.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

READ_OUTSIDE_PYTHON = (
    "PYTHONHASH", "PYTHONUNBUFFERED", "PYTHONDONT", "PYTHONWARN", "PYTHONUTF8", "PYTHONIO",
    "PYTHONSAFE", "PYTHONMALLOC", "PYTHONOPT", "LD_", "LC_", "LANG", "MALLOC_", "GLIBC_", "OMP_",
    "OPENBLAS_", "MKL_", "GOMP_", "POLARS_", "RAYON_", "FSSPEC_", "TZ",
)  # fmt: skip
ROOT = str(Path(__file__).parents[1])
_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
MINDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_start_cold = getattr(subprocess, "_fork_exec", None)


def heed_signals() -> None:
    """For ``preexec_fn``: also where the tests themselves were started in the background, or behind
    ``nohup``."""
    for number in MINDED:
        signal.signal(number, signal.SIG_DFL)


@dataclass
class Seen:
    """What decides whether the imports would have gone just so: names in the environment that
    something looked at meanwhile, with their values before and after, as libraries set some; and
    the names of what is imported."""

    looked_at: dict[str, list[str | None]]
    imported: list[str]

    def suits(self, environment: dict[str, str]) -> bool:
        outside = {n for n in {*environment, *at_start} if n.startswith(READ_OUTSIDE_PYTHON)}
        values = {n: values for n, values in self.looked_at.items() if n != "PYTHONPATH"}
        return (
            all(environment.get(name) in known for name, known in values.items())
            and all(environment.get(name) == at_start.get(name) for name in outside)
            and self._has_no_others(environment.get("PYTHONPATH", "").split(os.pathsep))
        )

    def _has_no_others(self, folders: list[str]) -> bool:
        """Whether the path brings nothing in the place of what is imported, and no package."""
        before = set((self.looked_at["PYTHONPATH"][0] or "").split(os.pathsep))
        new = [Path(folder) for folder in folders if folder not in {*before, *sys.path}]
        held = {path.name for folder in new if folder.is_dir() for path in folder.iterdir()}
        others = {"sitecustomize", "usercustomize", *self.imported}
        return (
            before <= {*folders, ""}
            and not any(name.endswith(("-info", ".pth")) for name in held)
            and not others & {name.partition(".")[0] for name in held}
        )


@dataclass
class Stock:
    """A process that forks, as seen by its parent."""

    end: socket.socket
    seen: Seen
    process: Any = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, asked: dict[str, Any], fds: Sequence[int]) -> int:
        """The process id of a new child of this process, with ``fds`` in the places of
        ``asked["places"]``; 0: the stock is gone."""
        with self.lock:
            blocked = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
            _adopt(True)
            try:
                send(self.end, asked, fds)
                return int(self.end.recv(64) or b"0")
            except (BrokenPipeError, ConnectionResetError):
                return 0
            finally:
                _adopt(False)
                signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


_stock: Stock | None = None
at_start: dict[str, str] = {}
_is_cold = False


def install() -> None:
    """From here on ``subprocess`` takes distilbench's processes from a stock, which is made when
    the first is wanted, in the environment of now."""
    if sys.platform == "linux" and _start_cold and "COVERAGE_PROCESS_START" not in os.environ:
        at_start.update(dict(os.environ))
        subprocess._fork_exec = _start  # type: ignore[attr-defined]


@contextmanager
def cold() -> Iterator[None]:
    """What is started meanwhile starts as it does for users."""
    global _is_cold
    before, _is_cold = _is_cold, True
    try:
        yield
    finally:
        _is_cold = before


def _start(*given: Any) -> int:
    """In the place of ``_posixsubprocess.fork_exec``, whose parameters these are."""
    (words, _, _, keep, cwd, listed, reads, _, _, writes, _, errors, _, said_of_exec, _, session,
     group, gid, gids, uid, umask, prepare) = given[:22]  # fmt: skip
    words = [os.fsdecode(word) for word in words]
    folder = os.fsdecode(cwd) if cwd is not None else os.getcwd()
    plain = (group, gid, gids, uid, umask) == (-1, None, None, None, -1)
    plain = plain and prepare in (None, heed_signals)
    if not _is_cold and plain and _is_ours(words) and os.path.isdir(folder):
        environment = dict(os.environ) if listed is None else _pairs(listed)
        places = {0: reads, 1: writes, 2: errors}
        places = {place: place if fd == -1 else fd for place, fd in places.items()}
        places |= {fd: fd for fd in keep if fd != said_of_exec}
        stock = _stocked()
        if stock.seen.suits(environment) and not any(os.isatty(fd) for fd in places.values()):
            asked = {
                "words": words, "folder": folder, "environment": environment,
                "places": list(places), "session": session,
                "ignored": [] if prepare else _ignored(),
                "cores": sorted(os.sched_getaffinity(0)),
            }  # fmt: skip
            if pid := stock.take(asked, list(places.values())):
                return pid
    assert _start_cold is not None
    return int(_start_cold(*given))


def _is_ours(words: Sequence[str]) -> bool:
    if words[0] == str(Path(sys.executable).with_name("distilbench")):
        return True
    if words[0] != sys.executable or len(words) < 3:
        return False
    if words[1] == "-m":
        return words[2].startswith(("distilbench", "tests."))
    # What asks which modules are there is about imports.
    return words[1] == "-c" and "distilbench" in words[2] and "sys.modules" not in words[2]


def _ignored() -> list[int]:
    return [number for number in MINDED if signal.getsignal(number) is signal.SIG_IGN]


def _pairs(listed: Sequence[bytes]) -> dict[str, str]:
    pairs = (os.fsdecode(pair).partition("=") for pair in listed)
    return {name: value for name, _, value in pairs}


def has(stock: Stock) -> None:
    """This process takes from there."""
    global _stock
    _stock = stock


def _stocked() -> Stock:
    global _stock
    if _stock is None:
        ours, its = socket.socketpair()
        code = stock_code(f"serve({its.fileno()})")
        with its, cold():
            process = subprocess.Popen(
                [sys.executable, "-c", code],
                pass_fds=[its.fileno()],
                env=at_start,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        _stock = Stock(ours, Seen(**receive(ours)[0]), process)
    return _stock


def stock_code(call: str) -> str:
    """What a new process runs to be a stock (``tests/stock.py``)."""
    return f"import sys; sys.path.insert(0, {ROOT!r}); from tests import stock; stock.{call}"


def _adopt(orphans: bool) -> None:
    """Whether a process below this one whose parent ends becomes a child of this one."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, int(orphans), 0, 0, 0)


def send(end: socket.socket, said: Any, fds: Sequence[int]) -> None:
    line = json.dumps(said).encode()
    socket.send_fds(end, [len(line).to_bytes(8, "big")], list(fds))
    end.sendall(line)


def receive(end: socket.socket) -> tuple[Any, list[int]]:
    """What was said, with the descriptors that came along."""
    size, fds, _, _ = socket.recv_fds(end, 8, 250)
    line = b""
    while len(size) == 8 and len(line) < int.from_bytes(size, "big"):
        more = end.recv(1 << 20)
        size = size if more else b""
        line += more
    if len(size) < 8:
        raise EOFError("the other end is gone")
    return json.loads(line), fds
