"""Training and held-out data: questions of a task, or plain text; and their tokens."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.distill.data._chats import Chat, chat_of, read_chats
from distilbench.distill.data._splits import fresh, in_order, split
from distilbench.distill.data._texts import text_of, text_splits
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
    """Token ids of a prompt, which no loss is taken on, and of what follows it. ``learnt``: of
    which of its tokens a loss is taken; empty: of all."""

    prompt: tuple[int, ...]
    completion: tuple[int, ...]
    learnt: tuple[bool, ...] = ()

    @property
    def ids(self) -> tuple[int, ...]:
        return self.prompt + self.completion

    def row(self) -> dict[str, Any]:
        """As a row of a data set, for a collator."""
        parts = {"prompt": self.prompt, "completion": self.completion, "learnt": self.learnt}
        return {name: list(part) for name, part in parts.items()}

    @property
    def labelled(self) -> int:
        """Tokens that a loss is taken on."""
        return sum(self.learnt) if self.learnt else len(self.completion)

    def cut(self, length: int) -> Example:
        """The first ``length`` tokens."""
        left = max(0, length - len(self.prompt))
        return Example(self.prompt[:length], self.completion[:left], self.learnt[:left])


@dataclass(frozen=True)
class Asked:
    """A question as a conversation, its reference answer, and what it is graded by."""

    question: Question
    messages: tuple[Message, ...]
    gold: str


@dataclass(frozen=True)
class Corpus:
    """What a recipe trains on, judges by in between (``validation``) and holds out: questions,
    plain texts, or chats.

    ``overlapping`` training questions, texts or chats were among those of another split too, and
    were left out.
    """

    train: tuple[Asked, ...] = ()
    held_out: tuple[Asked, ...] = ()
    validation: tuple[Asked, ...] = ()
    train_texts: tuple[str, ...] = ()
    held_out_texts: tuple[str, ...] = ()
    validation_texts: tuple[str, ...] = ()
    train_chats: tuple[Chat, ...] = ()
    held_out_chats: tuple[Chat, ...] = ()
    validation_chats: tuple[Chat, ...] = ()
    overlapping: int = 0
    apart: bool = False
    """Whether each training text is an example of its own (packed later), not run into the next."""

    @property
    def digest(self) -> str:
        """SHA-256 over everything the student may be trained on (the teacher's answers apart)."""
        parts = [
            *self.train_texts,
            *map(str, self.train_chats),
            *("\n".join(map(str, (*_words(a.question), a.gold))) for a in self.train),
        ]
        return hashlib.sha256("\x00".join(parts).encode()).hexdigest()


def load_corpus(recipe: Recipe, where: str) -> Corpus:
    """Read the data. No held-out text is among the training texts: overlaps leave training.

    Raises ``InputError`` if the data cannot be read, or nothing is left to train on.
    """
    if recipe.data.text is not None:
        return _texts(recipe, recipe.data.text)
    if recipe.data.chat is not None:
        return _chats(recipe, recipe.data.chat)
    return _asked(recipe, where)


def _texts(recipe: Recipe, path: Path) -> Corpus:
    (train, validation, held), overlapping = fresh(text_splits(recipe, path), path)
    column = recipe.data.column or "text"
    return Corpus(
        train_texts=in_order(
            train, recipe.data.curriculum, path, lambda line, where: text_of(line, column, where)
        ),
        validation_texts=validation,
        held_out_texts=held,
        overlapping=overlapping,
        apart=recipe.training.packing,
    )


def _chats(recipe: Recipe, path: Path) -> Corpus:
    column, order = recipe.data.column or "messages", recipe.data.curriculum
    rows = split(recipe, read_chats(path, column), path)
    (train, validation, held), overlapping = fresh(rows, path)
    return Corpus(
        train_chats=in_order(
            train,
            None if order == "length" else order,
            path,
            lambda line, where: chat_of(line, column, where),
        ),
        validation_chats=validation,
        held_out_chats=held,
        overlapping=overlapping,
    )


def _asked(recipe: Recipe, where: str) -> Corpus:
    spec = recipe.task
    assert spec is not None
    wanted, apart = recipe.data.questions, recipe.held_out.questions
    held = make_questions(_asking(spec, apart), recipe.held_out.seed)
    secret = {_words(question) for question in (*held.questions, *held.examples)}
    validation: tuple[Asked, ...] = ()
    if recipe.training.eval_steps is not None:
        count = recipe.validation.questions
        judged = make_questions(_asking(spec, count + apart), recipe.validation.seed)
        own = [q for q in judged.questions if _words(q) not in secret][:count]
        if not own:
            raise InputError(
                f"{where}: field 'validation'",
                "every validation question is held out too",
                "give other questions, or lower 'held_out.questions'",
            )
        validation, apart = _ask(spec, judged, own), apart + count
        secret |= {_words(question) for question in (*own, *judged.examples)}
    made = make_questions(_asking(spec, wanted + apart), recipe.data.seed)
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
        validation=validation,
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
