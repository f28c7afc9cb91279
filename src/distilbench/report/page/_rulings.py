"""Verdicts that hang on terms which the reader chooses: each a sentence that changes with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from distilbench.report.page._cards import Tone


@dataclass(frozen=True)
class Term:
    """A control: its ``name``, what it is labelled, its values with their words, and the value that
    the page opens with."""

    name: str
    label: str
    options: Mapping[str, str]
    opens_with: str


@dataclass(frozen=True)
class Ruling:
    """A verdict in a word, the sentence with its evidence, and links to places of the page (words,
    and the id there)."""

    word: str
    tone: Tone
    sentence: str
    links: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Ruled:
    """What is ruled on. ``terms`` are the names of those that it hangs on; ``rulings`` has one for
    every combination of their values, in that order."""

    title: str
    terms: Sequence[str]
    rulings: Mapping[tuple[str, ...], Ruling]


@dataclass(frozen=True)
class Rulings:
    """Verdicts beside each other, under one set of controls. Without scripts, and on paper, they
    are those that the page opens with."""

    name: str
    caption: str
    terms: Sequence[Term]
    ruled: Sequence[Ruled]

    def opening(self, one: Ruled) -> Ruling:
        """The ruling under the terms that the page opens with."""
        values = {term.name: term.opens_with for term in self.terms}
        return one.rulings[tuple(values[name] for name in one.terms)]

    def opening_words(self) -> str:
        """Those terms, in words."""
        return "; ".join(f"{term.label}: {term.options[term.opens_with]}" for term in self.terms)

    def data(self) -> list[dict[str, Any]]:
        """All that the script of the page chooses from."""
        return [
            {
                "terms": list(one.terms),
                "rulings": {
                    "|".join(values): [
                        found.word, found.tone, found.sentence, [list(x) for x in found.links],
                    ]
                    for values, found in one.rulings.items()
                },
            }
            for one in self.ruled
        ]  # fmt: skip
