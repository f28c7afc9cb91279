"""The report in a real browser: Debian's chromium, without a network."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route

from distilbench.report import render_page, write_report
from tests.test_report import HOSTILE, make_run, sample

pytestmark = pytest.mark.browser
CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip
WAIT_MS = 20_000

if CHROMIUM is None and not os.environ.get("CI"):
    pytest.skip("Debian's chromium is not installed", allow_module_level=True)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(make_run(tmp_path_factory.mktemp("browser")))


def opened(browser: Browser, report: Path, width: int, scheme: str) -> tuple[Page, list[str]]:
    """The page once its charts are drawn, and whatever went wrong or out meanwhile."""
    troubles: list[str] = []
    page = browser.new_page(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,  # type: ignore[arg-type]
    )

    def only_files(route: Route) -> None:
        if route.request.url.startswith(("file:", "data:")):
            route.continue_()
        else:
            troubles.append(f"request {route.request.url}")
            route.abort()

    page.route("**/*", only_files)
    page.on("console", lambda m: m.type in ("error", "warning") and troubles.append(m.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.goto(report.as_uri())
    drawn = "document.querySelectorAll('[data-chart] svg').length"
    wait_until(page, f"{drawn} === document.querySelectorAll('[data-chart]').length")
    return page, troubles


def wait_until(page: Page, expression: str) -> None:
    """Playwright's own ``wait_for_function`` has the page evaluate a string, which the page's
    content security policy forbids."""
    until = time.monotonic() + WAIT_MS / 1000
    while not page.evaluate(expression):
        assert time.monotonic() < until, f"not within {WAIT_MS} ms: {expression}"
        page.wait_for_timeout(50)


def overlapping(page: Page, selector: str) -> tuple[int, int]:
    """How many pairs of the elements lie over each other, and how many elements there are."""
    pairs, count = page.evaluate(
        """selector => {
            const boxes = [...document.querySelectorAll(selector)]
                .map(t => t.getBoundingClientRect());
            const pairs = boxes.flatMap((p, i) => boxes.slice(i + 1).filter(q =>
                p.left < q.right && q.left < p.right &&
                p.top + 2 < q.bottom && q.top + 2 < p.bottom));
            return [pairs.length, boxes.length];
        }""",
        selector,
    )
    return pairs, count


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_it_opens_offline_and_draws_every_chart(
    browser: Browser, report: Path, width: int, scheme: str
) -> None:
    page, troubles = opened(browser, report, width, scheme)
    assert troubles == []
    marks = page.eval_on_selector_all(
        "[data-chart] svg",
        "charts => charts.map(c => c.querySelectorAll('.mark-symbol path').length)",
    )
    assert len(marks) == 5
    assert all(count >= 2 for count in marks)
    overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert overflow <= 0
    page.close()


def test_a_tooltip_answers(browser: Browser, report: Path) -> None:
    page, _ = opened(browser, report, 1280, "light")
    chart = page.locator("[data-chart=spec-accuracy-by-task]")
    chart.scroll_into_view_if_needed()
    chart.locator(".mark-symbol.role-mark path").first.hover()
    tooltip = page.locator("#vg-tooltip-element.visible")
    tooltip.wait_for(timeout=WAIT_MS)
    text = tooltip.inner_text()
    assert "accuracy" in text
    assert "questions" in text
    page.close()


def test_a_hostile_name_is_text_in_legend_and_tooltip(browser: Browser, tmp_path: Path) -> None:
    rows = [sample(m, "sums", n, n % 2 == 0) for m in (HOSTILE, f"{HOSTILE}2") for n in range(6)]
    page, troubles = opened(browser, write_report(make_run(tmp_path, rows)), 1280, "light")
    page.on("dialog", lambda dialog: troubles.append(dialog.message))
    chart = page.locator("[data-chart=spec-accuracy-by-task]")
    chart.scroll_into_view_if_needed()
    chart.locator(".mark-symbol.role-mark path").last.hover()
    tooltip = page.locator("#vg-tooltip-element.visible")
    tooltip.wait_for(timeout=WAIT_MS)
    assert HOSTILE in tooltip.inner_text()
    assert page.locator("img, #vg-tooltip-element script").count() == 0
    assert troubles == []
    page.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_labels_of_an_axis_stand_apart(browser: Browser, report: Path, width: int) -> None:
    page, _ = opened(browser, report, width, "light")
    overlaps = page.evaluate(
        """() => [...document.querySelectorAll('[data-chart] .role-axis-label')].flatMap(axis => {
            const boxes = [...axis.querySelectorAll('text')]
                .filter(t => t.getAttribute('opacity') !== '0' && t.textContent)
                .map(t => [t.textContent, t.getBoundingClientRect()]);
            return boxes.flatMap(([a, p], i) => boxes.slice(i + 1).filter(([, q]) =>
                p.left < q.right + 4 && q.left < p.right + 4 &&
                p.top < q.bottom - 3 && q.top < p.bottom - 3
            ).map(([b]) => a + ' / ' + b));
        })"""
    )
    assert overlaps == []
    assert page.locator("[data-chart] .role-axis-label text").count() > 20
    page.close()


def test_the_contents_lead_to_their_sections(browser: Browser, report: Path) -> None:
    page, _ = opened(browser, report, 1280, "light")
    for link in page.locator("nav a").all():
        target = link.get_attribute("href")
        assert target is not None
        assert page.locator(target).count() == 1
    page.close()


def test_paper_cuts_no_table(browser: Browser, report: Path) -> None:
    page, _ = opened(browser, report, 1032, "dark")  # A4 on its side, less the margins
    page.emulate_media(media="print")
    wide = page.evaluate(
        "[...document.querySelectorAll('.wide')].map(box => {"
        " if (box.closest('details')) box.closest('details').open = true;"
        " return [box.getAttribute('aria-label'), box.scrollWidth - box.clientWidth]; })"
    )
    assert len(wide) > 5
    assert [name for name, beyond in wide if beyond > 1] == []
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == "rgb(255, 255, 255)"
    page.close()


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (390, "dark")])
def test_no_table_of_the_report_cuts_a_column(
    browser: Browser, report: Path, width: int, scheme: str
) -> None:
    page, troubles = opened(browser, report, width, scheme)
    page.evaluate("for (const one of document.querySelectorAll('main details')) one.open = true")
    beyond = (
        "[...document.querySelectorAll('.wide')].filter(b => b.scrollWidth > b.clientWidth + 1)"
    )
    wait_until(page, f"{beyond}.length === 0")
    wait_until(page, "document.querySelectorAll('.wide .dt-container').length > 10")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert page.evaluate(f"{beyond}.length") == 0
    headings = page.locator("#results table").first.locator("th").all_text_contents()
    assert headings[:3] == ["model", "accuracy", "95% interval"]
    assert troubles == []
    page.close()


def test_what_a_reader_must_know_is_a_list_below_the_result(
    browser: Browser, tmp_path: Path
) -> None:
    notes = ("The run is not finished.", HOSTILE)
    made = render_page("a title", "a result", [], tmp_path, notes=notes)
    page, troubles = opened(browser, made, 1280, "light")
    shown = page.locator("ul.notes > li").all_inner_texts()
    assert [" ".join(note.split()) for note in shown] == [" ".join(n.split()) for n in notes]
    assert troubles == []
    page.close()
