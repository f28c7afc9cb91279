"""The browser of questions, in a real browser: in the page, and asked of ``distilbench view``."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlencode

import polars as pl
import pytest
import uvicorn
from playwright.sync_api import Browser, Page

from distilbench.place import Place
from distilbench.report import ENDED, Section, render_page, with_ending
from distilbench.report.page import Pre, Questions
from distilbench.report.run import _questions as section
from distilbench.report.run import read_run, read_runs
from distilbench.runner import load_cells
from distilbench.view import Viewed, application
from tests.made_run import Answer, append, make, sample
from tests.test_report import HOSTILE, make_run
from tests.test_report import sample as record
from tests.test_report_browser import WAIT_MS, opened, wait_until
from tests.test_view import FIRST, SECOND, TOKEN, agreed, ending

browses = pytest.mark.browser
STATUS = "document.querySelector('.questions [role=status]').textContent"
SIZES = [(1400, "light"), (1400, "dark"), (390, "light"), (390, "dark")]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    more = [Answer("2", n % 2 == 0, n, n / 10) for n in range(1, 31)]
    return make(
        tmp_path_factory.mktemp("questions"),
        {("a", "sums"): FIRST + more, ("b", "sums"): SECOND + more,
         ("a", "more"): FIRST + more, ("b", "more"): FIRST + more},
    )  # fmt: skip


@pytest.fixture(scope="module")
def page_file(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = section.questions(read_run(run))
    assert isinstance(made.blocks[0], Questions)
    return render_page("t", "", [made, Section("Other")], tmp_path_factory.mktemp("page"))


def choose(page: Page, **words: str) -> None:
    for name, value in words.items():
        page.locator(f".questions select[name='q.{name}']").select_option(value)


def ids(page: Page) -> list[str]:
    return page.locator(".listed li b").all_inner_texts()


def ready(page: Page) -> None:
    page.locator(".asked h3").wait_for(timeout=WAIT_MS)


# What the page holds


def test_the_page_holds_every_answer_as_it_was_given(run: Path) -> None:
    (block, *_) = section.questions(read_run(run)).blocks
    assert isinstance(block, Questions)
    data = block.data()
    assert len(data["questions"]) == 72
    sums = [one for one in data["questions"] if one["task"] == "sums"]
    assert [one["id"] for one in sums] == [f"sums-{n}" for n in range(1, 37)]
    for one, *given in zip(sums, FIRST, SECOND, strict=False):
        number = int(one["id"].removeprefix("sums-"))
        assert one["target"] == str(2 * number)
        for model, answer in zip("ab", given, strict=True):
            shown = one["answers"][model]
            assert shown["ended"] == ending(answer)
            assert shown.get("tokens") == (None if answer.said is None else answer.tokens)
            prompt = data["prompts"][shown["prompt"]]
            assert data["texts"][prompt[-1][1]] == f"What is {number} + {number}?"
            said = [data["texts"][text] for _, text, _ in shown["said"]]
            assert said == ([] if answer.said is None else [answer.said])
    assert len(data["texts"]) == len(set(data["texts"]))
    assert len(data["prompts"]) == 36  # both tasks ask the same


@pytest.mark.parametrize(
    ("record", "ended"),
    [((1.0, "stop", "4", None), "right"), ((1.0, "length", "4", None), "right"),
     ((0.5, "stop", "4", None), "partly right"), ((0.0, "stop", "5", None), "wrong"),
     ((0.0, "stop", None, None), "no answer"), ((0.0, "stop", None, True), "cut off"),
     ((0.0, "length", "5", False), "cut off"), ((0.0, "timeout", None, None), "cut off"),
     ((0.0, "over_energy", "4", None), "cut off"), ((0.0, "error", None, None), "error"),
     ((0.0, "context_overflow", None, None), "cut off"), ((0.0, "crash", None, None), "error"),
     ((0.0, "out_of_memory", None, True), "error"), ((None, None, None, None), "no answer"),
     ((float("nan"), "stop", "4", None), "no answer")],
)  # fmt: skip
def test_how_an_answer_ended(record: tuple[object, ...], ended: str) -> None:
    names = {"score": pl.Float64, "outcome": pl.String, "answer": pl.String,
             "thinking_truncated": pl.Boolean}  # fmt: skip
    (found,) = with_ending(pl.DataFrame([record], names, orient="row"))["ended"]
    assert found == ended
    assert found in ENDED


def test_a_large_run_says_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(section, "_MOST_SAMPLES", 5)
    (tmp_path / "a b").mkdir()
    made = section.questions(read_run(make_run(tmp_path / "a b")))
    assert made.blocks[0].text.startswith("240 samples are too many for a page.")  # type: ignore[union-attr]
    assert made.blocks[1].text == f"distilbench view '{tmp_path}/a b/run'"  # type: ignore[union-attr]


def test_long_answers_are_too_much_for_a_page(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(section, "_MOST_CHARACTERS", 10_000)
    made = section.questions(read_run(run))
    assert not any(isinstance(block, Questions) for block in made.blocks)
    assert "distilbench view" in made.blocks[1].text  # type: ignore[union-attr]


def test_records_alone_are_shown_without_a_transcript(tmp_path: Path) -> None:
    """As of imported results; and a cell's name of a stranger leads to no other folder."""
    run = make(tmp_path, {("a", "sums"): [Answer("2", True)] * 2})
    (cell,) = (run / "cells").iterdir()
    name = f"../../{run.name}/cells/{cell.name}"
    rows = [record("m", "t", n, True, cell=name, sample_id=f"sums-{n}") for n in (1, 2)]
    (block, *_) = section.questions(read_run(make_run(tmp_path, rows))).blocks
    assert isinstance(block, Questions)
    for asked in block.questions:
        assert asked.answers["m"].said is None
        assert asked.answers["m"].missing == section.NO_TRANSCRIPT


