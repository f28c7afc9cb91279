"""Verdicts under terms that the reader chooses, in a real browser: they flip, on a desktop, on a
phone, in the dark, by keyboard; and on paper they are those that the page opens with."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from distilbench.report import Section, render_page
from distilbench.report.page import Ruled, Ruling, Rulings, Term
from tests.test_report import HOSTILE
from tests.test_report_browser import opened

pytestmark = pytest.mark.browser
TERMS = (
    Term("who", "figures of", {"all": "anyone", "maker": "makers", "independent": "others"}, "all"),
    Term("scope", "creation counts", {"student": "student", "lineage": HOSTILE}, "student"),
    Term("margin", "margin", {"5": "5 points", "20": "20 points"}, "5"),
)
WHO, SCOPE, MARGIN = (tuple(term.options) for term in TERMS)


def ruling(good: bool, words: str) -> Ruling:
    word, tone = ("supported", "good") if good else ("refuted", "bad")
    return Ruling(word, tone, words, [("How it was found", "how")])


def block() -> Rulings:
    """(a) holds for a student's own training only, (b) at a wide margin or with the makers."""
    first = {
        (scope, who): ruling(scope == "student", f"Of {scope}, by {who}. {HOSTILE}")
        for scope, who in product(SCOPE, WHO)
    }
    second = {
        (margin, who): ruling(margin == "20" or who == "maker", f"At {margin}, by {who}.")
        for margin, who in product(MARGIN, WHO)
    }
    return Rulings(
        "rulings", "A caption.", TERMS,
        (Ruled("(a)", ("scope", "who"), first), Ruled("(b)", ("margin", "who"), second)),
    )  # fmt: skip


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render_page(
        "A title", "A lede.", [Section("Terms", (block(),)), Section("How", ())],
        tmp_path_factory.mktemp("rulings"),
    )  # fmt: skip


def words(page: Page) -> list[str]:
    return page.locator(".chosen .badge").all_inner_texts()


def choose(page: Page, name: str, value: str) -> None:
    page.locator(f".rulings select[name={name}]").select_option(value)


def said(page: Page) -> str:
    return page.locator(".rulings [role=status]").inner_text()


def test_it_opens_with_the_terms_of_the_page(browser: Browser, report: Path) -> None:
    page, troubles = opened(browser, report, 1400, "light")
    assert words(page) == ["supported", "refuted"]
    assert said(page) == "The verdicts are those that the page opens with."
    assert not page.locator(".opened").first.is_visible()
    assert page.locator(".flipped").all_inner_texts() == ["", ""]
    assert troubles == []
    page.close()


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (390, "light"), (390, "dark")])
def test_each_control_flips_its_verdict(
    browser: Browser, report: Path, width: int, scheme: str
) -> None:
    page, troubles = opened(browser, report, width, scheme)
    choose(page, "margin", "20")
    assert words(page) == ["supported", "supported"]
    assert said(page) == "1 of 2 verdicts flip under these terms: (b): supported."
    assert page.locator(".flipped").last.inner_text() == "As the page opens: refuted."
    choose(page, "scope", "lineage")
    assert words(page) == ["refuted", "supported"]
    choose(page, "margin", "5")
    choose(page, "who", "maker")
    assert words(page) == ["refuted", "supported"]
    assert page.locator(".sentence").last.inner_text() == "At 5, by maker."
    assert page.locator(".chosen .card.bad .badge").first.is_visible()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.locator(".rulings button[type=reset]").click()
    page.wait_for_timeout(50)
    assert words(page) == ["supported", "refuted"]
    assert troubles == []
    page.close()


def test_it_is_worked_by_keyboard_and_the_address_holds_it(browser: Browser, report: Path) -> None:
    page, _ = opened(browser, report, 1400, "light")
    page.locator(".rulings select[name=margin]").focus()
    page.keyboard.press("ArrowDown")
    assert words(page) == ["supported", "supported"]
    address = page.url
    page.close()
    again = browser.new_page()
    again.goto(address)
    assert words(again) == ["supported", "supported"]
    again.goto(f"{report.as_uri()}#view?who=nobody&margin=%3Cimg%3E&scope=__proto__")
    again.reload()
    assert words(again) == ["supported", "refuted"]
    again.close()


def test_paper_shows_the_terms_of_the_page_whatever_was_chosen(
    browser: Browser, report: Path
) -> None:
    page, _ = opened(browser, report, 1400, "dark")
    choose(page, "margin", "20")
    page.emulate_media(media="print")
    assert page.locator(".opened .badge").all_inner_texts() == ["supported", "refuted"]
    assert page.locator(".opened").first.inner_text().startswith("figures of: anyone; ")
    for hidden in (".rulings form", ".chosen", ".rulings [role=status]"):
        assert not page.locator(hidden).is_visible()
    page.close()


def test_without_scripts_the_verdicts_are_there_and_the_controls_are_not(
    browser: Browser, report: Path
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.as_uri())
    assert page.locator(".opened .badge").all_inner_texts() == ["supported", "refuted"]
    assert not page.locator(".rulings form").is_visible()
    context.close()


def test_text_of_data_stays_text_and_links_stay_in_the_page(browser: Browser, report: Path) -> None:
    page, troubles = opened(browser, report, 1400, "light")
    choose(page, "scope", "lineage")
    assert page.locator(".sentence").first.inner_text() == " ".join(
        f"Of lineage, by all. {HOSTILE}".split()
    )
    assert page.locator(".rulings img").count() == 0
    links = page.locator(".chosen .evidence a")
    assert [link.get_attribute("href") for link in links.all()] == ["#how", "#how"]
    markdown = (report.parent / "report.md").read_text()
    assert "- (a): **supported**. Of student, by all." in markdown
    assert troubles == []
    page.close()
