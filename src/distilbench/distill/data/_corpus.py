"""Training and held-out data: questions of a task, or plain text; and their tokens."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.distill.recipe import Recipe
from distilbench.engines import few_shot_prompt
from distilbench.errors import InputError
from distilbench.tasks import (
    FileTask,
    Question,
    QuestionSet,
    ReasoningGymTask,
    build_task,
    make_questions,
    worked_answer,
)

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Message = dict[str, str]
Task = ReasoningGymTask | FileTask


@dataclass(frozen=True)
class Example:
    """Token ids of a prompt, which no loss is taken on, and of what follows it."""

    prompt: tuple[int, ...]
    completion: tuple[int, ...]

    @property
    def ids(self) -> tuple[int, ...]:
        return self.prompt + self.completion

    def row(self) -> dict[str, Any]:
        """As a row of a data set, for a collator."""
        return {"prompt": list(self.prompt), "completion": list(self.completion)}

    def cut(self, length: int) -> Example:
        """The first ``length`` tokens."""
        return Example(self.prompt[:length], self.completion[: max(0, length - len(self.prompt))])


@dataclass(frozen=True)
class Asked:
    """A question as a conversation, its reference answer, and what it is graded by."""

    question: Question
    messages: tuple[Message, ...]
    gold: str


@dataclass(frozen=True)
class Corpus:
    """What a recipe trains on and holds out: questions, or plain texts.

    ``overlapping`` training questions had the text of a held-out one and were left out.
    """

    train: tuple[Asked, ...] = ()
    held_out: tuple[Asked, ...] = ()
    train_texts: tuple[str, ...] = ()
    held_out_texts: tuple[str, ...] = ()
    overlapping: int = 0

    @property
    def digest(self) -> str:
        """SHA-256 over everything the student may be trained on (the teacher's answers apart)."""
        parts = [
            *self.train_texts,
            *("\n".join(map(str, (*_words(a.question), a.gold))) for a in self.train),
        ]
        return hashlib.sha256("\x00".join(parts).encode()).hexdigest()


def load_corpus(recipe: Recipe, where: str) -> Corpus:
    """Read the data. No held-out text is among the training texts: overlaps leave training.

    Raises ``InputError`` if the data cannot be read, or nothing is left to train on.
    """
    if recipe.data.text is not None:
        return _plain(recipe, recipe.data.text)
    spec = recipe.task
    assert spec is not None
    wanted = recipe.data.questions
    held = make_questions(_asking(spec, recipe.held_out.questions), recipe.held_out.seed)
    made = make_questions(_asking(spec, wanted + recipe.held_out.questions), recipe.data.seed)
    secret = {_words(question) for question in (*held.questions, *held.examples)}
    fresh = [question for question in made.questions if _words(question) not in secret]
    if not fresh:
        raise InputError(
            f"{where}: field 'data'",
            "every training question is held out too",
            "give other questions, or lower 'held_out.questions'",
        )
    return Corpus(
        train=_ask(spec, made, fresh[:wanted]),
        held_out=_ask(spec, held, held.questions),
        overlapping=len(made.questions) - len(fresh),
    )


def prompt_ids(tokenizer: PreTrainedTokenizerBase, asked: Asked) -> tuple[int, ...]:
    """Tokens of a prompt, rendered as the embedded engine renders it: by the chat template, or as
    few-shot text for a model without one."""
    messages = list(asked.messages)
    if tokenizer.chat_template:
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        return tuple(tokenizer(str(text), add_special_tokens=False)["input_ids"])
    return tuple(unended(tokenizer, tokenizer(few_shot_prompt(messages))["input_ids"]))


def completion_ids(tokenizer: PreTrainedTokenizerBase, answer: str) -> tuple[int, ...]:
    """Tokens of an answer and its end, once: an answer may bear it already."""
    text = answer.strip() if tokenizer.chat_template else f" {answer.strip()}"
    ids = unended(tokenizer, tokenizer(text, add_special_tokens=False)["input_ids"])
    end = tokenizer.eos_token_id
    return tuple(ids if end is None else [*ids, end])


def unended(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> list[int]:
    """Tokens without the end tokens behind them, which a text, or a tokenizer that ends whatever
    it reads, may bring. White space before them is not the text's either."""
    left, end = list(ids), tokenizer.eos_token_id
    while left and left[-1] == end:
        left.pop()
    if len(left) < len(ids):
        while left and not str(tokenizer.decode(left[-1:])).strip():
            left.pop()
    return left


def answered(
    tokenizer: PreTrainedTokenizerBase, asked: Asked, answer: str, max_length: int
) -> Example | None:
    """Question and answer as an example; None where the prompt alone fills ``max_length``."""
    example = Example(prompt_ids(tokenizer, asked), completion_ids(tokenizer, answer))
    cut = example.cut(max_length)
    return cut if cut.completion else None


def blocks(
    tokenizer: PreTrainedTokenizerBase, texts: tuple[str, ...], max_length: int
) -> list[Example]:
    """Texts one behind the other, with the end token between them, cut into equal lengths. The
    rest at the end is an example of its own."""
    end = tokenizer.eos_token_id
    ids: list[int] = []
    for text in texts:
        ids += [*unended(tokenizer, tokenizer(text)["input_ids"]), *([] if end is None else [end])]
    cut = [tuple(ids[at : at + max_length]) for at in range(0, len(ids), max_length)]
    return [Example((), part) for part in cut if len(part) > 1]


def _words(question: Question) -> tuple[object, ...]:
    """All that is said up to the answer: of two conversations the last turn may be the same."""
    return (*question.before, question.text)


def _asking(spec: Task, questions: int) -> Task:
    return spec.model_copy(update={"questions": questions})


def _ask(spec: Task, made: QuestionSet, questions: Sequence[Question]) -> tuple[Asked, ...]:
    """Questions with the conversation that the suite's own task has for them."""
    task = build_task(spec, made.model_copy(update={"questions": tuple(questions)}))
    asked = []
    for question, sample in zip(questions, task.dataset, strict=True):
        messages = sample.input if isinstance(sample.input, list) else []
        spoken = tuple({"role": m.role, "content": m.text} for m in messages)
        asked.append(Asked(question, spoken, worked_answer(spec, question)))
    return tuple(asked)


def _plain(recipe: Recipe, path: Path) -> Corpus:
    texts = _texts(path, recipe.data.column)
    if len(texts) == 1:  # one long text: its last part is held out
        at = int(len(texts[0]) * (1 - recipe.held_out.share))
        texts = [texts[0][:at], texts[0][at:]]
    count = min(len(texts) - 1, max(1, round(len(texts) * recipe.held_out.share)))
    train, held = tuple(texts[:-count]), tuple(texts[-count:])
    secret = set(held)
    kept = tuple(text for text in train if text and text not in secret)
    if not kept or not any(held):
        raise InputError(str(path), "is too short to hold a part of it out", "give more text")
    return Corpus(train_texts=kept, held_out_texts=held, overlapping=len(train) - len(kept))


def _texts(path: Path, column: str) -> list[str]:
    if not path.is_file():
        raise InputError(str(path), "there is no such file", "correct 'data.text'")
    if path.suffix not in (".txt", ".jsonl"):
        raise InputError(str(path), "is no .txt or .jsonl file", "convert it to one")
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(str(path), "is not UTF-8", "convert it") from error
    if path.suffix == ".txt":
        return [text]
    rows = []
    # Not splitlines: JSON strings may hold the other separators of lines that it knows.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            rows.append(_row(line, column, f"{path}: row {number}"))
    return rows


def _row(line: str, column: str, where: str) -> str:
    try:
        value: Any = json.loads(line)[column]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(where, f"has no text in {column!r}", "set 'data.column'") from error
    if not isinstance(value, str) or not value.strip():
        raise InputError(where, f"column {column!r} is no text", "mend or remove the row")
    return value
