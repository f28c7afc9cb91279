"""Each file of a run directory, damaged in each way: a sentence, or the same results as before."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Callable, Iterator
from itertools import combinations, product
from pathlib import Path
from typing import Any

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
    "diff": "diff runs/t runs/t --pair a=b",
    "csv": "export runs/t --format csv --out out",
    "import": "import two --into runs/t",
    "run": "run suite.yaml",
    "status": "status runs/t",
    "merge": "merge runs/t --out merged",
}
IMPORTED = ("cell.json", "samples.parquet")
OWN = ("cell.json", "shard.json", "samples.parquet", "machine.jsonl", "logs/*.eval",
       "logs/logs.json", "logs/eval-set.json", "logs/.eval-set-id")  # fmt: skip
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


@pytest.fixture(scope="module")
def cells(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The cells that an export of the whole run holds."""
    return cells_of(whole / "runs" / "t", tmp_path_factory.mktemp("seen"))


@pytest.fixture
def place(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    shutil.copytree(whole, tmp_path / "p")
    monkeypatch.chdir(tmp_path / "p")
    return tmp_path / "p"


def cells_of(run: Path, out: Path) -> set[str]:
    """The cells that an export of the run holds."""
    assert run_command(app, ["export", str(run), "--format", "csv", "--out", str(out)]) == 0
    with (out / "results.csv").open() as file:
        return {row["cell"] for row in csv.DictReader(file)}


FATAL = ("run", "cells/*/cell.json", "a folder")
"""What a worker ends of."""


def cases() -> list[Any]:
    """Each command x file x damage. In every run of the tests are ``FATAL`` and those of a Latin
    square, in which each file meets each damage, each file each command and each command each
    damage."""
    found = []
    for (i, command), (j, file), (k, damage) in product(*map(enumerate, (COMMANDS, FILES, DAMAGE))):
        kept = (i + j + k) % len(DAMAGE) == 0 or (command, file, damage) == FATAL
        marks = () if kept else pytest.mark.long
        found.append(pytest.param(command, file, damage, marks=marks))
    return found


def test_each_pair_is_in_every_run() -> None:
    kept = [case.values for case in cases() if not case.marks]
    for first, second in combinations((COMMANDS, FILES, DAMAGE), 2):
        pairs = {pair for case in kept for pair in combinations(case, 2)}
        assert set(product(first, second)) <= pairs


@pytest.mark.model
@pytest.mark.parametrize(("command", "file", "damage"), cases())
def test_a_damaged_run(
    command: str,
    file: str,
    damage: str,
    place: Path,
    cells: set[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = place / "runs" / "t"
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
        if command in ("status", "diff"):  # of counts alone; of two models that answer alike
            return
        assert cells_of(Path("merged") if command == "merge" else run, Path("seen")) >= cells
        if command == "report" and path.name == "cell.json":
            report = (run / "report" / "report.md").read_text()
            assert "The run is not finished: 1 of 2 cells are." in report
