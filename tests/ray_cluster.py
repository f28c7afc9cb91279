"""A Ray cluster of several nodes on this machine, each started by the command that people use."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

_STARTS_S = 120


@dataclass
class RayNode:
    """``folder``: its home and place of temporary files, which no other node has."""

    folder: Path
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """As a machine that loses its power: all at once, and nothing is told."""
        family = [psutil.Process(self.process.pid)]
        family += family[0].children(recursive=True)
        # The first stops of a family, so that none starts another.
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for member in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    member.send_signal(number)
        self.process.wait()


class RayCluster:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.nodes: list[RayNode] = []
        self.port = _free_port()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def living(self) -> list[RayNode]:
        return [node for node in self.nodes if node.process.poll() is None]

    def add(self) -> RayNode:
        """Another node; the first is the head."""
        folder = self._folder / f"n{len(self.nodes)}"
        folder.mkdir()
        where = ["--address", self.address]
        if not self.nodes:
            where = [
                "--head", f"--port={self.port}", f"--temp-dir={folder}",
                "--include-dashboard=false",
            ]  # fmt: skip
        command = [
            sys.executable, "-c", "from ray.scripts.scripts import main; main()", "start", *where,
            "--node-ip-address=127.0.0.1", "--num-cpus=2", "--object-store-memory=80000000",
            "--dashboard-agent-listen-port=0", "--min-worker-port=0", "--max-worker-port=0",
            "--disable-usage-stats", "--block",
        ]  # fmt: skip
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join((str(self._without_amd()), *sys.path[1:])),
            "HOME": str(folder), "TMPDIR": str(folder), "RAY_worker_niceness": "0",
            "DISTILBENCH_CACHE": str(folder / "cache"),
        }  # fmt: skip
        with (folder / "start.log").open("wb") as log:
            started = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        node = RayNode(folder, started)
        self.nodes.append(node)
        _until(lambda: b"Ray runtime started" in (folder / "start.log").read_bytes(), node)
        return node

    def end(self) -> None:
        for node in reversed(self.nodes):
            if node.process.poll() is None:
                node.kill()

    def _without_amd(self) -> Path:
        """Ray takes no other error of amdsmi, which Zeus brings and which fails without AMD's
        library."""
        folder = self._folder / "without-amd"
        folder.mkdir(exist_ok=True)
        (folder / "amdsmi.py").write_text("raise ImportError('no AMD GPU here')\n")
        return folder


@contextmanager
def ray_cluster() -> Iterator[RayCluster]:
    """Without nodes. Its folder has a short name: sockets are in it."""
    with tempfile.TemporaryDirectory(prefix="r", ignore_cleanup_errors=True) as folder:
        cluster = RayCluster(Path(folder))
        try:
            yield cluster
        finally:
            cluster.end()


def _until(true: object, node: RayNode) -> None:
    assert callable(true)
    until = time.monotonic() + _STARTS_S
    while not true():
        said = (node.folder / "start.log").read_text()
        assert node.process.poll() is None, said
        assert time.monotonic() < until, said
        time.sleep(0.2)


def _free_port(least: int | None = None) -> int:
    """Below those that the system gives to clients."""
    for port in range(least or 20_000 + os.getpid() % 5_000, 32_000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")
