"""What a student is trained and judged on, from a corpus and the answers to its questions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from distilbench.distill.data._corpus import Asked, Corpus, Example, answered, blocks
from distilbench.distill.training.objectives._gold import Pair, aligned
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
    if corpus.train_texts:
        return blocks(tokenizer, corpus.train_texts, max_length)
    made = (answered(tokenizer, asked, t, max_length) for asked, t in _answers(corpus, texts))
    return _some([example for example in made if example], where)


def training_pairs(
    corpus: Corpus,
    texts: Texts,
    student: PreTrainedTokenizerBase,
    teacher: PreTrainedTokenizerBase,
    max_length: int,
    where: str,
) -> list[Pair]:
    """The same in the tokens of a student and of a teacher, each cut to ``max_length``."""
    made = []
    for asked, text in _answers(corpus, texts):
        mine = answered(student, asked, text, max_length)
        its = answered(teacher, asked, text, max_length)
        pair = aligned((mine, its), student, teacher) if mine and its else None
        if pair:
            made.append(pair)
    return _some(made, where)


def held_out_examples(
    corpus: Corpus, tokenizer: PreTrainedTokenizerBase, max_length: int, where: str
) -> list[Example]:
    """Raises ``InputError`` if no example is left within ``max_length``."""
    if corpus.held_out_texts:
        return blocks(tokenizer, corpus.held_out_texts, max_length)
    made = (answered(tokenizer, asked, asked.gold, max_length) for asked in corpus.held_out)
    return _some([example for example in made if example], where)


def some_texts(corpus: Corpus, texts: Texts) -> list[str]:
    """A few training texts, for pruning by activation."""
    if corpus.train_texts:
        return [text[:_SHOWN] for text in corpus.train_texts[:_SHOWN]]
    return [f"{asked.question.text} {text}" for asked, text in _answers(corpus, texts)][:_SHOWN]


def _answers(corpus: Corpus, texts: Texts) -> Iterator[tuple[Asked, str]]:
    for asked, group in zip(corpus.train, texts, strict=True):
        for text in group:
            yield asked, text


def _some(examples: list[T], where: str) -> list[T]:
    if not examples:
        raise InputError(
            f"{where}: field 'training.max_length'",
            "every example's prompt alone is longer",
            "raise it",
        )
    return examples
