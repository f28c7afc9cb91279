"""Where a served model works, if that is this machine: its processes, and what they take."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from distilbench.beat import every
from distilbench.meter import GpuUse, ProcessTree, gpu_use, listeners, server_roots

LOOK_S = 0.5  # between two looks at what a server or a GPU holds
_LEAST_CORES = 0.05
"""Of a core while its questions fly: who takes less passes them on."""
_OFTEN = 0.1  # of the looks with other clients, from which a server is shared with them
_PORTS = {"http": 80, "https": 443}


class NotHere(Exception):
    """Why it is not known which processes a model works in."""


def port_of(address: str) -> int:
    """The port of a URL. Raises ``NotHere`` if there is none."""
    try:
        parts = urlsplit(address if "//" in address else f"//{address}")
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError as error:
        raise NotHere("the address of its server is no URL") from error
    if port is None:
        raise NotHere("the address of its server names no port")
    return port


class GpuMemory:
    """The peak of what processes have of the GPUs' memory, looked at from time to time."""

    def __init__(self, pids: Callable[[], frozenset[int]]) -> None:
        self._pids, self._peak = pids, 0
        self.use = GpuUse(None, None, "not looked at yet")
        """As last looked at, on all GPUs that were used since the window began."""

    def begin(self) -> None:
        self._peak = 0
        self.use = gpu_use(self._pids())

    def look(self) -> None:
        before, now = self.use, gpu_use(self._pids())
        if before.gpus and now.gpus is not None:  # a server may let its model go
            now = now._replace(gpus=before.gpus | now.gpus)
        self._peak = max(self._peak, now.bytes or 0)
        self.use = now

    def told(self) -> tuple[int | None, str]:
        """The peak, and how it is known or why it is not."""
        if self.use.bytes is None:
            return None, f"not available: {self.use.reason}"
        if not self.use.gpus:
            return 0, "none of its processes is on a GPU"
        return self._peak, "sampled, by its processes, as the GPU's driver tells"


@dataclass
class LocalServer:
    """The processes of this machine that a model works in, looked at from time to time.

    ``tree``: they; ``port``: where their server listens, null for a model in this process, whose
    memory before the model was loaded (``before_bytes``) is none of the model's.
    """

    tree: ProcessTree
    port: int | None = None
    before_bytes: int = 0
    gpu: GpuMemory = field(init=False)
    _looks: int = field(init=False, default=0)
    _shared: int = field(init=False, default=0)
    _beside: ExitStack = field(init=False, default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.gpu = GpuMemory(self.tree.pids)

    @classmethod
    def at(cls, address: str) -> LocalServer:
        """The server that listens at an address of this machine. Raises ``NotHere``."""
        port = port_of(address)
        heard = listeners(port)
        if heard is None:
            raise NotHere(
                f"the server at port {port} belongs to another user: run as that user, or as root"
            )
        if not heard:
            raise NotHere(f"no process of this machine (or container) listens at port {port}")
        return cls(ProcessTree(server_roots(heard)), port)

    @classmethod
    def this_process(cls) -> LocalServer:
        """A model that is loaded into this very process, from here on."""
        here = ProcessTree(frozenset({os.getpid()}), below=False)
        here.pids()
        return cls(here, None, here.memory_bytes() or 0)

    def watch(self) -> None:
        """Look from here on, until :meth:`close`."""
        self.begin()
        self._beside.enter_context(every(LOOK_S, self._look))

    def close(self) -> None:
        self._beside.close()

    def begin(self) -> None:
        """A cell begins."""
        self.tree.begin()
        self.gpu.begin()
        self._looks = self._shared = 0
        self._look_at_clients()

    def cpu_seconds(self) -> float | None:
        return self.tree.cpu_seconds()

    @property
    def shared(self) -> bool | None:
        """Whether other clients were connected in a tenth of the looks; null: not known."""
        return self._shared >= _OFTEN * self._looks if self.port and self._looks else None

    def passes_on(self, cpu_s: float | None, wall_s: float) -> str | None:
        """Why what these processes take is not what the model takes; null: it is. ``cpu_s``: their
        CPU seconds of the ``wall_s`` in which questions flew."""
        if not self.tree.is_there():
            return "its server's process ended meanwhile"
        if self.gpu.use.gpus or cpu_s is None or wall_s <= 0 or cpu_s >= _LEAST_CORES * wall_s:
            return None
        return (
            f"the process that listens took {cpu_s / wall_s:.2f} of a core and no GPU that is seen:"
            " it passes questions on (a proxy, a tunnel, a container), or they waited elsewhere"
        )

    def memory(self) -> tuple[int | None, str]:
        """Peak of its main memory since the cell began, and how that is known or why it is not."""
        peak = self.tree.peak_bytes
        if peak is None:
            return None, "not available: its processes could not be read"
        if self.port is not None:
            return peak, self.tree.method
        mib = f"{self.before_bytes / 2**20:,.0f} MiB"
        taken = f"less the {mib} that it had before the model was loaded"
        return max(0, peak - self.before_bytes), f"{self.tree.method} (the worker's), {taken}"

    def _look(self) -> None:
        self.tree.sample()
        self.gpu.look()
        self._look_at_clients()

    def _look_at_clients(self) -> None:
        if self.port is not None:
            self._looks += 1
            self._shared += _has_strangers(self.tree.pids(), self.port)


def _has_strangers(pids: frozenset[int], port: int) -> bool:
    """Whether others than this run's workers are connected to a server."""
    import psutil

    asking = set()
    for pid in pids:
        try:
            for c in psutil.Process(pid).net_connections(kind="tcp"):
                if c.status == psutil.CONN_ESTABLISHED and _port(c.laddr) == port:
                    asking.add(_end(c.raddr))
        except psutil.Error:
            continue
    ours = {_end(c.laddr) for c in psutil.Process().net_connections(kind="tcp")}
    return any(not _is_a_worker(other) for other in asking - ours)


def _is_a_worker(client: tuple[str, int]) -> bool:
    """Whether what is at the other end is another worker of this run, or has gone."""
    import psutil

    if not client[0].startswith("127.") and client[0] != "::1":
        return False
    try:
        found = psutil.net_connections(kind="tcp")
        owners = [c.pid for c in found if _end(c.laddr) == client]
        parents = [psutil.Process(pid).ppid() for pid in owners if pid]
    except (psutil.Error, OSError):
        return False
    return not owners or os.getppid() in parents


def _end(address: Any) -> tuple[str, int]:
    """One end of a connection; IPv4 is written as such, whatever socket it came by."""
    return (address.ip.removeprefix("::ffff:"), address.port) if address else ("", 0)


def _port(address: Any) -> int:
    return _end(address)[1]
