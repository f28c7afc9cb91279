"""The journal beside a log: a line for each finished sample, readable while it is written.

``runner`` writes it (see there, why); a line is a checksum and the sample as Inspect writes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from distilbench.errors import InputError
from distilbench.seals import sealed_line, unsealed_line

if TYPE_CHECKING:
    from inspect_ai.log import EvalSample

Sample = TypeVar("Sample")
JOURNAL = "journal.jsonl"


def journal_line(sample: EvalSample) -> bytes:
    """What is appended for a sample."""
    return sealed_line(sample.model_dump_json().encode())


def read_journal(folder: Path) -> Iterator[EvalSample]:
    """Its samples, oldest first. A line that is not as it was written, as the last one of a worker
    that died while it wrote, is passed over: that sample is asked again."""
    return journal_as(_whole, folder)


def read_journal_from(folder: Path, first: int) -> Iterator[tuple[EvalSample, int]]:
    """Its samples from a byte on, each with the byte behind it. A last line that is not whole yet
    is left for the next time. Raises ``InputError`` on one that is as it was written and no sample:
    a journal may come from a stranger, or of another version of Inspect."""
    return _lines_as(_whole, folder, first)


def journal_as(read: Callable[[bytes], Sample], folder: Path) -> Iterator[Sample]:
    """Its samples as ``read`` makes them of their JSON. Raises as :func:`read_journal_from`."""
    for sample, _ in _lines_as(read, folder, 0):
        yield sample


def _whole(text: bytes) -> EvalSample:
    from inspect_ai.log import EvalSample

    return EvalSample.model_validate_json(text)


def _lines_as(
    read: Callable[[bytes], Sample], folder: Path, first: int
) -> Iterator[tuple[Sample, int]]:
    if not (folder / JOURNAL).is_file():
        return
    with (folder / JOURNAL).open("rb") as lines:
        lines.seek(first)
        for line in lines:
            text = unsealed_line(line)
            first += len(line)
            if text is None:
                continue
            try:
                found = read(text)
            except ValueError as error:
                where = f"{folder / JOURNAL}: the line that ends at byte {first:,}"
                remedy = "remove the file: what it holds is asked again"
                raise InputError(
                    where, "is no sample of this version of Inspect", remedy
                ) from error
            yield found, first
