"""Claim (b) as records: wins, ties and losses against larger models, under each set of terms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from distilbench.claims._found import Claims, SizeVerdict
from distilbench.claims._publications import publications
from distilbench.claims._record import Compared, Estimate, Evidence, Span, Terms, Verdict
from distilbench.claims._sentences import LARGER_WORDS, size_sentence

_METHOD = (
    "Wilson, at as many trials as there are distilled scores: the lower limit of what is shown to"
    " be on par or better, the upper one of what is not shown to be lost"
)
_COUNTS = ("comparisons", "wins", "ties", "losses", "undecided", "unsettled")


def size_verdicts(claims: Claims) -> Iterator[Verdict]:
    """Those of ``Claims.sensitivity``."""
    for one in claims.sensitivity:
        yield _verdict(one)


def _verdict(one: SizeVerdict) -> Verdict:
    counts = {name: getattr(one, name) for name in _COUNTS}
    modes = "as one mode" if one.modes == "merged" else "as two modes"
    return Verdict(
        claim="b",
        claimed="distilled models reason on par with, or better than, vanilla models"
        f" {LARGER_WORDS[one.size_band]}",
        scope=one.size_band,
        terms=Terms(
            margin_points=one.margin,
            measured_by=one.measured_by,
            modes=one.modes,
            settings=one.settings,
        ),
        estimate=Estimate(
            what=f"share of comparisons shown on par or better, thinking and chain of thought"
            f" {modes}",
            value=one.on_par_share,
            unit="share",
        ),
        interval=None
        if one.on_par_share is None
        else Span(low=one.low, high=one.high, level=0.95, method=_METHOD),
        verdict=one.verdict,
        evidence=Evidence(
            sentence=size_sentence(asdict(one) | {"comparisons": one.comparisons}), counts=counts
        ),
    )


def with_comparisons(found: Verdict, claims: Claims) -> Verdict:
    """A verdict on claim (b) under the page's own terms, with every comparison that it counts."""
    if found.claim != "b":
        return found
    frame = claims.comparisons if found.terms.modes == "merged" else claims.strict
    rows = [row for row in frame.to_dicts() if row["size_band"] == found.scope]
    cited = (
        (row[f"{role}_model"], row[f"{role}_source"])
        for row in rows
        for role in ("distilled", "vanilla")
    )
    evidence = found.evidence.model_copy(
        update={
            "comparisons": tuple(map(_compared, rows)),
            "sources": tuple(publications(claims.catalog, cited)),
        }
    )
    return found.model_copy(update={"evidence": evidence})


def _compared(row: dict[str, Any]) -> Compared:
    return Compared(
        distilled=row["distilled_model"],
        vanilla=row["vanilla_model"],
        version=row["setting_key"],
        sources=(row["distilled_source"], row["vanilla_source"]),
        **{name: row[name] for name in _SAME},
    )


_SAME = (
    "benchmark", "metric", "shots", "mode", "distilled_score", "vanilla_score", "difference_low",
    "difference_high", "outcome", "unknown",
)  # fmt: skip
