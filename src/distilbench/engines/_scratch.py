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
        shutil.rmtree(self.path, ignore_errors=True)


def sweep_scratch() -> None:
    """Remove this user's folders whose process is gone. Windows has none of these locks."""
    if sys.platform == "win32":
        return
    place, now = Path(tempfile.gettempdir()), time.time()
    for folder in (*place.glob(f"{_PREFIX}*"), *place.glob(f".{_PREFIX}*")):
        with suppress(OSError):
            seen = folder.lstat()
            being_made = folder.name.startswith(".") and now - seen.st_mtime < _MAKING_S
            if folder.is_symlink() or seen.st_uid != os.getuid() or being_made:
                continue
            with (folder / _LOCK).open("r+b") as lock:
                if _locked(lock):
                    shutil.rmtree(folder, ignore_errors=True)


def _locked(lock: IO[bytes]) -> bool:
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
