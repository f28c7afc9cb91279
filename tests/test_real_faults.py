"""Every command, in its own body, with files and disks that fail: a sentence and no traceback."""

from __future__ import annotations

import io
import os
import resource
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from distilbench.cli import app
from distilbench.cli._boundary import run_command
from distilbench.distill import load_experiment, load_scarce
from distilbench.engines._llama_cpp import LlamaCpp
from distilbench.load._generator import PYTHON_VARIABLE
from distilbench.view import View
from tests.test_boundary import ALL
from tests.test_interchange import lm_eval_folder
from tests.tiny_experiment import TINY
from tests.tiny_gguf import tiny_gguf
from tests.tiny_scarce import TINY_SCARCE

SUITE = "models: [model.gguf]\ntasks:\n  - {file: q.jsonl}\n"
# Words of each command that do its work on the files of `place`; a command without any fails.
WORDS = {
    "init": "new/suite.yaml",
    "run": "suite.yaml --out out --dry-run",
    "report": "runs",
    "schema": "",
    "status": "runs",
    "list": "runs",
    "cancel": "runs",
    "merge": "runs --out out",
    "recommend": "runs --min-accuracy 0.1",
    "break-even": "runs --answers 1e6",
    "diff": "runs other --pair one=two",
    "profiles": "",
    "fit": "model.gguf",
    "quantize": "model.gguf --to Q4_0 --out out",
    "load": "model.gguf --out out --requests 1 --concurrency 1",
    "serve": "model.gguf --port 0",
    "view": "runs --port 0",
    "compute": "card-a --cards own.yaml --draws 100",
    "compare": "card-a card-a --cards own.yaml --draws 100",
    "plan-distillation": "--student model.gguf --teacher card-a --tokens 1e6 --cards own.yaml"
    " --draws 100",
    "design": "--task gsm8k --memory 2GiB --usd 100 --cards own.yaml",
    "distil-or-train": "--budget 1e20 --student 5e8 --teacher 1e9 --teacher-tokens 1e10",
    "reproduce": "--out out --draws 100",
    "catalog list": "card --cards own.yaml",
    "catalog show": "card-a --cards own.yaml",
    "catalog check": "epoch.csv --cards own.yaml",
    "accelerators": "",
    "distill": "recipe.yaml --out out --dry-run",
    "import": "lm --into into",
    "export": "runs --format lm-eval --out out",
    "publish": "runs --out out",
    "site": "pool --out out",
    "contribute": "runs --to out --by me",
    "doctor": "",
    "tasks": "arith",
    "figure": "accuracy-by-task runs --format svg --out out/figure.svg",
    "table": "imported-results runs",
    "paper": "runs --out out --format svg",
    "card new": "model.gguf --out out/card.yaml",
    "card creation": "card-a --cards own.yaml --out out/card --draws 100",
    "experiment distil-vs-vanilla": "--config experiment.yaml --out out",
    "experiment scarce-data": "--config scarce.yaml --out out",
    "models inspect": "model.gguf",
}
CARDS_OF_A_FOLDER = ("catalog check", "design")  # none in it is no mistake
LONG = ("experiment distil-vs-vanilla", "experiment scarce-data")  # they train
INPUTS = ("suite.yaml", "q.jsonl", "model.gguf", "own.yaml", "epoch.csv", "recipe.yaml",
          "experiment.yaml", "scarce.yaml", "lm", "runs/run.json", "runs/samples.parquet",
          "runs/cells.parquet")  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("whole")
    before = Path.cwd()
    os.chdir(place)
    try:
        (place / "suite.yaml").write_text(SUITE)
        (place / "q.jsonl").write_text('{"question": "1+1?", "answer": "2"}\n')
        (place / "experiment.yaml").write_text(TINY)
        (place / "scarce.yaml").write_text(TINY_SCARCE)
        (place / "own.yaml").write_text(
            "id: card-a\nname: A\ndeveloper: B\nfamily: a\nrole: vanilla\nstage: base\n"
            "parameters:\n  total: {value: 1000000000, source: s, where: y}\n"
            "training:\n  tokens: {value: 1000000000000, source: s, where: y}\n"
            "sources:\n  s: {title: t, url: 'https://example.org'}\n"
        )
        (place / "epoch.csv").write_text(
            "Model,Parameters,Training compute (FLOP),Publication date\nA,1e9,6e21,2026-01-31\n"
        )
        tiny_gguf(place / "model.gguf")
        lm_eval_folder(place / "lm", "one", [1, 0, 1, 1])
        assert run_command(app, ["import", "lm", "--into", "runs"]) == 0
        lm_eval_folder(place / "lm-other", "two", [1, 0, 0, 1])
        assert run_command(app, ["import", "lm-other", "--into", "other"]) == 0
        assert run_command(app, ["contribute", "runs", "--to", "pool", "--by", "me"]) == 0
        assert run_command(app, ["init", "recipe.yaml", "--recipe", "template"]) == 0
    finally:
        os.chdir(before)
    return place


