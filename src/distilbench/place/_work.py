"""To be at work in a run directory, wherever it is: one driver at a time, in a local folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from distilbench.beat import every
from distilbench.errors import InputError
from distilbench.files import alone
from distilbench.place._copy import Here, Pulled, files_of, kept_at, pull, stamp_here
from distilbench.place._lease import Lease, take
from distilbench.place._leaving import MARKERS
from distilbench.place._mirror import (
    PATIENCE_S,
    PERIOD_S,
    Mirror,
    Sending,
    begun_log,
    last_sent,
    sent_log,
)
from distilbench.place._place import Place
from distilbench.place._presence import interrupter
from distilbench.place._remote import Remote, Unreachable

Note = Callable[[str], object]
_STOPPED_PATIENCE_S = 10.0
_REMEMBERED = 8


def no_note(sentence: str) -> None:
    pass


@contextmanager
def at_work(place: Place, note: Note = no_note) -> Iterator[Path]:
    """The local folder to work in: ``place`` itself, or, of a URL, one in the cache that holds what
    is there and is sent there while the work goes on.

    A store that does not answer meanwhile is told to ``note`` (in another thread), and what was to
    be sent waits. Raises ``InputError`` within seconds if it does not answer at the start, or
    another run is at work there (up to a minute, if that one may be dead); at the end, if it has
    not taken everything: the sentence names the folder that holds it.
    """
    if place.url is None:
        yield place.path
        return
    folder, remote, session = kept_at("runs", place), Remote(place.url), uuid4().hex
    with _alone_here(place, folder.parent):
        folder.mkdir(exist_ok=True)
        log_file = sent_log(folder)
        sessions, sent = last_sent(log_file)
        # Before the lease names this session, the folder does.
        begun_log(log_file, [session, *sessions][:_REMEMBERED], sent).close()
        lease = take(remote, session, sessions, note)
        with _kept_alive(lease):
            if lease.before not in sessions:
                sent = _take_over(remote, folder, lease, note)
            with begun_log(log_file, [session], sent) as log:
                mirror = Mirror(folder, remote, sent, log, lease)
                yield from _worked(folder, lease, Sending(mirror, note, interrupter()), note)


def _worked(folder: Path, lease: Lease, sending: Sending, note: Note) -> Iterator[Path]:
    """The folder; then send the rest, whatever ended the work."""
    ended_well = False
    try:
        yield folder
        ended_well = True
    finally:
        problem = sending.end(PATIENCE_S if ended_well else _STOPPED_PATIENCE_S)
        if problem is None:
            _remember(folder, lease.remote)
            with suppress(Unreachable):
                lease.give_back()
        elif ended_well or sending.lost:
            raise InputError(
                lease.remote.url,
                f"not all that was measured is there: {problem.problem}",
                f"it is kept in {folder}; the same command sends it",
            )
        else:
            note(f"{problem}; what is not there is kept in {folder}")


def _take_over(remote: Remote, folder: Path, lease: Lease, note: Note) -> dict[str, Here]:
    """Bring the folder to what is at the URL, which another machine wrote since; what this one
    finished and the URL lacks is kept. Returns what need not be sent."""
    if lease.before is None and (folder / "run.json").exists() and not files_of(remote):
        aside = folder.with_name(f"{folder.name}.{time.strftime('%Y%m%dT%H%M%S')}")
        folder.rename(aside)
        note(f"the run was removed from {remote.url}; what this machine had of it: {aside}")
        folder.mkdir()
        return {}
    listing = files_of(remote)
    here = [file.relative_to(folder).as_posix() for m in MARKERS for file in folder.rglob(m)]
    kept = tuple(name.rpartition("/")[0] for name in here if name not in listing)
    there = pull(remote, folder, leave=kept)
    for name in there:
        if name.rpartition("/")[2] in MARKERS:
            _drop_others(folder, name.rpartition("/")[0], Pulled.read(folder).here)
    return {n: stamp for n, stamp in Pulled.read(folder).here.items() if _is(folder / n, stamp)}


def _drop_others(folder: Path, finished: str, known: dict[str, Here]) -> None:
    """What was finished elsewhere is as it is there: no half of it from here beside it."""
    for file in (folder / finished).rglob("*"):
        name = file.relative_to(folder).as_posix()
        if file.is_file() and not file.name.startswith(".") and name not in known:
            file.unlink()


def _is(file: Path, stamp: Here) -> bool:
    with suppress(OSError):
        return stamp_here(file) == stamp
    return False


def _remember(folder: Path, remote: Remote) -> None:
    """Folder and URL agree: another session need not bring what has not changed since."""
    with suppress(Unreachable, OSError):
        Pulled.of(folder, files_of(remote)).write(folder)


@contextmanager
def _kept_alive(lease: Lease) -> Iterator[None]:
    """Shown to others, however long a pull or the sending of a file takes."""

    def renew() -> None:
        with suppress(InputError):
            lease.renew()

    with every(PERIOD_S, renew):
        yield


@contextmanager
def _alone_here(place: Place, folder: Path) -> Iterator[None]:
    with _said_of(place), alone(folder):
        yield


@contextmanager
def _said_of(place: Place) -> Iterator[None]:
    try:
        yield
    except InputError as error:
        if error.problem == "another run is at work in it":
            raise InputError(
                str(place), f"{error.problem}, on this machine", error.remedy
            ) from error
        raise


def send(file: Path, place: Place, name: str) -> None:
    """Send one file, or all of a folder, to a run at a URL, as ``name``. Raises ``InputError``."""
    assert place.url is not None
    remote = Remote(place.url)
    if file.is_file():
        remote.put(name, file)
        return
    for one in sorted(file.rglob("*")):
        if one.is_file():
            remote.put(f"{name}/{one.relative_to(file).as_posix()}", one)
