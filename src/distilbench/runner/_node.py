"""What happens on another machine: a job's worker at work there, and what it writes sent home.

Needs no Ray: the executor calls :func:`answer` in a Ray task. The worker has a run directory of its
own there, which is gone with the job; what it writes of its shards is told piece by piece.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from distilbench.architecture import part_names
from distilbench.cache import cache_folder, made_once
from distilbench.engines import Scratch, sha256_of
from distilbench.errors import InputError
from distilbench.events import Event, Noted
from distilbench.files import write_bytes, write_text
from distilbench.runner._executor import Job, end, listen, started
from distilbench.runner._leftovers import sweep_machine
from distilbench.runner._pieces import Followed, Piece
from distilbench.runner._plan import HASHED_VERSIONS, Cell
from distilbench.runner._store import shard_folder

_BEAT_S = 0.5
CHUNK = 32 * 2**20
"""Bytes of a model's file that are fetched at once."""

Fetch = Callable[[str, int], Iterator[bytes]]
"""The part (from 0) of the model with this SHA-256, in pieces, from where the suite is run."""


@dataclass(frozen=True)
class Parcel:
    """All that a job needs on another machine, but for the models' files."""

    job: Job
    """With the run directory of where the suite is run."""
    files: Mapping[str, bytes]
    """Of the run directory: questions, and what was answered before."""
    environment: Mapping[str, str] = field(repr=False)
    """API keys and addresses of servers, for the worker alone."""
    cleared: Sequence[str] = ()
    """Variables that the worker has not where the suite is run."""
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Told:
    """What a job's worker did since. ``code``: its exit status, if that was its end."""

    events: tuple[Event, ...] = ()
    pieces: tuple[Piece, ...] = ()
    code: int | None = None
    refused: tuple[str, str, str] | None = None
    """Where, what and the remedy, if this machine cannot do it."""


def versions() -> dict[str, str]:
    """Of the packages that a cell's name holds: others give other results."""
    return {name: version(name) for name in HASHED_VERSIONS}


def answer(parcel: Parcel, fetch: Fetch, node: str) -> Iterator[Told]:
    """Bring a job's worker to its end on this machine, telling what happens. Closing the iterator
    ends the worker."""
    try:
        refuse_others(parcel.versions, node)
        yield from _of_priority(node)
        with _run_folder() as folder:
            job = _unpacked(parcel, folder, fetch)
            environment = {k: v for k, v in os.environ.items() if k not in parcel.cleared}
            code = yield from _worked(job, {**environment, **parcel.environment})
        yield Told(code=code)  # when the folder is gone: this process may be ended at once
    except InputError as error:  # not pickled: an error of Ray would be made of it
        yield Told(refused=(error.where, error.problem, error.remedy))


def refuse_others(wanted: Mapping[str, str], node: str) -> None:
    """Raises ``InputError`` if packages here are of other versions than where the suite is run."""
    here = versions()
    for name, there in wanted.items():
        if here[name] != there:
            raise InputError(
                f"node {node}",
                f"has {name} {here[name]}, and the run has {there}: its results would be others",
                f"install {name}=={there} there",
            )


def _of_priority(node: str) -> Iterator[Told]:
    niceness = os.nice(0)
    if niceness > 0:
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, 0)
            return
        yield Told(
            (
                Noted(
                    f"node {node}: workers have a low priority there (nice {niceness}), so that"
                    " other work slows them: start Ray with RAY_worker_niceness=0"
                ),
            )
        )


def _worked(job: Job, environment: Mapping[str, str]) -> Generator[Told, None, int]:
    """What the worker does, as it happens; returns its exit status."""
    watched = [
        shard_folder(job.run_dir, share.cell, shard).relative_to(job.run_dir).as_posix()
        for share in job.shares
        for shard in share.shards
    ]
    log = job.log.relative_to(job.run_dir).as_posix()
    followed = Followed(job.run_dir, [*watched, log])
    heard: queue.SimpleQueue[tuple[int, Event | None]] = queue.SimpleQueue()
    worker = started(job, job.command, environment)
    try:
        threading.Thread(target=listen, args=(worker.stdout, 0, heard), daemon=True).start()
        at_work = True
        while at_work:
            events, at_work = _heard(heard)
            # After the events: what they tell of is on disk.
            pieces = followed.changed()
            yield from _told(events, pieces)
        code = worker.wait()
        yield from _told((), followed.changed())
        return code
    finally:
        end([worker])


def _heard(heard: queue.SimpleQueue[tuple[int, Event | None]]) -> tuple[tuple[Event, ...], bool]:
    """Events since, after a while at most; and whether there will be more."""
    events: list[Event] = []
    with suppress(queue.Empty):
        said = heard.get(timeout=_BEAT_S)[1]
        while said is not None:
            events.append(said)
            said = heard.get_nowait()[1]
        return tuple(events), False
    return tuple(events), True


def _told(events: tuple[Event, ...], pieces: Sequence[Piece]) -> Iterator[Told]:
    """In parts that are small where the pieces are; the events with the last."""
    for piece in pieces[:-1]:
        yield Told(pieces=(piece,))
    if events or pieces:
        yield Told(events, tuple(pieces[-1:]))


@contextmanager
def _run_folder() -> Iterator[Path]:
    """A folder for one job; what killed ones left on this machine is removed first."""
    sweep_machine()
    scratch = Scratch()
    try:
        yield scratch.path
    finally:
        scratch.remove()


def _unpacked(parcel: Parcel, folder: Path, fetch: Fetch) -> Job:
    """The job with the run directory and the models' files of this machine."""
    run_dir = folder / parcel.job.run_dir.name
    for path, data in parcel.files.items():
        write_bytes(run_dir / path, data)
    shares = [
        share.model_copy(update={"cell": _here(share.cell, fetch)}) for share in parcel.job.shares
    ]
    job = parcel.job.model_copy(update={"run_dir": run_dir, "shares": shares})
    write_text(job.file, job.model_dump_json())
    return job


def _here(cell: Cell, fetch: Fetch) -> Cell:
    if cell.file is None or cell.file_sha256 is None:
        return cell
    file = obtained(cell.file, cell.file_sha256, fetch)
    reference = cell.engine().reference(cell.model.weights, file)
    return cell.model_copy(update={"file": file, "reference": reference})


def obtained(file: Path, sha256: str, fetch: Fetch) -> Path:
    """A model's file on this machine: where it is where the suite is run, if it is the same one
    (a shared disk, the same package), else fetched once into the cache."""
    with suppress(OSError, InputError):
        if sha256_of(file) == sha256:
            return file

    def make(folder: Path) -> None:
        folder.mkdir(parents=True)
        for number, part in enumerate(part_names(file.name)):
            with (folder / part).open("wb") as stream:
                for data in fetch(sha256, number):
                    stream.write(data)
        if sha256_of(folder / file.name) != sha256:
            raise InputError(str(file), "has changed since the run began", "run the suite again")

    return made_once(cache_folder() / "fetched" / sha256, make) / file.name
