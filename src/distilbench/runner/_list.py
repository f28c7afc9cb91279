"""The runs of a folder or a URL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from distilbench.errors import InputError
from distilbench.place import Place, Remote, who_is_at_work
from distilbench.seals import unsealed

_FACTS = "run.json"


@dataclass(frozen=True)
class ListedRun:
    run: str
    """Folder or URL."""
    state: str
    """As :class:`distilbench.place.At` says it, or ``damaged``."""
    cells: int | None
    finished: int | None
    created: str | None


def list_runs(place: Place) -> list[ListedRun]:
    """Each run directory in a folder or at a URL, or that one itself if it is one, by name. Raises
    ``InputError`` if there is no such folder."""
    if place.url is None:
        return list(_local(place))
    return list(_remote(place))


def _local(place: Place) -> Iterator[ListedRun]:
    if not place.path.is_dir():
        raise InputError(str(place), "is no folder", "give the folder of runs (default: runs)")
    folders = [place.path] if (place.path / _FACTS).is_file() else sorted(place.path.iterdir())
    for folder in folders:
        file = folder / _FACTS
        if file.is_file() and not folder.name.startswith("."):
            names = {f"cells/{p.parent.name}" for p in folder.glob("cells/*/cell.json")}
            yield _listed(Place(folder), file.read_bytes(), names)


def _remote(place: Place) -> Iterator[ListedRun]:
    assert place.url
    remote = Remote(place.url)
    files = remote.files()
    runs = (
        [""]
        if _FACTS in files
        else sorted(
            name.partition("/")[0]
            for name in files
            if name.endswith(f"/{_FACTS}") and name.count("/") == 1
        )
    )
    for run in runs:
        start = f"{run}/" if run else ""
        names = {
            name[len(start) :].rpartition("/")[0]
            for name in files
            if name.startswith(f"{start}cells/") and name.endswith("/cell.json")
        }
        yield _listed(place / run if run else place, remote.read(f"{start}{_FACTS}"), names)


def _listed(place: Place, data: bytes | None, done: set[str]) -> ListedRun:
    state = who_is_at_work(place, watch_s=0).state
    try:
        facts: Any = json.loads(unsealed(data or b"") or b"")
        planned = [f"cells/{cell}" for cell in facts["cells"]]
        finished = sum(cell in done for cell in planned)
        return ListedRun(str(place), state, len(planned), finished, facts.get("created"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ListedRun(str(place), "damaged", None, None, None)
