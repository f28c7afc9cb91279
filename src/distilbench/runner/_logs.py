"""Inspect's logs, read only if they are whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile, ZipFile

from distilbench.errors import InputError

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog

_REMEDY = "put back a copy of it, or remove it: the next run asks its questions again"


def read_log(path: Path) -> EvalLog:
    """A log with its samples. Raises ``InputError`` if a bit of it is another than was written:
    Inspect reads the parts of the ZIP file without looking at their checksums."""
    from inspect_ai.log import read_eval_log

    try:
        with ZipFile(path) as parts:
            torn = parts.testzip()
        if torn is not None:
            raise BadZipFile(torn)
        return read_eval_log(str(path))
    except OSError:
        raise
    except Exception as error:  # of zlib, zstandard, JSON, pydantic: whatever the bit made of it
        raise InputError(str(path), "is damaged", _REMEDY) from error
