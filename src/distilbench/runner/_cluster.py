"""A Ray cluster, as far as a run needs it: its machines, tasks on them, and what they tell.

Ray is imported here and nowhere else, once a run asks for it.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar

from distilbench.architecture import model_files
from distilbench.errors import InputError
from distilbench.runner._leftovers import sweep_machine
from distilbench.runner._node import CHUNK, Parcel, Told, answer
from distilbench.runner._plan import Cell

T = TypeVar("T")
_ANSWERS_S = 5.0  # an address where a cluster is
_LEAVING_S = 8.0  # more than a worker is given to end by itself
_WAIT_S = 1.0
_LOST_S = 30.0  # more than Ray takes to notice it
_GRPC_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)
_SETTINGS = 4  # RFC 9113, 6.5: what both sides of HTTP/2 send first


@dataclass(frozen=True)
class Node:
    """A machine of the cluster and what Ray knows that it has."""

    id: str
    host: str
    cpus: float
    gpus: float
    memory: float
    """Bytes."""

    @property
    def name(self) -> str:
        """Two on one machine have one host."""
        return f"{self.host} ({self.id[:6]})"

    @property
    def resources(self) -> str:
        return f"{self.cpus:g} cores, {self.gpus:g} GPUs, {self.memory / 2**30:.1f} GiB of memory"


@dataclass(frozen=True)
class Started:
    """A task. ``tells``: Ray's generator of what it yields."""

    node: Node
    tells: Any


@dataclass(frozen=True)
class Lost:
    """A task ended before its job did. ``error``: null if its machine, or Ray's process on it, was
    lost; else what happened."""

    error: str | None = None


class Cluster:
    """One that this process is connected to."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._task = ray.remote(_answered)
        self._shelf: Any = None
        self._tells: list[Any] = []
        self._lost_at: dict[str, float] = {}

    def nodes(self) -> list[Node]:
        """Machines that are alive and do work, the same order each time; not one that was just
        lost, which Ray may count as alive for a while."""
        found = []
        for node in self._ray.nodes():
            has = node["Resources"]
            lost_at = self._lost_at.get(node["NodeID"])
            if lost_at is not None and time.monotonic() < lost_at + _LOST_S:
                continue
            if node["Alive"] and has.get("CPU"):
                host = node.get("NodeManagerHostname") or node["NodeManagerAddress"]
                found.append(
                    Node(node["NodeID"], host, has["CPU"], has.get("GPU", 0), has.get("memory", 0))
                )
        return sorted(found, key=lambda node: node.id)

    def lend(self, cells: Iterable[Cell]) -> None:
        """Have the models' files of these cells fetched from this machine by those without."""
        files = {c.file_sha256: model_files(c.file) for c in cells if c.file and c.file_sha256}
        here = self._ray.get_runtime_context().get_node_id()
        shelf = self._ray.remote(Shelf).options(
            num_cpus=0, max_concurrency=4, scheduling_strategy=_at(here)
        )
        self._shelf = shelf.remote(files)

    def start(self, parcel: Parcel, node: Node, claim: Mapping[str, float]) -> Started:
        task = self._task.options(
            **claim,
            max_retries=0,
            num_returns="streaming",
            scheduling_strategy=_at(node.id),
            name=f"distilbench {parcel.job.name}",
        )
        tells = task.remote(parcel, self._shelf, node.name)
        self._tells.append(tells)
        return Started(node, tells)

    def heard(
        self, tasks: Sequence[T], started: Callable[[T], Started | None]
    ) -> list[tuple[T, Told | Lost]]:
        """What tasks have told since, after a while at most. Of one that is lost, no more comes."""
        of = {id(s.tells): task for task in tasks if (s := started(task))}
        waiting = [s.tells for task in tasks if (s := started(task))]
        if not waiting:
            time.sleep(_WAIT_S)
            return []
        ready, _ = self._ray.wait(waiting, num_returns=len(waiting), timeout=0)
        if not ready:
            ready, _ = self._ray.wait(waiting, num_returns=1, timeout=_WAIT_S)
        heard = [(of[id(tells)], self._next(tells)) for tells in ready]
        for task, told in heard:
            if isinstance(told, Lost) and (lost := started(task)):
                self._lost_at[lost.node.id] = time.monotonic()
        return heard

    def sweep(self) -> None:
        """Remove what killed jobs left on the machines that may see no other of ours; one that does
        not answer soon keeps it for the next run."""
        task = self._ray.remote(sweep_machine)
        with suppress(Exception):
            asked = [
                task.options(num_cpus=0, max_retries=0, scheduling_strategy=_at(node.id)).remote()
                for node in self.nodes()
            ]
            self._ray.wait(asked, num_returns=len(asked), timeout=_LEAVING_S)

    def end(self) -> None:
        """End the tasks that are at work, each worker as one on this machine."""
        for tells in self._tells:
            with suppress(Exception):
                self._ray.cancel(tells, force=False, recursive=False)
        until = time.monotonic() + _LEAVING_S
        left = list(self._tells)
        while left and time.monotonic() < until:
            ready, _ = self._ray.wait(left, num_returns=1, timeout=until - time.monotonic())
            for tells in ready:
                if isinstance(self._next(tells), Lost):
                    left.remove(tells)
        if self._shelf is not None:
            with suppress(Exception):
                self._ray.kill(self._shelf)

    def _next(self, tells: Any) -> Told | Lost:
        from ray.exceptions import RayTaskError

        try:
            told: Told | Lost = self._ray.get(next(tells))
        except StopIteration:
            told = Lost("Ray ended the task without its exit status")
        except RayTaskError as error:
            told = Lost(str(error))
        except self._ray.exceptions.RayError:
            told = Lost()
        if isinstance(told, Lost) or told.code is not None:
            self._tells = [other for other in self._tells if other is not tells]
        return told


