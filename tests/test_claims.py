"""The claims report: verdicts from the numbers, traceable in two clicks, and the docs' tables.

``python -m tests.test_claims`` writes the tables of ``docs/claims.md`` again.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest

from distilbench.claims import Claims, size_verdict
from distilbench.compute import Interval
from distilbench.report import write_claims_report
from tests.real_claims import real_claims

DOCS = Path(__file__).parents[1] / "docs" / "claims.md"


@pytest.fixture(scope="module")
def claims() -> Claims:
    return real_claims()


@pytest.fixture(scope="module")
def page(claims: Claims, tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_claims_report(claims, tmp_path_factory.mktemp("claims")).read_text()


def test_claim_a_by_hand(claims: Claims) -> None:
    """The student scope is 6 N D over 6 N T: parameters cancel, and so must everything else."""
    ratios = {v.scope: v.ratio for v in claims.headline.scopes}
    student = ratios["student"]
    assert isinstance(student, Interval)
    tokens = 804_745 * 5355.3
    assert student.central == pytest.approx(15e12 / (tokens * 2.5), rel=1e-9)
    teacher = 2 * 37e9 * tokens / 0.13
    own = 6 * 8.03e9 * tokens * 2.5
    pipeline = ratios["pipeline"]
    assert isinstance(pipeline, Interval)
    assert pipeline.central == pytest.approx(6 * 8.03e9 * 15e12 / (own + teacher), rel=1e-9)
    central = [r.central for r in ratios.values() if isinstance(r, Interval)]
    assert central == sorted(central, reverse=True)
    assert central[-1] < 1
    assert {v.verdict for v in claims.headline.scopes} == {"refuted"}


def test_the_tokens_that_give_the_papers_figure(claims: Claims) -> None:
    assert claims.headline.student_tokens_at_claim == pytest.approx(15e12 / 2000)
    samples = 804_745 * 2.5
    assert claims.headline.tokens_per_sample_at_claim == pytest.approx(15e12 / 2000 / samples)


def test_what_moves_the_students_ratio_is_the_number_of_epochs(claims: Claims) -> None:
    first = claims.headline.scopes[0].tornado[0]
    assert first.unknown.endswith("epochs")
    assert 2000 > first.result_at_low > first.result_at_high


def test_the_verdict_on_sizes_flips_when_its_terms_are_changed(claims: Claims) -> None:
    found = {
        (one.size_band, one.margin, one.measured_by, one.modes): one
        for one in claims.sensitivity
        if one.settings == "as far as known"
    }
    merged, apart = (found[">10x", 5.0, "all", modes] for modes in ("merged", "apart"))
    assert (merged.verdict, apart.verdict) == ("undecided", "contradicted")
    ties = [found[">10x", margin, "all", "merged"].ties for margin in (1.0, 2.0, 5.0, 10.0)]
    assert ties == sorted(ties)
    assert ties[0] < ties[-1]
    makers, others = (found["5-10x", 5.0, who, "merged"] for who in ("maker", "independent"))
    assert makers.wins + makers.losses > 0
    assert makers != others


def test_claim_b_compares_only_matching_settings(claims: Claims) -> None:
    frame = claims.strict
    assert frame.height > 100
    pair = frame.filter(
        (pl.col("distilled_model") == "llama-3.2-3b-instruct")
        & (pl.col("vanilla_model") == "llama-3.1-8b-instruct")
        & (pl.col("benchmark") == "gsm8k")
    )
    assert pair.select("distilled_score", "vanilla_score", "outcome").row(0) == (77.7, 84.5, "loss")
    assert "thinking" not in set(frame.filter(pl.col("vanilla_model") == "deepseek-v3")["mode"])
    total = claims.counts.filter(pl.col("size_band") == "all").row(0, named=True)
    outcomes = ("wins", "ties", "losses", "undecided")
    assert sum(total[name] for name in outcomes) == total["comparisons"]
    assert size_verdict(claims.counts) in str(claims.in_words())


def test_claim_c_places_models_on_the_llama_family(claims: Claims) -> None:
    place = next(
        p
        for p in claims.placements
        if p.model == "deepseek-r1-distill-llama-8b" and p.benchmark == "gpqa-diamond"
    )
    assert place.family == "llama-3.1-instruct"
    assert place.size.value > 8.03e9
    assert place.gains["student"].value > place.gains["lineage"].value > 0


def test_six_published_totals_are_met_within_a_tenth(claims: Claims) -> None:
    within = [row.card for row in claims.validation if row.by_6nd_within]
    assert len(within) >= 6
    assert {"llama-3.1-405b", "olmo-2-7b", "chinchilla-70b"} <= set(within)


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.inner: set[str] = set()
        self.ids: set[str] = set()
        self.outer: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.ids.add(found.get("id") or "")
        href = found.get("href") or ""
        (self.inner if href.startswith("#") else self.outer).add(href)


def test_every_score_leads_to_its_source_in_two_clicks(page: str) -> None:
    links = Links()
    links.feed(page.split("<script>")[0])
    to_sources = {link for link in links.inner if link.startswith("#source-")}
    assert len(to_sources) >= 8
    assert all(link[1:] in links.ids for link in links.inner)
    assert "https://arxiv.org/abs/2501.12948" in links.outer


def test_what_was_not_reread_is_said(page: str) -> None:
    assert "not checked" in page
    assert "stored copy" in page


def tables(claims: Claims) -> dict[str, str]:
    """The two generated parts of the docs page, as Markdown."""
    verdicts = claims.in_words()
    rows = "".join(f"| {claim} | {text} |\n" for claim, text in verdicts.items())
    checks = "".join(
        f"| {row.name} | {row.published_flops:.3g} | {_cell(row.by_6nd_flops, row.by_6nd_ratio)} | "
        f"{_cell(row.exact_flops, row.exact_ratio)} | {row.note or ''} |\n"
        for row in claims.validation
    )
    head = "| model | published | 6ND (over published) | exact (over published) | note |\n"
    return {
        "verdicts": "\n| claim | verdict |\n| --- | --- |\n" + rows + "\n",
        "validation": "\n" + head + "| --- | --- | --- | --- | --- |\n" + checks + "\n",
    }


def _cell(flops: float | None, ratio: float | None) -> str:
    return "not available" if flops is None else f"{flops:.3g} ({ratio:.3f})"


def filled(text: str, claims: Claims) -> str:
    for name, table in tables(claims).items():
        part = re.compile(rf"(<!-- {name}:[^\n]*-->\n).*?(<!-- end -->)", re.DOTALL)
        text = part.sub(lambda found, table=table: found[1] + table + found[2], text)  # type: ignore[misc]
    return text


def test_the_tables_of_the_docs_are_made_by_the_code(claims: Claims) -> None:
    text = DOCS.read_text()
    assert filled(text, claims) == text, "run: python -m tests.test_claims"


if __name__ == "__main__":
    DOCS.write_text(filled(DOCS.read_text(), real_claims()))
