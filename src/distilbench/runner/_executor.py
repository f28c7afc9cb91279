"""Where the workers of a run are: the contract that every executor keeps, and what it runs.

An executor is one class in one file of ``runner/executors``, or of another package with the entry
point ``distilbench.executors``.
"""

from __future__ import annotations

import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from functools import cache
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel

from distilbench.errors import InputError, use_one_of
from distilbench.events import OnEvent, read_line
from distilbench.files import held
from distilbench.registry import by_name, registered
from distilbench.runner._plan import Cell

ENTRY_POINT = "distilbench.executors"
_LEAVING_S = 5.0  # a worker takes a fraction of a second, unless it is deep in a library


class Job(BaseModel):
    """Cells of one model under one profile: the work of one worker."""

    run_dir: Path
    cells: list[Cell]

    @property
    def name(self) -> str:
        return f"{self.cells[0].model.name}--{self.cells[0].profile.name}"

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
    with job.log.open("ab") as errors:
        with held(job.run_dir) as descriptors:
            worker = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=errors,
                stdin=subprocess.DEVNULL,
                text=True,
                pass_fds=descriptors,
            )
        try:
            assert worker.stdout is not None
            for line in worker.stdout:
                event = read_line(line)
                if event is not None:
                    on_event(event)
            return worker.wait()
        finally:
            _end(worker)


def _end(worker: subprocess.Popen[str]) -> None:
    """Let a worker that is still at work undo what it did to the machine; then it is killed."""
    try:
        worker.terminate()
        worker.wait(timeout=_LEAVING_S)
    except subprocess.TimeoutExpired:
        pass
    finally:  # also if the user is impatient
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


def executor_named(name: str) -> Executor:
    """Raises ``InputError`` if there is none."""
    known = all_executors()
    if name not in known:
        raise InputError(f"executor {name!r}", "there is none", use_one_of(name, known))
    return known[name]()
