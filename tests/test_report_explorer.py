"""The chart whose axes and limits the reader chooses, in a real browser."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import Browser, Page

from distilbench.records import CellRecord, frame
from distilbench.report import write_report
from tests.test_break_even import run_with_prices
from tests.test_report import HOSTILE, cell, make_run, sample
from tests.test_report_browser import WAIT_MS, opened, overlapping, wait_until

pytestmark = pytest.mark.browser
STATUS = "document.querySelector('.explorer [role=status]')"
MODELS = {"tiny": (8, 1e10, 100), "middle": (20, 5e10, 300), "big": (32, 2e11, 900)}
"""Of 40 questions so many right, FLOPs of a question, MiB."""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [
        sample(model, "sums", n, n < right, flops=flops, total_s=flops / 1e11)
        for model, (right, flops, _) in MODELS.items()
        for n in range(40)
    ]
    run = make_run(tmp_path_factory.mktemp("explorer"), rows)
    cells = [
        cell(model, "sums") | {"peak_memory_bytes": mib << 20, "role": "vanilla"}
        for model, (_, _, mib) in MODELS.items()
    ]
    frame(cells, CellRecord).write_parquet(run / "cells.parquet")
    return write_report(run)


def said(page: Page) -> str:
    return page.locator(".explorer [role=status]").inner_text()


def ready(page: Page) -> None:
    page.locator(".explored svg").wait_for(timeout=WAIT_MS)


def test_without_limits_the_most_accurate_is_picked(browser: Browser, report: Path) -> None:
    page, troubles = opened(browser, report, 1400, "light")
    ready(page)
    assert said(page).startswith("Take big: accuracy 80.0%, the most accurate in 100%")
    assert page.locator(".explored .mark-symbol path").count() >= 3
    names = page.locator(".explored .mark-text.role-mark text").all_text_contents()
    assert sorted(names) == sorted(MODELS)
    assert troubles == []
    page.close()


def test_a_limit_greys_and_the_pick_follows(browser: Browser, report: Path) -> None:
    page, troubles = opened(browser, report, 1400, "light")
    ready(page)
    page.locator("input[name=peak_memory_mib]").fill("500")
    wait_until(page, f"{STATUS}.textContent.startsWith('Take middle')")
    assert "1 of 3 fall out" in said(page)
    page.locator("input[name=accuracy]").fill("60")
    assert said(page) == "No model keeps to these limits. 3 of 3 fall out."
    page.locator(".explorer button[type=reset]").click()
    wait_until(page, f"{STATUS}.textContent.startsWith('Take big')")
    assert troubles == []
    page.close()


@pytest.mark.parametrize("tokens", [(0, 5, 9), (0, 0, 0)])
def test_a_cost_of_0_is_known_and_not_on_a_logarithmic_axis(
    browser: Browser, tmp_path: Path, tokens: tuple[int, ...]
) -> None:
    """As of a task by likelihood, which no token is written for."""
    rows = [
        sample(model, "sums", n, n < MODELS[model][0], output_tokens=count)
        for model, count in zip(MODELS, tokens, strict=True)
        for n in range(40)
    ]
    page, troubles = opened(browser, write_report(make_run(tmp_path, rows)), 1400, "light")
    ready(page)
    page.locator("select[name=x]").select_option("output_tokens")
    wait_until(page, f"{STATUS}.textContent.includes('not drawn')")
    none = "0 has no place on a logarithmic axis."
    assert f"{tokens.count(0)} not drawn: {none}" in said(page)
    assert "not available" not in said(page)
    assert any(tokens) or page.locator(".explored").inner_text() == none
    page.locator("input[name=log]").uncheck()
    wait_until(page, f"!{STATUS}.textContent.includes('not drawn')")
    ready(page)
    assert troubles == []
    page.close()


def test_the_address_holds_the_view(browser: Browser, report: Path) -> None:
    page, _ = opened(browser, report, 1400, "light")
    ready(page)
    page.locator("select[name=x]").select_option("peak_memory_mib")
    page.locator("select[name=y]").select_option(label="sums")
    page.locator("input[name=log]").uncheck()
    page.locator("input[name=p95_s]").fill("0.7")
    address, words = page.url, said(page)
    assert "x=peak_memory_mib" in address
    page.close()
    again = browser.new_page()
    again.goto(address)
    ready(again)
    assert said(again) == words
    assert words.startswith("Take middle: accuracy 50.0%, the most accurate in 100% of 1,000 draws")
    assert again.locator("select[name=x]").input_value() == "peak_memory_mib"
    assert not again.locator("input[name=log]").is_checked()
    assert "peak memory in MiB" in again.locator(".explored").inner_text()
    again.close()


@pytest.mark.parametrize("asked", ["x=nonsense&y=%3Cimg%3E&p95_s=abc", "x=__proto__&log=2", "&&&="])
def test_a_hostile_address_changes_nothing(browser: Browser, report: Path, asked: str) -> None:
    page = browser.new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.goto(f"{report.as_uri()}#view?{asked}")
    ready(page)
    assert said(page).startswith("Take big")
    assert troubles == []
    assert page.locator(".explorer img").count() == 0
    page.close()


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (390, "dark"), (1400, "dark")])
def test_it_fits_a_phone_and_the_dark(
    browser: Browser, report: Path, width: int, scheme: str
) -> None:
    page, troubles = opened(browser, report, width, scheme)
    ready(page)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    box = page.locator(".explored svg").bounding_box()
    assert box is not None
    assert box["width"] <= width
    ink = page.locator(".explored .role-axis-label text").first.get_attribute("fill")
    assert ink == ("#e6eaf0" if scheme == "dark" else "#1c2430")
    assert troubles == []
    page.close()


def test_names_do_not_stand_on_each_other(browser: Browser, tmp_path: Path) -> None:
    rows = [
        sample(f"a-model-of-some-name-{m}", "sums", n, n < 10 + m // 4, flops=1e10 * (1 + m / 50))
        for m in range(15)
        for n in range(30)
    ]
    page, _ = opened(browser, write_report(make_run(tmp_path, rows)), 1400, "light")
    ready(page)
    overlaps, shown = overlapping(page, ".explored .mark-text.role-mark text")
    assert overlaps == 0
    assert shown >= 5
    page.close()


def test_a_hostile_name_is_text(browser: Browser, tmp_path: Path) -> None:
    rows = [
        sample(m, HOSTILE, n, n % 2 == 0, flops=flops)
        for m, flops in ((HOSTILE, 1e10), ("b", 4e10))
        for n in range(6)
    ]
    page, troubles = opened(browser, write_report(make_run(tmp_path, rows)), 1400, "light")
    ready(page)
    page.locator(".explored .mark-symbol.role-mark path").first.hover()
    page.locator("#vg-tooltip-element.visible").wait_for(timeout=WAIT_MS)
    assert page.locator("img").count() == 0
    assert HOSTILE in page.locator("select[name=y] option").all_inner_texts()
    assert troubles == []
    page.close()


def test_what_is_drawn_first_are_the_numbers_of_the_records(report: Path) -> None:
    html = report.read_text()
    data = json.loads(html.split('id="data-any-cost">')[1].split("</script>")[0])
    cells = pl.read_parquet(report.parents[1] / "cells.parquet")
    for point in data["points"]:
        right, flops, mib = MODELS[point["entry"]]
        assert point["scores"]["mean"][0] == pytest.approx(right / 40)
        assert point["costs"]["flops"] == pytest.approx(flops)
        assert point["costs"]["peak_memory_mib"] == mib
        assert point["costs"]["energy_j"] is None
    assert {axis["key"] for axis in data["axes"]}.isdisjoint({"energy_j", "usd"})
    assert cells.height == len(data["points"])


_BOUNDS = """() => {
    const one = (e, y, from, to) => ({ e, y, from, to, x: to, fate: "kept" });
    const names = (rows) => rows.map((row) => row.e);
    const beside = (cost) => {
        const rows = [one("s", 0.6, 9, 15), one("b", 0.5, cost, cost)];
        const found = Figures.frontier(rows);
        return [names(found.surely), names(found.open)];
    };
    // Two models, the first always the more accurate.
    const drawn = { ranks: [1, 0], times: [5], count: 5 };
    const shares = (ends) => [...Figures.boundShares(drawn, [0, 1], ends).values()];
    return [beside(12), beside(8), beside(16), shares([[9, 15], [12, 12]]),
        shares([[9, 15], [20, Infinity]])];
}"""
"""The student took 9 to 15: beside 12 it may beat that or not, beside 8 and 16 that is decided."""


def test_a_creation_that_is_an_upper_bound_is_marked(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of the teacher's training is charged to the student: 15e15 FLOPs at most."""
    run = run_with_prices(tmp_path, monkeypatch)
    page, troubles = opened(browser, write_report(run), 1400, "light")
    ready(page)
    page.locator("select[name=x]").select_option("creation amortised")
    wait_until(page, "document.querySelector('table.drawn').textContent.includes('≤ ')")
    row = page.locator("table.drawn tbody tr", has_text="student").first
    assert "≤ " in row.locator("td").nth(3).text_content()
    assert "at most, it may be counted too high" in row.locator("td").nth(4).text_content()
    # As accurate as the base, whose 6e15 are below what surely was spent: never on the frontier.
    assert row.locator("td").nth(5).text_content() == "0% of draws"
    assert "not decidable" not in said(page)
    assert page.evaluate(f"({_BOUNDS})()") == [
        [["s"], ["b"]], [["b", "s"], []], [["s"], []], [[1, 1], [0, 1]], [[1, 1], [0, 0]],
    ]  # fmt: skip
    assert troubles == []
    page.close()
