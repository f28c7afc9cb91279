"""Starts Python processes that have what they import: most of what our tests start is distilbench
itself, and each would import the same libraries for seconds.

A process of the tests has a *stock*: a process that has imported all of it once and then does
nothing but fork. While :func:`install` is in force, ``subprocess`` takes from there what it would
start as ``python -m distilbench…``, ``python -c …distilbench…`` and the ``distilbench`` command.
What comes is a process like any other: a child of the one that asked, with the arguments,
environment, descriptors and folder it was to have, and with an end of its own; it has a stock too,
as it starts workers. Only what Python does before ``__main__``, and imports, are not tried again:
tests of these are marked ``cold``, as are those that look at a process from outside by its words or
environment.

Where it could not be the same, a process starts as always: with another value in its environment
of what something looked at while it was imported, on a terminal, with a function to call first,
under coverage, on other systems than Linux.
"""

from __future__ import annotations

import ctypes
import fcntl
import gc
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

IMPORTED = (
    "distilbench.cli", "distilbench.runner", "distilbench.report", "distilbench.tasks._build",
    "distilbench.runner._worker", "distilbench.tasks._make", "distilbench.engines.kinds.file",
    "inspect_ai.hooks", "altair", "vl_convert", "pyarrow.parquet", "scipy.stats", "reasoning_gym",
)  # fmt: skip
LEAVES = ("distilbench.runner._worker", "distilbench.tasks._make")
"""Start none of ours."""
READ_OUTSIDE_PYTHON = (
    "PYTHON", "LD_", "LC_", "LANG", "MALLOC_", "GLIBC_", "OMP_", "OPENBLAS_", "MKL_", "GOMP_",
    "POLARS_", "RAYON_", "TZ",
)  # fmt: skip
_ROOT = str(Path(__file__).parents[1])
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
_MINDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ASIDE = 500  # descriptors wait above this number until their places are free
_start_cold = getattr(subprocess, "_fork_exec", None)


@dataclass
class Stock:
    """A process that forks, as seen by its parent. ``looked_at``: what was looked at in the
    environment while it imported, with its values before and after: libraries set some."""

    end: socket.socket
    looked_at: dict[str, list[str | None]]
    process: Any = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def suits(self, environment: dict[str, str]) -> bool:
        outside = {n for n in {*environment, *_at_start} if n.startswith(READ_OUTSIDE_PYTHON)}
        return all(environment.get(n) in values for n, values in self.looked_at.items()) and all(
            environment.get(n) == _at_start.get(n) for n in outside
        )

    def take(self, asked: dict[str, Any], fds: Sequence[int]) -> int:
        """The process id of a new child of this process, with ``fds`` in the places of
        ``asked["places"]``; 0: the stock is gone."""
        with self.lock:
            blocked = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
            _adopt(True)
            try:
                _send(self.end, asked, fds)
                return int(self.end.recv(64) or b"0")
            except (BrokenPipeError, ConnectionResetError):
                return 0
            finally:
                _adopt(False)
                signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


_stock: Stock | None = None
_at_start: dict[str, str] = {}
_is_cold = False


