"""What a worker looks at beside its work: the machine while a cell is answered, and what a loading
engine has read."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from distilbench.beat import every
from distilbench.engines import Engine
from distilbench.events import ModelLoading, OnEvent
from distilbench.meter import Watch, cpu_seconds
from distilbench.runner._plan import Cell
from distilbench.runner._shards import Shard
from distilbench.runner._store import surroundings_file

_GLANCE_S = 1.0  # between two looks at what a loading engine has read


def watch(run_dir: Path, cell: Cell, shard: Shard, engine: Engine, resumed: int) -> Watch:
    """Looks at the machine while a shard is answered. A server of which it is not known where it
    works cannot be told from other work: then the CPU time of others is not known."""
    seen = surroundings_file(run_dir, cell, shard)
    if not resumed:  # what was seen beside answers that are asked again
        seen.unlink(missing_ok=True)
    return watch_into(seen, engine)


def watch_into(seen: Path, engine: Engine) -> Watch:
    """As :func:`watch`, appending to a file."""
    if not engine.works_in_pid:
        return Watch(seen, lambda: _with_ours(engine.cpu_seconds_beside()), lambda: None)
    parent, of_engines = os.getppid(), dict[int, float]()

    def own_cpu_s() -> float:
        """Of a dead engine what it had at the last look: the meter's own count is not asked from
        another thread."""
        pid = engine.pid
        if pid is not None:
            of_engines[pid] = max(of_engines.get(pid, 0.0), cpu_seconds(pid))
        return sum(of_engines.values()) + time.process_time() + cpu_seconds(parent)

    return Watch(seen, own_cpu_s, lambda: engine.pid)


def _with_ours(beside_s: float | None) -> float | None:
    if beside_s is None:
        return None
    return beside_s + time.process_time() + cpu_seconds(os.getppid())


@contextmanager
def telling_what_is_read(tell: OnEvent, model: str, engine: Engine) -> Iterator[None]:
    """Tells from time to time what part of its model file the engine has read."""

    def look() -> None:
        share = engine.read_share()
        if share is not None:
            tell(ModelLoading(model, share))

    with every(_GLANCE_S, look):
        yield
