"""From a URL into a local folder: a run that may be written meanwhile, as it is now."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from distilbench.cache import cache_folder, held
from distilbench.errors import InputError
from distilbench.files import whole_file, write_json
from distilbench.place._lease import FOLDER
from distilbench.place._place import Place
from distilbench.place._remote import Remote, Stamp

SEGMENT = re.compile(r"(?P<file>.+)\.d/(?P<since>\d{20})-(?P<first>\d{15})")
"""A file that grows is sent piece by piece: ``journal.jsonl.d/<when it began>-<first byte>``."""
_AT_ONCE = 8
_LOOKS = 3
Here = tuple[int, int]
"""Bytes of a local file, and the nanosecond it was written in."""
Wanted = Callable[[str, dict[str, Stamp]], bool]


def everything(name: str, listing: dict[str, Stamp]) -> bool:
    return True


def without_finished_logs(name: str, listing: dict[str, Stamp]) -> bool:
    """What says how far a run is: no logs of what is finished."""
    folder, logs, _ = name.rpartition("/logs/")
    return not logs or (
        f"{folder}/shard.json" not in listing and f"{folder}/cell.json" not in listing
    )


@contextmanager
def copied(place: Place, wanted: Wanted = everything) -> Iterator[Path]:
    """A local folder that holds what is at ``place``: that itself, or a copy, in which what is
    written stays here. A copy is kept in the cache, so that next time only what is new is read; an
    ``InputError`` on something in it names it as it is at the URL."""
    if place.url is None:
        yield place.path
        return
    folder = kept_at("copies", place)
    with held(folder.parent):
        pull(Remote(place.url), folder, wanted)
        try:
            yield folder
        except InputError as error:
            if str(folder) not in str(error):
                raise
            parts = (error.where, error.problem, error.remedy)
            named = [part.replace(str(folder), place.url) for part in parts]
            raise InputError(*named) from error


def kept_at(kind: str, place: Place) -> Path:
    """The folder in the cache that stands for a URL; its name is the run's."""
    import hashlib

    digest = hashlib.sha256(str(place.url).encode()).hexdigest()[:16]
    folder = cache_folder() / kind / digest
    folder.mkdir(parents=True, exist_ok=True)
    return folder / place.path.name


def pull(
    remote: Remote, folder: Path, wanted: Wanted = everything, leave: tuple[str, ...] = ()
) -> dict[str, Stamp]:
    """Make ``folder`` hold what is at the URL, but for the folders below it in ``leave``; returns
    what is there. What the last pull brought and has not changed there stays as it is; what has
    gone from there goes. Files may come and go meanwhile: it looks again until two looks agree."""
    folder.mkdir(parents=True, exist_ok=True)
    state = Pulled.read(folder)
    listing: dict[str, Stamp] = {}
    for _ in range(_LOOKS):
        before, listing = listing, files_of(remote)
        if listing == before:
            break
        chosen = {name: listing[name] for name in listing if wanted(name, listing)}
        _pull_changed(remote, folder, chosen, state, tuple(f"{part}/" for part in leave))
    state.write(folder)
    return listing


def files_of(remote: Remote) -> dict[str, Stamp]:
    """All files of a run at a URL, but its lease. Raises ``InputError`` if a name among them would
    lead out of the folder it is copied into."""
    listing = remote.files()
    for name in listing:
        if {"", ".", ".."} & set(name.split("/")) or "\\" in name or "\0" in name:
            raise InputError(f"{remote.url}/{name}", "has no name of a file", "remove it there")
    return {n: s for n, s in listing.items() if not n.startswith(f"{FOLDER}/")}


@dataclass
class Pulled:
    """What a folder was given by the last pull: for each file its stamps there (of each piece) and
    here."""

    there: dict[str, list[Stamp]] = field(default_factory=dict)
    here: dict[str, Here] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Pulled:
        """That of no pull, if it is damaged: all is brought again."""
        try:
            found = json.loads(_state(folder).read_text("utf-8"))
            there = {n: [(int(a), str(b)) for a, b in v] for n, v in found["there"].items()}
            here = {n: (int(a), int(b)) for n, (a, b) in found["here"].items()}
            return cls(there, here)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return cls()

    @classmethod
    def of(cls, folder: Path, listing: dict[str, Stamp]) -> Pulled:
        """That of a folder that agrees with its URL."""
        there = {
            local: [listing[name] for name in names] for local, names in pieces_of(listing).items()
        }
        there = {local: stamps for local, stamps in there.items() if (folder / local).exists()}
        return cls(there, {local: stamp_here(folder / local) for local in there})

    def write(self, folder: Path) -> None:
        write_json(_state(folder), {"there": self.there, "here": self.here})


def _state(folder: Path) -> Path:
    """Beside the folder, in which only the run's own files are."""
    return folder.with_name(f".{folder.name}.copied.json")


def stamp_here(file: Path) -> Here:
    stat = file.stat()
    return stat.st_size, stat.st_mtime_ns


def _pull_changed(
    remote: Remote, folder: Path, listing: dict[str, Stamp], state: Pulled, leave: tuple[str, ...]
) -> None:
    pieces = {n: p for n, p in pieces_of(listing).items() if not n.startswith(leave)}
    there = {local: [listing[name] for name in names] for local, names in pieces.items()}
    changed = [
        local
        for local, stamps in there.items()
        if state.there.get(local) != stamps or not (folder / local).exists()
    ]
    for local in state.there.keys() - there.keys():
        if not local.startswith(leave):
            (folder / local).unlink(missing_ok=True)
        del state.there[local], state.here[local]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        fetched = pool.map(lambda local: _fetch(remote, folder, local, pieces[local]), changed)
        for local, whole in zip(changed, fetched, strict=True):
            if whole:
                state.there[local] = there[local]
                state.here[local] = stamp_here(folder / local)


def pieces_of(listing: dict[str, Stamp]) -> dict[str, list[str]]:
    """Local files, and the names of what each is made from, in order."""
    found: dict[str, list[str]] = {}
    for name in sorted(listing):
        segment = SEGMENT.fullmatch(name)
        found.setdefault(segment["file"] if segment else name, []).append(name)
    return found


def _fetch(remote: Remote, folder: Path, local: str, names: list[str]) -> bool:
    """Whether it was still there."""
    if names == [local]:
        return remote.get(local, folder / local)
    with whole_file(folder / local) as partial, partial.open("wb") as file:
        for name in names:  # whole lines each, in their order
            file.write(remote.read(name) or b"")
    return True
