"""Each file of a run directory, damaged in each way: a sentence, or the same results as before."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from distilbench.cli import app
from distilbench.cli._boundary import run_command
from tests.test_interchange import lm_eval_folder

SUITE = """
name: t
models:
  - {name: a, source: pypi:smollm2-135m-instruct}
  - {name: b, source: pypi:smollm2-135m-instruct}
tasks: [{file: q.jsonl}]
limits: {max_tokens: 8}
"""
COMMANDS = {
    "report": "report runs/t",
    "recommend": "recommend runs/t --json",
    "csv": "export runs/t --format csv --out out",
    "import": "import two --into runs/t",
    "run": "run suite.yaml",
    "status": "status runs/t",
    "merge": "merge runs/t --out merged",
}
IMPORTED = ("cell.json", "samples.parquet")
OWN = ("cell.json", "samples.parquet", "machine.jsonl", "logs/*.eval", "logs/logs.json",
       "logs/eval-set.json", "logs/.eval-set-id")  # fmt: skip
FILES = (
    "run.json", "samples.parquet", "cells.parquet", "suite.yaml", ".lock", "questions/*.json",
    "workers/*.json", "workers/*.log", *(f"imported/one--arc--*/{name}" for name in IMPORTED),
    *(f"cells/*/{name}" for name in OWN),
)  # fmt: skip


def gone(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def folder(path: Path) -> None:
    gone(path)
    path.mkdir()


DAMAGE: dict[str, Callable[[Path], object]] = {
    "gone": gone, "empty": lambda path: path.write_bytes(b""), "cut": cut,
    "{}": lambda path: path.write_bytes(b"{}"), "a folder": folder,
}  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two cells of its own and three imported ones."""
    place, before = tmp_path_factory.mktemp("whole"), Path.cwd()
    os.chdir(place)
    try:
        Path("suite.yaml").write_text(SUITE)
        Path("q.jsonl").write_text('{"question": "1+1?", "answer": "2"}\n')
        for name in ("one", "two"):
            lm_eval_folder(place / name, name, [1, 0, 1, 1])
        assert run_command(app, ["run", "suite.yaml"]) == 0
        assert run_command(app, ["import", "one", "--into", "runs/t"]) == 0
    finally:
        os.chdir(before)
    return place


@pytest.fixture
def place(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    shutil.copytree(whole, tmp_path / "p")
    monkeypatch.chdir(tmp_path / "p")
    return tmp_path / "p"


def cells_of(run: Path) -> set[str]:
    """The cells that an export of the run holds."""
    assert run_command(app, ["export", str(run), "--format", "csv", "--out", "seen"]) == 0
    with Path("seen/results.csv").open() as file:
        return {row["cell"] for row in csv.DictReader(file)}


@pytest.mark.model
@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_damaged_run(
    command: str, file: str, damage: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = place / "runs" / "t"
    before = cells_of(run)
    path = min(run.glob(file))
    DAMAGE[damage](path)
    capsys.readouterr()
    code = run_command(app, COMMANDS[command].split())
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    if code == 2:
        said = err.splitlines()[-1]
        assert said.startswith("error: ")
        # A folder without its facts is no run.
        named = "runs/t: is no run directory" if path.name == "run.json" else file.partition("*")[0]
        assert str(path.relative_to(place)) in said or named in said, said
    elif code == 1:  # of a worker that finds a folder where it writes
        assert (command, damage) == ("run", "a folder")
        assert "failed: a under default: worker ended" in err
    else:
        assert code == 0
        if command == "recommend":  # from the tables of all cells; one model twice: either first
            assert {one["entry"] for one in json.loads(out)["candidates"]} == {"a", "b"}
            return
        if command == "status":  # of counts alone
            return
        assert cells_of(Path("merged") if command == "merge" else run) >= before
        if command == "report" and path.name == "cell.json":
            report = (run / "report" / "report.md").read_text()
            assert "The run is not finished: 1 of 2 cells are." in report
