"""The processes that a server on this machine is, whoever started it, and what they take."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from distilbench.meter._memory import peak_memory_bytes, reset_peak_memory

if TYPE_CHECKING:
    import psutil

_LOOK_S = 2.0  # between two searches for processes that were started since


def listeners(port: int) -> frozenset[int] | None:
    """Processes that listen on a TCP port of this machine; empty: none does. Null: the system does
    not say which, because they are another user's."""
    import psutil

    try:
        heard = [c for c in psutil.net_connections(kind="tcp") if _listens(c, port)]
    except (psutil.Error, OSError):  # macOS tells this to root alone
        return _own_listeners(port) or None
    pids = frozenset(c.pid for c in heard if c.pid is not None)
    return pids if all(c.pid is not None for c in heard) else None


def _own_listeners(port: int) -> frozenset[int]:
    import psutil

    found = set()
    for process in psutil.process_iter():
        try:
            if any(_listens(c, port) for c in process.net_connections(kind="tcp")):
                found.add(process.pid)
        except (psutil.Error, OSError):
            continue
    return frozenset(found)


def _listens(connection: object, port: int) -> bool:
    status, address = getattr(connection, "status", ""), getattr(connection, "laddr", None)
    return status == "LISTEN" and bool(address) and address.port == port  # type: ignore[union-attr]


@dataclass
class ProcessTree:
    """Processes with all that they have started: CPU time and memory of the whole.

    ``roots``: those at the top. ``below``: whether what they started counts.
    """

    roots: frozenset[int]
    below: bool = True
    _known: list[psutil.Process] = field(init=False, default_factory=list)
    _looked: float = field(init=False, default=float("-inf"))
    _cpu: dict[tuple[int, float], float] = field(init=False, default_factory=dict)
    """CPU seconds of each process as last read: one that has ended keeps its own."""
    _sampled: int = field(init=False, default=0)
    _most: int = field(init=False, default=0)
    """Processes, at most, since the window began."""
    _exact: int | None = field(init=False, default=None)
    """The one process whose own peak the system keeps; null: there are more, or it keeps none."""

    def pids(self) -> frozenset[int]:
        """All of them, as last looked for."""
        if time.monotonic() - self._looked > _LOOK_S:
            self._looked, self._known = time.monotonic(), self._search()
        return frozenset(process.pid for process in self._known)

    def is_there(self) -> bool:
        """Whether one of the roots is still running."""
        import psutil

        return any(psutil.pid_exists(pid) for pid in self.roots)

    def begin(self) -> None:
        """A window begins: the peak is counted from here."""
        self._looked = float("-inf")
        pids = self.pids()
        self._sampled, self._most, self._exact = 0, len(pids), None
        only = next(iter(pids)) if len(pids) == 1 else None
        if only is not None and reset_peak_memory(only) and peak_memory_bytes(only):
            self._exact = only
        self.sample()

    def sample(self) -> None:
        """Look once: to be called from time to time."""
        pids = self.pids()
        self._most = max(self._most, len(pids))
        if self._exact is not None and pids != {self._exact}:
            self._exact = None
        self._sampled = max(self._sampled, self.memory_bytes() or 0)
        self.cpu_seconds()

    def cpu_seconds(self) -> float | None:
        """CPU seconds of all, those that have ended included; null: none was ever there."""
        import psutil

        self.pids()
        for process in list(self._known):
            try:
                times, key = process.cpu_times(), (process.pid, process.create_time())
            except psutil.Error:
                continue
            self._cpu[key] = float(times.user + times.system)
        return sum(list(self._cpu.values())) if self._cpu else None

    def memory_bytes(self) -> int | None:
        """Main memory of all, now: what is each one's own, and the largest part that is shared
        once."""
        import psutil

        own, shared = 0, [0]
        for process in list(self._known):
            try:
                told = process.memory_info()
            except psutil.Error:
                continue
            also = getattr(told, "shared", 0)
            own, shared = own + told.rss - also, [*shared, also]
        return own + max(shared) or None

    @property
    def peak_bytes(self) -> int | None:
        """Since the window began; null: nothing was seen."""
        if self._exact is not None and (exact := peak_memory_bytes(self._exact)):
            return exact
        return self._sampled or None

    @property
    def method(self) -> str:
        """How the peak is known."""
        if self._exact is not None:
            return "peak resident memory of its process"
        return f"sampled resident memory of its processes (up to {self._most}), shared parts once"

    def _search(self) -> list[psutil.Process]:
        import psutil

        found: dict[int, psutil.Process] = {}
        for pid in self.roots:
            try:
                top = psutil.Process(pid)
                for process in (top, *(top.children(recursive=True) if self.below else ())):
                    found[process.pid] = process
            except psutil.Error:
                continue
        return list(found.values())


def server_roots(heard: Iterable[int]) -> frozenset[int]:
    """The tops of a server of which ``heard`` listen: a listener may be one of several that a
    process of the same program started. What this process descends from is never among them."""
    import psutil

    own = {os.getpid(), *(process.pid for process in psutil.Process().parents())}
    return frozenset(_top(pid, own) for pid in heard)


def _top(pid: int, own: set[int]) -> int:
    import psutil

    try:
        process = psutil.Process(pid)
        while (parent := process.parent()) is not None and parent.pid not in own:
            if not _is_part_of(process, parent):
                break
            process = parent
    except psutil.Error:
        return pid
    return process.pid


def _is_part_of(process: psutil.Process, parent: psutil.Process) -> bool:
    """Whether a process was begun by its parent to share its work, and not as another program: it
    was forked, or begun by Python's multiprocessing, or calls itself a part (vLLM, SGLang)."""
    if not process.exe() or process.exe() != parent.exe():
        return False
    line = " ".join(process.cmdline())
    return process.cmdline() == parent.cmdline() or "multiprocessing" in line or "::" in line[:40]
