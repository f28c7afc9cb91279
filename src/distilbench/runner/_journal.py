"""Finished samples, on disk before anybody is told of them, at a cost that does not grow.

Inspect writes a log whole each time it is flushed: after each sample, that would cost the square of
their number. So the log of a shard is written once, at its end, and each finished sample is also
appended to ``journal.jsonl`` beside it. A worker that is killed leaves both; before the next one
goes on, :func:`restore` puts what only the journal holds into the log, which Inspect then resumes.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO, TYPE_CHECKING

from distilbench.files import whole_file
from distilbench.transcripts import (
    JOURNAL,
    journal_line,
    read_journal,
    read_log,
    read_log_samples,
)

if TYPE_CHECKING:
    from inspect_ai.log import EvalSample


class Journal:
    """Of the shard under way."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None

    def begin(self, folder: Path) -> None:
        """Write from here on beside the logs in ``folder``."""
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / JOURNAL).open("ab")

    def add(self, sample: EvalSample) -> None:
        """Handed to the system when this returns: the death of this process does not lose it."""
        if self._file is not None:
            self._file.write(journal_line(sample))
            self._file.flush()

    def end(self) -> None:
        """The log holds all of it."""
        if self._file is not None:
            self._file.close()
            Path(self._file.name).unlink()
            self._file = None


def restore(folder: Path) -> int:
    """Put all that the logs and the journal of ``folder`` hold into its newest log, and leave that
    one alone: it is what Inspect resumes, and of an attempt that was killed early it holds less
    than the one before. Returns how many samples it holds that need not be asked again."""
    from inspect_ai.log import write_eval_log

    logs = sorted(folder.glob("*.eval"))
    if len(logs) == 1 and not (folder / JOURNAL).is_file():
        ended = {(str(s.id), s.epoch) for s in read_log_samples(logs[0]) if not s.error}
        return len(ended)
    samples: list[EvalSample] = []
    if logs:
        read = [read_log(path) for path in logs]
        found = [sample for log in read for sample in log.samples or ()]
        found += read_journal(folder)
        found.sort(key=lambda sample: sample.error is None)  # names are times: clocks are set
        newest = read[-1]
        newest.samples = samples = list({(str(s.id), s.epoch): s for s in found}.values())
        with whole_file(logs[-1]) as partial:
            write_eval_log(newest, str(partial), format="eval")
        for path in logs[:-1]:
            path.unlink()
    (folder / JOURNAL).unlink(missing_ok=True)
    return sum(not sample.error for sample in samples)
