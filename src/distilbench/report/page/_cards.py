"""Cards: an answer each, with its figures, for the head of a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from distilbench.report.page._table import Table

Tone = Literal["good", "bad", "open", "none"]


@dataclass(frozen=True)
class Fact:
    """A figure with its name; ``note`` says on hover where it comes from."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Card:
    """One answer: a title, a badge in a word or two (``tone`` gives its colour, the word says the
    same), sentences, figures and small tables."""

    title: str
    badge: str
    tone: Tone
    sentences: Sequence[str]
    facts: Sequence[Fact] = ()
    tables: Sequence[Table] = ()


@dataclass(frozen=True)
class Cards:
    """Cards beside each other, or below each other where the page is narrow."""

    name: str
    cards: Sequence[Card]
