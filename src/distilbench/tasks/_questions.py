"""Questions, wherever they come from. Data only: a run keeps them in a file."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Question(BaseModel):
    """``worked`` is the answer as an example shows it; ``target`` is what is compared."""

    model_config = ConfigDict(frozen=True)

    id: str
    text: str
    worked: str
    target: str
    cluster: str
    letters: str | None = None
    """Letters of the choices that it offers; null: none are known."""
    choices: tuple[str, ...] | None = None
    """What is chosen of by likelihood, in the order of ``letters``; null: an answer is written."""
    stratum: str | None = None
    """Of a random subset: the stratum that it was drawn from."""
    before: tuple[tuple[str, str], ...] = ()
    """Of a question that is a conversation: the turns before ``text``, who speaks and what."""


class SkippedRows(BaseModel):
    """Rows of a data file that a suite leaves out because they cannot be asked."""

    model_config = ConfigDict(frozen=True)

    file: str
    skipped: int
    rows: int
    """All rows of the file."""
    first: str
    """Which the first is, and what is wrong of it."""

    @property
    def sentence(self) -> str:
        return (
            f"{self.skipped:,} of {self.rows:,} rows of {self.file} left out (first: {self.first})"
        )


class QuestionSet(BaseModel):
    """What a task asks with one seed: worked examples shown before every question, questions."""

    model_config = ConfigDict(frozen=True)

    examples: tuple[Question, ...]
    questions: tuple[Question, ...]
    strata: dict[str, int] | None = None
    """Of a random subset: how many questions each stratum has in full."""
    sandbox: str | None = None
    """Kind of sandbox in which the task runs code, if it does."""
    tools: tuple[str, ...] | None = ()
    """Names of the tools that the task gives its model; null: not known before it runs."""
    revision: str | None = None
    """Commit of the data set, of a benchmark that the hub describes."""
    skipped: tuple[SkippedRows, ...] = ()
    """Of each file with bad rows, where the suite says ``bad_rows: skip``."""
    overhead_chars: int = 0
    """Characters that a prompt has beside the question: instructions, examples."""
