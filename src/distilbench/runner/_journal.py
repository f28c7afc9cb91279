"""Finished samples, on disk before anybody is told of them, at a cost that does not grow.

Inspect writes a log whole each time it is flushed: after each sample, that would cost the square of
their number. So the log of a shard is written once, at its end, and each finished sample is also
appended to ``journal.jsonl`` beside it. A worker that is killed leaves both; before the next one
goes on, :func:`restore` puts what only the journal holds into the log, which Inspect then resumes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from distilbench.files import whole_file

if TYPE_CHECKING:
    from inspect_ai.log import EvalSample

_NAME = "journal.jsonl"


class Journal:
    """Of the shard under way."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None

    def begin(self, folder: Path) -> None:
        """Write from here on beside the logs in ``folder``."""
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / _NAME).open("ab")

    def add(self, sample: EvalSample) -> None:
        """Handed to the system when this returns: the death of this process does not lose it."""
        if self._file is not None:
            self._file.write(sample.model_dump_json().encode() + b"\n")
            self._file.flush()

    def end(self) -> None:
        """The log holds all of it."""
        if self._file is not None:
            self._file.close()
            Path(self._file.name).unlink()
            self._file = None


def restore(folder: Path) -> None:
    """Put the samples that only the journal holds into the newest log of ``folder``."""
    from inspect_ai.log import read_eval_log, write_eval_log

    logs = sorted(folder.glob("*.eval"))
    if logs and (folder / _NAME).is_file():
        log = read_eval_log(str(logs[-1]))
        known = {(str(sample.id), sample.epoch): sample for sample in log.samples or ()}
        journaled = {(str(sample.id), sample.epoch): sample for sample in read_journal(folder)}
        log.samples = list((known | journaled).values())
        with whole_file(logs[-1]) as partial:
            write_eval_log(log, str(partial), format="eval")
    (folder / _NAME).unlink(missing_ok=True)


def read_journal(folder: Path) -> Iterator[EvalSample]:
    """Its samples, oldest first. The last line is cut if the worker died while it wrote it: that
    sample was not finished."""
    from inspect_ai.log import EvalSample

    if not (folder / _NAME).is_file():
        return
    with (folder / _NAME).open("rb") as lines:
        for line in lines:
            if line.endswith(b"\n"):
                yield EvalSample.model_validate_json(line)
