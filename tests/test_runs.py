"""Runs at a URL, and of two machines: run, look, stop, list, join; every command, every fault."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from distilbench.cli import app
from distilbench.cli._boundary import run_command
from distilbench.files import read_json, read_sealed
from distilbench.records import KEY
from distilbench.runner import plan, run_suite
from distilbench.suite import Suite, load_suite, read_suite
from distilbench.tasks import FileTask
from tests.loopback_s3 import BUCKET, SECRET, Store, s3
from tests.loopback_server import Server, serving
from tests.tiny_gguf import tiny_gguf

URL = f"s3://{BUCKET}/runs"
RESULT = (*KEY, "score", "outcome", "answer")


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with s3() as store:
        yield store


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SUMS_API_KEY", "none")
    monkeypatch.setenv("DISTILBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("distilbench.place._stop.SIGN_S", 0.5)
    return tmp_path


def write_suite(
    server: Server, name: str = "t", models: str = "ab", tasks: str = "xy", first: int = 20,
    **beside: Any,
) -> None:  # fmt: skip
    for task in "xy":
        rows = [
            {"question": f"{a} + 100?", "answer": str(a + 100)} for a in range(first, first + 4)
        ]
        Path(f"{task}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    suite = {
        "name": name,
        "models": [
            {"name": m, "source": f"inspect:openai-api/sums/{m}", "base_url": server.url}
            for m in models
        ],
        "tasks": [
            {"file": f"{t}.jsonl", "extract": "last_number", "fewshot": 0} for t in tasks
        ],
        **beside,
    }  # fmt: skip
    Path("suite.yaml").write_text(json.dumps(suite))


def command(*words: str) -> int:
    return run_command(app, words)


def answers(run: str | Path) -> pl.DataFrame:
    return pl.read_parquet(Path(run) / "samples.parquet").select(RESULT).sort(KEY)


def test_a_run_at_a_url(
    server: Server, store: Store, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """Every command finds it there, from another machine too, and no key is anywhere."""
    write_suite(server, models="a")
    assert command("run", "--out", f"{URL}/", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["run_dir"] == f"{URL}/t"
    assert said["cells"] == {"planned": 2, "finished": 2}
    asked = sum(server.requests.values())
    monkeypatch.setenv("DISTILBENCH_CACHE", "other machine")
    run_to(URL)
    assert sum(server.requests.values()) == asked  # kept: nothing is asked twice
    capsys.readouterr()
    assert command("status", f"{URL}/t/", "--json") == 0
    status = json.loads(capsys.readouterr().out)
    assert [(c["state"], c["samples"], c["of"]) for c in status["cells"]] == [
        ("finished", 4, 4)
    ] * 2
    assert status["driver"]["state"] == "idle"
    assert command("list", URL, "--json") == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert (listed["run"], listed["cells"], listed["finished"]) == (f"{URL}/t", 2, 2)
    for words in (
        f"recommend {URL}/t --json", f"cancel {URL}/t", f"list {URL}/t",
        f"export {URL}/t --format csv --out out", f"run --dry-run --out {URL}",
        f"merge {URL}/t --out here",
    ):  # fmt: skip
        assert command(*words.split()) == 0, words
    assert len(pl.read_csv("out/samples.csv")) == len(answers("here")) == 8
    assert "runs/t/report/index.html" in store.objects("runs/t/report/")
    out, err = capsys.readouterr()
    left = [file.read_bytes() for file in Path().rglob("*") if file.is_file()]
    for text in (out.encode(), err.encode(), *left, *store.objects().values()):
        assert SECRET.encode() not in text


def test_a_run_at_a_url_beside_one_here(server: Server, store: Store, capsys: Any) -> None:
    """Of the same suite, whose file has a new first row since, and another last one."""
    write_suite(server, "pair", models="ab", tasks="x")
    run_to(f"{URL}/then")
    rows = Path("x.jsonl").read_text().splitlines()
    new = [json.dumps({"question": f"{a} + 100?", "answer": str(a + 100)}) for a in (31, 32)]
    Path("x.jsonl").write_text("\n".join([new[0], *rows[:-1], new[1]]))
    run_to("here")
    capsys.readouterr()
    assert command("diff", f"{URL}/then/pair", "here/pair", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["baseline"], found["candidate"]) == ("then/pair", "here/pair")
    for one in found["comparisons"]:
        assert (one["questions"], one["only_baseline"], one["only_candidate"]) == (3, 1, 2)
    assert any("3 questions of here/pair have another id" in note for note in found["notes"])
    kept = set(store.objects("runs/then/"))
    assert command("report", f"{URL}/then/pair", "here/pair", "--out", "page") == 0
    assert "a · then/pair" in Path("page/index.html").read_text()
    assert set(store.objects("runs/then/")) == kept  # a page of several runs is nobody's own
    assert command("recommend", f"{URL}/then/pair", "here/pair") == 0


def test_from_python(server: Server, store: Store) -> None:
    import distilbench

    write_suite(server, "python", models="a", tasks="x")
    run = distilbench.run("suite.yaml", f"{URL}/")
    assert run.complete
    assert len(distilbench.Run.open(f"{URL}/python").samples) == 4


def begun(server: Server, out: str) -> subprocess.Popen[str]:
    """A run under way, in a process of its own, that has answered something."""
    write_suite(server, "slow", "a", "x", first=8, profiles=[{"slots": 1}])
    rows = [{"question": f"{a} + 100?", "answer": "1"} for a in (20, 21, *[11] * 30)]
    Path("x.jsonl").write_text("\n".join(json.dumps({**r, "id": i}) for i, r in enumerate(rows)))
    program = [sys.executable, "-m", "distilbench", "run", "--out", out]
    return subprocess.Popen(program, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def wait_for_samples(run: str, capsys: Any) -> dict[str, Any]:
    until = time.monotonic() + 240
    while time.monotonic() < until:
        capsys.readouterr()
        if command("status", run, "--json") == 0:
            status = json.loads(capsys.readouterr().out)
            if status["cells"] and status["cells"][0]["samples"]:
                return dict(status)
        time.sleep(0.3)
    raise AssertionError("no sample")


@pytest.mark.parametrize("where", ["runs", pytest.param(URL, marks=pytest.mark.long)])
def test_a_run_under_way_is_read_and_stopped(
    where: str, server: Server, store: Store, capsys: Any
) -> None:
    run = f"{where}/slow"
    driver = begun(server, where)
    try:
        status = wait_for_samples(run, capsys)
        assert status["cells"][0]["state"] == "begun"
        assert status["cells"][0]["samples"] < status["cells"][0]["of"] == 32
        for words in (f"report {run}", f"recommend {run} --json", f"list {where}",
                      f"export {run} --format csv --out out"):  # fmt: skip
            assert command(*words.split()) == 0, words
        seen = len(pl.read_csv("out/samples.csv"))
        assert 0 < seen < 32
        assert command("merge", run, "--out", "x") == 2
        assert "distilbench cancel" in capsys.readouterr().err
        assert command("cancel", run) == 0
        assert "stopped" in capsys.readouterr().out
        _, err = driver.communicate(timeout=90)
        assert driver.returncode == 130
        assert "the same command goes on from there" in err
    finally:
        driver.kill()
        driver.communicate()
    assert command("status", run, "--json") == 0
    after = json.loads(capsys.readouterr().out)
    assert after["driver"]["state"] == "idle"
    assert after["cells"][0]["samples"] >= seen
    assert command("cancel", run) == 0
    assert "nothing to stop" in capsys.readouterr().out


def test_a_killed_driver_is_known_for_it(server: Server, capsys: Any) -> None:
    driver = begun(server, "runs")
    wait_for_samples("runs/slow", capsys)
    driver.kill()
    driver.communicate()
    assert command("status", "runs/slow") == 0
    assert "was killed" in capsys.readouterr().out
    assert command("cancel", "runs/slow") == 0
    assert "nothing to stop" in capsys.readouterr().out


# Merging


def run_to(out: str, suite: str = "suite.yaml") -> None:
    """As the command, without a report."""
    assert run_suite(suite, out).complete


@pytest.fixture(scope="module")
def made(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same suite on two machines, which share the cell of model b on x, and on one."""
    folder, before = tmp_path_factory.mktemp("made"), Path.cwd()
    os.chdir(folder)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SUMS_API_KEY", "none")
            for out, models in (("one", "ab"), ("two", "bc"), ("whole", "abc")):
                write_suite(server, models=models, tasks="x")
                run_to(out)
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def halves(made: Path, place: Path) -> tuple[str, str]:
    shutil.copytree(made, place, dirs_exist_ok=True)
    return "one/t", "two/t"


