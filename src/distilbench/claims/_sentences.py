"""Verdicts as sentences: one each, with its evidence in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distilbench.compute import BOUND_MARKS, SCOPE_WORDS, Interval, ScopeVerdict, Unavailable

LARGER_WORDS = {"5-10x": "5 to 10 times its size", ">10x": "more than 10 times its size"}


def ratio_sentence(found: ScopeVerdict, claimed: float) -> str:
    """Claim (a) under one scope, put to one threshold."""
    word, under = found.verdict.capitalize(), f"under scope {found.scope}"
    what = f"({SCOPE_WORDS[found.scope]})"
    if isinstance(found.ratio, Unavailable):
        most = f"at most {_ratio(found.at_most.central)}, and otherwise " if found.at_most else ""
        return (
            f"{word} {under} {what}: the ratio of creation compute is {most}not available:"
            f" {found.ratio.reason}; claimed is over {claimed:,.0f}."
        )
    ratio = f"{BOUND_MARKS[found.bound]}{_ratio(found.ratio.central)}"
    return (
        f"{word} {under} {what}: the ratio of creation compute is {ratio}"
        f" ({_range(found.ratio)}), and {found.reason}."
    )


def no_figures_sentence(kind: str, others: int, known: int) -> str:
    """Claim (a) where the figures that it rests on are not all of the wanted class."""
    whose = {"maker": "the models' makers", "independent": "others than the models' makers"}[kind]
    return (
        f"No data: {others} of the {known} published figures that the ratio rests on were not"
        f" published by {whose}."
    )


def size_sentence(row: Mapping[str, Any]) -> str:
    """The counts against vanilla models of one band of sizes, and what they show of claim (b)."""
    larger = LARGER_WORDS[row["size_band"]]
    if not row["comparisons"]:
        return (
            f"No data: no comparison in like settings with a vanilla model {larger} is published."
        )
    shows = {
        "supported": "so that more than half are on par or better",
        "contradicted": "so that more than half are lost",
        "undecided": "so that neither is shown of more than half",
    }[row["verdict"]]
    return (
        f"{row['verdict'].capitalize()} against models {larger}: {row['wins']:,} wins,"
        f" {row['ties']:,} on par, {row['losses']:,} losses and {row['undecided']:,} undecided;"
        f" on par or better is shown in {row['on_par_share']:.0%}, {shows}{_unsettled(row)}."
    )


def _unsettled(row: Mapping[str, Any]) -> str:
    """In how many comparisons it is not known of a setting whether it is the same."""
    many = row["unsettled"]
    return f"; in {many:,} of the {row['comparisons']:,} a setting is not known" if many else ""


def _ratio(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _range(found: Interval) -> str:
    return f"90%: {_ratio(found.p5)} to {_ratio(found.p95)}"
