"""What a model was asked and what it said, as plain text, of a cell of a run directory.

Read from the logs and journals below the cell's folder, whichever of its shards they are of.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.transcripts._journal import journal_as
from distilbench.transcripts._logs import sample_as, samples_as
from distilbench.transcripts._texts import SampleTexts, UserText, sample_texts

if TYPE_CHECKING:
    from inspect_ai.log import EvalSample

_ATTACHED = "attachment://"


@dataclass(frozen=True)
class Message:
    role: str
    text: str
    thought: str | None = None
    """Thinking before the text; null: none."""


@dataclass(frozen=True)
class Transcript:
    """One question answered once. ``prompt``: all before the model's first word, examples too;
    ``said``: that and all after it, of a tool too; ``graded``: how the answer was extracted and
    compared, in the scorer's words."""

    sample_id: str
    epoch: int
    prompt: tuple[Message, ...]
    said: tuple[Message, ...]
    graded: str | None = None


def read_transcripts(run_dir: Path, cell: str) -> Iterator[Transcript]:
    """All of a cell, one at a time; of one that several logs hold, the last is the newest. Raises
    ``InputError`` if a log is damaged."""
    for folder in _log_folders(run_dir, cell):
        for log in sorted(folder.glob("*.eval")):
            yield from map(transcript_of, samples_as(sample_texts, log))
        yield from map(transcript_of, journal_as(sample_texts, folder))


def read_transcript(run_dir: Path, cell: str, sample_id: str, epoch: int) -> Transcript | None:
    """That of one sample; null if no log holds it. Of each log, only its list of names and that
    sample are read. Raises as :func:`read_transcripts`."""
    for folder in _log_folders(run_dir, cell):
        newest: SampleTexts | EvalSample | None = None
        for sample in journal_as(sample_texts, folder):
            if (str(sample.id), sample.epoch) == (sample_id, epoch):
                newest = sample
        for log in sorted(folder.glob("*.eval"), reverse=True):
            newest = newest or sample_as(sample_texts, log, sample_id, epoch)
        if newest:
            return transcript_of(newest)
    return None


def transcript_of(sample: SampleTexts | EvalSample) -> Transcript:
    """A sample of a log in plain text."""
    messages: list[Any] = [*sample.messages]
    first = next((n for n, m in enumerate(messages) if _is_generated(m)), len(messages))
    prompt, said = messages[:first], messages[first:]
    if not messages:  # it ended before the model was asked
        given = sample.input
        prompt = [*given] if isinstance(given, list) else [UserText(content=given)]
    if not said and sample.output.completion:
        said = [c.message for c in sample.output.choices[:1]]
    notes = [s.explanation for s in (sample.scores or {}).values() if s.explanation]
    attached = sample.attachments
    return Transcript(
        str(sample.id),
        sample.epoch,
        tuple(_message(message, attached) for message in prompt),
        tuple(_message(message, attached) for message in said),
        _restored(notes[0], attached) if notes else None,
    )


def _log_folders(run_dir: Path, cell: str) -> list[Path]:
    """None of a cell whose name would lead elsewhere: a record may come from a stranger."""
    if cell in ("", ".", "..") or any(sign in cell for sign in "/\\\0"):
        return []
    folder = run_dir / "cells" / cell
    return [*folder.glob("logs"), *sorted(folder.glob("shards/*/logs"))]


def _is_generated(message: Any) -> bool:
    """Not an example: those come with the input, or from a solver that names no model."""
    if message.role != "assistant" or message.source == "input":
        return False
    return bool(message.source == "generate" or message.model)


def _message(message: Any, attached: dict[str, str]) -> Message:
    content = message.content
    parts = [] if isinstance(content, str) else content
    text = content if isinstance(content, str) else "\n".join(map(_part, parts))
    thoughts = [p.reasoning or p.summary or "" for p in parts if p.type == "reasoning"]
    calls = getattr(message, "tool_calls", None) or ()
    text = "\n".join(filter(None, (text.strip("\n"), *map(_call, calls))))
    thought = _restored("\n".join(thoughts), attached) if thoughts else None
    return Message(str(message.role), _restored(text, attached), thought)


def _part(part: Any) -> str:
    """A piece of a message; of a picture or a sound, only that there was one."""
    if part.type == "reasoning":
        return ""
    return str(part.text) if part.type == "text" else f"[{part.type}]"


def _call(call: Any) -> str:
    return f"{call.function}({', '.join(f'{k}={v!r}' for k, v in call.arguments.items())})"


def _restored(text: str, attached: dict[str, str]) -> str:
    """Inspect may keep long texts once, beside the messages that name them."""
    if text.startswith(_ATTACHED):
        return attached.get(text.removeprefix(_ATTACHED), text)
    return text
