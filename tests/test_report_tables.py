"""Tables that sort, filter, choose columns, are copied, fit and print, in a real browser."""

from __future__ import annotations

import time
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import Browser, Page

from distilbench.report import Cell, Section, Table, render_page
from distilbench.report.run._by_task import heat_map
from tests.test_report import HOSTILE
from tests.test_report_browser import WAIT_MS, wait_until

pytestmark = pytest.mark.browser
CLIPBOARD = "navigator.clipboard.writeText = async (text) => { window.copied = text; };"
ROWS = (
    ("qwen 10", Cell("9.5%", kind="measured"), Cell("1.2G", kind="derived"), "4.00 to 5.00"),
    ("qwen 9", Cell("61.0%"), Cell("950M", kind="estimated"), "-3.00 to 5.00"),
    ("llama_3", "not available", Cell("3.1T", kind="published"), None),
    ("gemma|2", "not loaded", "not available", "12.00 to 15.00"),
    (HOSTILE, "100.0%", Cell("70G", href="https://example.org/a|b"), "0.10 to 0.20"),
)
WIDE = [
    [f"a-model-of-a-long-name-{n}", *(f"{n}{i},000.25 to {n}{i},100.75" for i in range(13))]
    for n in range(3)
]
TASKS = [f"task_number_{n:02}" for n in range(30)]
MODELS = [f"DeepSeek-R1-Distill-Llama-{n}B-Q4_K_M" for n in range(15)]
FIRST = "document.querySelector('.wide')"


def by_task() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "task": task, "entry": model, "accuracy": (i * 15 + j) / 450, "low": 0.0, "high": 1.0,
            "n_questions": 40, "no_answer": None,
        }
        for i, task in enumerate(TASKS)
        for j, model in enumerate(MODELS)
        if (i, j) != (3, 3)
    )  # fmt: skip


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    columns = ("model", "accuracy", "FLOPs", "range & 5% of #1")
    tables = (
        Table("Quality_1, best first", columns, ROWS, anchors=[f"row-{n}" for n in range(5)]),
        Table("Wide", ("model", *(f"interval of the figure {i}" for i in range(13))), WIDE),
        heat_map(by_task(), MODELS),
    )
    sections = [Section(f"part {n}", (table,)) for n, table in enumerate(tables)]
    return render_page("tables", "", sections, tmp_path_factory.mktemp("tables"))


