"""Which files of a run directory leave their machine, and when; to a URL or another machine."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import IO

MARKERS = ("shard.json", "cell.json")
"""Their presence says that what is in their folder is finished: the last to be sent."""
_SHOWN = (".eval-set-id",)


def travels(name: str) -> bool:
    """Whether others need a file: hidden ones are of one machine alone, but for Inspect's."""
    return not name.startswith(".") or name in _SHOWN


def is_half(name: str, content: Path | IO[bytes]) -> bool:
    """Whether it is an Inspect log whose end is not written yet."""
    return name.endswith(".eval") and not zipfile.is_zipfile(content)
