"""A stock of warm processes (``tests/warm.py``): what runs in the process that forks, and in what
it forks until that is what was asked for."""

from __future__ import annotations

import ctypes
import fcntl
import gc
import os
import runpy
import signal
import socket
import sys
import types
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from tests import warm
from tests.warm import MINDED, ROOT, Seen, Stock, at_start, receive, send

IMPORTED = (
    "distilbench.cli", "distilbench.runner", "distilbench.report", "distilbench.tasks._build",
    "distilbench.runner._worker", "distilbench.tasks._make", "distilbench.engines.kinds.file",
    "inspect_ai.hooks", "altair", "vl_convert", "pyarrow.parquet", "scipy.stats", "reasoning_gym",
)  # fmt: skip
LEAVES = ("distilbench.runner._worker", "distilbench.tasks._make")
"""Start none of ours."""
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_ASIDE = 500  # descriptors wait above this number until their places are free


def serve(fileno: int) -> None:
    """Import, then fork for each that asks at this socket. Returns when the process that it has
    become there is at its end."""
    seen = _ready()
    end = socket.socket(fileno=fileno)
    send(end, asdict(seen), [])
    _become(_next(end), seen)


def listen(path: str) -> None:
    """The same for programs that ask at a socket of this name: ``tests/data/ask_stock.py``. What
    they ask for is a child of a process that tells them its exit status."""
    seen = _ready()
    door = socket.socket(socket.AF_UNIX)
    door.bind(f"{path}.new")
    door.listen()
    os.rename(f"{path}.new", path)
    while True:
        end, _ = door.accept()
        asked, fds = receive(end)
        if not seen.suits(asked["environment"]):
            end.sendall(b"cold\n")
        elif not os.fork():
            pid = os.fork()
            if not pid:
                for held in (door, end):
                    held.detach()
                _settle(asked, fds)
                return _become(asked, seen)
            _close_but({end.fileno()})
            end.sendall(f"{pid}\n".encode())
            end.sendall(f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n".encode())
            os._exit(0)
        end.close()
        for fd in fds:
            os.close(fd)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _ready() -> Seen:
    sys.path.remove(ROOT)
    warm.install()
    return _imported()


def _become(asked: dict[str, Any], seen: Seen) -> None:
    """Be the process that was asked for; its stock is forked first, of all that it has so far."""
    while asked["words"][2:3] not in [[name] for name in LEAVES]:
        ours, end = socket.socketpair()
        if os.fork():
            end.close()
            warm.has(Stock(ours, seen))
            break
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        ours.close()
        asked = _next(end)
    _run(asked["words"])


def _imported() -> Seen:
    """Import all; what was looked at by its name in the environment, and its values."""
    looked_at: set[str] = set()
    copied: set[str] = set()
    kind: Any = type(os.environ)
    read, walk = kind.__getitem__, kind.__iter__

    def noted(environ: Any, name: str) -> Any:
        if isinstance(name, str) and name not in copied:
            looked_at.add(name)
        copied.discard(name)
        return read(environ, name)

    def walked(environ: Any) -> Iterator[str]:
        for name in walk(environ):
            copied.add(name)
            yield name

    kind.__getitem__, kind.__iter__ = noted, walked
    try:
        for name in IMPORTED:
            import_module(name)
    finally:
        kind.__getitem__, kind.__iter__ = read, walk
    gc.collect()
    gc.freeze()
    values = {name: [at_start.get(name), os.environ.get(name)] for name in sorted(looked_at)}
    values["PYTHONPATH"] = [at_start.get("PYTHONPATH")]
    return Seen(values, sorted({name.partition(".")[0] for name in sys.modules}))


def _next(end: socket.socket) -> dict[str, Any]:
    """Fork for each that asks. Returns in the new process, with what was asked of it.

    The process in between ends at once, which makes the new one a child of the one that asked.
    """
    _alone_with(end)
    while True:
        try:
            asked, fds = receive(end)
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
    for number in MINDED:
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
    for number in MINDED:
        usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        signal.signal(number, signal.SIG_IGN if number in asked["ignored"] else usual)
    if asked["session"]:
        os.setsid()
    os.sched_setaffinity(0, asked["cores"])
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    given = asked["environment"].get("PYTHONPATH", "").split(os.pathsep)
    sys.path[1:1] = [folder for folder in given if folder and folder not in sys.path]


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
