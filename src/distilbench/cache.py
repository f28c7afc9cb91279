"""What is found or made once and then kept, in a folder that several processes use at once."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from distilbench.files import whole_alone, write_json


def cache_folder() -> Path:
    """``$DISTILBENCH_CACHE``, else ``~/.cache/distilbench``; made if missing."""
    folder = Path(os.environ.get("DISTILBENCH_CACHE", "~/.cache/distilbench")).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold a file or folder, there or not yet; others that want to wait. The lock itself is a file
    of the cache: none is left beside what users keep."""
    from filelock import FileLock

    locks = cache_folder() / "locks"
    locks.mkdir(exist_ok=True)
    with FileLock(locks / hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:16]):
        yield


def remembered(kind: str, key: str, find: Callable[[], str]) -> str:
    """The text of ``key`` in ``<cache>/<kind>.json``, found and noted there the first time.

    What is damaged there is found again. Nobody waits while another finds: only noting is locked.
    """
    file = cache_folder() / f"{kind}.json"
    known = _notes(file).get(key)
    if known is None:
        known = find()
        with held(file):
            write_json(file, {**_notes(file), key: known})
    return known


def made_once(path: Path, make: Callable[[Path], object]) -> Path:
    """The file or folder ``path``, made the first time: ``make`` is given the name to make it
    under. Others wait meanwhile, and find it whole."""
    if not path.exists():
        with held(path):
            if not path.exists():
                with whole_alone(path) as partial:
                    make(partial)
    return path


def _notes(file: Path) -> dict[str, str]:
    try:
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    noted = found.items() if isinstance(found, dict) else ()
    return {key: value for key, value in noted if isinstance(value, str)}
