"""The page of a run on paper and on its first screen, in a real browser."""

from __future__ import annotations

import re
import unicodedata
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from distilbench.report import write_report
from tests.test_paper import BASE, STUDENT, planned_run
from tests.test_report import make_run, sample
from tests.test_report_browser import opened

pytestmark = pytest.mark.browser
pypdf = pytest.importorskip("pypdf")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(planned_run(tmp_path_factory.mktemp("print")))


def squeezed(text: str) -> str:
    """Without spaces and ligatures (one sign for fi), which a PDF does not keep as they were."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_paper_holds_every_cell_and_what_is_collapsed(
    browser: Browser, report: Path, scheme: str
) -> None:
    page, troubles = opened(browser, report, 1280, scheme)
    # Every text of every cell, as the page has it, on whatever screen.
    cells = page.evaluate("[...document.querySelectorAll('th, td')].map(c => c.textContent)")
    folded = page.evaluate(
        "[...document.querySelectorAll('details td:last-child')].map(c => c.textContent)"
    )
    assert page.locator("details[open]").count() == 0
    made = pypdf.PdfReader(BytesIO(page.pdf(prefer_css_page_size=True)))
    text = squeezed("".join(sheet.extract_text() for sheet in made.pages))
    assert len(cells) > 300
    assert len(folded) > 50
    assert [c for c in dict.fromkeys(cells) if squeezed(c) not in text] == []
    assert [number for number, sheet in enumerate(made.pages) if beyond(sheet)] == []
    assert page.locator("details[open]").count() == 0  # the page itself stays as it was
    assert troubles == []
    page.close()


def beyond(sheet: Any) -> list[str]:
    """Texts of a page that begin outside of it. It lies on its side."""
    wide, found = float(sheet.mediabox.width), []
    assert wide > float(sheet.mediabox.height)

    def see(text: str, matrix: list[float], at: list[float], *_: object) -> None:
        x = at[4] * matrix[0] + matrix[4]
        if text.strip() and not 0 <= x <= wide:
            found.append(text)

    sheet.extract_text(visitor_text=see)
    return found


@pytest.mark.parametrize("length", [40, 200])
def test_a_name_without_a_space_pushes_no_column_off_the_paper(
    browser: Browser, tmp_path: Path, length: int
) -> None:
    rows = [sample("m" * length, "t" * length, n, n % 2 == 0) for n in range(4)]
    page, _ = opened(browser, write_report(make_run(tmp_path, rows)), 1032, "light")
    page.emulate_media(media="print")
    wide = page.evaluate(
        "[...document.querySelectorAll('.wide')].map(box => box.scrollWidth - box.clientWidth)"
    )
    assert len(wide) > 5
    assert max(wide) <= 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 1032
    page.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_a_chart_is_whole_on_paper_whatever_the_screen(
    browser: Browser, report: Path, width: int
) -> None:
    page, _ = opened(browser, report, width, "light")
    page.set_viewport_size({"width": 1032, "height": 700})  # A4 on its side, less the margins
    page.emulate_media(media="print")
    cut = page.evaluate(
        """[...document.querySelectorAll('[data-chart] svg, .explored svg')].map(svg => {
            const box = svg.getBoundingClientRect(), panel = svg.parentElement;
            const around = panel.getBoundingClientRect();
            return [box.width > 100, box.right <= around.right + 1, box.bottom <= innerHeight * 9e9,
                    box.height < 700];
        })"""
    )
    assert len(cut) >= 4
    assert all(all(one) for one in cut)
    page.close()


@pytest.mark.parametrize(("width", "height"), [(1400, 900), (390, 844)])
def test_the_first_screen_holds_question_pick_and_cards(
    browser: Browser, report: Path, width: int, height: int
) -> None:
    page, _ = opened(browser, report, width, "light")
    page.set_viewport_size({"width": width, "height": height})
    cards = page.locator("article.card")
    assert f"Take {STUDENT}" in cards.nth(0).inner_text()
    assert f"{STUDENT} against {BASE}" in cards.nth(1).inner_text()
    assert "at a margin of 5 percentage points" in page.locator("section#the-answer").inner_text()

    def bottom(selector: str) -> float:
        return float(
            page.evaluate(f"document.querySelector({selector!r}).getBoundingClientRect().bottom")
        )

    assert bottom(".question") < height
    assert bottom("article.card") <= height
    top = page.evaluate("document.querySelectorAll('article.card')[1].getBoundingClientRect().top")
    assert top < height
    if width > 1000:
        assert bottom("#the-answer .cards") <= height
    page.close()
