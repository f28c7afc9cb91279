"""Who is at work in a local run directory, and how it is asked to stop."""

from __future__ import annotations

import _thread
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from distilbench.errors import InputError
from distilbench.files import read_json, write_json

_DRIVER, _CANCEL = ".driver.json", ".cancel"
GLANCE_S = 1.0
_SIGN_S = 5.0
SILENT_S = 60.0
"""Of another machine that shares the disk: without a sign for so long, it is not known to work."""
_FIELDS: dict[str, type | tuple[type, ...]] = {
    "host": str,
    "machine": str,
    "pid": int,
    "started": (int, float),
    "begun": str,
}


@dataclass(frozen=True)
class Driver:
    """The process that runs, or ran, a suite in a run directory."""

    host: str
    pid: int
    begun: str
    state: str
    """``at work``, ``killed`` (it left no word), or ``no sign`` (on another machine)."""


@contextmanager
def present(run_dir: Path) -> Iterator[None]:
    """Say who is at work in a run directory, and heed who asks to stop: as Ctrl-C does."""
    (run_dir / _CANCEL).unlink(missing_ok=True)
    write_json(run_dir / _DRIVER, _myself())
    over = threading.Event()
    watching = threading.Thread(target=_watch, args=(run_dir, over, interrupter()), daemon=True)
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()
        for name in (_DRIVER, _CANCEL):
            with suppress(OSError):
                (run_dir / name).unlink(missing_ok=True)


def driver_of(run_dir: Path) -> Driver | None:
    """Null: none is at work, and the last one ended in order."""
    file = run_dir / _DRIVER
    try:
        facts, sign = read_json(file, _FIELDS), file.stat().st_mtime
    except (OSError, InputError):
        return None
    if facts["machine"] == _machine():
        state = "at work" if _lives(facts["pid"], facts["started"]) else "killed"
    else:
        state = "at work" if time.time() - sign < SILENT_S else "no sign"
    return Driver(facts["host"], facts["pid"], facts["begun"], state)


def ask_to_stop(run_dir: Path) -> None:
    (run_dir / _CANCEL).touch()


def interrupter() -> Callable[[], None]:
    """What ends the work that begins now as Ctrl-C would, also where that is ignored (``nohup``).
    Only the main thread can be told: work in another goes on to its end."""
    if threading.current_thread() is not threading.main_thread():
        return lambda: None
    return _interrupt


def _interrupt() -> None:
    heeded = (n for n in (signal.SIGINT, signal.SIGTERM) if callable(signal.getsignal(n)))
    number = next(heeded, signal.SIGTERM)
    if sys.platform == "win32":
        _thread.interrupt_main(number)
    else:
        ident = threading.main_thread().ident
        assert ident is not None
        signal.pthread_kill(ident, number)  # also a main thread that waits for a worker


def _watch(run_dir: Path, over: threading.Event, interrupt: Callable[[], None]) -> None:
    shown = time.monotonic()
    while not over.wait(GLANCE_S):
        if (run_dir / _CANCEL).exists():
            interrupt()
            return
        if time.monotonic() - shown > _SIGN_S:
            shown = time.monotonic()
            with suppress(OSError):
                os.utime(run_dir / _DRIVER)


def _myself() -> dict[str, object]:
    import psutil

    return {
        "host": socket.gethostname(),
        "machine": _machine(),
        "pid": os.getpid(),
        "started": psutil.Process().create_time(),
        "begun": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def _machine() -> str:
    """What tells where a process number means something: the boot and, in a container, its own
    numbers; elsewhere than on Linux, the name."""
    found = [socket.gethostname()]
    with suppress(OSError):
        found.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        found.append(os.readlink("/proc/self/ns/pid"))
    return " ".join(found)


def _lives(pid: int, started: float) -> bool:
    import psutil

    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - started) < 2 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
