"""What a student is trained and judged on, from a corpus and the answers to its questions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from distilbench.distill.data._chats import Chat
from distilbench.distill.data._corpus import Asked, Corpus, Example, answered, blocks
from distilbench.distill.data._turns import chat_examples
from distilbench.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Texts = Sequence[Sequence[str]]
"""Answers for each training question."""
T = TypeVar("T")
_SHOWN = 1000  # texts, and characters of a plain text, that activations are measured on


def training_examples(
    corpus: Corpus, texts: Texts, tokenizer: PreTrainedTokenizerBase, max_length: int, where: str
) -> list[Example]:
    """Raises ``InputError`` if no example is left within ``max_length``."""
    if corpus.train_texts and corpus.apart:
        each = (blocks(tokenizer, (text,), max_length) for text in corpus.train_texts)
        return [block for own in each for block in own]
    if corpus.train_texts:
        return blocks(tokenizer, corpus.train_texts, max_length)
    if corpus.train_chats:
        return some_left(chat_examples(tokenizer, corpus.train_chats, max_length, where), where)
    made = (answered(tokenizer, asked, t, max_length) for asked, t in asked_texts(corpus, texts))
    return some_left([example for example in made if example], where)


def held_out_examples(
    corpus: Corpus, tokenizer: PreTrainedTokenizerBase, max_length: int, where: str
) -> list[Example]:
    """Raises ``InputError`` if no example is left within ``max_length``."""
    apart = corpus.held_out_texts, corpus.held_out_chats, corpus.held_out
    return _apart(*apart, tokenizer, max_length, where)


def validation_examples(
    corpus: Corpus, tokenizer: PreTrainedTokenizerBase, max_length: int, where: str
) -> list[Example]:
    """None, if the corpus has no such split. Raises ``InputError`` if no example is left within
    ``max_length``."""
    apart = corpus.validation_texts, corpus.validation_chats, corpus.validation
    return _apart(*apart, tokenizer, max_length, where) if any(apart) else []


def _apart(
    texts: tuple[str, ...],
    chats: Sequence[Chat],
    asked: Sequence[Asked],
    tokenizer: PreTrainedTokenizerBase,
    max_length: int,
    where: str,
) -> list[Example]:
    if texts:
        return blocks(tokenizer, texts, max_length)
    if chats:
        return some_left(chat_examples(tokenizer, chats, max_length, where), where)
    made = (answered(tokenizer, one, one.gold, max_length) for one in asked)
    return some_left([example for example in made if example], where)


def length_notes(
    prompts: Sequence[int], examples: Sequence[int], max_length: int, context: int | None
) -> Iterator[str]:
    """What the user should know of lengths, in tokens: of the ``prompts`` of all questions, and of
    the ``examples`` that are trained on. ``context``: the student's; null: not known."""
    left_out = sum(length >= max_length for length in prompts)
    if left_out:
        yield (
            f"{left_out:,} of {len(prompts):,} questions are not trained on: their prompt alone"
            f" fills 'training.max_length' ({max_length:,}); the longest has {max(prompts):,}"
            " tokens"
        )
    longer = [length for length in (*prompts, *examples) if context and length > context]
    if longer:
        yield (
            f"prompts or examples are longer than the student's context ({context:,} tokens; the"
            f" longest has {max(longer):,}): it will not run on them; raise 'student.new.context',"
            " or give shorter ones"
        )


def some_texts(corpus: Corpus, texts: Texts) -> list[str]:
    """A few training texts, for pruning by activation."""
    if corpus.train_texts:
        return [text[:_SHOWN] for text in corpus.train_texts[:_SHOWN]]
    if corpus.train_chats:
        return [" ".join(said for _, said in chat) for chat in corpus.train_chats[:_SHOWN]]
    return [f"{asked.question.text} {text}" for asked, text in asked_texts(corpus, texts)][:_SHOWN]


def asked_texts(corpus: Corpus, texts: Texts) -> Iterator[tuple[Asked, str]]:
    """Every training question with each of its answers."""
    for asked, group in zip(corpus.train, texts, strict=True):
        for text in group:
            yield asked, text


def some_left(examples: list[T], where: str) -> list[T]:
    """``examples``. Raises ``InputError`` if there are none."""
    if not examples:
        raise InputError(
            f"{where}: field 'training.max_length'",
            "every example's prompt alone is longer",
            "raise it",
        )
    return examples
