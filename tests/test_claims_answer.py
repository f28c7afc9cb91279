"""The sentences of the claims page: what each verdict is told as. The figures are made up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from distilbench.claims import size_sentence
from distilbench.compute import Headline, Interval, ScopeVerdict, TornadoBar, Unavailable
from distilbench.report.claims._answer import (
    CLAIM_A,
    creation_card,
    size_card,
)


def ratio(central: float) -> Interval:
    ends = {"p2_5": central / 3, "p5": central / 2, "p50": central, "p95": central * 2}
    return Interval(
        central=central, **ends, p97_5=central * 3, kind="estimated", unknowns=(), draws=10, seed=0
    )


def scope(name: Any, verdict: Any, central: float | None, reason: str) -> ScopeVerdict:
    found = Unavailable(reason) if central is None else ratio(central)
    return ScopeVerdict(name, found, None, None, verdict, reason, ())


def headline(*scopes: ScopeVerdict) -> Headline:
    return Headline("v", "d", 2000.0, scopes, None, None, (), "")


ABOVE, BELOW = "99% of the draws exceed 2,000", "0% of the draws exceed 2,000"
BAR = TornadoBar(
    unknown="d: recipe.tokens_per_sample", note="", source="s", low=2000.0, central=5000.0,
    high=10000.0, result_at_low=4687.5, result_at_central=1875.0, result_at_high=937.5, span=1.6,
)  # fmt: skip


def test_claim_a_supported() -> None:
    card = creation_card(
        headline(
            scope("student", "supported", 9000, ABOVE), scope("pipeline", "supported", 4000, ABOVE)
        ),
        "Vanilla 8B",
    )  # fmt: skip
    assert card.title == "(a) Over 2,000 times less compute to create than Vanilla 8B"
    assert (card.badge, card.tone) == ("supported", "good")
    assert list(card.sentences) == [f"Supported under scope student and pipeline: {ABOVE}."]
    assert card.facts[0].value == "9,000 (90%: 4,500 to 18,000)"
    assert card.more == CLAIM_A


def test_claim_a_refuted() -> None:
    card = creation_card(headline(scope("lineage", "refuted", 0.8, BELOW)), "Vanilla 8B")
    assert (card.badge, card.tone) == ("refuted", "bad")
    assert list(card.sentences) == [f"Refuted under scope lineage: {BELOW}."]


def test_claim_a_not_decidable_says_what_it_hangs_on() -> None:
    open_ = replace(
        scope("student", "not decidable", 1875, "37% of the draws exceed 2,000"), tornado=(BAR,)
    )
    card = creation_card(headline(open_, scope("lineage", "refuted", 0.8, BELOW)), "Vanilla 8B")
    assert (card.badge, card.tone) == ("not decidable or refuted, by scope", "open")
    assert list(card.sentences) == [
        "Not decidable under scope student: 37% of the draws exceed 2,000.",
        f"Refuted under scope lineage: {BELOW}.",
        "Under scope student it hangs most on tokens per sample, which is not published exactly:"
        " at 2,000 the ratio is 4,688, at 10,000 it is 938.",
    ]


def test_claim_a_without_data() -> None:
    missing = scope("student", "not decidable", None, "its training tokens are not published")
    card = creation_card(headline(missing), "Vanilla 8B")
    assert (card.badge, card.tone) == ("not decidable", "open")
    assert [fact.value for fact in card.facts] == ["not available"]
    assert list(card.sentences) == [
        "Not decidable under scope student: its training tokens are not published."
    ]
    bounded = replace(missing, at_most=ratio(150.0), verdict="refuted")
    assert creation_card(headline(bounded), "V").facts[0].value == "at most 150"


def band(name: str, counts: tuple[int, int, int], verdict: str, *ends: float) -> dict[str, Any]:
    wins, ties, losses = counts
    return {
        "size_band": name, "comparisons": sum(counts), "wins": wins, "ties": ties,
        "losses": losses, "undecided": 0, "unsettled": 0,
        "on_par_share": (wins + ties) / sum(counts) if sum(counts) else None,
        "low": ends[0] if ends else None, "high": ends[1] if ends else None, "verdict": verdict,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            band("5-10x", (35, 48, 42), "supported", 0.55, 0.76),
            "Supported against models 5 to 10 times its size: 35 wins, 48 on par, 42 losses"
            " and 0 undecided; on par or better is shown in 66%, so that more than half are on par"
            " or better.",
        ),
        (
            band(">10x", (5, 5, 90), "contradicted", 0.05, 0.2),
            "Contradicted against models more than 10 times its size: 5 wins, 5 on par, 90"
            " losses and 0 undecided; on par or better is shown in 10%, so that more than half are"
            " lost.",
        ),
        (
            band(">10x", (72, 114, 222), "undecided", 0.36, 0.55),
            "Undecided against models more than 10 times its size: 72 wins, 114 on par, 222"
            " losses and 0 undecided; on par or better is shown in 46%, so that neither is shown of"
            " more than half.",
        ),
        (
            band("5-10x", (0, 0, 0), "no data"),
            "No data: no comparison in like settings with a vanilla model 5 to 10 times its size is"
            " published.",
        ),
    ],
)
def test_claim_b_in_words(row: dict[str, Any], said: str) -> None:
    assert size_sentence(row) == said


def test_the_badge_of_claim_b_is_the_verdict_or_both() -> None:
    near, far = band("5-10x", (9, 0, 1), "supported", 0.6, 0.98), band(">10x", (0, 0, 0), "no data")
    both = size_card(pl.DataFrame([near, far]), pl.DataFrame([near, far]), 5.0)
    assert (both.badge, both.tone) == ("supported or no data, by size", "open")
    parted = size_card(
        pl.DataFrame([near, far]), pl.DataFrame([{**near, "verdict": "contradicted"}, far]), 5.0
    )
    assert "contradicted" in parted.badge
    assert both.facts[1].value == "not available"
    nothing = pl.DataFrame([{**far, "size_band": "5-10x"}, far])
    none = size_card(nothing, nothing, 5.0)
    assert (none.badge, none.tone) == ("no data", "none")
