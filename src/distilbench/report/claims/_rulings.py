"""The verdicts under terms that the reader chooses: what they hang on, and where they flip."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from distilbench.claims import AXIS_WORDS, LARGER_WORDS, Claims, Verdict, verdicts
from distilbench.compute import PAPER_RATIO, SCOPE_WORDS
from distilbench.report.claims._answer import CLAIM_A, CLAIM_B, TONES
from distilbench.report.claims._curve_card import CLAIM_C
from distilbench.report.page import Ruled, Ruling, Rulings, Section, Term, anchor

TITLE = "Change the terms: which verdicts flip?"
_CAPTION = (
    "Every verdict was computed when the page was made, under the terms of these controls. Of (a),"
    " 'independents' asks that every published figure behind the ratio comes from others than the"
    " makers of its models; of (b) and (c), that the scores do. The same verdicts are in"
    " verdicts.json beside this page and in what `distilbench reproduce --json` prints."
)
_WHO = {
    "all": "anyone",
    "maker": "the models' makers",
    "independent": "others than the makers (independents)",
}
Links = dict[tuple[str, str], list[tuple[str, str]]]
Found = dict[tuple[str, ...], Ruling]
_A = ("times", "scope", "who")
_B = ("margin", "larger", "modes", "settings", "who")
_C = ("axis", "who")


def rulings(claims: Claims) -> Section:
    """The three claims under every threshold, margin, scope and class of sources."""
    found = verdicts(claims)
    every = [*found.verdicts, *found.under_other_terms]
    of = {letter: [one for one in every if one.claim == letter] for letter in "abc"}
    terms = tuple(_terms(claims, of))
    links: Links = {(one.claim, one.scope): _links(one) for one in found.verdicts}
    return Section(
        TITLE,
        (
            Rulings(
                "rulings",
                _CAPTION,
                terms,
                (
                    Ruled("(a) Less compute to create", _A, _of(of["a"], _A, links)),
                    Ruled("(b) On par with larger models", _B, _of(of["b"], _B, links)),
                    Ruled("(c) A superior curve", _C, _of(of["c"], _C, links)),
                ),
            ),
        ),
    )


def _terms(claims: Claims, of: Mapping[str, list[Verdict]]) -> Iterable[Term]:
    times = sorted({one.terms.times or 0.0 for one in of["a"]})
    margins = sorted({one.terms.margin_points or 0.0 for one in of["b"]})
    yield Term("who", "figures of", _WHO, claims.measured_by)
    yield Term("scope", "(a): creation counts", _scopes(), "student")
    yield Term("axis", "(c): compute", _axes(), "student")
    yield Term(
        "times", "(a): times less compute", {_key(one): f"over {one:,.0f}" for one in times},
        _key(PAPER_RATIO),
    )  # fmt: skip
    yield Term("larger", "(b): vanilla models", LARGER_WORDS, "5-10x")
    yield Term(
        "margin", "(b): margin of on par", {_key(one): f"{one:g} points" for one in margins},
        _key(claims.margin),
    )  # fmt: skip
    yield Term(
        "modes",
        "(b): thinking and chain of thought",
        {"merged": "one mode", "apart": "two modes"},
        "merged",
    )
    yield Term(
        "settings",
        "(b): pairs with a setting not known",
        {"as far as known": "count", "all known": "do not count"},
        "as far as known",
    )


def _scopes() -> dict[str, str]:
    return {scope: f"{scope}: {words}" for scope, words in SCOPE_WORDS.items()}


def _axes() -> dict[str, str]:
    return {axis: words.removeprefix("by ") for axis, words in AXIS_WORDS.items()}


def _of(found: Iterable[Verdict], names: tuple[str, ...], links: Links) -> Found:
    return {
        tuple(_value(one, name) for name in names): Ruling(
            one.verdict,
            TONES.get(one.verdict, "none"),
            one.evidence.sentence,
            links[one.claim, one.scope],
        )
        for one in found
    }


def _value(one: Verdict, name: str) -> str:
    values: dict[str, Any] = {
        "who": one.terms.measured_by,
        "scope": one.scope,
        "axis": one.scope,
        "larger": one.scope,
        "times": one.terms.times,
        "margin": one.terms.margin_points,
        "modes": one.terms.modes,
        "settings": one.terms.settings,
    }
    value = values[name]
    return value if isinstance(value, str) else _key(value)


def _key(value: float) -> str:
    return f"{value:g}"


def _links(one: Verdict) -> list[tuple[str, str]]:
    """The section with all that it rests on; of claim (a), the publications too."""
    section = {"a": CLAIM_A, "b": CLAIM_B, "c": CLAIM_C}[one.claim]
    published = one.evidence.sources if one.claim == "a" else ()
    return [(section, anchor(section)), *((s.title, f"source-{s.key}") for s in published)]
