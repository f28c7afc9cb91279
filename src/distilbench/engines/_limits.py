"""Binds the engine's process to its memory and cores.

By cgroup v2 where the user may make one; else by RLIMIT_DATA (Linux), which bounds what a process
reserves of private memory. Weights are read into memory, not mapped, so that either limit
binds. Cores by CPU affinity.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

from distilbench.meter import usable_cores

CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUP = Path("/proc/self/cgroup")
# What llama.cpp, the C++ library and the kernel print when memory cannot be had.
_NO_MEMORY = re.compile(
    r"insufficient memory|failed to allocate|unable to allocate|bad_alloc|out of memory"
    r"|Cannot allocate memory|MemoryError|ErrorOutOfDeviceMemory",
    re.IGNORECASE,
)


@dataclass
class Fence:
    """The limits of one process. ``memory_bytes`` and ``cpus`` null: no limit."""

    memory_bytes: int | None = None
    cpus: int | None = None
    cgroup: Path | None = field(init=False, default=None)
    means: str | None = field(init=False, default=None)
    """What holds the memory limit; said also after the cgroup has been removed."""
    _kills: int = field(init=False, default=0)
    """The kernel's count when the process was started: the cgroup outlives it."""

    def __post_init__(self) -> None:
        if self.memory_bytes is not None:
            self.cgroup = make_cgroup(self.memory_bytes)
            self.means = (
                "cgroup v2" if self.cgroup else "RLIMIT_DATA" if self.rlimit_bytes else None
            )

    @property
    def rlimit_bytes(self) -> int:
        """Limit that the process is to set on itself; 0: none."""
        by_rlimit = self.cgroup is None and sys.platform == "linux"
        return self.memory_bytes or 0 if by_rlimit else 0

    def bind(self, pid: int) -> None:
        """Put a process that has not begun its work under the limits."""
        if self.cgroup is not None:
            (self.cgroup / "cgroup.procs").write_text(str(pid))
            self._kills = self._oom_kills()
        if self.cpus is not None and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(pid, self._cores())

    def was_exceeded(self, words: str) -> bool:
        """Whether memory ran out since the process was bound: the kernel counted that the cgroup
        was at its limit and killed for it, or ``words``, what the process printed, say so."""
        return self._oom_kills() > self._kills or _NO_MEMORY.search(words) is not None

    def remove(self) -> None:
        """Remove the cgroup; its process has ended."""
        if self.cgroup is not None:
            with contextlib.suppress(OSError):
                self.cgroup.rmdir()
            self.cgroup = None

    def describe(self) -> list[str]:
        """Each limit and by which means it is enforced."""
        said = []
        if self.memory_bytes is not None:
            amount = f"memory {self.memory_bytes / 2**20:,.0f} MiB"
            said.append(
                f"{amount} by {self.means}" if self.means else f"{amount} not enforced here"
            )
        if self.cpus is not None:
            said.append(self._describe_cores())
        return said

    def _oom_kills(self) -> int:
        """Kills for this cgroup's own limit. ``oom_kill`` alone also counts those for want of
        memory further up or in the whole machine, in which ``oom`` does not grow (Linux,
        Documentation/admin-guide/cgroup-v2.rst)."""
        events = _text(self.cgroup / "memory.events") if self.cgroup else ""
        counted = dict(re.findall(r"^(oom|oom_kill) (\d+)$", events, re.M))
        return min(int(counted.get("oom", 0)), int(counted.get("oom_kill", 0)))

    def _cores(self) -> set[int]:
        return set(sorted(os.sched_getaffinity(0))[: self.cpus])

    def _describe_cores(self) -> str:
        if not hasattr(os, "sched_setaffinity"):
            return f"{self.cpus} cores not enforced here"
        usable = usable_cores()
        if self.cpus is not None and self.cpus > usable:
            return f"{self.cpus} cores wanted, this machine has {usable}"
        return f"{self.cpus} core{'' if self.cpus == 1 else 's'} by CPU affinity"


def make_cgroup(memory_bytes: int, root: Path = CGROUPS, own: Path = _OWN_CGROUP) -> Path | None:
    """A new cgroup v2 with this memory limit and no swap, or null where the user may make none.

    It is made under the nearest cgroup above this process that gives its children the memory
    controller: root may do so anywhere, a user below their own systemd manager.
    """
    for parent in _parents(root, own):
        # A process may be moved below 'parent' by whoever may write there.
        given = _text(parent / "cgroup.subtree_control").split()
        if "memory" not in given or not os.access(parent / "cgroup.procs", os.W_OK):
            continue
        made = parent / f"distilbench-{os.getpid()}-{os.urandom(4).hex()}"
        try:
            made.mkdir()
        except OSError:
            continue
        try:
            (made / "memory.max").write_text(str(memory_bytes))
            with contextlib.suppress(OSError):  # a kernel without swap has no such file
                (made / "memory.swap.max").write_text("0")
            return made
        except OSError:
            made.rmdir()
    return None


def sweep_cgroups(root: Path = CGROUPS, own: Path = _OWN_CGROUP) -> None:
    """Remove cgroups whose process is gone. One that still holds a process cannot be removed."""
    import psutil

    for parent in _parents(root, own):
        for made in parent.glob("distilbench-*-*"):
            number = made.name.split("-")[1]
            if number.isdigit() and not psutil.pid_exists(int(number)):
                with contextlib.suppress(OSError):
                    made.rmdir()


def _parents(root: Path, own: Path) -> list[Path]:
    """Cgroups v2 of this process, from its own up to the root."""
    lines = _text(own).splitlines()
    path = next((line[3:] for line in lines if line.startswith("0::")), None)
    if path is None:
        return []
    here = root / path.strip("/")
    return [here, *(p for p in here.parents if p == root or root in p.parents)]


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
