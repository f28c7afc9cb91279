"""``distilbench view``: who is let in, what is served, and that it is what the records say."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import fsspec
import polars as pl
import pytest
from starlette.testclient import TestClient

from distilbench.cli import app
from distilbench.cli._boundary import run_command
from distilbench.place import Place
from distilbench.report import ENDED, PAIRS
from distilbench.runner import Followed, load_cells
from distilbench.seals import sealed_line
from distilbench.transcripts import JOURNAL, journal_line
from distilbench.view import Viewed, application, runs_at
from tests.made_run import Answer, append, make, sample
from tests.test_interchange import lm_eval_folder
from tests.test_report import HOSTILE

TOKEN = "a-token"
HERE = "http://127.0.0.1:7600"
FIRST = [
    Answer("it is 2", True, 5, 2.0), Answer(None, False),
    Answer("so 7", False, 9, 0.5, "max_tokens"), Answer("", False, 1, 0.1),
    Answer("10", True, 8, 3.0), Answer("11", False, 2, 0.2),
]  # fmt: skip
SECOND = [
    Answer("0", False, 1, 0.3), Answer("4", True), Answer("6", True, 40, thought="let me think"),
    Answer("1", False), Answer("10", True), Answer("12", True),
]  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    answers = {("a", "sums"): FIRST, ("b", "sums"): SECOND}
    more = [Answer("2", n % 2 == 0, n, n / 10) for n in range(1, 7)]
    return make(tmp_path_factory.mktemp("view"), {**answers, ("a", "more"): more,
                                                  ("b", "more"): more})  # fmt: skip


def client(*runs: Path, scratch: Path, cookie: bool = True) -> TestClient:
    viewed = [Viewed(Place(run), scratch / str(n)) for n, run in enumerate(runs)]
    made = TestClient(application(viewed, scratch, TOKEN, 7600), base_url=HERE)
    if cookie:
        made.cookies.set("distilbench-view-7600", TOKEN)
    return made


@pytest.fixture
def site(run: Path, tmp_path: Path) -> TestClient:
    return client(run, scratch=tmp_path)


# Who is let in


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:7600", "192.168.0.2:7600",
     "127.0.0.1@evil.example", "", "0.0.0.0:7600", "[::2]:7600", "127.0.0.1:7600 evil",
     "2130706433"],
)  # fmt: skip
def test_a_page_that_leads_its_own_name_here_is_told_nothing(site: TestClient, host: str) -> None:
    """DNS rebinding: such a request comes with the page's name as its host."""
    refused = site.get("/run/0/questions/list.json?first=a", headers={"host": host})
    assert refused.status_code == 403
    assert "count" not in refused.text


@pytest.mark.parametrize("host", ["127.0.0.1:7600", "localhost:9000", "LOCALHOST", "[::1]:80"])
def test_loopback_is_asked_by_its_names_at_any_port(site: TestClient, host: str) -> None:
    """A port may be forwarded here, as by ``ssh -L 9000:localhost:7600``."""
    answer = site.get("/run/0/questions/list.json?first=a", headers={"host": host})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "path", ["/", "/run/0/report/", "/run/0/questions/list.json?first=a", "/nothing"]
)
@pytest.mark.parametrize("given", ["", "wrong", TOKEN[:-1], f"{TOKEN}x", "é"])
def test_without_the_token_nothing_is_shown(
    run: Path, tmp_path: Path, path: str, given: str
) -> None:
    site = client(run, scratch=tmp_path, cookie=False)
    asked = site.get(path, params={"token": given} if given else None)
    assert asked.status_code == 403
    assert "distilbench view" in asked.text
    assert "set-cookie" not in asked.headers
    site.cookies.set("distilbench-view-7600", "wrong")
    assert site.get(path).status_code == 403
    site.cookies.set("distilbench-view-7601", TOKEN)  # another server's
    assert site.get(path).status_code == 403