def test_questions_of_several_runs_have_the_transcripts_of_each(tmp_path: Path) -> None:
    """The second run asks the same questions under other ids: 2 + 2 is its sums-1."""
    made = []
    for name, model, first in (("x", "a", 1), ("y", "b", 2)):
        (tmp_path / name).mkdir()
        said = [Answer(f"{model} says {n}", n == 4) for n in (2, 4, 6, 8)]
        made.append((name, make(tmp_path / name, {(model, "sums"): said}, name, first=first)))
    (block, *_) = section.questions(read_runs(made)).blocks
    assert isinstance(block, Questions)
    found = {
        (model, asked.target): (answer.prompt[-1][1], answer.said[-1][1])  # type: ignore[index]
        for asked in block.questions
        for model, answer in asked.answers.items()
    }
    assert len(found) == 8
    for (model, target), (asked, said) in found.items():
        number = int(target or 0) // 2
        place = number - (0 if model == "a" else 1)
        assert asked == f"What is {number} + {number}?"
        assert said == f"{model} says {2 * place}"
    assert sum(len(asked.answers) == 2 for asked in block.questions) == 3


# In a browser


@browses
@pytest.mark.parametrize(("width", "scheme"), SIZES)
def test_it_opens_on_the_first_question(
    browser: Browser, page_file: Path, width: int, scheme: str
) -> None:
    page, troubles = opened(browser, page_file, width, scheme)
    ready(page)
    assert page.evaluate(STATUS) == "72 questions"
    assert ids(page) == [f"more-{n}" for n in range(1, 21)]
    assert page.locator(".asked h3").inner_text() == "more: more-1"
    assert page.locator(".asked .card h4").all_inner_texts() == ["b", "a"]  # the best
    assert page.locator(".asked > pre").inner_text() == "What is 1 + 1?"
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    cards = page.locator(".asked .card").all()
    tops = {round(card.bounding_box()["y"]) for card in cards}  # type: ignore[index]
    assert len(tops) == (1 if width == 1400 else 2)  # side by side, or below each other
    assert "#view" not in page.url
    assert troubles == []
    page.close()


@browses
@pytest.mark.parametrize("width", [1400, 390])
def test_every_filter(browser: Browser, page_file: Path, width: int) -> None:
    page, troubles = opened(browser, page_file, width, "light")
    ready(page)
    choose(page, task="sums", first="a", second="b")
    assert page.evaluate(STATUS) == "36 questions"
    more = [Answer("2", n % 2 == 0) for n in range(1, 31)]
    pairs = list(zip(FIRST + more, SECOND + more, strict=True))
    for ended in ("right", "wrong", "no answer", "error", "cut off", "partly right"):
        choose(page, ended=ended)
        wanted = [f"sums-{n}" for n, (a, _) in enumerate(pairs, 1) if ending(a) == ended]
        assert ids(page) == wanted[:20]
    choose(page, ended="")
    for pair in ("differ", "first", "second", "neither"):
        choose(page, pair=pair)
        assert ids(page) == [f"sums-{n}" for n, p in enumerate(pairs, 1) if agreed(pair, *p)][:20]
    assert page.locator("select[name='q.pair']").is_enabled()
    choose(page, second="")
    assert page.locator("select[name='q.pair']").is_disabled()
    assert page.evaluate(STATUS) == "36 questions"
    assert page.locator(".asked .card h4").all_inner_texts() == ["a"]
    choose(page, first="b", ended="partly right")
    assert page.evaluate(STATUS) == "0 questions"
    assert page.locator(".asked").inner_text() == ""
    assert troubles == []
    page.close()


