"""Digests of model files."""

from __future__ import annotations

import hashlib
from pathlib import Path

from distilbench.architecture import model_files
from distilbench.cache import remembered


def sha256_of(path: Path) -> str:
    """SHA-256 of a file; of a model in several files, over the digests of all of them.

    Remembered by path, size and time of change in the cache folder.
    """
    files = model_files(path)
    if len(files) == 1:
        return _file_sha256(path)
    return hashlib.sha256("\n".join(map(_file_sha256, files)).encode()).hexdigest()


def _file_sha256(path: Path) -> str:
    def find() -> str:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    stat = path.stat()
    return remembered("sha256", f"{path}|{stat.st_size}|{stat.st_mtime_ns}", find)
