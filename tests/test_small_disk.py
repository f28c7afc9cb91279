"""A disk that fills: a small file system where one can be mounted, else a limit of file sizes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from distilbench.runner import run_suite
from tests.test_real_faults import place, whole

__all__ = ["place", "whole"]  # fixtures

LOCKS = (".lock", ".children")
WRITING = {
    "init": "init DISK/new/suite.yaml",
    "card new": "card new model.gguf --out DISK/new/card.yaml",
    "import": "import lm --into DISK/into",
    "report": "report DISK/runs",
    "run": "run suite.yaml --out DISK/out",
    **{
        form: f"export runs --format {form} --out DISK/out"
        for form in ("csv", "lm-eval", "model-index", "every-eval-ever")
    },
}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """1 MiB, of which nothing is left once ``fill`` is called; skips where nothing may be
    mounted: tests/test_real_faults.py limits the size of files there."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if sys.platform != "linux" or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("nothing may be mounted here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def fill(disk: Path) -> None:
    with (disk / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass


@pytest.mark.parametrize("command", WRITING)
def test_a_full_file_system(command: str, disk: Path, place: Path) -> None:
    if command == "report":
        shutil.copytree(place / "runs", disk / "runs", ignore=shutil.ignore_patterns("report"))
    fill(disk)
    kept = {path: path.read_bytes() for path in disk.rglob("*") if path.is_file()}
    words = WRITING[command].replace("DISK", str(disk)).split()
    done = subprocess.run(
        [sys.executable, "-m", "distilbench", *words],
        cwd=place, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    said = done.stderr.splitlines()[-1]
    assert said.startswith("error: ")
    assert "free space" in said
    left = {path: path.read_bytes() for path in disk.rglob("*") if path.is_file()}
    assert {path: left.get(path) for path in kept} == kept
    new = [path for path in left if path not in kept]
    assert not any(path.name.startswith(".") and path.name not in LOCKS for path in new), new


OWN = """
models: [model.gguf]
tasks: [{file: q.jsonl, stop: []}]
profiles: [{slots: 1, context: 256}]
limits: {max_tokens: 8}
"""
"""Some 100 KB of records, and a page of 1 MB."""


def distilbench(words: str, place: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "distilbench", *words.split()],
        cwd=place, capture_output=True, text=True,
    )  # fmt: skip


def results(run: Path) -> dict[str, bytes]:
    """All that the report is made of."""
    files = (path for path in run.rglob("*") if path.is_file() and path.name not in LOCKS)
    return {
        str(path.relative_to(run)): path.read_bytes()
        for path in files
        if path.parent.name != "report"
    }


@pytest.mark.model
def test_the_answers_fit_and_the_report_does_not(disk: Path, place: Path) -> None:
    """Of a run with cells of its own: what was answered is kept, and asked no second time."""
    (place / "own.yaml").write_text(OWN)
    done = distilbench(f"run own.yaml --out {disk}", place)
    run = disk / "own"
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    said = done.stderr.splitlines()[-1]
    assert said.startswith(f"error: {run}/report/")
    assert "free space" in said
    assert not [p.name for p in run.rglob(".*") if p.name not in (*LOCKS, ".eval-set-id")]
    kept = results(run)
    assert "samples.parquet" in kept
    fill(disk)
    assert distilbench(f"report {run}", place).returncode == 2
    assert results(run) == kept
    (disk / "filler").unlink()
    subprocess.run(["mount", "-o", "remount,size=40m", str(disk)], check=True)
    assert run_suite(place / "own.yaml", disk).complete
    again = results(run)
    cells = {name for name in kept if name.startswith("cells/")}
    assert {name: again[name] for name in cells} == {name: kept[name] for name in cells}
