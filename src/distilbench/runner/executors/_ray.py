"""Workers on the machines of a Ray cluster."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from distilbench.errors import InputError
from distilbench.events import Noted, OnEvent
from distilbench.keys import redact
from distilbench.meter import drop_cut_line
from distilbench.place import travels
from distilbench.runner._carried import carried, cleared
from distilbench.runner._cluster import Cluster, Lost, Node, Started, connected
from distilbench.runner._executor import Executor, Job
from distilbench.runner._journal import restore
from distilbench.runner._node import Parcel, versions
from distilbench.runner._pieces import put
from distilbench.runner._plan import Cell
from distilbench.runner._shards import Share
from distilbench.runner._store import (
    is_shard_finished,
    log_folder,
    questions_file,
    shard_folder,
    surroundings_file,
)

if TYPE_CHECKING:
    from distilbench.runner._node import Told

_KILLED = -9
_MOST_LOSSES = 3
"""A job that has lost so many machines may be what ends them."""
_TENSOR_PARALLEL = ("tensor_parallel_size", "tp_size", "tp")
_PIPELINE_PARALLEL = ("pipeline_parallel_size", "pp_size")
_WEIGHTS_SERVED = ("vllm", "vllm-completions", "sglang")


@dataclass
class _Task:
    """A job and what became of it. ``left``: the job of the shards that are not finished."""

    job: Job
    left: Job
    started: Started | None = None
    begins: dict[str, int] | None = None
    losses: int = 0

    @property
    def alone(self) -> bool:
        return not self.job.cells[0].is_shared


class Ray(Executor):
    """A Ray task for each job. A model that works where its worker is has the machine for itself,
    so that latencies are its own; workers that ask a server share machines. ``address``: of the
    cluster, as Ray takes it; ``workers``: that ask a served model side by side, at most."""

    name = "ray"

    def __init__(self, address: str | None = None, workers: int | None = None) -> None:
        self._address, self._workers = address, workers
        self._undo = ExitStack()
        self._cluster: Cluster | None = None

    def check(self, cells: Sequence[Cell]) -> list[str]:
        if not cells:
            return []
        nodes = self._connected().nodes()
        for cell in {(cell.model.name, cell.profile.name): cell for cell in cells}.values():
            if not any(fits(cell, node) for node in nodes):
                self._undo.close()
                raise InputError(
                    f"model {cell.model.name!r} under profile {cell.profile.name!r}",
                    f"needs a machine with {needs(cell)}, and the cluster has "
                    + "; ".join(sorted({node.resources for node in nodes})),
                    "add such a machine to the cluster, or change the profile",
                )
        return []

    def parts(self, cells: Sequence[Cell]) -> int:
        able = sum(fits(cells[0], node) for node in self._connected().nodes())
        if not cells[0].is_shared:
            return max(1, able)
        return max(1, min(self._workers or able, cells[0].profile.slots))

    def run(self, jobs: Sequence[Job], on_event: OnEvent) -> Generator[tuple[Job, int], None, None]:
        with self._undo:
            if not jobs:
                return
            cluster = self._connected()
            cluster.lend([cell for job in jobs for cell in job.cells])
            waiting = [_Task(job, job) for job in jobs]
            working: list[_Task] = []
            while waiting or working:
                for task, node in _placed(waiting, working, cluster.nodes()):
                    _begin(task, node, cluster)
                    waiting.remove(task)
                    working.append(task)
                for task, told in cluster.heard(working, lambda task: task.started):
                    if isinstance(told, Lost):
                        working.remove(task)
                        code = _lost(task, told, on_event)
                        if code is None:
                            waiting.append(task)
                        else:
                            yield task.job, code
                    elif (code := _kept(task, told, on_event)) is not None:
                        working.remove(task)
                        yield task.job, code
            cluster.sweep()

    def _connected(self) -> Cluster:
        if self._cluster is None:
            self._cluster = self._undo.enter_context(connected(self._address))
            self._undo.callback(setattr, self, "_cluster", None)
        return self._cluster


def gpus(cell: Cell) -> int:
    """Whole GPUs that it needs: those that its server is started on, or the one of its profile."""
    if cell.is_shared:
        return 0
    if cell.reference.partition("/")[0] in _WEIGHTS_SERVED:
        return _given(cell, _TENSOR_PARALLEL) * _given(cell, _PIPELINE_PARALLEL)
    return cell.profile.gpu.index + 1 if cell.profile.gpu else 0


def cores(cell: Cell) -> int:
    """Cores that it needs: those of its profile; one, where that names none."""
    return cell.profile.cpus or cell.profile.threads or 1 if not cell.is_shared else 1


def needs(cell: Cell) -> str:
    memory = cell.profile.memory if not cell.is_shared else None
    said = [f"{cores(cell)} cores"]
    said += [f"{gpus(cell)} GPUs"] if gpus(cell) else []
    said += [f"{memory / 2**30:.1f} GiB of memory"] if memory else []
    return ", ".join(said)


def fits(cell: Cell, node: Node) -> bool:
    memory = (cell.profile.memory or 0) if not cell.is_shared else 0
    return node.cpus >= cores(cell) and node.gpus >= gpus(cell) and node.memory >= memory


def _given(cell: Cell, names: Sequence[str]) -> int:
    found = (cell.model.args.get(name) for name in names)
    return next((value for value in found if isinstance(value, int) and value > 0), 1)


def _placed(
    waiting: Sequence[_Task], working: Sequence[_Task], nodes: Sequence[Node]
) -> list[tuple[_Task, Node]]:
    """Which of the waiting begin now, and where: one that runs alone on a machine where we are not
    at work, the others where the fewest are."""
    placed = [(task, task.started.node) for task in working if task.started]
    begun = []
    for task in waiting:
        on: dict[str, list[_Task]] = {node.name: [] for node in nodes}
        for other, node in placed:
            on.setdefault(node.name, []).append(other)
        free = [
            node
            for node in nodes
            if fits(task.job.cells[0], node)
            and not (on[node.name] if task.alone else any(t.alone for t in on[node.name]))
            and len(on[node.name]) < node.cpus
        ]
        if free:
            node = min(free, key=lambda node: len(on[node.name]))
            placed.append((task, node))
            begun.append((task, node))
    return begun


def _begin(task: _Task, node: Node, cluster: Cluster) -> None:
    job, cell = task.left, task.job.cells[0]
    for share in job.shares:
        for shard in share.shards:
            restore(log_folder(job.run_dir, share.cell, shard))
            # The worker there would, and what then grows would not be what is followed here.
            drop_cut_line(surroundings_file(job.run_dir, share.cell, shard))
    parcel = Parcel(job, _files(job), carried(job.cells), cleared(), versions())
    log = job.log.relative_to(job.run_dir).as_posix()
    task.begins = {log: job.log.stat().st_size if job.log.exists() else 0}
    if not task.alone:
        claim: dict[str, float] = {"num_cpus": 1, "num_gpus": 0}
    else:
        own = cell.reference.partition("/")[0] in _WEIGHTS_SERVED
        claim = {"num_cpus": node.cpus, "num_gpus": gpus(cell) if own else node.gpus}
    task.started = cluster.start(parcel, node, claim)


def _files(job: Job) -> dict[str, bytes]:
    """Of the run directory: what a worker reads."""
    files = {questions_file(job.run_dir, cell) for cell in job.cells}
    for share in job.shares:
        for shard in share.shards:
            folder = shard_folder(job.run_dir, share.cell, shard)
            files |= {
                *folder.glob("*.jsonl"),
                *log_folder(job.run_dir, share.cell, shard).glob("*"),
            }
    return {
        path.relative_to(job.run_dir).as_posix(): path.read_bytes()
        for path in sorted(files)
        if path.is_file() and travels(path.name)
    }


def _kept(task: _Task, told: Told, on_event: OnEvent) -> int | None:
    """Write what a worker wrote, then pass on what it tells; its exit status, if it has ended."""
    put(task.job.run_dir, told.pieces, task.begins or {})
    if told.refused:
        raise InputError(*told.refused)
    for event in told.events:
        on_event(event)
    return told.code


def _lost(task: _Task, lost: Lost, on_event: OnEvent) -> int | None:
    """What follows the end of a machine, or of Ray's process there: another takes what is left, but
    for a job that ends one after the other. An error of Ray's own is the job's end."""
    node = task.started.node.name if task.started else "?"
    task.started = None
    if lost.error is not None:
        with task.job.log.open("a") as log:
            log.write(redact(f"{lost.error}\n"))
        return 1
    task.losses += 1
    if task.losses == _MOST_LOSSES:
        return _KILLED
    shares = [
        Share(cell=share.cell, shards=[
            shard for shard in share.shards
            if not is_shard_finished(task.job.run_dir, share.cell, shard)
        ])
        for share in task.job.shares
    ]  # fmt: skip
    shares = [share for share in shares if share.shards]
    if not shares:
        return 0
    task.left = task.job.model_copy(update={"shares": shares})
    model = task.job.cells[0].model.name
    on_event(Noted(f"node {node} was lost: what is unfinished of {model} is asked elsewhere"))
    return None