def test_two_runs_become_one(
    halves: tuple[str, str], server: Server, store: Store, capsys: Any
) -> None:
    whole = answers("whole/t")
    for out in ("merged", f"{URL}/merged"):
        capsys.readouterr()
        assert command("merge", *halves, "--out", out, "--json") == 0
        said = json.loads(capsys.readouterr().out)
        assert (said["cells"], said["finished"]) == (3, 3)
        (kept,) = said["kept_once"]
        assert kept.startswith("b--x--")
        assert "with the same answers" in kept
    assert answers("merged").equals(whole)
    assert command("merge", f"{URL}/merged", "--out", "back") == 0
    assert answers("back").equals(whole)
    # The suite of the merged run is that of all: it goes on from there.
    asked = sum(server.requests.values())
    shutil.copytree("merged", "again/t")
    shutil.copy("merged/suite.yaml", "suite.yaml")
    run_to("again")
    assert sum(server.requests.values()) == asked
    assert command("merge", *halves, "--out", "merged") == 2
    assert "is there already" in capsys.readouterr().err


def test_of_a_cell_in_both_the_finished_one_is_kept(halves: tuple[str, str], capsys: Any) -> None:
    one, two = halves
    (cell,) = Path(one).glob("cells/b--*")
    for name in ("cell.json", "shard.json", "samples.parquet"):
        (cell / name).unlink()
    for order in ((one, two), (two, one)):
        shutil.rmtree("merged", ignore_errors=True)
        capsys.readouterr()
        assert command("merge", *order, "--out", "merged") == 0
        assert f"kept that of {two} (finished there alone)" in capsys.readouterr().out
        assert len(answers("merged")) == 12


