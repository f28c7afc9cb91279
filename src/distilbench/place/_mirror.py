"""What a run writes into its local folder, sent to its URL while it is at work.

Every :data:`PERIOD_S` seconds all files that changed are sent, each whole: an object is there as it
was at one moment, or not at all. A journal, which grows, is sent in pieces of whole lines. What
says that something is finished is sent after all else, and what was removed here is removed there
only when everything that took its place has arrived. So what is at the URL can be read, and
resumed, at any moment; a machine that is lost takes the work of the last few seconds with it.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from distilbench.errors import InputError
from distilbench.place._copy import Here, files_of, pieces_of, stamp_here
from distilbench.place._lease import EXPIRES_S, Lease, TakenOver
from distilbench.place._leaving import MARKERS, is_half, travels
from distilbench.place._remote import Remote

PERIOD_S = 5.0
PATIENCE_S = 60.0
"""How long the end of a run waits for a store that does not answer."""
_GROWS = "journal.jsonl"
_AT_ONCE = 8
_PAGES = "report/"  # may be another's


@dataclass
class _Tail:
    """Of a file that grows: since when it is sent under this name, and how far."""

    since: str
    end: int = 0
    last: bytes = b""


class Mirror:
    """Sends ``folder`` until it is closed."""

    def __init__(
        self,
        folder: Path,
        remote: Remote,
        sent: dict[str, Here],
        log: IO[str],
        lease: Lease,
    ) -> None:
        self.remote = remote
        self._folder, self._log, self._lease = folder, log, lease
        there = pieces_of(files_of(remote))
        whole = [name for name, made_of in there.items() if name in made_of]
        self._sent: dict[str, Here | None] = {**dict.fromkeys(whole), **sent}
        self._pieces = {
            name: [piece for piece in made_of if piece != name]
            for name, made_of in there.items()
            if made_of != [name]
        }
        self._tails: dict[str, _Tail] = {}
        self._missed: set[str] = set()
        self._asked_at = time.time()

    def send(self) -> None:
        """Bring the URL up to date, once. Raises ``InputError`` if the store does not take it, and
        :class:`TakenOver`; what arrived is remembered."""
        found = dict(self._look())
        changed = [name for name, stamp in found.items() if self._sent.get(name) != stamp]
        last = [name for name in changed if name.rpartition("/")[2] in MARKERS]
        rest = [name for name in changed if name not in last]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            went = list(pool.map(self._send, rest, map(found.get, rest)))
        held_back = {name for name, whole in zip(rest, went, strict=True) if not whole}
        for name in sorted(last, key=_shards_first):
            folder = name.rpartition("/")[0]
            if not any(other.startswith(f"{folder}/") for other in held_back):
                self._send(name, found[name])
        if not held_back:
            self._remove_gone(found)

    def renew(self) -> bool:
        """Show that this run is alive; whether somebody asks it to stop."""
        self._asked_at = time.time()
        return self._lease.renew()

    def _remove_gone(self, found: dict[str, Here]) -> None:
        """Names that were missing in the last look too: so this one saw what replaced them. Where
        the run itself is missing, somebody removed the folder, and nothing is removed there."""
        missing = {n for n in (*self._sent, *self._pieces) if n not in found}
        if (self._folder / "run.json").exists():
            for name in missing & self._missed:
                if not name.startswith(_PAGES):
                    self._mind_lease()
                    self.remote.remove([name, *self._pieces.get(name, ())])
                self._pieces.pop(name, None)
                self._sent.pop(name, None)
                self._tails.pop(name, None)
        self._missed = missing

    def _look(self) -> Iterator[tuple[str, Here]]:
        """From above: a marker is seen before what it speaks of, which was there before it."""
        for place, folders, names in os.walk(self._folder):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in names:
                if travels(name):
                    file = Path(place, name)
                    try:
                        yield file.relative_to(self._folder).as_posix(), stamp_here(file)
                    except FileNotFoundError:
                        continue

    def _send(self, name: str, stamp: Here | None) -> bool:
        """Whether it went whole: a log that is being written does not, nor does what is gone."""
        assert stamp is not None
        self._mind_lease()
        file = self._folder / name
        try:
            if name.endswith(f"/{_GROWS}"):
                self._send_tail(name, file)
            elif is_half(name, file):
                return False
            else:
                self.remote.put(name, file)
        except FileNotFoundError:
            return False
        self._sent[name] = stamp
        self._log.write(json.dumps([name, *stamp]) + "\n")
        return True

    def _send_tail(self, name: str, file: Path) -> None:
        """What a journal has grown by, up to its last whole line."""
        tail = self._tails.get(name)
        with file.open("rb") as lines:
            if tail is not None:  # the same file, only longer?
                lines.seek(tail.end - len(tail.last))
                if lines.read(len(tail.last)) != tail.last:
                    tail = None
            if tail is None:
                tail = self._tails[name] = _Tail(f"{time.time_ns():020}")
                lines.seek(0)
            data = lines.read()
        data = data[: data.rfind(b"\n") + 1]
        if data:
            piece = f"{name}.d/{tail.since}-{tail.end:015}"
            self._pieces.setdefault(name, []).append(piece)
            self.remote.write(piece, data)
            tail.end += len(data)
            tail.last = data[-64:]

    def _mind_lease(self) -> None:
        """After a pause (a machine that slept) another may have taken over: look before writing."""
        if abs(time.time() - self._asked_at) > EXPIRES_S / 2:
            self.renew()


class Sending:
    """A thread that mirrors until it is told to end. In that thread, ``note`` is told when the
    store does not answer and when it does again, and ``stop`` is called, once, when the run is to
    end: somebody asked it to, or :attr:`lost` says why."""

    def __init__(
        self, mirror: Mirror, note: Callable[[str], object], stop: Callable[[], object]
    ) -> None:
        self._mirror, self._note, self._stop = mirror, note, stop
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="distilbench-mirror", daemon=True)
        self.lost: InputError | None = None
        """Why nothing may be written any more."""
        self._silent = self._asked = False
        self._thread.start()

    def _work(self) -> None:
        while not self.lost and not self._over.wait(PERIOD_S):
            self._once()

    def _once(self) -> InputError | None:
        """Send what is new; why it did not go."""
        problem: InputError | None = None
        try:
            asked = self._mirror.renew()
            self._mirror.send()
        except TakenOver as error:
            asked, problem = True, error
            self.lost = error
        except (InputError, OSError) as error:
            asked, problem = False, error if isinstance(error, InputError) else _of_here(error)
            if not self._silent:
                self._note(f"{problem}; the run goes on, and sends what it has when it can")
            self._silent = True
        else:
            if self._silent:
                self._note(f"{self._mirror.remote.url} answers again: all is sent")
            self._silent = False
        if asked and not self._asked and not self._over.is_set():
            self._asked = True
            self._stop()
        return problem

    def end(self, patience_s: float) -> InputError | None:
        """Send the rest, and stop; why it could not be sent."""
        self._over.set()
        self._thread.join()
        until = time.monotonic() + patience_s
        while not self.lost:
            # The second look removes what the first one missed.
            problem = self._once() or self._once()
            if problem is None or time.monotonic() > until:
                return problem
            time.sleep(1.0)
        return self.lost


def _of_here(error: OSError) -> InputError:
    return InputError(str(error.filename or "a file"), error.strerror or str(error), "mend it")


def _shards_first(name: str) -> tuple[bool, str]:
    return name.endswith(("/cell.json", "/ended.json")), name


def sent_log(folder: Path) -> Path:
    """Beside the folder, in which only the run's own files are."""
    return folder.with_name(f".{folder.name}.sent.jsonl")


def begun_log(file: Path, sessions: Sequence[str], sent: dict[str, Here]) -> IO[str]:
    """What was sent by which sessions of this machine, so that its next one goes on from there."""
    partial = file.with_name(f"{file.name}.new")
    with partial.open("w", encoding="utf-8") as log:
        log.write(json.dumps(list(sessions)) + "\n")
        log.writelines(json.dumps([name, *stamp]) + "\n" for name, stamp in sent.items())
    partial.replace(file)
    return file.open("a", encoding="utf-8", buffering=1)


def last_sent(file: Path) -> tuple[list[str], dict[str, Here]]:
    """The sessions of this machine since another's, and what they sent. The last line may be
    cut."""
    sessions: list[str] = []
    sent: dict[str, Here] = {}
    with suppress(OSError, ValueError, TypeError):
        lines = iter(file.read_text("utf-8").splitlines())
        sessions = [str(session) for session in json.loads(next(lines, "[]"))]
        for line in lines:
            name, size, at = json.loads(line)
            sent[str(name)] = (int(size), int(at))
    return sessions, sent
