"""Machines inside of this one: namespaces of Linux, each with a network address, a host name,
process numbers and a ``/tmp`` of its own, which no other sees. Needs root, as in a container."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
PYTHON = (sys.prefix, sys.base_prefix, str(REPOSITORY))
"""What all machines have installed, wherever it is."""
COMMANDS = {"ray": "ray.scripts.scripts", "distilbench": "distilbench.__main__"}
HOLD = """
set -e
hostname "$1"
shift
tmp=$1
shift
for part in "$@"; do mkdir -p "$tmp$part"; mount --rbind "/tmp$part" "$tmp$part"; done
mount --rbind "$tmp" /tmp
echo ready
exec sleep infinity
"""


@dataclass
class Machine:
    """``tmp``: what is ``/tmp`` on it."""

    name: str
    address: str
    tmp: Path
    holder: subprocess.Popen[str]
    pid: int
    """Of its first process, as we see it; with it all others end."""

    def end(self) -> None:
        subprocess.run(["kill", "-9", str(self.pid)], check=False)
        self.holder.communicate()

    def command(self, words: Sequence[str], **environment: str) -> list[str]:
        """Words that run ``words`` on it, in ``/tmp/job``."""
        given = {
            "HOME": "/tmp", "TMPDIR": "/tmp", "DISTILBENCH_CACHE": "/tmp/cache",
            "PATH": f"/tmp/bin:{os.environ['PATH']}", "RAY_USAGE_STATS_ENABLED": "0",
            **environment,
        }  # fmt: skip
        settings = [f"{name}={value}" for name, value in given.items()]
        enter = ["nsenter", f"--target={self.pid}", "--all"]
        return [*enter, "env", "--chdir=/tmp/job", *settings, *words]

    def left(self) -> list[str]:
        """Names of what a worker or an engine left in its ``/tmp``."""
        return [path.name for path in self.tmp.glob("*distilbench-*")]


@contextmanager
def machines(folder: Path, names: Sequence[str]) -> Iterator[list[Machine]]:
    """So many, in one network. Skips where they may not be made."""
    missing = [tool for tool in ("unshare", "nsenter", "ip") if not shutil.which(tool)]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    ours = []
    try:
        for number, name in enumerate(names, start=1):
            ours.append(_begun(folder / name, name, f"10.213.47.{number}"))
        _connect(ours)
        yield ours
    finally:
        for machine in ours:
            machine.end()


def _begun(tmp: Path, name: str, address: str) -> Machine:
    (tmp / "job").mkdir(parents=True)
    (tmp / "bin").mkdir()
    (tmp / "lib").mkdir()
    # Ray takes no other error of amdsmi, which Zeus brings and which fails without AMD's library.
    (tmp / "lib" / "amdsmi.py").write_text("raise ImportError('no AMD GPU here')\n")
    path = os.pathsep.join(["/tmp/lib", *filter(None, sys.path)])
    for command, module in COMMANDS.items():
        file = tmp / "bin" / command
        start = (
            f"import sys; sys.argv[0] = {command!r}; from {module} import main; sys.exit(main())"
        )
        file.write_text(f'#!/bin/sh\nPYTHONPATH={path} exec {sys.executable} -c "{start}" "$@"\n')
        file.chmod(0o755)
    inside = [part.removeprefix("/tmp") for part in PYTHON if part.startswith("/tmp/")]
    kinds = ["--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--mount-proc"]
    holder = subprocess.Popen(
        ["unshare", *kinds, "sh", "-c", HOLD, "sh", name, str(tmp), *inside],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert holder.stdout
    if holder.stdout.readline() != "ready\n":
        pytest.skip(f"no namespaces may be made here: {holder.communicate()[1]}")
    (child,) = Path(f"/proc/{holder.pid}/task/{holder.pid}/children").read_text().split()
    return Machine(name, address, tmp, holder, int(child))


def _connect(ours: Sequence[Machine]) -> None:
    """A pair of wires from each to a bridge, which is in the first."""

    def ip(machine: Machine, *words: str) -> None:
        enter = ["nsenter", f"--target={machine.pid}", "--net", "ip"]
        done = subprocess.run([*enter, *words], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"no network may be made here: {done.stderr}")

    ip(ours[0], "link", "add", "bridge", "type", "bridge")
    ip(ours[0], "addr", "add", f"{ours[0].address}/24", "dev", "bridge")
    ip(ours[0], "link", "set", "bridge", "up")
    for machine in ours:
        ip(machine, "link", "set", "lo", "up")
    for number, machine in enumerate(ours[1:]):
        wire = f"wire{number}"
        ip(machine, "link", "add", "eth0", "type", "veth", "peer", "name", wire)
        ip(machine, "link", "set", wire, "netns", str(ours[0].pid))
        ip(ours[0], "link", "set", wire, "master", "bridge")
        ip(ours[0], "link", "set", wire, "up")
        ip(machine, "addr", "add", f"{machine.address}/24", "dev", "eth0")
        ip(machine, "link", "set", "eth0", "up")
