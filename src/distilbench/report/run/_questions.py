"""The section of the questions themselves: in the page if they are few, else by ``view``."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from distilbench.errors import InputError
from distilbench.report.page import Answer, Asked, Pre, Questions, Said, Section, Text
from distilbench.report.run._answers import answers
from distilbench.transcripts import Message, Transcript, read_transcripts

if TYPE_CHECKING:
    import polars as pl

    from distilbench.report.run._data import RunData

Frame = TypeVar("Frame", "pl.DataFrame", "pl.LazyFrame")
_MOST_SAMPLES = 2_000
_MOST_CHARACTERS = 1_500_000
_MOST_HELD = 32 * 2**20
"""Characters of a cell's transcripts, with the prompts, which the page holds once."""
_CUT = ("length", "context_overflow", "timeout", "over_energy")
_CAPTION = (
    "Every question with the prompt, the answers side by side, what was extracted from them, the"
    " target, score, output tokens and seconds. The address of this page holds the view."
)
NO_TRANSCRIPT = "The run directory holds no transcript of it (imported results have none)."
QUESTION = ("task", "seed", "sample_id", "epoch")
"""Columns that say which question a sample answers."""


def questions(data: RunData) -> Section:
    """Every question of a small run in a browser, of a larger one the command that shows them."""
    title, some = "Questions", answers(data).blocks
    if data.samples.height <= _MOST_SAMPLES:
        try:
            block = _browser(data)
        except InputError as error:
            why = f"The questions are not shown here, a transcript is not readable: {error}"
            return Section(title, (Text(why), *some))
        if block:
            return Section(title, (block, *some))
    said = f"{data.samples.height:,} samples are too many for a page. With their transcripts:"
    runs = [shlex.quote(str(folder)) for folder in data.folders.values()]
    command = " ".join(["distilbench view", *(runs or ["RUN"])])
    return Section(title, (Text(said), Pre(command), *some))


def _browser(data: RunData) -> Questions | None:
    """All questions with their transcripts; null if that is too much text for a page."""
    found: dict[tuple[Any, ...], Asked] = {}
    room = _MOST_CHARACTERS
    for samples in with_ending(in_order(data.by_variant)).partition_by("cell", maintain_order=True):
        texts = _transcripts(data.folders, samples["cell"][0])
        if texts is None:
            return None
        for row in samples.iter_rows(named=True):
            key = tuple(row[name] for name in QUESTION)
            task, seed, sample_id, epoch = key
            asked = found.setdefault(key, Asked(task, seed, sample_id, epoch, row["target"], {}))
            asked.answers[row["entry"]] = answer_of(row, texts.get((_asked_as(row), epoch)))
            room -= _length(asked.answers[row["entry"]])
        if room < 0:
            return None
    tasks = list(dict.fromkeys(key[0] for key in found))
    models = data.entries or list(dict.fromkeys(data.samples["entry"]))
    return Questions("questions", _CAPTION, models, sorted(tasks), list(found.values()))


def _asked_as(row: dict[str, Any]) -> str:
    """The question's id in its own run: on a page of several it may be another's."""
    return str(row.get("asked_as") or row["sample_id"])


def _transcripts(
    folders: Mapping[str, Path], cell: str | None
) -> dict[tuple[str, int], Transcript] | None:
    """Of a cell; null if they are too much for a page: a log of megabytes may unpack to gigabytes,
    and is not read to its end."""
    run, slash, name = (cell or "").rpartition("/")
    if run + slash not in folders:
        return {}
    found, room = {}, _MOST_HELD
    for transcript in read_transcripts(folders[run + slash], name):
        said = (*transcript.prompt, *transcript.said)
        room -= sum(len(one.text) + len(one.thought or "") for one in said) + 300
        if room < 0:
            return None
        found[transcript.sample_id, transcript.epoch] = transcript
    return found


def _length(answer: Answer) -> int:
    """Characters that an answer adds to the page; most prompts are there already, but for the
    question."""
    said = [*(answer.said or ()), *list(answer.prompt or ())[-1:]]
    return 300 + sum(len(text) + len(thought or "") for _, text, thought in said)


def answer_of(row: dict[str, Any], transcript: Transcript | None) -> Answer:
    """One model's answer: its record, with ``ended`` of :func:`with_ending`, and its transcript."""
    return Answer(
        ended=row["ended"],
        outcome=row["outcome"],
        score=finite(row["score"]),
        extracted=row["answer"],
        error=row["error"],
        tokens=row["output_tokens"],
        thinking_tokens=row["reasoning_tokens"],
        seconds=finite(row["total_s"]),
        graded=transcript.graded if transcript else None,
        prompt=_plain(transcript.prompt) if transcript else None,
        said=_plain(transcript.said) if transcript else None,
        missing=None if transcript else NO_TRANSCRIPT,
    )


def finite(value: float | None) -> float | None:
    """JSON has no other numbers, and a record may come from a stranger."""
    return value if value is not None and math.isfinite(value) else None


def _plain(messages: tuple[Message, ...]) -> list[Said]:
    return [(message.role, message.text, message.thought) for message in messages]


def with_ending(samples: Frame) -> Frame:
    """Samples with ``ended``, how the answer is told apart (``ENDED``): a full score is right,
    whatever ended it; then come errors, limits that cut it off, and no answer."""
    import polars as pl

    score = pl.col("score").fill_nan(None)
    cut = pl.col("outcome").is_in(_CUT) | pl.col("thinking_truncated").fill_null(False)
    ended = (
        pl.when(score >= 1)
        .then(pl.lit("right"))
        .when(pl.col("outcome").is_in(["error", "crash", "out_of_memory"]))
        .then(pl.lit("error"))
        .when(cut)
        .then(pl.lit("cut off"))
        .when(pl.col("answer").is_null() | score.is_null())
        .then(pl.lit("no answer"))
        .when(score > 0)
        .then(pl.lit("partly right"))
        .otherwise(pl.lit("wrong"))
    )
    return samples.with_columns(ended=ended)


def in_order(samples: Frame) -> Frame:
    """Task by task, by the number that ends a question's id: sums-2 before sums-10."""
    import polars as pl

    number = pl.col("sample_id").str.extract(r"(\d{1,18})$").cast(pl.Int64)
    name = pl.col("sample_id").str.replace(r"\d{1,18}$", "")
    return samples.sort("task", "seed", name, number, "sample_id", "epoch", maintain_order=True)