def test_the_token_becomes_a_cookie_and_leaves_the_address(run: Path, tmp_path: Path) -> None:
    site = client(run, scratch=tmp_path, cookie=False)
    came = site.get(f"/run/0/questions/?a=1&token={TOKEN}", follow_redirects=False)
    assert came.status_code == 303
    assert came.headers["location"] == "/run/0/questions/?a=1"
    assert "HttpOnly" in came.headers["set-cookie"]
    assert site.get("/run/0/questions/").status_code == 200


@pytest.mark.parametrize("path", ["//evil.example/", "/\\evil.example/", "///evil.example"])
def test_the_token_leads_nobody_elsewhere(run: Path, tmp_path: Path, path: str) -> None:
    site = client(run, scratch=tmp_path, cookie=False)
    came = site.get(f"{HERE}{path}?token={TOKEN}", follow_redirects=False)
    where = came.headers["location"]
    assert where.startswith("/")
    assert where[1:2] not in ("/", "\\")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "X"])
def test_nothing_but_get(site: TestClient, method: str) -> None:
    answer = site.request(method, "/run/0/progress/")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET"


@pytest.mark.parametrize(
    "path",
    ["/run/0/report/../../../../etc/passwd", "/run/0/report/%2e%2e/%2e%2e/run.json", "/run.json",
     "/run/0/report/index.html", "/run/0/run.json", "/run/0/samples.parquet", "/run/-1/progress/",
     "/run/1/progress/", "/run/99999999999999999999/report/", f"/run/{'9' * 5000}/report/",
     "/run/00/report/", "/run/²/report/", "/run/0%2f..%2f..%2fetc/report/",
     "/run/0/progress", "//etc/passwd", "/run/./0/questions/..", "/run/0/questions/%00"],
)  # fmt: skip
def test_no_address_is_a_path(site: TestClient, path: str) -> None:
    assert site.get(path, follow_redirects=False).status_code == 404


def strict(site: TestClient, path: str) -> None:
    headers = site.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-eval" not in policy
    assert "script-src 'unsafe-inline'" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    "path",
    ["/run/0/progress/", "/run/0/questions/", "/nothing", "/run/7/report/",
     "/run/0/questions/list.json?first=a", "/run/0/questions/list.json?first=x"],
)  # fmt: skip
def test_every_answer_is_under_a_strict_policy(site: TestClient, path: str) -> None:
    strict(site, path)


# What is served


def ending(answer: Answer) -> str:
    """By hand, from what was chosen."""
    if answer.right:
        return "right"
    if answer.said is None:
        return "error"
    if answer.stop == "max_tokens":
        return "cut off"
    return "wrong" if answer.said else "no answer"


def listed(site: TestClient, **words: Any) -> dict[str, Any]:
    answer = site.get("/run/0/questions/list.json", params={"first": "a", "second": "b", **words})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def agreed(pair: str, a: Answer, b: Answer) -> bool:
    return {
        "": True, "differ": a.right != b.right, "first": a.right and not b.right,
        "second": b.right and not a.right, "neither": not a.right and not b.right,
    }[pair]  # fmt: skip


@pytest.mark.parametrize(("ended", "pair"), list(product(["", *ENDED], PAIRS)))
def test_the_questions_that_are_listed_are_those_that_were_asked_for(
    site: TestClient, ended: str, pair: str
) -> None:
    found = listed(site, task="sums", ended=ended, pair=pair)
    wanted = [
        f"sums-{n}"
        for n, (a, b) in enumerate(zip(FIRST, SECOND, strict=True), 1)
        if (not ended or ending(a) == ended) and agreed(pair, a, b)
    ]
    assert [row["id"] for row in found["rows"]] == wanted
    assert found["count"] == len(wanted)


@pytest.mark.parametrize(
    ("sort", "order"),
    [("asked", [1, 2, 3, 4, 5, 6]), ("tokens", [3, 5, 1, 6, 4, 2]), ("-tokens", [4, 6, 1, 5, 3, 2]),
     ("seconds", [5, 1, 3, 6, 4, 2]), ("-seconds", [4, 6, 3, 1, 5, 2])],
)  # fmt: skip
def test_questions_are_sorted_by_what_they_cost(
    site: TestClient, sort: str, order: list[int]
) -> None:
    """The second of ``a`` was never answered: no tokens, no seconds, and so last."""
    assert [row["id"] for row in listed(site, task="sums", sort=sort)["rows"]] == [
        f"sums-{n}" for n in order
    ]