def opened(
    browser: Browser, report: Path, width: int = 1400, scheme: str = "light", script: str = ""
) -> tuple[Page, list[str]]:
    """The page once its tables are alive, and whatever went wrong meanwhile."""
    page = browser.new_page(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    page.add_init_script(script or CLIPBOARD)
    troubles: list[str] = []
    page.on("console", lambda m: m.type in ("error", "warning") and troubles.append(m.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("dialog", lambda dialog: troubles.append(dialog.message))
    page.goto(report.as_uri())
    wait_until(page, f"{FIRST}.querySelector('.dt-container') !== null")
    return page, troubles


def names(page: Page) -> list[str]:
    cells = page.locator("#part-0 tbody td:first-child").all_inner_texts()
    return [{HOSTILE: "hostile"}.get(name, name) for name in cells]


def said(page: Page) -> str:
    return page.locator("#part-0 output").inner_text()


def heading(page: Page, text: str) -> None:
    page.locator("#part-0 th", has_text=text).click()


def stand(page: Page, wanted: list[str]) -> None:
    """A click sorts a moment later."""
    until = time.monotonic() + WAIT_MS / 1000
    while names(page) != wanted:
        assert time.monotonic() < until, names(page)
        page.wait_for_timeout(20)


def copied(page: Page, form: str) -> str:
    page.evaluate("window.copied = ''")
    page.locator("#part-0").get_by_role("button", name=f"Copy as {form}").click()
    wait_until(page, "window.copied !== ''")
    return str(page.evaluate("window.copied"))


def test_numbers_sort_as_numbers_and_what_is_not_known_stands_last(
    browser: Browser, report: Path
) -> None:
    page, troubles = opened(browser, report)
    asis = ["qwen 10", "qwen 9", "llama_3", "gemma|2", "hostile"]
    heading(page, "accuracy")  # 100, 61, 9.5, a reason, not available
    stand(page, ["hostile", "qwen 9", "qwen 10", "gemma|2", "llama_3"])
    assert page.locator("#part-0 th[aria-sort=descending]").count() == 1
    assert said(page) == "5 rows; sorted by accuracy, descending"
    heading(page, "accuracy")
    stand(page, ["qwen 10", "qwen 9", "hostile", "gemma|2", "llama_3"])
    heading(page, "accuracy")
    stand(page, asis)
    assert said(page) == "5 rows"
    heading(page, "FLOPs")  # 3.1T, 70G, 1.2G, 950M, not available
    stand(page, ["llama_3", "hostile", "qwen 10", "qwen 9", "gemma|2"])
    heading(page, "range")  # by their lower ends: 12, 4, 0.1, -3
    stand(page, ["gemma|2", "qwen 10", "hostile", "qwen 9", "llama_3"])
    heading(page, "model")  # words, and the numbers in them as numbers
    stand(page, ["hostile", "gemma|2", "llama_3", "qwen 9", "qwen 10"])
    assert troubles == []
    page.close()


def test_a_keyboard_sorts_filters_and_chooses(browser: Browser, report: Path) -> None:
    page, _ = opened(browser, report)
    page.locator("#part-0 input[type=search]").focus()
    page.keyboard.type("qwen")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # opens the columns
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert said(page) == "2 of 5 rows shown (filter: qwen); 3 of 4 columns shown"
    page.locator("#part-0 th .dt-column-order").first.focus()
    page.keyboard.press("Enter")
    stand(page, ["qwen 9", "qwen 10"])
    page.close()


def test_a_filter_says_how_many_of_how_many(browser: Browser, report: Path) -> None:
    page, troubles = opened(browser, report)
    box = page.locator("#part-0 input[type=search]")
    box.fill("qwen 61")
    assert names(page) == ["qwen 9"]
    assert said(page) == "1 of 5 rows shown (filter: qwen 61)"
    box.fill("<img src=x onerror=alert(2)>")
    assert names(page) == ["hostile"]
    box.fill("!qwen !llama_3")
    assert names(page) == ["gemma|2", "hostile"]
    box.fill("nothing holds this")
    assert said(page).startswith("0 of 5 rows shown")
    page.evaluate("location.hash = '#row-2'")  # a link to a row that the filter took away
    wait_until(page, "document.getElementById('row-2') !== null")
    assert said(page) == "5 rows"
    assert page.locator("img").count() == 0
    assert troubles == []
    page.close()


MARKDOWN = r"""Quality\_1, best first

| model | accuracy | FLOPs | range & 5% of #1 |
| --- | ---: | ---: | ---: |
| qwen 10 | 9.5% | *1.2G* | 4.00 to 5.00 |
| qwen 9 | 61.0% | ≈ 950M | -3.00 to 5.00 |
| llama\_3 | not available | 3.1T (published) | – |
| gemma\|2 | not loaded | not available | 12.00 to 15.00 |
| &lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=x onerror=alert(2)&gt; | 100.0% | [70G](<https://example.org/a%7Cb>) | 0.10 to 0.20 |

italics: derived by a formula; ≈: estimated.
""".replace("range & 5%", "range &amp; 5%")  # noqa: E501
LATEX = r"""% \usepackage{booktabs}
\begin{table}
  \centering
  \caption{Quality\_1, best first; italics: derived by a formula; $\approx$: estimated; underlined: published by others}
  \begin{tabular}{p{0.3\linewidth}rrr}
    \toprule
    model & accuracy & FLOPs & range \& 5\% of \#1 \\
    \midrule
    qwen 10 & 9.5\% & \textit{1.2G} & 4.00 to 5.00 \\
    qwen 9 & 61.0\% & $\approx$ 950M & $-$3.00 to 5.00 \\
    llama\_3 & not available & \underline{3.1T} & -- \\
    gemma\textbar{}2 & not loaded & not available & 12.00 to 15.00 \\
    \textless{}/script\textgreater{}\textless{}script\textgreater{}alert(1)\textless{}/script\textgreater{}\textless{}img src=x onerror=alert(2)\textgreater{} & 100.0\% & 70G & 0.10 to 0.20 \\
    \bottomrule
  \end{tabular}
\end{table}
"""  # noqa: E501


def test_a_copy_is_the_table_with_its_marks(browser: Browser, report: Path) -> None:
    page, troubles = opened(browser, report)
    assert copied(page, "Markdown") == MARKDOWN
    assert copied(page, "LaTeX") == LATEX
    assert said(page).startswith("copied as LaTeX")
    assert troubles == []
    page.close()


def test_a_copy_is_what_is_seen_in_its_order_and_says_so(browser: Browser, report: Path) -> None:
    page, _ = opened(browser, report)
    page.locator("#part-0 input[type=search]").fill("qwen")
    page.locator("#part-0 summary").click()
    page.locator("#part-0 fieldset").get_by_label("FLOPs").uncheck()
    page.locator("#part-0 fieldset").get_by_label("range").uncheck()
    heading(page, "accuracy")
    stand(page, ["qwen 9", "qwen 10"])
    assert copied(page, "Markdown").splitlines()[2:] == [
        "| model | accuracy |", "| --- | ---: |", "| qwen 9 | 61.0% |", "| qwen 10 | 9.5% |", "",
        "2 of 5 rows shown (filter: qwen); 2 of 4 columns shown; sorted by accuracy, descending.",
    ]  # fmt: skip
    latex = copied(page, "LaTeX")
    assert "2 of 5 rows shown (filter: qwen); 2 of 4 columns shown; sorted by" in latex
    assert r"    model & accuracy \\" in latex
    page.locator("#part-0 fieldset").get_by_role("button").click()
    assert said(page).startswith("2 of 5 rows shown (filter: qwen); sorted")
    page.close()


def test_what_latex_would_take_as_a_command_is_text(browser: Browser, tmp_path: Path) -> None:
    signs = ["[a]", "*b\u202e\u0007", r"\c{d}$e^f~", "--memory ≥ 2 × µ", "“quoted” ‘it’s’"]
    page_file = render_page(
        "t", "", [Section("part 0", (Table("Signs", ("sign",), [(s,) for s in signs]),))], tmp_path
    )
    page, _ = opened(browser, page_file)
    body = copied(page, "LaTeX").split("\\midrule\n")[1].split("    \\bottomrule")[0]
    assert [line.strip() for line in body.splitlines()] == [
        r"{[}a{]} \\",
        r"{*}b \\",
        r"\textbackslash{}c\{d\}\$e\textasciicircum{}f\textasciitilde{} \\",
        r"-{}-memory $\geq$ 2 $\times$ $\mu$ \\", "“quoted” ‘it’s’ \\\\",
    ]  # fmt: skip
    page.close()


@pytest.mark.parametrize("works", [True, False])
def test_without_a_clipboard_there_is_another_way(
    browser: Browser, report: Path, works: bool
) -> None:
    script = (
        "Object.defineProperty(navigator, 'clipboard', { value: undefined });"
        "document.execCommand = () => { window.copied = document.activeElement.value;"
        f" return {str(works).lower()}; }};"
    )
    page, troubles = opened(browser, report, script=script)
    assert copied(page, "Markdown") == MARKDOWN
    assert page.locator("textarea.copied").count() == (0 if works else 1)
    assert said(page).startswith("copied as Markdown" if works else "copy the Markdown below")
    assert troubles == []
    page.close()


def test_one_column_always_stays(browser: Browser, report: Path) -> None:
    page, _ = opened(browser, report)
    page.locator("#part-0 summary").click()
    boxes = page.locator("#part-0 fieldset input")
    for n in range(3):
        boxes.nth(n).uncheck()
    assert boxes.nth(3).is_disabled()
    assert page.locator("#part-0 th").count() == 1
    page.close()


@pytest.mark.parametrize(
    ("width", "scheme"), [(1400, "light"), (1400, "dark"), (768, "light"), (390, "dark")]
)
def test_no_column_is_ever_cut(browser: Browser, report: Path, width: int, scheme: str) -> None:
    page, troubles = opened(browser, report, width, scheme)
    wait_until(page, "document.querySelectorAll('.dt-container').length === 3")
    page.wait_for_timeout(200)
    beyond, outside, cells = page.evaluate(
        """() => [
            [...document.querySelectorAll('.wide')].map(box => box.scrollWidth - box.clientWidth),
            document.documentElement.scrollWidth - innerWidth,
            [...document.querySelectorAll('td')].filter(cell => {
                const box = cell.getBoundingClientRect();
                return box.left < -1 || box.right > innerWidth + 1 || !box.width;
            }).length,
        ]"""
    )
    assert max(beyond) <= 1
    assert outside <= 0
    assert cells == 0
    assert troubles == []
    page.close()


def test_a_table_fits_again_when_the_window_changes(browser: Browser, report: Path) -> None:
    page, _ = opened(browser, report, 390)
    wait_until(page, "document.querySelector('#part-1 .wide.stacked') !== null")
    page.set_viewport_size({"width": 1400, "height": 900})
    wait_until(page, "document.querySelector('#part-1 .wide.broad:not(.stacked)') !== null")
    page.set_viewport_size({"width": 390, "height": 900})
    wait_until(page, "document.querySelector('#part-1 .wide.stacked') !== null")
    page.close()


def test_on_a_phone_each_figure_stands_beside_its_heading(browser: Browser, report: Path) -> None:
    page, _ = opened(browser, report, 390)
    assert page.locator("#part-1 .wide.stacked").count() == 1
    label = (
        page.locator("#part-1 tbody td")
        .nth(3)
        .evaluate("cell => getComputedStyle(cell, '::before').content")
    )
    assert label == '"interval of the figure 2"'
    assert page.get_by_role("cell").count() > 40
    page.locator("#part-1 .sorting select").select_option(
        label="interval of the figure 0, descending"
    )
    first = page.locator("#part-1 tbody td").first.inner_text()
    assert first == "a-model-of-a-long-name-2"
    page.close()


def test_paper_has_all_rows_and_columns_and_gives_the_view_back(
    browser: Browser, report: Path
) -> None:
    page, troubles = opened(browser, report, 1032)
    page.locator("#part-0 input[type=search]").fill("qwen")
    page.locator("#part-0 summary").click()
    page.locator("#part-0 fieldset input").nth(1).uncheck()
    page.emulate_media(media="print")
    wait_until(page, "document.querySelectorAll('#part-0 tbody tr').length === 5")
    assert page.locator("#part-0 th").count() == 4
    assert not page.locator("#part-0 .tools").is_visible()
    assert page.evaluate(f"{FIRST}.scrollWidth - {FIRST}.clientWidth") <= 1
    page.emulate_media(media="screen")
    wait_until(page, "document.querySelectorAll('#part-0 tbody tr').length === 2")
    assert page.locator("#part-0 th").count() == 3
    assert troubles == []
    page.close()


def test_without_scripts_the_tables_are_whole(browser: Browser, report: Path) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 900})
    page = context.new_page()
    page.goto(report.as_uri())
    assert page.locator("tbody tr").count() == 5 + 3 + 30
    assert page.locator("td").count() == 5 * 4 + 3 * 14 + 30 * 16
    assert page.locator(".tools").count() == 0
    assert page.locator("#part-0 .derived").inner_text() == "1.2G"
    assert page.locator("#part-0 .estimated").inner_text() == "≈ 950M"
    context.close()


CONTRASTS = """() => {
    const drawing = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const light = (css) => {
        drawing.clearRect(0, 0, 1, 1); drawing.fillStyle = css; drawing.fillRect(0, 0, 1, 1);
        const [r, g, b] = [...drawing.getImageData(0, 0, 1, 1).data].map(v => v / 255)
            .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    return Array.from({ length: 11 }, (_, n) => {
        const style = getComputedStyle(document.querySelector('.heat .h' + n));
        const ground = light(style.backgroundColor), ink = light(style.color);
        const [low, high] = [ground, ink].sort((a, b) => a - b);
        return [ground, (high + 0.05) / (low + 0.05)];
    });
}"""


@pytest.mark.parametrize(
    ("scheme", "media"), [("light", "screen"), ("dark", "screen"), ("dark", "print")]
)
def test_the_map_is_read_by_its_numbers_and_by_its_depth(
    browser: Browser, report: Path, scheme: str, media: str
) -> None:
    page, _ = opened(browser, report, 1400, scheme)
    page.emulate_media(media=media)  # type: ignore[arg-type]
    steps = page.evaluate(CONTRASTS)
    assert min(contrast for _, contrast in steps) >= 4.5
    grounds = [ground for ground, _ in steps]  # luminance: what all eyes tell apart
    assert grounds == sorted(grounds, reverse=(scheme, media) != ("dark", "screen"))
    page.close()


def test_fifteen_models_and_thirty_tasks_are_readable(browser: Browser, report: Path) -> None:
    page, _ = opened(browser, report)
    size = (
        page.locator("#part-2 tbody td")
        .nth(20)
        .evaluate("cell => parseFloat(getComputedStyle(cell).fontSize)")
    )
    assert size >= 11
    tall, across = page.locator("#part-2 table").evaluate("t => [t.offsetHeight, t.offsetWidth]")
    assert across <= 1368
    assert tall <= 1400
    cell = page.locator("#part-2 tbody tr").nth(3).locator("td")
    assert cell.nth(3).inner_text() == "10.4%"  # the 47th of 450
    assert cell.nth(4).inner_text() == "–"
    assert cell.nth(4).get_attribute("title") == "not asked"
    page.close()


def test_a_map_of_many_models_lists_them_below_each_other() -> None:
    many = pl.DataFrame(
        {"task": t, "entry": f"m{n:02}", "accuracy": 0.5, "low": 0.4, "high": 0.6,
         "n_questions": 9, "no_answer": "no answer" if n == 7 else None}
        for t in ("a", "b")
        for n in range(40)
    )  # fmt: skip
    table = heat_map(many, [f"m{n:02}" for n in range(40) if n != 7])
    assert table.columns == ("model", "a", "b")
    assert len(table.rows) == 40
    assert [cell.text for cell in table.rows[0][1:]] == ["50.0%", "50.0%"]
    assert table.rows[-1][0] == "m07"
    assert [(cell.text, cell.shade) for cell in table.rows[-1][1:]] == [("–", None)] * 2


def test_forty_tables_open_at_once(browser: Browser, tmp_path: Path) -> None:
    rows = [[f"row {n}", *(f"{n * i % 97:.1f}%" for i in range(9))] for n in range(40)]
    columns = ("name", *(f"figure {i}" for i in range(9)))
    sections = [Section(f"part {n}", (Table(f"table {n}", columns, rows),)) for n in range(40)]
    report = render_page("forty", "", sections, tmp_path)
    assert report.stat().st_size < 2_000_000  # the library once, not forty times
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    started = time.monotonic()
    page.goto(report.as_uri(), wait_until="load")
    took = [time.monotonic() - started]
    while min(took) > 2 and len(took) < 4:  # the machine may be busy
        started = time.monotonic()
        page.reload(wait_until="load")
        took.append(time.monotonic() - started)
    assert min(took) < 2
    wait_until(page, "document.querySelectorAll('.dt-container').length === 40")
    page.close()


def test_a_table_of_nothing_and_one_of_one_column_stand(browser: Browser, tmp_path: Path) -> None:
    tables = (Table("empty", ("a", "b"), []), Table("one", ("only",), [("x",)]))
    sections = [Section(f"part {n}", (table,)) for n, table in enumerate(tables)]
    page, troubles = opened(browser, render_page("few", "", sections, tmp_path))
    assert said(page) == "0 rows"
    assert copied(page, "Markdown") == "empty\n\n| a | b |\n| --- | --- |\n"
    page.locator("#part-1 summary").click()
    assert page.locator("#part-1 fieldset input").is_disabled()
    assert page.locator("#part-1 output").inner_text() == "1 row"
    assert troubles == []
    page.close()
