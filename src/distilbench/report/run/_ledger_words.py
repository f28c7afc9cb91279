"""The lifetime ledger in words: where two models meet, on the page and in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distilbench.report.page import Cell, Known, interval_words, si

if TYPE_CHECKING:
    from distilbench.claims import Ledger, Pair
    from distilbench.stats import Meeting

_SAYS = {"=": "", ">=": "at least ", "<=": "at most "}
_MANY = 1e21  # beyond all prefixes


def counted(answers: float) -> str:
    """A number of answers: 950, 1.235M, 5.1e+23."""
    return f"{answers:.3g}" if answers >= _MANY else si(answers)


def meeting_words(found: Meeting) -> str:
    """Where lifetime costs meet, as the end of a sentence on the distilled model."""
    match found.case:
        case "pays for itself":
            return f"pays for itself after {_answers(found)}"
        case "cheaper until":
            return (
                f"is cheaper up to {_answers(found)} and dearer beyond: it takes less to create,"
                " and a correct answer takes more"
            )
        case "cheaper at once":
            return (
                "is cheaper from the first answer: neither its creation nor a correct answer takes"
                " more"
            )
        case "never":
            return "never pays for itself: neither its creation nor a correct answer takes less"
        case "not decidable":
            return f"may or may not pay for itself: not decidable ({found.why}{_central(found)})"
        case _:
            return f"may or may not pay for itself: not available ({found.why})"


def meeting_cell(found: Meeting, *, plain: bool = False) -> str:
    """The same in a word or two; ``plain``: without the interval."""
    if found.case in ("pays for itself", "cheaper until") and found.answers is not None:
        until = "until " if found.case == "cheaper until" else ""
        ends = "" if plain else interval_words(found.low, found.high, counted)
        return f"{until}{_SAYS[found.bound]}{counted(found.answers)}{ends}"
    return "from the first answer" if found.case == "cheaper at once" else found.case


def met_cell(found: Meeting, known: Known) -> Cell:
    """The same in a table, the sentence on hover; a number is known as ``known`` says."""
    kind = known if found.case in ("pays for itself", "cheaper until") else None
    return Cell(meeting_cell(found), title=meeting_words(found), kind=kind)


def ledger_sentences(ledger: Ledger) -> list[str]:
    """Both readings of one ledger: the counterpart to be made too, and there already."""
    one, other = ledger.distilled.entry, ledger.counterpart.entry
    return [
        f"In {ledger.unit}, scope {ledger.scope}, {reading}: {one} {meeting_words(found)}."
        for reading, found in (
            (f"{other} to be made too", ledger.made),
            (f"{other} being there already", ledger.exists),
        )
    ]


def not_available(ledger: Ledger) -> str | None:
    """Why neither reading of a ledger says anything; null: one does."""
    if any(found.case != "not available" for found in (ledger.made, ledger.exists)):
        return None
    return ledger.exists.why


def paid_back(pair: Pair) -> str:
    """A sentence for the pair's card, in FLOPs, over the scopes of which anything is known; empty
    where nothing is."""
    known = [one for one in pair.in_unit("FLOPs") if one.exists.case != "not available"]
    if not known:
        return ""
    other = pair.counterpart.entry
    if all(one.exists.case == "never" for one in known):
        return f" It never pays for itself: a correct answer takes no fewer FLOPs than {other}'s."
    said = ", ".join(f"{meeting_cell(one.exists, plain=True)} ({one.scope})" for one in known)
    return f" Correct answers until it pays for itself, {other} being there already: {said}."


def _answers(found: Meeting) -> str:
    assert found.answers is not None
    inner = interval_words(found.low, found.high, counted).removeprefix(" (").removesuffix(")")
    notes = [f"95% interval {inner}" if inner else "", found.why or ""]
    said = "; ".join(note for note in notes if note)
    return f"{_SAYS[found.bound]}{counted(found.answers)} correct answers ({said})"


def _central(found: Meeting) -> str:
    if found.answers is None:
        return ""
    before = f", and surely not before {counted(found.low)}" if found.low else ""
    return f"; the central values meet at {counted(found.answers)} correct answers{before}"