def test_a_question_with_all_that_is_known(site: TestClient) -> None:
    key = {"task": "sums", "seed": 0, "epoch": 1, "first": "a", "second": "b"}
    answer = site.get("/run/0/questions/question.json", params={**key, "id": "sums-3"}).json()
    first, second = answer["first"], answer["second"]
    assert answer["target"] == "6"
    assert [text for _, text, _ in first["prompt"]] == ["What is 1 + 1?", "2", "What is 3 + 3?"]
    assert first["said"] == [["assistant", "so 7", None]]
    assert (first["extracted"], first["score"], first["ended"]) == ("7", 0.0, "cut off")
    assert (first["tokens"], first["seconds"], first["outcome"]) == (9, 0.5, "length")
    assert first["graded"] == "extracted by 'last_number'"
    assert second["said"] == [["assistant", "6", "let me think"]]
    failed = site.get("/run/0/questions/question.json", params={**key, "id": "sums-2"}).json()
    assert failed["first"]["error"] == "refused"
    assert failed["first"]["tokens"] is None
    assert failed["first"]["prompt"][-1][1] == "What is 2 + 2?"


@pytest.mark.parametrize(
    "words",
    [{"first": "x"}, {"second": "x"}, {"ended": "x"}, {"pair": "x"}, {"sort": "x"}, {"page": "-1"},
     {"page": "9" * 30}, {"page": "1e3"}, {"page": ""}],
)  # fmt: skip
def test_a_word_that_no_control_has_is_refused(site: TestClient, words: dict[str, str]) -> None:
    asked = {"first": "a", **words}
    answer = site.get("/run/0/questions/list.json", params=asked)
    assert answer.status_code == 409
    assert next(iter(words)) in answer.json()["error"]


@pytest.mark.parametrize(
    "words", [{"id": "sums-99"}, {"task": "../more"}, {"seed": "x"}, {"epoch": "7"}, {"id": "\0"}]
)
def test_a_question_that_is_not_there(site: TestClient, words: dict[str, str]) -> None:
    key = {"task": "sums", "seed": "0", "epoch": "1", "id": "sums-1", "first": "a", **words}
    answer = site.get("/run/0/questions/question.json", params=key)
    assert answer.status_code == 409
    assert answer.json()["error"]


def test_a_report_that_was_found_is_never_served(tmp_path: Path) -> None:
    """A run may come from a stranger; its page would run with the right to read all others."""
    right = [Answer("2", True)] * 3
    run = make(tmp_path, {("a", "sums"): right, ("b", "sums"): right})
    (run / "report").mkdir()
    (run / "report" / "index.html").write_text("<script>planted</script>")
    site = client(run, scratch=tmp_path / "scratch")
    page = site.get("/run/0/report/").text
    strict(site, "/run/0/report/")  # made once for the same records
    assert "planted" not in page
    assert '<a href="../questions/">' in page
    assert (run / "report" / "index.html").read_text() == "<script>planted</script>"


def test_a_damaged_log_costs_the_transcript_alone(tmp_path: Path) -> None:
    run = make(tmp_path, {("a", "sums"): [Answer("2", True)] * 2})
    (log,) = run.glob("cells/*/logs/*.eval")
    log.write_bytes(log.read_bytes()[:200])
    site = client(run, scratch=tmp_path / "scratch")
    key = {"task": "sums", "seed": 0, "epoch": 1, "id": "sums-1", "first": "a"}
    first = site.get("/run/0/questions/question.json", params=key).json()["first"]
    assert first["ended"] == "right"
    assert first["said"] is None
    assert "is no Inspect log" in first["missing"]


