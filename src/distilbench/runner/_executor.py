"""Where the workers of a run are: the contract that every executor keeps, and what it runs.

An executor is one class in one file of ``runner/executors``, or of another package with the entry
point ``distilbench.executors``.
"""

from __future__ import annotations

import inspect
import queue
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any, ClassVar

from pydantic import BaseModel

from distilbench.errors import InputError, use_one_of
from distilbench.events import Event, OnEvent, read_line
from distilbench.files import held
from distilbench.registry import by_name, registered
from distilbench.runner._plan import Cell
from distilbench.runner._shards import Share

ENTRY_POINT = "distilbench.executors"
_LEAVING_S = 5.0  # a worker takes a fraction of a second, unless it is deep in a library


class Job(BaseModel):
    """Shards of cells of one model under one profile: the work of one worker."""

    run_dir: Path
    shares: list[Share]
    slots: int
    """Questions that it has in flight: of jobs that ask one server side by side, its part of the
    profile's."""
    number: int = 1
    """From 1, among the jobs of its model and profile."""
    of: int = 1
    under_load: bool = False
    """Its cells are answered: their questions are asked again to keep the model under load."""

    @property
    def cells(self) -> list[Cell]:
        return [share.cell for share in self.shares]

    @property
    def group(self) -> str:
        """The same for the jobs of one model under one profile in one round of repeats."""
        first = self.cells[0]
        name = f"{first.model.name}--{first.profile.name}"
        if self.under_load:
            return f"{name}--under-load"
        return name if first.repeat == 1 else f"{name}--repeat-{first.repeat}"

    @property
    def name(self) -> str:
        return self.group if self.of == 1 else f"{self.group}--{self.number}-of-{self.of}"

    @property
    def file(self) -> Path:
        """Where the worker reads it; it is there before an executor gets the job."""
        return self.run_dir / "workers" / f"{self.name}.json"

    @property
    def log(self) -> Path:
        """What the worker and its libraries print goes to the end of this file."""
        return self.run_dir / "workers" / f"{self.name}.log"

    @property
    def command(self) -> tuple[str, ...]:
        """Starts its worker, in this Python, where the run directory can be seen."""
        return (sys.executable, "-m", "distilbench.runner._worker", str(self.file))


class Executor(ABC):
    """Runs the workers of a run. ``--executor`` and ``run_suite`` choose one by its name."""

    name: ClassVar[str]
    sustains: ClassVar[bool] = False
    """Whether its workers are on this machine one after the other, so that one can keep a model
    under load and see the machine's heat."""

    def check(self, cells: Sequence[Cell]) -> list[str]:
        """Raises ``InputError`` if these cells cannot run as it was told to run them, before any
        work; returns sentences that the user should read before the figures."""
        return []

    def parts(self, cells: Sequence[Cell]) -> int:
        """Into how many jobs the shards of these cells go, all of one model under one profile. If
        the model is served outside of the workers, the profile's slots are shared out among them,
        so it is no more than there are."""
        return 1

    @abstractmethod
    def run(self, jobs: Sequence[Job], on_event: OnEvent) -> Generator[tuple[Job, int], None, None]:
        """Bring each job's worker to its end, passing its events on, and yield the job with its
        exit status: 0, done; below 0, the signal that ended it. Closing the iterator ends the
        workers that are still at work."""


def run_worker(job: Job, command: Sequence[str], on_event: OnEvent) -> int:
    """Run a job's worker as a process of this machine, to its end, and return its exit status.

    ``command``: :attr:`Job.command`, or one that starts it. Whatever ends this call ends the
    worker too, and if this process is killed no other run begins before the worker is gone.
    """
    ((_, code),) = run_workers([(job, command)], on_event)
    return code


def run_workers(
    work: Sequence[tuple[Job, Sequence[str]]], on_event: OnEvent
) -> Generator[tuple[Job, int], None, None]:
    """Run the workers of several jobs as processes of this machine, all at the same time, and yield
    each job as it ends, with its exit status.

    ``on_event`` is called in the thread that iterates. Whatever ends the iteration ends the workers
    too.
    """
    heard: queue.SimpleQueue[tuple[int, Event | None]] = queue.SimpleQueue()
    workers: list[subprocess.Popen[str]] = []
    try:
        for index, (job, command) in enumerate(work):
            # In this thread: a worker ends with the thread that started it, not with its process.
            workers.append(started(job, command))
            listening = threading.Thread(
                target=listen, args=(workers[-1].stdout, index, heard), daemon=True
            )
            listening.start()
        for _ in work:
            while (said := heard.get())[1] is not None:
                on_event(said[1])
            yield work[said[0]][0], workers[said[0]].wait()
    finally:
        end(workers)


def started(
    job: Job, command: Sequence[str], environment: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """A job's worker; it ends with the thread that started it, not with its process.
    ``environment``: null: this process's."""
    with job.log.open("ab") as errors, held(job.run_dir) as descriptors:
        return subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            stdin=subprocess.DEVNULL,
            text=True,
            pass_fds=descriptors,
            env=environment,
        )


def listen(said: IO[str], worker: int, heard: queue.SimpleQueue[tuple[int, Event | None]]) -> None:
    """Pass on a worker's events, and null at their end."""
    try:
        for line in said:
            event = read_line(line)
            if event is not None:
                heard.put((worker, event))
    finally:
        heard.put((worker, None))


def end(workers: Sequence[subprocess.Popen[str]]) -> None:
    """Let workers still at work undo what they did to the machine; then they are killed."""
    until = time.monotonic() + _LEAVING_S
    try:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait(timeout=max(0.0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        pass
    finally:  # also if the user is impatient
        for worker in workers:
            worker.kill()
            worker.wait()
            if worker.stdout is not None:
                worker.stdout.close()


@cache
def all_executors() -> dict[str, type[Executor]]:
    """Executors by name: our own, then those of other packages. Raises ``InputError`` naming the
    package whose executor cannot be imported or is incomplete, and if two have one name."""
    base = "distilbench.runner.Executor"
    home = "distilbench.runner.executors"
    found = registered(Executor, home, ENTRY_POINT, base)  # type: ignore[type-abstract]
    return by_name(found, "name", "executor")


def executor_named(name: str, **options: Any) -> Executor:
    """Make one. ``options`` that are null are not given. Raises ``InputError`` if there is none of
    this name, or it does not take one of the options."""
    known = all_executors()
    if name not in known:
        raise InputError(f"executor {name!r}", "there is none", use_one_of(name, known))
    given = {option: value for option, value in options.items() if value is not None}
    taken = inspect.signature(known[name]).parameters
    for option in given:
        if option not in taken:
            raise InputError(f"executor {name!r}", f"takes no {option!r}", "drop it")
    return known[name](**given)