def install() -> None:
    """From here on ``subprocess`` takes distilbench's processes from a stock, which is made when
    the first is wanted, in the environment of now."""
    if sys.platform == "linux" and _start_cold and "COVERAGE_PROCESS_START" not in os.environ:
        _at_start.update(dict(os.environ))
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
    plain = (group, gid, gids, uid, umask, prepare) == (-1, None, None, None, -1, None)
    if not _is_cold and plain and _is_ours(words) and os.path.isdir(folder):
        environment = dict(os.environ) if listed is None else _pairs(listed)
        places = {0: reads, 1: writes, 2: errors}
        places = {place: place if fd == -1 else fd for place, fd in places.items()}
        places |= {fd: fd for fd in keep if fd != said_of_exec}
        stock = _stocked()
        if stock.suits(environment) and not any(os.isatty(fd) for fd in places.values()):
            asked = {
                "words": words, "folder": folder, "environment": environment,
                "places": list(places), "session": session,
                "ignored": [n for n in _MINDED if signal.getsignal(n) is signal.SIG_IGN],
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


def _pairs(listed: Sequence[bytes]) -> dict[str, str]:
    pairs = (os.fsdecode(pair).partition("=") for pair in listed)
    return {name: value for name, _, value in pairs}


def _stocked() -> Stock:
    global _stock
    if _stock is None:
        ours, its = socket.socketpair()
        code = (
            f"import sys; sys.path.insert(0, {_ROOT!r}); from tests import warm; warm.stock({{}})"
        )
        with its, cold():
            process = subprocess.Popen(
                [sys.executable, "-c", code.format(its.fileno())],
                pass_fds=[its.fileno()],
                env=_at_start,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        _stock = Stock(ours, _receive(ours)[0], process)
    return _stock


# From here on: what runs in the process that forks, and in what it forks.


def stock(fileno: int) -> None:
    """Import, then fork for each that asks at this socket. Returns when the process that it has
    become there is at its end."""
    global _stock
    sys.path.remove(_ROOT)
    install()
    looked_at = _imported()
    end = socket.socket(fileno=fileno)
    _send(end, looked_at, [])
    asked = _next(end)
    while asked["words"][2:3] not in [[name] for name in LEAVES]:
        ours, end = socket.socketpair()
        if os.fork():
            end.close()
            _stock = Stock(ours, looked_at)
            break
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        ours.close()
        asked = _next(end)
    _run(asked["words"])


def _imported() -> dict[str, list[str | None]]:
    """Import all; what was looked at by its name in the environment, and its values."""
    looked_at: set[str] = set()
    passed = [""]
    kind: Any = type(os.environ)
    read, walk = kind.__getitem__, kind.__iter__

    def noted(environ: Any, name: str) -> Any:
        if name != passed[0]:  # else all of it is copied
            looked_at.add(name)
        return read(environ, name)

    def walked(environ: Any) -> Iterator[str]:
        for passed[0] in walk(environ):
            yield passed[0]
        passed[0] = ""

    kind.__getitem__, kind.__iter__ = noted, walked
    try:
        for name in IMPORTED:
            import_module(name)
    finally:
        kind.__getitem__, kind.__iter__ = read, walk
    gc.collect()
    gc.freeze()
    return {name: [_at_start.get(name), os.environ.get(name)] for name in looked_at}


def _next(end: socket.socket) -> dict[str, Any]:
    """Fork for each that asks. Returns in the new process, with what was asked of it.

    The process in between ends at once, which makes the new one a child of the one that asked.
    """
    _alone_with(end)
    while True:
        try:
            asked, fds = _receive(end)
        except (EOFError, ConnectionError):
            os._exit(0)
        told, tells = os.pipe()
        begins, begin = os.pipe()
        between = os.fork()
        if not between:
            pid = os.fork()
            if pid:
                os.write(tells, str(pid).encode())
                os._exit(0)
            os.close(begin)
            os.read(begins, 1)  # nothing: its parent is the right one now
            end.detach()
            _settle(asked, fds)
            return asked
        os.waitpid(between, 0)
        end.sendall(os.read(told, 64))
        for fd in (told, tells, begins, begin, *fds):
            os.close(fd)


def _alone_with(end: socket.socket) -> None:
    """Hold nothing that another waits to see closed, and mind no signal."""
    for number in _MINDED:
        signal.signal(number, signal.SIG_IGN)
    nothing = os.open(os.devnull, os.O_RDWR)
    for place in (0, 1, 2):
        os.dup2(nothing, place)
    _close_but({0, 1, 2, end.fileno()})


def _close_but(kept: set[int]) -> None:
    for fd in map(int, os.listdir("/proc/self/fd")):
        if fd not in kept:
            with suppress(OSError):
                os.close(fd)


def _settle(asked: dict[str, Any], fds: Sequence[int]) -> None:
    """Take the place of the process that was asked for: descriptors, signals, folder, words."""
    aside = [fcntl.fcntl(fd, fcntl.F_DUPFD, _ASIDE) for fd in fds]
    for fd, place in zip(aside, asked["places"], strict=True):
        os.dup2(fd, place)
    _close_but(set(asked["places"]))
    for number in _MINDED:
        usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        signal.signal(number, signal.SIG_IGN if number in asked["ignored"] else usual)
    if asked["session"]:
        os.setsid()
    os.sched_setaffinity(0, asked["cores"])
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])


def _run(words: list[str]) -> None:
    """As Python runs what stands in its command line."""
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    sys.orig_argv = words
    if words[1:2] == ["-m"]:
        sys.argv, sys.path[0] = words[2:], os.getcwd()
        sys.modules.pop(words[2], None)
        runpy._run_module_as_main(words[2])
    elif words[1:2] == ["-c"] and words[0] == sys.executable:
        sys.argv, sys.path[0] = ["-c", *words[3:]], ""
        exec(compile(words[2], "<string>", "exec"), main.__dict__)
    else:
        sys.argv, sys.path[0] = words, str(Path(words[0]).parent)
        import_module("distilbench.__main__").main()


def _adopt(orphans: bool) -> None:
    """Whether a process below this one whose parent ends becomes a child of this one."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, int(orphans), 0, 0, 0)


def _send(end: socket.socket, said: Any, fds: Sequence[int]) -> None:
    line = json.dumps(said).encode()
    socket.send_fds(end, [len(line).to_bytes(8, "big")], list(fds))
    end.sendall(line)


def _receive(end: socket.socket) -> tuple[Any, list[int]]:
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