def change(run: str, what: str) -> None:
    folder = Path(run)
    (cell,) = folder.glob("cells/b--*")
    if what == "answers":
        table = pl.read_parquet(cell / "samples.parquet")
        table.with_columns(answer=pl.lit("7")).write_parquet(cell / "samples.parquet")
    elif what == "questions":
        (file,) = (folder / "questions").iterdir()
        file.write_bytes(read_sealed(file).replace(b"100", b"101"))  # by somebody, unsealed
    else:
        facts = read_json(folder / "run.json")
        if what == "versions":
            facts["versions"]["inspect-ai"] = "0.0"
        elif what == "hash":
            facts["plan"][0].update(config_hash="0" * 64, name="b--x--default--0--00000000")
        elif what == "data":
            for planned in facts["plan"]:
                planned["task_hash"] = "0" * 64
            (file,) = (folder / "questions").iterdir()
            file.rename(file.with_name("x--0--00000000.json"))
        (folder / "run.json").write_text(json.dumps(facts))


REFUSED = {
    "answers": "is finished, as in one/t, with other results (4 of 4 answers); remove the folder",
    "questions": "is not that of one/t; only runs that asked the same questions",
    "versions": "its version of inspect-ai is not that of one/t",
    "hash": "has another config hash than",
    "data": "its data of task 'x' with seed 0 is not that of one/t",
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_differs_is_not_merged(what: str, halves: tuple[str, str], capsys: Any) -> None:
    one, two = halves
    change(two, what)
    capsys.readouterr()
    assert command("merge", one, two, "--out", "merged") == 2
    assert REFUSED[what] in capsys.readouterr().err
    assert not Path("merged").exists()
    assert not list(Path().glob(".merged*"))


def at(server: Server, folder: str, models: str, rows: Sequence[int], **beside: Any) -> str:
    """A run of a machine on which the files of its suite lie in ``folder``."""
    home = Path(folder).resolve()
    home.mkdir()
    data, shown = home / "sums.jsonl", home / "shown.csv"
    lines = [json.dumps({"question": f"{n} + 100?", "answer": str(n + 100)}) for n in rows]
    data.write_text("\n".join(lines))
    shown.write_text("question,answer\n1 + 1?,2\n")
    suite = {
        "name": "t",
        "models": [
            {"name": m, "source": f"inspect:openai-api/sums/{m}", "base_url": server.url}
            for m in models
        ],
        "tasks": [
            {"file": str(data), "fewshot": 1, "fewshot_file": str(shown), "extract": "last_number"}
        ],
        **beside,
    }
    (home / "suite.yaml").write_text(json.dumps(suite))
    run_to(str(home / "runs"), str(home / "suite.yaml"))
    return str(home / "runs" / "t")


def planned(run: str) -> set[str]:
    """The cells that a run's own suite has, wherever its file is."""
    given = read_suite(Path(run) / "suite.yaml")
    return {cell.name for cell in plan(given.suite, given.folder, given.where)}


def test_files_that_lie_elsewhere_are_the_same_files(server: Server, capsys: Any) -> None:
    """Data is known by what it holds: the merged run's suite has nothing left to ask."""
    one = at(server, "here", "a", range(20, 24))
    two = at(server, "there", "a", range(20, 24), seeds=[1])
    assert command("merge", one, two, "--out", "merged") == 0
    assert len(answers("merged")) == 2 * 4
    cells = read_json(Path("merged/run.json"))["cells"]
    assert len(cells) == 2
    assert planned("merged") == set(cells)
    other = at(server, "elsewhere", "b", range(21, 25))
    capsys.readouterr()
    assert command("merge", one, other, "--out", "both") == 2
    assert "its data of task 'sums' with seed 0 is not that of" in capsys.readouterr().err


def test_a_cell_is_known_by_what_its_files_hold(place: Path) -> None:
    def cells(folder: str, data: str = "q.jsonl", shown: str | None = None, **beside: Any) -> Any:
        home = place / folder
        home.mkdir(exist_ok=True)
        tiny_gguf(home / "m.gguf")
        row = json.dumps({"question": "1+1?", "answer": "2"})
        (home / data).write_text(beside.pop("text", row))
        task: dict[str, Any] = {"file": data, "name": "sums", **beside}
        if shown:
            shutil.copy(home / data, home / "copy.jsonl")
            task["fewshot_file"] = shown
        given = Suite.model_validate({"models": ["m.gguf"], "tasks": [task], "name": "t"})
        tasks = [one.within(home) for one in given.tasks if isinstance(one, FileTask)]
        return [c.name for c in plan(given.model_copy(update={"tasks": tasks}), home, "t")]

    here = cells("here")
    assert cells("there") == here
    assert cells("there", "of another name.JSONL") == here
    assert cells("there", "q.jsonl", "q.jsonl") == here  # examples from the file itself
    for other in (
        cells("there", text='{"question": "1+1?", "answer": "3"}'),
        cells("there", "q.json"),  # the same bytes, read in another way
        cells("there", "q.jsonl", "copy.jsonl"),
        cells("there", question="answer"),
    ):
        assert other != here
    assert cells("here", shown="copy.jsonl") == cells("there", "x.jsonl", "copy.jsonl")


def test_what_suites_list_in_part_together_stands_once(server: Server) -> None:
    """Of one entry of a suite several parts are made; and a suite may leave out a list."""
    templates = [{"name": name, "question": f"{name} {{question}}"} for name in ("p", "q", "r")]
    runs = []
    for folder, some, beside in (
        ("here", templates[:2], {}),
        ("there", templates[1:], {"profiles": [{"name": "wide", "slots": 2}]}),
    ):
        task = {"file": str(Path(folder, "sums.jsonl").resolve()), "templates": some}
        runs.append(at(server, folder, "a", range(20, 22), tasks=[task], **beside))
    assert command("merge", *runs, "--out", "merged") == 0
    listed = load_suite("merged/suite.yaml")
    assert [t.name for t in listed.tasks] == ["sums-p", "sums-q", "sums-r"]
    assert [p.name for p in listed.profiles] == ["default", "wide"]
    cells = read_json(Path("merged/run.json"))["cells"]
    assert len(cells) == 2 * 2
    assert planned("merged") >= set(cells)


@pytest.mark.parametrize(
    ("beside", "said"),
    [
        ({"epochs": 2}, "another 'epochs'"),
        ({"limits": {"max_tokens": 9}}, "another 'limits'"),
        ({"name": "u"}, "another 'name'"),
        ({"profiles": [{"slots": 3}]}, "says other things of 'default' (profiles)"),
    ],
)
def test_another_suite_is_not_merged(
    beside: dict[str, Any], said: str, halves: tuple[str, str], capsys: Any
) -> None:
    one, two = halves
    suite = json.loads((Path(two) / "suite.yaml").read_text())
    (Path(two) / "suite.yaml").write_text(json.dumps({**suite, **beside}))
    assert command("merge", one, two, "--out", "merged") == 2
    assert said in capsys.readouterr().err


def test_what_is_no_run_is_not_merged(halves: tuple[str, str], capsys: Any) -> None:
    one, _ = halves
    for words, said in (
        ((one, "x.jsonl"), "is no run directory"), ((one, "nothing"), "is no run directory"),
        ((one, f"{one}/"), "is given twice"), ((one, f"s3://{BUCKET}"), "is no run directory"),
    ):  # fmt: skip
        assert command("merge", *words, "--out", "merged") == 2
        assert said in capsys.readouterr().err
    assert command("merge", one, "--out", one) == 2
    assert "is there already" in capsys.readouterr().err


# Every command, every fault of the store

COMMANDS = {
    "run": "run --out {}", "dry run": "run --dry-run --out {}", "report": "report {}/t",
    "recommend": "recommend {}/t", "export": "export {}/t --format csv --out out",
    "diff": "diff {}/t one", "several": "report one {}/t",
    "import": "import x.jsonl --into {}/t", "status": "status {}/t", "list": "list {}",
    "view": "view {}/t --port 0",
    "cancel": "cancel {}/t", "merge": "merge {}/t --out merged", "merge to": "merge one --out {}/t",
}  # fmt: skip
FAULTS: dict[str, tuple[str, dict[str, str], str]] = {
    "no bucket": ("s3://nobody", {}, "there is no such bucket"),
    "nobody listens": (URL, {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "does not answer"),
    "login": (f"s3://key:{SECRET}@{BUCKET}", {}, "holds a login"),
    "no store": ("s4://bucket", {}, "there is no store 's4'"),
    "one slash": ("s3:/bucket", {}, "has one slash"),
    "a page": ("https://host/bucket", {}, "is a web page"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", COMMANDS)
def test_a_store_that_refuses(
    name: str, fault: str, server: Server, store: Store, monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
) -> None:  # fmt: skip
    url, variables, said = FAULTS[fault]
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setattr("distilbench.place._remote._TRIES", 1)
    write_suite(server, models="a", tasks="x")
    if name == "merge to":
        Path("one").mkdir()
        said = "is no run directory" if fault in ("no bucket", "nobody listens") else said
    begun_at = time.monotonic()
    assert command(*COMMANDS[name].format(url).split()) == 2
    assert time.monotonic() - begun_at < 60  # seconds, on a machine that is not busy
    err = capsys.readouterr().err
    assert said in err.splitlines()[-1]
    assert "Traceback" not in err
    assert SECRET not in err
    assert not Path("s3:").exists()


@pytest.mark.parametrize("words", ["distill {}", "experiment {}", "init {}", "fit --card={} x"])
def test_commands_that_read_files_here_refuse_urls(words: str, capsys: Any) -> None:
    assert command(*words.format(f"{URL}/x").split()) == 2
    assert "not at a URL" in capsys.readouterr().err
    assert not os.listdir()
