"""Verdicts as data: their schema, what each rests on, and that they flip when terms change."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from distilbench.catalog import load_catalog
from distilbench.claims import Claims, MeasuredBy, Verdict, Verdicts, check_claims, verdicts
from distilbench.compute import SCOPES
from distilbench.report.claims._answer import answer
from distilbench.report.page import Card
from tests.real_claims import real_claims
from tests.schemas import FOLDER, SCHEMAS, text

jsonschema = pytest.importorskip("jsonschema")


@pytest.fixture(scope="module")
def claims() -> Claims:
    return real_claims()


@pytest.fixture(scope="module")
def found(claims: Claims) -> Verdicts:
    return verdicts(claims)


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_schemas_of_the_docs_are_made_by_the_code(name: str) -> None:
    held = (FOLDER / f"{name}.schema.json").read_text()
    assert held == text(SCHEMAS[name]), "run: python -m tests.schemas"
    jsonschema.Draft202012Validator.check_schema(json.loads(held))


def test_the_data_fit_the_schema_and_hold_no_nan(found: Verdicts) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    data = json.loads(found.model_dump_json(), parse_constant=refuse)
    jsonschema.validate(data, json.loads((FOLDER / "verdicts.schema.json").read_text()))
    with pytest.raises(ValueError, match="finite"):
        Verdict.model_validate(
            data["verdicts"][0]
            | {"estimate": data["verdicts"][0]["estimate"] | {"value": math.nan}}
        )


def test_every_claim_has_a_verdict_under_every_scope_once(found: Verdicts) -> None:
    keys = [(v.claim, v.scope, v.terms.modes) for v in found.verdicts]
    assert len(set(keys)) == len(keys)
    assert {scope for claim, scope, _ in keys if claim == "a"} == set(SCOPES)
    assert {(s, m) for claim, s, m in keys if claim == "b"} == {
        (band, modes) for band in ("5-10x", ">10x") for modes in ("merged", "apart")
    }
    assert {scope for claim, scope, _ in keys if claim == "c"} == {*SCOPES, "token", "question"}


def one(found: Verdicts, claim: str, scope: str, **terms: Any) -> Verdict:
    (only,) = [
        v
        for v in (*found.verdicts, *found.under_other_terms)
        if (v.claim, v.scope) == (claim, scope)
        and all(getattr(v.terms, name) == value for name, value in terms.items())
    ]
    return only


def test_claim_a_with_the_figures_it_rests_on(found: Verdicts) -> None:
    student = one(found, "a", "student", times=2000, measured_by="all")
    assert student.estimate.value == pytest.approx(15e12 / (804_745 * 5355.3 * 2.5))
    assert student.interval is not None
    assert student.interval.low == pytest.approx(15e12 / (804_745 * 5355.3 * 3), rel=0.08)
    given = {figure.name: figure.value for figure in student.evidence.figures}
    assert given["deepseek-r1-distill-llama-8b: recipe.samples"] == 804_745
    assert {"deepseek-r1-nature", "llama-3.1-model-card"} <= {
        source.key for source in student.evidence.sources
    }


def test_claim_a_flips_with_the_threshold_the_scope_and_the_sources(found: Verdicts) -> None:
    def word(scope: str, times: float, who: str = "all") -> str:
        return one(found, "a", scope, times=times, measured_by=who).verdict

    assert [word("student", n) for n in (2000, 1500, 1000)] == [
        "refuted", "not decidable", "supported",
    ]  # fmt: skip
    assert [word(scope, 1) for scope in ("amortised", "lineage")] == ["supported", "refuted"]
    assert word("student", 2000, "maker") == "refuted"
    nothing = one(found, "a", "student", times=2000, measured_by="independent")
    assert (nothing.verdict, nothing.estimate.value, nothing.interval) == ("no data", None, None)
    assert "6 of the 6 published figures" in nothing.evidence.sentence


def test_claim_b_flips_with_the_margin_the_size_and_the_sources(found: Verdicts) -> None:
    def word(scope: str, margin: float = 5, who: str = "all", modes: str = "merged") -> str:
        terms = {"margin_points": margin, "measured_by": who, "modes": modes}
        return one(found, "b", scope, settings="as far as known", **terms).verdict

    assert [word("5-10x", margin) for margin in (5, 20)] == ["undecided", "supported"]
    assert [word(">10x", who=who) for who in ("all", "maker")] == ["undecided", "contradicted"]
    assert [word(band, modes="apart") for band in ("5-10x", ">10x")] == [
        "undecided", "contradicted",
    ]  # fmt: skip


def test_the_counts_of_claim_b_are_those_of_its_comparisons(found: Verdicts) -> None:
    for found_ in (v for v in found.verdicts if v.claim == "b"):
        counts, rows = found_.evidence.counts, found_.evidence.comparisons
        outcomes = ("wins", "ties", "losses", "undecided")
        assert sum(counts[name] for name in outcomes) == counts["comparisons"] <= len(rows)
        pairs = {(r.distilled, r.vanilla, r.benchmark, r.version, r.metric, r.shots, r.mode)
                 for r in rows}  # fmt: skip
        assert len(pairs) == counts["comparisons"]
        keys = {source.key for source in found_.evidence.sources}
        assert {key for row in rows for key in row.sources} == keys


def test_claim_c_counts_what_its_placements_show(found: Verdicts) -> None:
    for verdict in (v for v in found.verdicts if v.claim == "c"):
        rows, counts = verdict.evidence.placements, verdict.evidence.counts
        assert len({r.distilled for r in rows}) == counts["models"]
        assert len({r.benchmark for r in rows}) == sum(
            counts[f"benchmarks_{side}"] for side in ("above", "below", "undecided")
        )
        if all(r.gain_low is None or r.gain_low <= 1 for r in rows):
            assert counts["families_above"] == 0
        if all(r.gain_high is None or r.gain_high >= 1 for r in rows):
            assert counts["families_below"] == 0
    student = one(found, "c", "student", measured_by="all")
    assert student.estimate.value is not None
    assert student.estimate.value > 0.5
    nobody = one(found, "c", "student", measured_by="independent")
    assert (nobody.verdict, nobody.estimate.value) == ("no data", None)


@pytest.mark.long
def test_the_page_of_one_class_opens_with_its_verdicts() -> None:
    found = verdicts(check_claims(load_catalog(), draws=200, margin=4.0, measured_by="maker"))
    assert {v.terms.measured_by for v in found.verdicts} == {"maker"}
    assert {v.terms.margin_points for v in found.verdicts} == {None, 4.0}
    assert all(v.evidence.sources for v in found.verdicts if v.estimate.value is not None)


def test_the_card_of_claim_a_says_so_where_its_figures_are_of_nobody_asked_for(
    claims: Claims,
) -> None:
    def card(who: MeasuredBy) -> Card:
        (cards,) = answer(replace(claims, measured_by=who)).blocks
        return cards.cards[0]  # type: ignore[union-attr]

    assert (card("all").badge, card("maker").badge) == ("refuted", "refuted")
    nobody = card("independent")
    assert (nobody.badge, nobody.tone) == ("no data", "none")
    assert "6 of the 6 published figures" in nobody.sentences[0]
    assert nobody.sentences[1] == "By anyone's figures: refuted."