@browses
def test_every_order(browser: Browser, page_file: Path) -> None:
    page, _ = opened(browser, page_file, 1400, "light")
    ready(page)
    choose(page, task="sums", first="a", second="b", sort="tokens")
    answers = [*FIRST, *(Answer("2", True, n, n / 10) for n in range(1, 31))]
    known = [(a, n) for n, a in enumerate(answers, 1) if a.said is not None]
    for sort, cost, way in (
        ("tokens", "tokens", -1), ("-tokens", "tokens", 1),
        ("seconds", "seconds", -1), ("-seconds", "seconds", 1),
    ):  # fmt: skip
        choose(page, sort=sort)
        shown = [int(i.removeprefix("sums-")) for i in ids(page)]
        costs = sorted((way * getattr(a, cost) for a, _ in known))[:20]
        assert [way * getattr(answers[n - 1], cost) for n in shown] == costs
    page.locator(".pager [name=on]").click()
    assert "not available" in page.locator(".listed li").last.inner_text()  # the one with an error
    page.close()


@browses
@pytest.mark.parametrize("width", [1400, 390])
def test_pages_and_keys(browser: Browser, page_file: Path, width: int) -> None:
    page, _ = opened(browser, page_file, width, "light")
    ready(page)
    assert page.locator(".pager [name=back]").is_disabled()
    page.locator(".pager [name=on]").click()
    assert ids(page)[0] == "more-21"
    assert page.locator(".pager span").inner_text() == "page 2 of 4"
    page.locator(".pager [name=back]").click()
    page.locator(".listed li button").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.locator(".asked h3").inner_text() == "more: more-3"
    assert page.locator("[aria-current=true] b").all_inner_texts() == ["more-3"]
    page.keyboard.press("ArrowUp")
    assert page.locator(".asked h3").inner_text() == "more: more-2"
    page.close()


@browses
def test_the_address_holds_the_view(browser: Browser, page_file: Path) -> None:
    page, _ = opened(browser, page_file, 1400, "light")
    ready(page)
    page.evaluate("location.hash = '#view?x=flops&p95_s=3'")  # the chart's own words stay
    choose(page, task="sums", first="a", second="b", ended="right", sort="tokens", pair="differ")
    page.locator(".listed li button", has_text="sums-1").first.click()
    address, shown = page.url, page.locator(".asked").inner_text()
    assert "x=flops" in address
    assert "p95_s=3" in address
    page.close()
    again = browser.new_page()
    again.goto(address)
    ready(again)
    assert again.locator(".asked").inner_text() == shown
    assert ids(again) == ["sums-1"]
    assert again.locator("select[name='q.pair']").input_value() == "differ"
    again.close()


@browses
@pytest.mark.parametrize(
    "words",
    [{"q.first": "__proto__", "q.page": "-1e9"}, {"q.of": HOSTILE}, {"q.page": "99999"},
     {"q.ended": HOSTILE, "q.sort": "constructor"}, {"q.of": "task=sums&seed=0&epoch=1&id=none"}],
)  # fmt: skip
def test_a_hostile_address_does_nothing(
    browser: Browser, page_file: Path, words: dict[str, str]
) -> None:
    page = browser.new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("dialog", lambda dialog: troubles.append(dialog.message))
    page.goto(f"{page_file.as_uri()}#view?{urlencode(words)}")
    wait_until(page, f"{STATUS} === '72 questions'")
    assert troubles == []
    assert page.locator("img").count() == 0
    page.close()


@browses
@pytest.mark.parametrize("width", [1400, 390])
def test_a_script_in_any_text_stays_text(browser: Browser, tmp_path: Path, width: int) -> None:
    run = make(tmp_path, {("a", "sums"): [Answer(HOSTILE, False, thought=HOSTILE)] * 2})
    (cell,) = (path.name for path in (run / "cells").iterdir())
    rows = [
        record(model, HOSTILE, n, n == 1, cell=cell, sample_id=f"sums-{n}", answer=HOSTILE,
               target=HOSTILE, error=HOSTILE)
        for model in (HOSTILE, "__proto__", "constructor") for n in (1, 2)
    ] + [record(HOSTILE, HOSTILE, 1, True, sample_id=HOSTILE, cell=HOSTILE)]  # fmt: skip
    data = read_run(make_run(tmp_path, rows))
    object.__setattr__(data, "folders", {"": run})
    page_file = render_page(HOSTILE, "", [section.questions(data)], tmp_path / "page")
    page, troubles = opened(browser, page_file, width, "light")
    page.on("dialog", lambda dialog: troubles.append(dialog.message))
    ready(page)
    for first in (HOSTILE, "__proto__", "constructor"):
        choose(page, first=first, second=HOSTILE)
        assert page.locator(".asked .card h4").first.inner_text() == first
        for button in page.locator(".listed li button").all():
            button.click()
    page.locator(".listed li button", has_text="sums-2").click()
    shown = page.locator(".asked")
    for opener in shown.locator("summary").all():
        opener.click()
    assert shown.locator("pre", has_text=HOSTILE).count() >= 2
    assert page.locator("img, .questions script:not([type='application/json'])").count() == 0
    assert troubles == []
    page.close()