@pytest.fixture
def place(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(whole, tmp_path / "p")
    monkeypatch.chdir(tmp_path / "p")
    with_stand_ins(monkeypatch)
    return tmp_path / "p"


def with_stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    """The generator of ``load`` is a stub, and ``serve`` and ``view`` are stopped as soon as they
    serve."""

    def stopped(_: LlamaCpp | View) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(LlamaCpp, "wait", stopped)
    monkeypatch.setattr(View, "wait", stopped)
    monkeypatch.setenv(PYTHON_VARIABLE, sys.executable)
    stub = Path(__file__).parent / "data" / "stub_generator"
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(stub), *sys.path]))


def test_every_command_is_tried() -> None:
    assert {" ".join(path) for path in ALL} == set(WORDS)


@pytest.mark.parametrize("command", [c for c in WORDS if c not in LONG])
def test_every_command_works_on_whole_files(
    command: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else a fault would be another's than the one that is tried."""
    code = run_command(app, [*command.split(), *WORDS[command].split()])
    assert code == 0, capsys.readouterr().err


def test_what_is_not_run_here_is_whole_too(place: Path) -> None:
    assert tuple(load_experiment(place / "experiment.yaml").budgets) == (16, 48)
    assert list(load_scarce(place / "scarce.yaml").studies) == ["text", "questions"]


Fault = Callable[[Path], None]


def gone(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def folder(path: Path) -> None:
    gone(path)
    path.mkdir()


def holding(content: bytes) -> Fault:
    def put(path: Path) -> None:
        gone(path)
        path.write_bytes(content)

    return put


BROKEN: dict[str, Fault] = {
    "gone": gone, "a folder": folder, "empty": holding(b""), "bytes": holding(bytes(range(256))),
    "a list": holding(b'[1, {"a": null}]'), "deep": holding(b"[" * 100_000),
}  # fmt: skip


def ends_in_a_sentence(command: str, capsys: pytest.CaptureFixture[str], done: bool) -> None:
    code = run_command(app, [*command.split(), *WORDS[command].split()])
    err = capsys.readouterr().err
    assert "Traceback" not in err
    assert code in ((0, 2) if done else (2,)), err
    if code:
        assert err.splitlines()[-1].startswith("error: ")


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize(
    ("command", "file"),
    [
        (command, file)
        for command in WORDS
        for file in INPUTS
        if file.partition("/")[0] in WORDS[command].split() or (command, file) == ("run", "q.jsonl")
    ],
)
def test_a_broken_file(
    command: str, file: str, broken: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    BROKEN[broken](place / file)
    # A run's tables are collected again; a folder without cards is a list without cards.
    done = file.startswith("runs/") or (command, broken) == ("catalog list", "a folder")
    done = done or ((file, broken) == ("own.yaml", "a folder") and command in CARDS_OF_A_FOLDER)
    ends_in_a_sentence(command, capsys, done)


@pytest.fixture
def open_place(whole: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy that every user may read and write, outside of pytest's folders, which are closed."""
    with tempfile.TemporaryDirectory() as outer:
        place = Path(outer) / "p"
        shutil.copytree(whole, place)
        for path in (Path(outer), place, *place.rglob("*")):
            path.chmod(0o777 if path.is_dir() else 0o666)
        monkeypatch.chdir(place)
        with_stand_ins(monkeypatch)
        yield place
        monkeypatch.undo()


@contextmanager
def without_right(path: Path) -> Iterator[None]:
    """A file or folder that its reader may not open; root may open all, so another user reads."""
    path.chmod(0)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65_534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        path.chmod(0o777)


CLOSED = [
    (command, file)
    for command in WORDS
    for file in (*INPUTS, "lm/more")
    if file.partition("/")[0] in WORDS[command].split() or (command, file) == ("run", "q.jsonl")
    # Made again from the cells, and read by recommend and diff alone.
    if command in ("recommend", "diff") or not file.endswith(".parquet")
]


@pytest.mark.parametrize(("command", "file"), CLOSED)
def test_a_file_that_may_not_be_read(
    command: str, file: str, open_place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is named, and the remedy is the right to read it, not another file or another copy."""
    (open_place / "lm" / "more").mkdir()  # results that would be missing
    before = set(open_place.rglob("*"))
    with without_right(open_place / file):
        code = run_command(app, [*command.split(), *WORDS[command].split()])
    err = capsys.readouterr().err
    assert code == 2, err
    said = err.splitlines()[-1]
    assert said.startswith("error: ")
    assert file in said
    assert said.endswith("permission denied; give yourself the right to it, or name another")
    assert "Traceback" not in err
    assert set(open_place.rglob("*")) == before


@pytest.mark.parametrize("command", ["run", "fit"])
def test_a_folder_that_may_not_be_read(
    command: str, open_place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is in it may well be there."""
    (open_place / "in").mkdir()
    (open_place / "model.gguf").rename(open_place / "in" / "model.gguf")
    (open_place / "suite.yaml").write_text(SUITE.replace("model.gguf", "in/model.gguf"))
    words = {"run": "run suite.yaml --dry-run", "fit": "fit in/model.gguf"}[command]
    with without_right(open_place / "in"):
        assert run_command(app, words.split()) == 2
    assert "in/model.gguf: permission denied; give yourself the right" in capsys.readouterr().err


@contextmanager
def no_file_may_grow() -> Iterator[None]:
    """As on a full disk, for the writes of every library."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


WRITES = ("init", "report", "quantize", "reproduce", "import", "export", "card new",
          "card creation")  # fmt: skip


@pytest.mark.parametrize("command", WRITES)
def test_a_full_disk(command: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    with no_file_may_grow(), capsys.disabled():
        held, sys.stderr = sys.stderr, io.StringIO()
        try:
            code = run_command(app, [*command.split(), *WORDS[command].split()])
            err = sys.stderr.getvalue()
        finally:
            sys.stderr = held
    assert code == 2, err
    assert "Traceback" not in err
    assert all(path.read_bytes() == content for path, content in kept.items())


@pytest.mark.parametrize("command", [*(c for c in WRITES if c != "report"), "load"])
def test_a_file_where_a_folder_is_wanted(
    command: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("out", "into", "new"):
        (place / name).write_text("kept")
    ends_in_a_sentence(command, capsys, done=False)
    assert (place / "out").read_text() == "kept"


def but_long(command: str) -> Any:
    """Drawing the page of claims twice takes half as long as all the other commands together."""
    return pytest.param(command, marks=pytest.mark.long if command == "reproduce" else ())


@pytest.mark.parametrize("command", [but_long(command) for command in WORDS if command not in LONG])
def test_nobody_reads_or_the_disk_behind_is_full(
    command: str, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    words = [*command.split(), *WORDS[command].split()]
    for out, code in (
        (os.fdopen(writing, "w"), 0),
        (os.fdopen(os.open("/dev/full", os.O_WRONLY), "w"), 2),
    ):
        monkeypatch.setattr(sys, "stdout", out)
        assert run_command(app, words) in (code, 2)
        monkeypatch.setattr(sys, "stdout", sys.__stdout__)
        assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    ["distill recipe.yaml", "experiment distil-vs-vanilla --small", "experiment scarce-data"],
)
def test_an_extra_that_is_not_installed_leaves_no_folder(
    words: str, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = set(place.rglob("*"))
    for module in ("torch", "transformers", "trl"):
        monkeypatch.setitem(sys.modules, module, None)
    assert run_command(app, [*words.split(), "--out", "students/a"]) == 2
    assert "pip install 'distilbench[distill]'" in capsys.readouterr().err
    assert set(place.rglob("*")) == before


@pytest.mark.parametrize("name", ["nowhere", "[bold]x", "a*b", "suite.yaml", "lm"])
@pytest.mark.parametrize(
    "command", ["report", "recommend", "diff runs", "export --format csv --out out"]
)
def test_what_is_no_run_directory(
    command: str, name: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(app, [*command.split(), name]) == 2
    assert f"{name}: is no run directory; give the folder of a run" in capsys.readouterr().err


def test_a_name_is_no_pattern(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``[ab]`` would be read as the tables of ``a`` and ``b``, one below the other."""
    for name, model in {"a": "first", "b": "second", "[ab]": "third"}.items():
        assert run_command(app, ["import", "lm", "--into", name, "--model", model]) == 0
    assert run_command(app, ["recommend", "[ab]"]) == 0
    said = capsys.readouterr().out
    assert "Take third: accuracy 62.5%" in said
    assert "second" not in said.partition("Take")[2]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("run suite.yaml --dry-run --gpu h100", "use one of: h100-sxm, h100-pcie"),
        ("fit model.gguf --context 999999999999", "--context: is 999999999999"),
        ("serve model.gguf --port 0 --threads 999999999999", "--threads: is 999999999999"),
        ("serve model.gguf --port 0 --gpu 99", "--gpu 99: llama.cpp sees"),
        ("load model.gguf --requests 999999999999", "less than or equal to 1000000"),
        ("compute card-a --cards own.yaml --draws 999999999999", "less than or equal to"),
        ("load http://127.0.0.1:9 --model m", "http://127.0.0.1:9: no server answers there"),
    ],
)
def test_what_cannot_be_is_told_at_once(
    words: str, said: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = set(place.rglob("*"))
    assert run_command(app, words.split()) == 2
    out, err = capsys.readouterr()
    assert said in err
    assert "installing" not in out + err
    assert set(place.rglob("*")) == before
