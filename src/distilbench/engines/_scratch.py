"""A folder for what a process writes while it lives (an engine, a job on another machine), removed
with it, or, if all that knew of it was killed, by the next run."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

_PREFIX = "distilbench-"
_LOCK = "lock"
_GONE = ".gone"
_MAKING_S = 60.0  # far more than the moment before a new one is locked


class Scratch:
    """It is locked as long as this process lives: that, and no process id, tells whether it is
    still used, as containers that share it number their processes alike."""

    def __init__(self) -> None:
        made = Path(tempfile.mkdtemp(prefix=f".{_PREFIX}"))
        self._lock = (made / _LOCK).open("ab")
        _locked(self._lock)
        self.path = made.rename(made.with_name(made.name[1:]))  # seen by others from here on

    def remove(self) -> None:
        self._lock.close()
        _remove(self.path)


def sweep_scratch() -> None:
    """Remove this user's folders whose process is gone. Windows has none of these locks."""
    if sys.platform == "win32":
        return
    place, now = Path(tempfile.gettempdir()), time.time()
    for folder in (*place.glob(f"{_PREFIX}*"), *place.glob(f".{_PREFIX}*")):
        with suppress(OSError):
            seen = folder.lstat()
            if folder.is_symlink() or seen.st_uid != os.getuid():
                continue
            if folder.name.startswith("."):  # being made or removed
                old = now - seen.st_mtime > _MAKING_S
                never_used = old and {path.name for path in folder.iterdir()} <= {_LOCK}
                if never_used or folder.name.endswith(_GONE):
                    shutil.rmtree(folder, ignore_errors=True)
                continue
            with (folder / _LOCK).open("r+b") as lock:
                if _locked(lock):
                    _remove(folder)


def _remove(folder: Path) -> None:
    """Under another name first: if this process is killed in the midst of it, the lock may be gone
    before the rest, and what has no lock is somebody else's."""
    gone = folder.with_name(f".{folder.name}{_GONE}")
    with suppress(OSError):
        shutil.rmtree(folder.rename(gone), ignore_errors=True)


def _locked(lock: IO[bytes]) -> bool:
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