@browses
def test_paper_shows_the_question_whole(browser: Browser, page_file: Path) -> None:
    page, _ = opened(browser, page_file, 1032, "dark")
    ready(page)
    page.emulate_media(media="print")
    assert not page.locator(".questions form").is_visible()
    assert not page.locator(".listed").is_visible()
    clipped = page.evaluate(
        "[...document.querySelectorAll('.asked pre')].filter(p =>"
        " p.checkVisibility() && p.scrollHeight > p.clientHeight + 1).length"
    )
    assert clipped == 0
    assert page.locator(".asked .card").first.is_visible()
    page.close()


# Asked of the server


@contextmanager
def served(run: Path, scratch: Path) -> Iterator[str]:
    """The address of a server of one run in a thread of this process."""
    with socket.create_server(("127.0.0.1", 0)) as opened:
        port = opened.getsockname()[1]
        app = application([Viewed(Place(run), scratch)], scratch, TOKEN, port)
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="error"))
        thread = Thread(target=server.run, kwargs={"sockets": [opened]})
        thread.start()
        yield f"http://127.0.0.1:{port}/?token={TOKEN}"
        server.should_exit = True
        thread.join(WAIT_MS / 1000)


@browses
def test_a_run_that_is_written_is_followed(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("distilbench.view._pages.REFRESH_S", 0.2)
    monkeypatch.setattr("distilbench.view._run._FRESH_S", 0.1)
    done = [Answer("2", True)] * 3
    run = make(tmp_path, {("a", "sums"): done, ("b", "sums"): done[:1]})
    _, cell = load_cells(run)
    troubles: list[str] = []
    with served(run, tmp_path / "scratch") as url:
        page = browser.new_context().new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda m: m.type in ("error", "warning") and troubles.append(m.text))
        page.goto(url)
        assert "token" not in page.url
        assert "4 of 6 samples" in page.locator(".lede").inner_text()
        append(run, cell, [sample(run, cell, 1, Answer(HOSTILE, False))])
        wait_until(page, "document.querySelector('.lede').textContent.includes('5 of 6 samples')")
        assert page.locator("main .tools").count() == 1
        shown = page.locator("main tbody tr").nth(1).inner_text().split()
        assert shown[:4] == ["b", "sums", "50.0%", "2"]
        page.locator("main .tools input[type=search]").fill("b")
        append(run, cell, [sample(run, cell, 2, Answer(HOSTILE, True))])
        wait_until(page, "document.querySelector('.lede').textContent.includes('6 of 6 samples')")
        assert "as it was when you changed it" in page.locator(".unheard").inner_text()
        assert page.locator("main tbody tr").count() == 1
        page.get_by_role("link", name="Questions").click()
        wait_until(page, f"{STATUS} === '3 questions'")
        choose(page, first="b", second="a", pair="second")
        wait_until(page, f"{STATUS} === '1 question'")
        wait_until(page, "document.querySelector('.asked').ariaBusy === 'false'")
        assert page.locator(".asked .card pre").first.inner_text() == HOSTILE
        address = page.url
        page.reload()
        wait_until(page, f"{STATUS} === '1 question'")
        assert page.url == address
        assert page.locator("img").count() == 0
        assert troubles == []
    page.close()


def test_a_log_that_unpacks_to_gigabytes_is_not_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a stranger's run: megabytes on disk, whose records say nothing of it."""
    run = make(tmp_path, {("a", "sums"): [Answer("2", True, thought="x" * 2_000)] * 9})
    read: list[str] = []
    given = section.read_transcripts

    def counted(*asked: Any) -> Any:
        for transcript in given(*asked):
            read.append(transcript.sample_id)
            yield transcript

    monkeypatch.setattr(section, "read_transcripts", counted)
    monkeypatch.setattr(section, "_MOST_HELD", 10_000)
    made = section.questions(read_run(run))
    assert read == [f"sums-{n}" for n in range(1, 6)]
    assert isinstance(made.blocks[1], Pre)
    assert made.blocks[1].text.startswith("distilbench view")
