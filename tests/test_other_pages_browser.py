"""The pages of claims, load and experiments in a real browser: their first screens, and the chart
of the claims page, control by control."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from distilbench.catalog import load_catalog
from distilbench.claims import check_claims
from distilbench.report import (
    Section,
    render_page,
    write_claims_report,
    write_experiment_report,
    write_load_report,
    write_report,
)
from distilbench.report.page import Card, Cards, Curves
from tests.made_experiment import make_experiment
from tests.test_load_answer import level, swept
from tests.test_report import HOSTILE, make_run
from tests.test_report_browser import WAIT_MS, opened, overlapping, wait_until

pytestmark = pytest.mark.browser
STATUS = "document.querySelector('.curves [role=status]')"
FIRST, SECOND = "sums (accuracy, 0-shot, direct)", "words (accuracy, 5-shot, direct)"
AXES = (
    {"key": "student", "title": "creation FLOPs, scope student", "lines": "creation"},
    {"key": "lineage", "title": "creation FLOPs, scope lineage", "lines": "creation"},
    {"key": "inference", "title": "inference FLOPs of a token (2N)", "lines": "inference"},
)
ABOVE = {"text": "3 (2 to 5)", "low": 2.0, "high": 5.0}
BELOW = {"text": "0.5 (0.2 to 0.9)", "low": 0.2, "high": 0.9}


def model(name: str, score: float, **more: Any) -> dict[str, Any]:
    return {
        "setting": FIRST, "model": name, "family": "thin", "score": score, "low": score - 5,
        "high": score + 5, "source": "own", "marks": {}, "notes": {},
        "x": {"student": 1e20, "lineage": 1e24, "inference": 1.4e10},
        "places": [{"family": "big", "size": "70B", "gains": {"student": ABOVE, "lineage": BELOW}}],
        **more,
    }  # fmt: skip


MODELS = [
    model("alpha", 60.0),
    model("beta", 50.0, family="wide", x={"student": 4e20, "lineage": 2e24, "inference": 2e10}),
    model("gamma", 40.0, source="lab", marks={"lineage": "≥ "}, notes={"lineage": "a range"},
          x={"student": None, "lineage": 3e24, "inference": 3e10},
          places=[{"family": "big", "size": "≥ 8B", "gains": {}}]),
    model("delta", 30.0, setting=SECOND),
]  # fmt: skip
FAMILY = [
    {"setting": setting, "model": f"{family} {n}", "family": family, "score": 20.0 + 15 * n,
     "source": "lab", "x": {"creation": 10.0 ** (22 + n), "inference": 10.0 ** (9 + n)}}
    for setting in (FIRST, SECOND) for family in ("big", "other") for n in range(3)
    if family == "big" or setting == FIRST
]  # fmt: skip
LINES = [
    {"setting": row["setting"], "axis": axis, "family": row["family"], "x": row["x"][axis],
     "score": row["score"], "low": row["score"] - 3, "high": row["score"] + 3}
    for row in FAMILY for axis in ("creation", "inference")
]  # fmt: skip


def curves(models: list[dict[str, Any]], sources: dict[str, str]) -> Curves:
    return Curves(
        "placed", "A caption.", "Words.", [FIRST, SECOND], AXES, LINES, FAMILY, models, sources
    )


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    block = curves(MODELS, {"own": "Our report", "lab": "Another laboratory"})
    card = Card("A claim", "supported", "good", ["Why."], more="Score against compute")
    return render_page(
        "A title", "A lede.", [Section("Score against compute", (block,))],
        tmp_path_factory.mktemp("curves"), question="A question?",
        head=Section("The answer", (Cards("Claims", (card,)),)),
    )  # fmt: skip


def ready(browser: Browser, report: Path, width: int = 1400, scheme: str = "light") -> Any:
    page, troubles = opened(browser, report, width, scheme)
    page.locator(".curved svg").wait_for(timeout=WAIT_MS)
    return page, troubles


def said(page: Page) -> str:
    return page.locator(".curves [role=status]").inner_text()


def choose(page: Page, name: str, value: str) -> None:
    page.locator(f".curves select[name={name}]").select_option(value)


def diamonds(page: Page) -> int:
    """Known and lower bounds: a filled mark is drawn on the outline of each that is known."""
    return page.locator(".curved .mark-symbol.role-mark.layer_5_marks path").count()


def rows(page: Page) -> list[list[str]]:
    found: list[list[str]] = page.evaluate(
        "[...document.querySelectorAll('.curves tbody tr')]"
        ".map(row => [...row.cells].map(cell => cell.textContent))"
    )
    return found


def test_it_opens_with_the_benchmark_and_tells_what_the_curves_say(
    browser: Browser, report: Path
) -> None:
    page, troubles = ready(browser, report)
    assert said(page) == (
        "3 scores of 3 distilled models. Against the curves, in 2 comparisons of a model with a"
        " curve, vanilla surely takes more compute for the same score in 2, less in 0; 0 undecided."
        " 1 not drawn: this compute is not available of them."
    )
    assert diamonds(page) == 2
    label = page.locator(".curved").get_attribute("aria-label")
    assert label is not None
    assert label.startswith(f"{FIRST} against creation FLOPs, scope student. 3 scores of 3 ")
    assert [row[0] for row in rows(page)] == ["alpha", "beta", "gamma"]
    assert rows(page)[0][2:] == [
        "60.0 (55.0 to 65.0)", "1.00e20", "70B (big)", "3 (2 to 5) (big)", "Our report",
    ]  # fmt: skip
    assert rows(page)[2][3:6] == ["not available", "≥ 8B (big)", "not available (big)"]
    assert troubles == []
    page.close()


def test_the_scope_moves_the_models_and_turns_the_verdict(browser: Browser, report: Path) -> None:
    page, troubles = ready(browser, report)
    choose(page, "x", "lineage")
    wait_until(
        page, f"{STATUS}.textContent.includes('more compute for the same score in 0, less in 2')"
    )
    wait_until(page, "document.querySelectorAll('.curved .layer_5_marks path').length === 3")
    assert rows(page)[2][3] == "≥ 3.00e24, a range"
    filled = page.locator(".curved .layer_6_marks path").count()
    assert filled == 2, "a lower bound is hollow"
    choose(page, "x", "inference")
    wait_until(page, f"!{STATUS}.textContent.includes('Against')")
    assert rows(page)[0][5] == "not available (big)"
    assert "inference FLOPs of a token" in page.locator(".curved").inner_text()
    assert troubles == []
    page.close()


def test_a_model_that_two_measured_is_one_and_an_answer_has_a_gain_too(
    browser: Browser, tmp_path: Path
) -> None:
    """Alpha lies above by one laboratory and below by another: undecided; beta above by two of
    three."""

    def by(source: str, name: str, gain: dict[str, Any]) -> dict[str, Any]:
        places = [{"family": "big", "size": "70B", "gains": {"inference": gain}}]
        return model(name, 50.0, source=source, places=places)

    scores = [
        by("own", "alpha", ABOVE), by("lab", "alpha", BELOW),
        by("own", "beta", ABOVE), by("lab", "beta", ABOVE), by("third", "beta", BELOW),
    ]  # fmt: skip
    block = curves(scores, {"own": "o", "lab": "l", "third": "t"})
    made = render_page("t", "", [Section("s", (block,))], tmp_path)
    page, troubles = ready(browser, made)
    choose(page, "x", "inference")
    wait_until(page, f"{STATUS}.textContent.includes('in 2 comparisons of a model with a curve')")
    assert "more compute for the same score in 1, less in 0; 1 undecided." in said(page)
    assert rows(page)[0][5] == "3 (2 to 5) (big)"
    assert troubles == []
    page.close()


def test_families_sources_and_benchmarks_filter(browser: Browser, report: Path) -> None:
    page, troubles = ready(browser, report)
    choose(page, "family", "wide")
    assert [row[0] for row in rows(page)] == ["beta"]
    choose(page, "family", "")
    choose(page, "source", "lab")
    assert [row[0] for row in rows(page)] == ["gamma"]
    assert "No distilled model with this compute" in page.locator(".curved").inner_text()
    choose(page, "source", "")
    choose(page, "curve", "other")
    assert rows(page)[0][4] == "not available"
    wait_until(page, "document.querySelectorAll('.curved .layer_4_marks path').length === 3")
    choose(page, "curve", "")
    choose(page, "setting", SECOND)
    assert [row[0] for row in rows(page)] == ["delta"]
    disabled = page.locator("select[name=family] option:disabled").all_inner_texts()
    assert disabled == ["wide"], "what this benchmark has not cannot be chosen"
    page.locator(".curves button[type=reset]").click()
    wait_until(page, f"{STATUS}.textContent.startsWith('3 scores')")
    assert troubles == []
    page.close()


def test_intervals_can_be_left_out(browser: Browser, report: Path) -> None:
    page, _ = ready(browser, report)
    assert page.locator(".curved .layer_3_marks line").count() == 2
    page.locator(".curves input[name=bars]").uncheck()
    wait_until(page, "document.querySelectorAll('.curved .layer_3_marks line').length === 0")
    assert diamonds(page) == 2
    page.close()


def test_the_address_holds_the_view_and_a_hostile_one_changes_nothing(
    browser: Browser, report: Path
) -> None:
    page, _ = ready(browser, report)
    words = said(page)
    choose(page, "x", "lineage")
    choose(page, "source", "lab")
    address, chosen = page.url, said(page)
    assert chosen != words
    page.close()
    for asked, expected in (
        (address, chosen),
        (f"{report.as_uri()}#view?x=__proto__&setting=%3Cimg%3E&bars=maybe&family=none", words),
    ):
        again = browser.new_page()
        troubles: list[str] = []
        again.on("pageerror", lambda error, found=troubles: found.append(str(error)))
        again.goto(asked)
        again.locator(".curved svg").wait_for(timeout=WAIT_MS)
        assert said(again) == expected
        assert troubles == []
        again.close()


def test_the_keyboard_reaches_every_control(browser: Browser, report: Path) -> None:
    page, _ = ready(browser, report)
    page.locator("select[name=setting]").focus()
    reached = []
    for _ in range(8):
        reached.append(
            page.evaluate("document.activeElement.name || document.activeElement.tagName")
        )
        page.keyboard.press("Tab")
    assert reached == [
        "setting", "x", "family", "curve", "source", "bars", "BUTTON", "SUMMARY",
    ]  # fmt: skip
    page.locator("select[name=x]").focus()
    page.keyboard.press("ArrowDown")
    wait_until(page, f"{STATUS}.textContent.includes('in 0, less in 2')")
    page.close()


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (390, "dark"), (1400, "dark")])
def test_the_curves_fit_a_phone_and_the_dark(
    browser: Browser, report: Path, width: int, scheme: str
) -> None:
    page, troubles = ready(browser, report, width, scheme)
    page.locator(".curves summary").click()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    ink = page.locator(".curved .layer_6_marks path").first.get_attribute("fill")
    assert ink == ("#e6eaf0" if scheme == "dark" else "#1c2430")
    assert troubles == []
    page.close()


def test_paper_shows_the_chart_in_dark_ink_and_the_table_without_controls(
    browser: Browser, report: Path
) -> None:
    page, _ = ready(browser, report, 1032, "dark")
    page.emulate_media(media="print")
    assert not page.locator(".curves > form").is_visible()
    assert page.locator(".curves table").is_visible()
    drawn = page.evaluate(
        "['.layer_6_marks path', '.role-axis-label text', '.layer_7_marks text'].map(s =>"
        " getComputedStyle(document.querySelector('.curved ' + s)).fill)"
    )
    assert drawn == ["rgb(28, 36, 48)", "rgb(0, 0, 0)", "rgb(0, 0, 0)"]
    page.close()


def test_names_of_many_models_stand_apart(browser: Browser, tmp_path: Path) -> None:
    many = [
        model(f"a-distilled-model-of-some-name-{n}", 40 + (7 * n) % 23,
              x={"student": 1e20 * 1.2 ** (n % 9), "lineage": None, "inference": None})
        for n in range(25)
    ]  # fmt: skip
    made = render_page("t", "", [Section("s", (curves(many, {"own": "o"}),))], tmp_path)
    page, troubles = ready(browser, made)
    overlaps, shown = overlapping(page, ".curved .layer_7_marks text")
    assert overlaps == 0
    assert shown >= 12
    hidden = 25 + 6 - shown  # two vanilla families of three models are drawn too
    assert (f"{hidden} name" in said(page)) == (hidden > 0)
    assert len(rows(page)) == 25
    assert troubles == []
    page.close()


def test_hostile_text_in_every_field_is_text(browser: Browser, tmp_path: Path) -> None:
    gains = {"student": {**ABOVE, "text": HOSTILE}}
    places = [{"family": HOSTILE, "size": HOSTILE, "gains": gains}]
    own = {"family": HOSTILE, "setting": HOSTILE, "source": HOSTILE, "places": places}
    models = [model(f"{HOSTILE}{n}", 50.0 + n, **own) for n in range(2)]
    points = [{**row, "setting": HOSTILE, "family": HOSTILE, "model": HOSTILE} for row in FAMILY]
    block = Curves(
        "placed", HOSTILE, HOSTILE, [HOSTILE], [{**axis, "title": HOSTILE} for axis in AXES],
        [{**row, "setting": HOSTILE, "family": HOSTILE} for row in LINES], points, models,
        {HOSTILE: HOSTILE},
    )  # fmt: skip
    card = Card(HOSTILE, HOSTILE, "good", [HOSTILE], more=HOSTILE)
    made = render_page(
        HOSTILE, HOSTILE, [Section(HOSTILE, (block,))], tmp_path, question=HOSTILE,
        head=Section(HOSTILE, (Cards(HOSTILE, (card,)),)),
    )  # fmt: skip
    page, troubles = ready(browser, made)
    page.on("dialog", lambda dialog: troubles.append(dialog.message))
    page.locator(".curved .layer_6_marks path").first.hover()
    tooltip = page.locator("#vg-tooltip-element.visible")
    tooltip.wait_for(timeout=WAIT_MS)
    assert HOSTILE in tooltip.inner_text()
    assert page.locator("img, #vg-tooltip-element script").count() == 0
    assert rows(page)[0][0] == f"{HOSTILE}1"
    assert troubles == []
    page.close()


def test_a_card_leads_to_how_it_was_found(browser: Browser, report: Path) -> None:
    page, _ = ready(browser, report)
    page.locator(".card a", has_text="Score against compute").click()
    assert page.url.endswith("#score-against-compute")
    assert page.locator("#score-against-compute").count() == 1
    page.close()


@pytest.fixture(scope="module")
def load_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("load")
    sweep = swept(
        level(1, 20), level(2, 20, ttft=0.9), level(4, 12, ttft=1.4), name=HOSTILE, ttft_s=1.0
    )
    sweep.levels.write_parquet(folder / "load.parquet")
    (folder / "load.json").write_text(json.dumps(sweep.facts))
    return write_load_report(folder)


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (390, "light"), (390, "dark")])
def test_the_load_page_answers_on_its_first_screen(
    browser: Browser, load_page: Path, width: int, scheme: str
) -> None:
    page, troubles = opened(browser, load_page, width, scheme)
    card = page.locator(".card").first
    assert card.locator("h3").inner_text() == "2 users within your objectives"
    box = card.bounding_box()
    assert box is not None
    assert box["y"] + (box["height"] if width > 1000 else 0) < 900
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    chart = page.locator("[data-chart=spec-load-ttft]")
    line = chart.locator("line[stroke-dasharray='6,4']")
    ink = "#e6eaf0" if scheme == "dark" else "#1c2430"
    assert line.get_attribute("stroke") == ink, "in the colours of the scheme"
    assert "objective 1 s" in chart.inner_text()
    label = chart.get_attribute("aria-label")
    assert label is not None
    assert label.startswith("Time to first token"), "not Vega's own words"
    assert page.locator("img").count() == 0
    assert troubles == []
    page.close()


def test_a_chart_follows_the_scheme_and_paper_is_light(browser: Browser, load_page: Path) -> None:
    page, _ = opened(browser, load_page, 1400, "light")
    line = "[data-chart=spec-load-ttft] line[stroke-dasharray='6,4']"
    page.emulate_media(color_scheme="dark")
    wait_until(page, f"document.querySelector(\"{line}\")?.getAttribute('stroke') === '#e6eaf0'")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate(f'getComputedStyle(document.querySelector("{line}")).stroke') == (
        "rgb(28, 36, 48)"
    )
    page.close()


@pytest.fixture(scope="module")
def experiment_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_experiment_report(make_experiment(tmp_path_factory.mktemp("made"), HOSTILE))


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (390, "dark")])
def test_the_experiment_page_answers_on_its_first_screen(
    browser: Browser, experiment_page: Path, width: int, scheme: str
) -> None:
    page, troubles = opened(browser, experiment_page, width, scheme)
    assert page.locator(".question").inner_text().startswith("Is distilling a student worth it")
    badges = page.locator(".card .badge").all_inner_texts()
    assert len(badges) == 2
    assert all("dearer" in badge for badge in badges)
    box = page.locator(".card").first.bounding_box()
    assert box is not None
    assert box["y"] < 500
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert page.locator("[data-chart] .mark-symbol path").count() >= 4 * 9
    assert page.locator("img").count() == 0
    assert troubles == []
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.close()


@pytest.fixture(scope="module")
def claims_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = check_claims(load_catalog(), draws=200, seed=0)
    return write_claims_report(found, tmp_path_factory.mktemp("claims"))


@pytest.fixture(scope="module")
def run_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(make_run(tmp_path_factory.mktemp("run")))


@pytest.mark.parametrize("kind", ["run_page", "claims_page", "load_page", "experiment_page"])
def test_no_page_as_it_is_written_has_an_error(
    browser: Browser, request: pytest.FixtureRequest, kind: str
) -> None:
    """Each with all of its blocks: scripts meet on a page that do not in a page made of one."""
    written: Path = request.getfixturevalue(kind)
    page, troubles = opened(browser, written, 1400, "light")
    assert page.locator(".wide").count() == page.locator(".wide table > caption").count() > 0
    assert page.locator(".tools").count() == page.locator(".wide").count(), (
        "every table has its own"
    )
    assert troubles == []
    page.close()
