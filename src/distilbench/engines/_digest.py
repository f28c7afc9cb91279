"""Digests of model files, and the folder where what takes long is remembered."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from distilbench.architecture import model_files


def sha256_of(path: Path) -> str:
    """SHA-256 of a file; of a model in several files, over the digests of all of them.

    Remembered by path, size and time of change in the cache folder.
    """
    files = model_files(path)
    if len(files) == 1:
        return _file_sha256(path)
    return hashlib.sha256("\n".join(map(_file_sha256, files)).encode()).hexdigest()


def _file_sha256(path: Path) -> str:
    stat = path.stat()
    key = f"{path}|{stat.st_size}|{stat.st_mtime_ns}"
    memory = cache_folder() / "sha256.json"
    try:
        known = json.loads(memory.read_text())
    except (OSError, ValueError):
        known = {}
    if key not in known:
        with path.open("rb") as stream:
            known[key] = hashlib.file_digest(stream, "sha256").hexdigest()
        partial = memory.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps(known))
        partial.replace(memory)
    return str(known[key])


def cache_folder() -> Path:
    """``$DISTILBENCH_CACHE``, else ``~/.cache/distilbench``; made if missing."""
    folder = Path(os.environ.get("DISTILBENCH_CACHE", "~/.cache/distilbench")).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    return folder