@pytest.mark.parametrize(
    "line",
    [b"{}", b"no JSON", b"[" * 1000, b'{"id": "\\ud800", "epoch": 1, "input": "", "target": ""}'],
)
def test_a_line_of_a_strangers_journal_that_is_no_sample(line: bytes, tmp_path: Path) -> None:
    """Its checksum is right: it is not one that was cut off."""
    answers = [Answer("2", True)] * 2
    run = make(tmp_path, {("a", "sums"): answers, ("b", "sums"): answers[:1]})
    (begun,) = run.glob("cells/*/logs/journal.jsonl")
    (log,) = run.glob("cells/*/logs/*.eval")
    for journal in (begun, log.with_name(JOURNAL)):
        with journal.open("ab") as opened:
            opened.write(sealed_line(line))
    site = client(run, scratch=tmp_path / "scratch")
    for page in ("progress/", "questions/list.json?first=b", "report/"):
        answer = site.get(f"/run/0/{page}")
        assert answer.status_code == 409
        assert f"{JOURNAL}: the line that ends at byte" in answer.text
    begun.unlink()
    site = client(run, scratch=tmp_path / "more")
    key = {"task": "sums", "seed": 0, "epoch": 1, "id": "sums-1", "first": "a"}
    first = site.get("/run/0/questions/question.json", params=key).json()["first"]
    assert first["ended"] == "right"
    assert "is no sample of this version of Inspect" in first["missing"]
    assert "A transcript is not readable".lower() in site.get("/run/0/report/").text


def test_transcripts_are_read_one_at_a_time(
    run: Path, site: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sample of a stranger's log may take a gigabyte while it is read."""
    from distilbench.view import _questions

    at_once, most, read = 0, 0, _questions.read_transcript

    def counted(*asked: Any) -> Any:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        time.sleep(0.05)
        found = read(*asked)
        at_once -= 1
        return found

    monkeypatch.setattr(_questions, "read_transcript", counted)
    key = {"task": "sums", "seed": 0, "epoch": 1, "id": "sums-1", "first": "a"}
    asked = [{"params": key}] * 4
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda one: site.get("/run/0/questions/question.json", **one), asked)
        assert [answer.json()["first"]["ended"] for answer in answers] == ["right"] * 4
    assert most == 1


def test_runs_that_are_removed_meanwhile(tmp_path: Path) -> None:
    runs = [make(tmp_path, {("a", "sums"): [Answer("2", True)] * 2}, name) for name in ("x", "y")]
    site = client(*runs, scratch=tmp_path / "scratch")
    shutil.rmtree(runs[0])
    page = site.get("/")
    assert page.status_code == 200
    assert "1 run." in page.text
    assert 'href="run/1/progress/"' in page.text
    assert site.get("/run/0/report/").status_code == 409
    assert site.get("/run/1/report/").status_code == 200


