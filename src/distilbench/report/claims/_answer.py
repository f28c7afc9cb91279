"""The first screen of the claims page: what the paper claims, and what was found of each claim."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from distilbench.claims import LARGER_WORDS, Claims, size_sentence
from distilbench.compute import BOUND_MARKS, Headline, Interval, ScopeVerdict, Unavailable
from distilbench.report.claims._cells import range_text, ratio_text
from distilbench.report.claims._curve_card import curve_card
from distilbench.report.claims._of_class import of_class
from distilbench.report.page import NOT_AVAILABLE, Card, Cards, Fact, Section, Tone, listed, spread

if TYPE_CHECKING:
    import polars as pl

CLAIM_A = "Claim (a): creation compute"
CLAIM_B = "Claim (b): against larger models"
QUESTION = (
    "The paper claims that a distilled 8B takes over 2,000 times less compute to create, that it"
    " reasons on par with, or better than, models ten times its size, and that distillation gives a"
    " superior performance-to-compute curve. Do published figures bear that out?"
)
TONES: dict[str, Tone] = {
    "supported": "good", "refuted": "bad", "contradicted": "bad", "not decidable": "open",
    "undecided": "open",
}  # fmt: skip


def answer(claims: Claims) -> Section:
    """A card for each claim."""
    names = claims.catalog.card(claims.headline.vanilla).name
    cards = (
        of_class(creation_card(claims.headline, names), claims),
        size_card(claims.counts, claims.strict_counts, claims.margin),
        curve_card(claims.placements),
    )
    return Section("The answer", (Cards("The three claims", cards),))


def creation_card(head: Headline, vanilla: str) -> Card:
    """Claim (a): the ratio under each scope, and what decides where nothing does yet."""
    badge, tone = spread((one.verdict for one in head.scopes), TONES, "by scope")
    facts = [Fact(one.scope, _ratio(one), _ratio_note(one)) for one in head.scopes]
    return Card(
        f"(a) Over {head.claimed_ratio:,.0f} times less compute to create than {vanilla}",
        badge,
        tone,
        tuple(_creation_sentences(head)),
        facts,
        more=CLAIM_A,
    )


def _creation_sentences(head: Headline) -> Iterator[str]:
    for word, reason in dict.fromkeys((one.verdict, one.reason) for one in head.scopes):
        scopes = [one.scope for one in head.scopes if (one.verdict, one.reason) == (word, reason)]
        yield f"{word.capitalize()} under scope {listed(scopes)}: {reason}."
    for one in head.scopes:
        if one.tornado and (one.verdict == "not decidable" or one.scope == "student"):
            yield _hangs_on(one)
    more = [way for way in head.alternatives if way.exceeds_claim]
    if more:
        ways = "; ".join(f"{way.counting} ({way.ratio:,.0f})" for way in more)
        yield f"What gives more than {head.claimed_ratio:,.0f}: {ways}."


def _hangs_on(found: ScopeVerdict) -> str:
    """The unknown that moves a ratio most."""
    bar = found.tornado[0]
    name = bar.unknown.rpartition(": ")[2].rpartition(".")[2].replace("_", " ")
    return (
        f"Under scope {found.scope} it hangs most on {name}, which is not published exactly: at"
        f" {bar.low:,.6g} the ratio is {ratio_text(bar.result_at_low)}, at {bar.high:,.6g} it is"
        f" {ratio_text(bar.result_at_high)}."
    )


def _ratio(found: ScopeVerdict) -> str:
    if isinstance(found.ratio, Unavailable):
        most = found.at_most
        return NOT_AVAILABLE if most is None else f"at most {ratio_text(most.central)}"
    mark = BOUND_MARKS[found.bound]
    return f"{mark}{ratio_text(found.ratio.central)} (90%: {range_text(found.ratio)})"


def _ratio_note(found: ScopeVerdict) -> str:
    if isinstance(found.ratio, Interval):
        note = f"ratio of creation compute with the 90% range of its draws, {found.ratio.kind}"
        uses = "; the range takes the known number of the teacher's uses as exact"
        return note + (uses if found.bound in (">=", "~") else "")
    return found.ratio.reason


def size_card(counts: pl.DataFrame, strict: pl.DataFrame, margin: float) -> Card:
    """Claim (b): wins, ties and losses against models of about ten times the size, with written
    reasoning as one mode and as two; the badge is of both."""
    merged, apart = (_of_bands(frame) for frame in (counts, strict))
    bands = [*merged, *apart]
    badge, tone = spread((row["verdict"] for row in bands), TONES, "by size")
    facts = [
        Fact(f"{LARGER_WORDS[row['size_band']]}{modes}", _on_par(row), "share of comparisons")
        for modes, rows in (("", merged), (", modes apart", apart))
        for row in rows
    ]
    said = [
        *map(size_sentence, merged),
        "With prompted chain of thought and thinking kept apart: "
        + "; ".join(f"{row['verdict']} {LARGER_WORDS[row['size_band']]}" for row in apart)
        + f". On par: surely less than {margin:g} points below.",
    ]
    title = "(b) On par with, or better than, models ten times its size"
    return Card(title, badge, tone, said, facts, more=CLAIM_B)


def _of_bands(counts: pl.DataFrame) -> list[dict[str, Any]]:
    rows = {row["size_band"]: row for row in counts.to_dicts()}
    return [rows[band] for band in LARGER_WORDS]


def _on_par(row: Mapping[str, Any]) -> str:
    share = row["on_par_share"]
    if share is None:
        return NOT_AVAILABLE
    lost = row["losses"] / row["comparisons"]
    return f"shown on par or better in {share:.0%}, lost in {lost:.0%}"