class Shelf:
    """Models' files, read where the suite is run, for machines that do not have them."""

    def __init__(self, files: Mapping[str, Sequence[Path]]) -> None:
        self._files = files

    def read(self, sha256: str, part: int, offset: int) -> bytes:
        with self._files[sha256][part].open("rb") as file:
            file.seek(offset)
            return file.read(CHUNK)


def _answered(parcel: Parcel, shelf: Any, node: str) -> Iterator[Told]:
    """The Ray task."""
    import ray

    def fetch(sha256: str, part: int) -> Iterator[bytes]:
        offset, coming = 0, shelf.read.remote(sha256, part, 0)
        while data := ray.get(coming):
            offset += len(data)
            coming = shelf.read.remote(sha256, part, offset)  # while the other is written
            yield data

    yield from answer(parcel, fetch, node)


@contextmanager
def connected(address: str | None) -> Iterator[Cluster]:
    """A cluster at Ray's ``address``; null: that of ``RAY_ADDRESS`` or of this machine, else one of
    this machine alone, for as long as it is needed. Raises ``InputError`` if there is none, or no
    Ray is installed."""
    ray = _imported()
    if ray.is_initialized():  # by whoever called us: it is theirs
        cluster = Cluster(ray)
        try:
            yield cluster
        finally:
            cluster.end()
        return
    address = address or os.environ.get("RAY_ADDRESS") or None
    if address is not None:
        _must_answer(address)
    with _signals_as_before(), _silenced():
        _connect(ray, address)
    cluster = Cluster(ray)
    try:
        yield cluster
    finally:
        try:
            cluster.end()
        finally:
            ray.shutdown()


def _imported() -> Any:
    # Of its processes' own logs: what a run tells, it tells itself.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        with redirect_stdout(StringIO()):  # a package of AMD's prints where there is no AMD
            import ray
            import ray.exceptions
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise InputError(
            "executor 'ray'", "Ray is not installed", "pip install 'distilbench[ray]'"
        ) from error
    except KeyError as error:  # Ray expects ImportError of amdsmi, which Zeus brings
        raise InputError(
            "executor 'ray'",
            f"Ray cannot be imported (package amdsmi without AMD's library: {error})",
            "pip uninstall amdsmi, here and on the nodes",
        ) from error
    return ray


def _connect(ray: Any, address: str | None) -> None:
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
    try:
        if address is None:
            try:
                ray.init(address="auto", **quiet)
            except ConnectionError:
                ray.init(include_dashboard=False, **quiet)
        else:
            ray.init(address=address, **quiet)
    except Exception as error:  # of Ray: no cluster, another version, no node of it here
        said = " ".join(str(error).split())
        raise InputError(
            f"executor 'ray', address {address or 'auto'!r}",
            f"no cluster can be reached ({said})",
            "start one (ray start --head), or name the address that it printed",
        ) from error
    # Whatever log_to_driver says, Ray prints on standard output that it has lost a node.
    with suppress(ImportError):
        from ray._private import worker

        if hasattr(worker, "print_to_stdstream"):
            worker.print_to_stdstream = lambda *_, **__: None


def _must_answer(address: str) -> None:
    """Raises ``InputError`` within seconds if there is nothing, or another server: Ray itself would
    take a minute."""
    where = f"executor 'ray', address {address!r}"
    if address.startswith("ray://"):
        raise InputError(
            where,
            "is for clients outside of the cluster; a run reads and writes on one of its nodes",
            "run the command on a node, or by: ray job submit",
        )
    if address in ("auto", "local"):
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise InputError(where, "is not HOST:PORT", "give what ray start --head printed, or auto")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), _ANSWERS_S) as talk:
            talk.settimeout(_ANSWERS_S)
            talk.sendall(_GRPC_HELLO)
            said = talk.recv(4)
    except OSError as error:
        raise InputError(
            where,
            f"no cluster answers there ({error.strerror or error})",
            "start one (ray start --head), or name the address that it printed",
        ) from error
    if len(said) < 4 or said[3] != _SETTINGS:
        raise InputError(
            where, "what answers there is no Ray cluster", "give what ray start --head printed"
        )


def _at(node: str) -> Any:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(node, soft=False)


@contextmanager
def _silenced() -> Iterator[None]:
    """What Ray's libraries print while they connect; what is wrong then, its exception says."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@contextmanager
def _signals_as_before() -> Iterator[None]:
    """Ray takes SIGTERM for itself."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    kept = {number: signal.getsignal(number) for number in numbers}
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in kept.items():
                signal.signal(number, handler)
