"""Claim (a) on the first screen, where no figure is of the class of sources that was asked for."""

from __future__ import annotations

from dataclasses import replace

from distilbench.claims import Claims, verdicts
from distilbench.report.page import Card


def of_class(card: Card, claims: Claims) -> Card:
    """The card of claim (a) where no figure is of the class of sources that was asked for: no
    data, as the verdict under the page's terms says, and what anyone's figures give."""
    own = [one for one in verdicts(claims).verdicts if one.claim == "a"]
    if any(one.verdict != "no data" for one in own):
        return card
    anyone = f"By anyone's figures: {card.badge}."
    return replace(card, badge="no data", tone="none",
                   sentences=(own[0].evidence.sentence, anyone, *card.sentences))  # fmt: skip
