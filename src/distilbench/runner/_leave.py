"""How a worker ends before its work is done: told to by a signal, or because its parent is gone."""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import sys
from contextlib import ExitStack
from types import FrameType
from typing import NoReturn

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
ENGINE_LOST = 75  # EX_TEMPFAIL of sysexits.h
"""Exit status of a worker whose engine was ended from outside again and again."""
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def leave_on_signals(undo: ExitStack) -> None:
    """From here on, SIGTERM and SIGINT end this process as :func:`leave` does."""

    def told(number: int, frame: FrameType | None) -> None:
        leave(undo, 128 + number)

    for number in _SIGNALS:
        signal.signal(number, told)


def leave_with_parent(undo: ExitStack) -> None:
    """From here on, the end of the process that started this one, by whatever signal, ends this one
    as SIGTERM does. Linux tells it; elsewhere it is noticed when the next event cannot be told."""
    if not sys.platform.startswith("linux"):
        return
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it was gone before it could be told
        leave(undo, 128 + signal.SIGTERM)


def leave(undo: ExitStack, code: int) -> NoReturn:
    """End at once, but undo first what would outlive this process: a power limit, the engine's
    folder and cgroup, servers that Inspect started.

    The evaluation is not unwound: each finished sample is in the journal, so that the next run
    resumes it as if this process had been killed.
    """
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # what is begun here is finished
    try:
        undo.close()
        atexit._run_exitfuncs()
    finally:
        os._exit(code)
