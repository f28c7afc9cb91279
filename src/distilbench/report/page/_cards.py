"""Cards: an answer each, with its figures, for the head of a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from distilbench.report.page._format import anchor
from distilbench.report.page._table import Table

Tone = Literal["good", "bad", "open", "none"]
Word = TypeVar("Word", bound=str)


@dataclass(frozen=True)
class Fact:
    """A figure with its name; ``note`` says on hover where it comes from."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Card:
    """One answer: a title, a badge in a word or two (``tone`` gives its colour, the word says the
    same), sentences, figures and small tables. ``more``: the heading of the section that says how
    it was found."""

    title: str
    badge: str
    tone: Tone
    sentences: Sequence[str]
    facts: Sequence[Fact] = ()
    tables: Sequence[Table] = ()
    more: str | None = None

    @property
    def anchor(self) -> str | None:
        """Where ``more`` leads."""
        return anchor(self.more) if self.more else None


@dataclass(frozen=True)
class Cards:
    """Cards beside each other, or below each other where the page is narrow."""

    name: str
    cards: Sequence[Card]


def spread(words: Iterable[Word], tones: Mapping[Word, Tone], over: str) -> tuple[str, Tone]:
    """The badge of verdicts that may differ, and its tone: the verdict they share, else all of them
    and ``over`` what they differ. A word without a tone in ``tones`` has none.

    >>> spread(["worse", "worse"], {"worse": "bad"}, "by scope")
    ('worse', 'bad')
    >>> spread(["better", "worse"], {"better": "good", "worse": "bad"}, "by scope")
    ('better or worse, by scope', 'open')
    """
    each = list(dict.fromkeys(words))
    if len(each) == 1:
        return each[0], tones.get(each[0], "none")
    return f"{' or '.join(each)}, {over}", "open"