def test_records_that_changed_by_a_bit_are_refused(tmp_path: Path, capsys: Any) -> None:
    run = make(tmp_path, {("a", "sums"): [Answer("2", True)] * 2})
    site = client(run, scratch=tmp_path / "scratch")
    table = run / "samples.parquet"
    whole = bytearray(table.read_bytes())
    whole[len(whole) // 2] ^= 1
    table.write_bytes(whole)
    answer = site.get("/run/0/questions/list.json?first=a")
    assert answer.status_code == 409
    assert "is damaged" in answer.json()["error"]
    assert run_command(app, ["view", str(run), "--port", "0"]) == 2
    assert "samples.parquet: is damaged" in capsys.readouterr().err


def test_a_table_from_before_the_last_cell_is_not_taken_for_the_whole(tmp_path: Path) -> None:
    """As of a run that was killed between its last cell and its table."""
    answers = [Answer("2", True)] * 3
    run = make(tmp_path, {("a", "sums"): answers, ("b", "sums"): answers})
    table = pl.read_parquet(run / "samples.parquet")
    from distilbench.files import write_parquet

    write_parquet(run / "samples.parquet", table.filter(model="a"))
    assert listed(client(run, scratch=tmp_path / "s"), first="b", second="")["count"] == 3


def test_results_of_others_are_shown_without_a_transcript(tmp_path: Path) -> None:
    lm_eval_folder(tmp_path / "lm", "m", [1, 0, 1, 1])
    run = tmp_path / "imported"
    assert run_command(app, ["import", str(tmp_path / "lm"), "--into", str(run)]) == 0
    site = client(run, scratch=tmp_path / "scratch")
    assert "3 imported cells. No run is at work." in site.get("/run/0/progress/").text
    found = listed(site, first="org-m", second="", task="gsm8k")
    assert found["count"] == 4
    key = {name: found["rows"][1][name] for name in ("task", "seed", "epoch", "id")}
    answer = site.get("/run/0/questions/question.json", params={**key, "first": "org-m"}).json()
    assert (answer["first"]["score"], answer["first"]["said"]) == (0.0, None)
    assert "imported results have none" in answer["first"]["missing"]


def test_a_run_at_a_url(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISTILBENCH_CACHE", str(tmp_path / "cache"))
    fsspec.filesystem("memory").put(str(run), "/bucket/runs", recursive=True)
    (place,) = runs_at(["memory://bucket/runs"])
    viewed = Viewed(place, tmp_path / "scratch")
    site = TestClient(application([viewed], tmp_path, TOKEN, 7600), base_url=HERE)
    site.cookies.set("distilbench-view-7600", TOKEN)
    assert "24 of 24 samples" in site.get("/run/0/progress/").text
    assert listed(site)["count"] == 12
    key = {"task": "sums", "seed": 0, "epoch": 1, "id": "sums-1", "first": "a"}
    answer = site.get("/run/0/questions/question.json", params=key).json()
    assert answer["first"]["said"] == [["assistant", "it is 2", None]]


def test_what_is_wrong_at_a_url_is_named_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """Not its copy in the cache, of which the user knows nothing."""
    monkeypatch.setenv("DISTILBENCH_CACHE", str(tmp_path / "cache"))
    run = make(tmp_path, {("a", "sums"): [Answer("2", True)] * 2})
    (run / "run.json").write_text("{")
    fsspec.filesystem("memory").put(str(run), "/wrong/run", recursive=True)
    for url, said in (("wrong/run", "/run.json: is damaged"), ("wrong/none", ": is no run")):
        for command in (["report"], ["recommend"], ["table", "models"]):
            assert run_command(app, [*command, f"memory://{url}"]) == 2
            heard = capsys.readouterr().err
            assert f"memory://{url}{said}" in heard
            assert "cache" not in heard


# A run that is being written


def test_a_run_that_is_written_is_shown_as_far_as_it_is(tmp_path: Path) -> None:
    done, begun = [Answer("2", True)] * 3, [Answer("2", True), Answer("3", False)]
    run = make(tmp_path, {("a", "sums"): done, ("b", "sums"): begun})
    site = client(run, scratch=tmp_path / "scratch")
    page = site.get("/run/0/progress/").text
    assert "1 of 2 cells are finished: 5 of 6 samples." in page
    assert 'data-live="5"' in page
    cells = [row for row in page.split("<tr") if ">b<" in row]
    assert "50.0%" in cells[0]
    assert listed(site, first="b", second="")["count"] == 2
    key = {"task": "sums", "seed": 0, "epoch": 1, "id": "sums-2", "first": "b"}
    answer = site.get("/run/0/questions/question.json", params=key).json()
    assert answer["first"]["said"] == [["assistant", "3", None]]


def test_each_look_reads_only_what_is_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a run measures, who watches it must not take its cores."""
    run = make(
        tmp_path, {("a", "sums"): [Answer("2", True)] * 9, ("b", "sums"): [Answer("2", True)]}
    )
    _, cell = load_cells(run)
    read: list[str] = []
    from distilbench.runner import _follow

    made = _follow.sample_record

    def counted(sample: Any, *more: Any) -> Any:
        read.append(sample.id)
        return made(sample, *more)

    monkeypatch.setattr(_follow, "sample_record", counted)
    followed = Followed(run)
    assert [c.samples for c in followed.look().cells] == [9, 1]
    for n in range(1, 4):
        append(run, cell, [sample(run, cell, n, Answer("2", n != 2))])
        assert followed.look().cells[1].samples == n + 1
        assert followed.look().under_way["score"].to_list() == [1, 1, 0, 1][: n + 1]
    assert read == [f"sums-{n}" for n in (1, 2, 3, 4)]
    (logs,) = run.glob(f"cells/{cell.name}/logs")
    torn = journal_line(sample(run, cell, 4, Answer("2", True)))
    with (logs / JOURNAL).open("ab") as journal:
        journal.write(torn[:-20])
        journal.flush()
        assert followed.look().cells[1].samples == 4
        journal.write(torn[-20:])
        journal.flush()
        assert followed.look().cells[1].samples == 5
    (logs / JOURNAL).write_bytes(torn)  # begun again
    assert followed.look().cells[1].samples == 1


# The command


def test_several_runs_are_a_list(tmp_path: Path, capsys: Any) -> None:
    runs = [make(tmp_path, {("a", "sums"): [Answer("2", True)] * 2}, name) for name in ("x", "y")]
    (runs[1] / "run.json").write_text("{}")
    places = runs_at([str(tmp_path)])
    assert [place.path for place in places] == runs
    site = client(*runs, scratch=tmp_path / "scratch")
    page = site.get("/").text
    assert 'href="run/0/progress/"' in page
    assert "damaged" in page
    assert site.get("/run/0/progress/").status_code == 200
    broken = site.get("/run/1/progress/")
    assert broken.status_code == 409
    assert "run.json" in broken.text
    assert 'href="../../"' in broken.text
    for words, said in (
        ([str(runs[1])], "run.json"), ([str(tmp_path / "none")], "is no folder"),
        ([str(runs[0] / "cells")], "is no run directory"), (["s4://x/y"], "there is no store"),
    ):  # fmt: skip
        assert run_command(app, ["view", *words, "--port", "0"]) == 2
        assert said in capsys.readouterr().err


def test_a_port_that_is_taken(run: Path, capsys: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert run_command(app, ["view", str(run), "--port", port]) == 2
    assert f"--port {port}: cannot be listened on" in capsys.readouterr().err


@contextmanager
def served(*runs: Path) -> Iterator[str]:
    """The address that the command prints; checks that SIGTERM ends it in silence."""
    command = [sys.executable, "-m", "distilbench", "view", *map(str, runs), "--port", "0"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ}
    )
    assert process.stdout is not None
    said = process.stdout.readline()
    assert "showing" in said, said
    try:
        yield said.split(" at ")[1].split()[0]
    finally:
        process.send_signal(signal.SIGTERM)
        rest = process.communicate(timeout=60)[0]
    assert (process.returncode, rest) == (0, "stopped\n")


def test_it_listens_on_loopback_alone_until_it_is_stopped(run: Path) -> None:
    import httpx
    import psutil

    with served(run) as url:
        port = httpx.URL(url).port
        listening = [c for c in psutil.net_connections("tcp") if c.laddr and c.laddr.port == port]
        assert {c.laddr.ip for c in listening if c.status == "LISTEN"} == {"127.0.0.1"}
        with httpx.Client(follow_redirects=True) as browser:
            assert "of 24 samples" in browser.get(url).text
        for raw in (b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n",
                    b"GET http://evil/ HTTP/1.1\r\nHost: evil\r\n\r\n",
                    b"GET / HTTP/1.0\r\n\r\n", b"\x00\x01\r\n\r\n"):  # fmt: skip
            with socket.create_connection(("127.0.0.1", port or 0), 10) as plain:
                plain.sendall(raw)
                assert plain.recv(64).split()[1] in (b"400", b"403")


def test_what_a_run_holds_is_text(tmp_path: Path) -> None:
    hostile = [Answer(HOSTILE, False, thought=HOSTILE)] * 2
    run = make(tmp_path, {("a", "sums"): hostile})
    site = client(run, scratch=tmp_path / "s")
    key = {"task": "sums", "seed": 0, "epoch": 1, "id": "sums-1", "first": "a"}
    answer = site.get("/run/0/questions/question.json", params=key)
    assert answer.headers["content-type"] == "application/json"
    assert json.loads(answer.text)["first"]["said"] == [["assistant", HOSTILE, HOSTILE]]
    refused = site.get("/run/0/questions/list.json", params={"first": HOSTILE})
    assert refused.headers["content-type"] == "application/json"
