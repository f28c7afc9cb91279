"""Faults of the machine under a whole run: what was not answered is asked again, nothing else."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl
import psutil
import pytest

from distilbench.cli import app
from distilbench.cli._boundary import run_command
from distilbench.errors import InputError
from distilbench.events import Event, ModelRefused, SampleDone
from distilbench.records import KEY
from distilbench.runner import RunResult, run_suite
from tests.storm import VALUES
from tests.tiny_gguf import tiny_gguf

pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals"),
]
QUESTIONS = 40


def suite(folder: Path, questions: int = QUESTIONS, model: str = "model.gguf") -> Path:
    folder.mkdir(exist_ok=True)
    tiny_gguf(folder / model)
    for task in "ab":
        rows = [
            json.dumps({"question": f"{task} {i}?", "answer": str(i)}) + "\n"
            for i in range(questions)
        ]
        (folder / f"{task}.jsonl").write_text("".join(rows))
    asked = {
        "name": "t",
        "models": [model],
        "tasks": [{"file": f"{task}.jsonl", "name": task, "stop": []} for task in "ab"],
        "profiles": [{"slots": 1, "context": 128, "threads": 1}],
        "limits": {"max_tokens": 16},
    }
    (folder / "t.json").write_text(json.dumps(asked))
    return folder / "t.json"


def records(result: RunResult) -> pl.DataFrame:
    table = pl.read_parquet(result.run_dir / "samples.parquet")
    return table.select(*KEY, *VALUES).sort(*KEY)


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """The records of a run that nothing disturbs."""
    folder = tmp_path_factory.mktemp("calm")
    result = run_suite(suite(folder), folder / "runs")
    assert result.complete
    return records(result)


def asked_of(path: Path, out: Path) -> tuple[RunResult, Counter[tuple[str, str]]]:
    """A run, and how often it answered each question."""
    told: Counter[tuple[str, str]] = Counter()

    def hear(event: Event) -> None:
        if isinstance(event, SampleDone):
            told[event.cell, event.sample_id] += 1

    return run_suite(path, out, hear), told


class Hunter(threading.Thread):
    """Kills each engine of this process's workers as soon as it is there, so often."""

    def __init__(self, times: int) -> None:
        super().__init__(daemon=True)
        self.times, self.killed, self.over = times, set[int](), threading.Event()

    def run(self) -> None:
        while len(self.killed) < self.times and not self.over.wait(0.002):
            for process in psutil.Process().children(recursive=True):
                with suppress(psutil.Error):
                    engine = any(word.endswith("_serve.py") for word in process.cmdline())
                    if engine and process.pid not in self.killed:
                        process.kill()
                        self.killed.add(process.pid)


@pytest.mark.parametrize("times", [pytest.param(2, marks=pytest.mark.long), 3])
def test_an_engine_that_is_killed_while_it_loads(
    times: int, tmp_path: Path, calm: pl.DataFrame
) -> None:
    """Twice costs a moment. Three times ends the worker: there is no result, least of all
    one that says the model cannot be run; the next run asks."""
    path, hunter, refused = suite(tmp_path), Hunter(times), list[str]()

    def hear(event: Event) -> None:
        if isinstance(event, ModelRefused):
            refused.append(event.error)

    hunter.start()
    result = run_suite(path, tmp_path / "runs", hear)
    hunter.over.set()
    hunter.join()
    assert len(hunter.killed) == times
    assert not refused
    if times == 3:
        assert not result.complete
        assert "exit code 75: its engine was ended from outside" in result.failed[0]
        assert not list(result.run_dir.glob("cells/*/cell.json"))
        result = run_suite(path, tmp_path / "runs")
    assert result.complete
    assert records(result).equals(calm)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(disk)]
    if sys.platform != "linux" or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("nothing may be mounted here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_disk_that_is_full_in_the_middle_of_a_cell(
    small_disk: Path, tmp_path: Path, calm: pl.DataFrame
) -> None:
    """What no longer goes to the disk is not answered; with more space it is."""
    path = suite(tmp_path / "suite")
    try:
        result = run_suite(path, small_disk)
        assert not result.complete
        assert "see" in result.failed[0]
    except (OSError, InputError) as error:  # of the tables at the end, or before the first cell
        assert "space" in str(error)  # noqa: PT017
    run_dir = small_disk / "t"
    journaled = sum(
        line.endswith(b"\n")
        for file in run_dir.glob("cells/**/journal.jsonl")
        for line in file.read_bytes().splitlines(keepends=True)
    )
    finished = {file.parent.name for file in run_dir.glob("cells/*/cell.json")}
    assert len(finished) < 2
    subprocess.run(["mount", "-o", "remount,size=40m", str(small_disk)], check=True)
    again, told = asked_of(path, small_disk)
    assert again.complete
    assert records(again).equals(calm)
    assert set(told.values()) <= {1}
    assert told.total() <= 2 * QUESTIONS - journaled
    assert journaled or finished


def test_a_run_directory_that_is_removed_while_it_runs(tmp_path: Path, calm: pl.DataFrame) -> None:
    """A sentence or a failed worker, no result from half of it; the next run begins anew."""
    path, done = suite(tmp_path), list[str]()

    def hear(event: Event) -> None:
        if isinstance(event, SampleDone):
            done.append(event.sample_id)
            if len(done) == 10:
                shutil.rmtree(tmp_path / "runs" / "t")

    try:
        result = run_suite(path, tmp_path / "runs", hear)
        assert not result.complete
    except (OSError, InputError) as error:
        assert "runs/t" in str(getattr(error, "filename", error))  # noqa: PT017
    again = run_suite(path, tmp_path / "runs")
    assert again.complete
    assert records(again).equals(calm)


def test_a_run_directory_that_is_removed_while_its_report_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from distilbench.report.run import _report

    path, render = suite(tmp_path, questions=2), _report.render_page
    run_dir = run_suite(path, tmp_path / "runs").run_dir

    def removed(**page: Any) -> Path:
        shutil.rmtree(run_dir)
        return render(**page)

    monkeypatch.setattr(_report, "render_page", removed)
    assert run_command(app, ["report", str(run_dir)]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith(f"error: {run_dir}")
    monkeypatch.undo()
    assert run_suite(path, tmp_path / "runs").complete


STOPPING = """
import os, signal, sys
from pathlib import Path
from distilbench.runner import run_suite
done = []
def hear(event):
    if event.event == "sample_done":
        done.append(event.pid)
        if len(done) == 10:
            print(event.pid, flush=True)
            os.kill(os.getpid(), signal.SIGSTOP)  # the driver; the test goes on from here
run_suite(sys.argv[1], Path(sys.argv[2]), hear)
"""


def test_a_driver_that_dies_while_its_worker_is_stopped_and_a_run_that_starts_at_once(
    tmp_path: Path, calm: pl.DataFrame
) -> None:
    """A stopped worker cannot leave. The next run does not begin beside it."""
    path = suite(tmp_path)
    command = [sys.executable, "-c", STOPPING, str(path), str(tmp_path / "runs")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout
        worker = int(driver.stdout.readline())
        os.kill(worker, signal.SIGSTOP)
        driver.kill()
    seen = [False]

    def hear(event: Event) -> None:
        with suppress(psutil.NoSuchProcess):
            seen.append(psutil.Process(worker).status() != psutil.STATUS_ZOMBIE)

    threading.Timer(2.0, os.kill, (worker, signal.SIGCONT)).start()
    result = run_suite(path, tmp_path / "runs", hear)
    assert not any(seen)
    assert result.complete
    assert records(result).equals(calm)


TELLING = """
import sys
from pathlib import Path
from distilbench.runner import run_suite
def hear(event):
    if event.event == "sample_done":
        print(event.pid, flush=True)
sys.exit(0 if run_suite(sys.argv[1], Path(sys.argv[2]), hear).complete else 1)
"""
STOPPED_S = 2.0


def test_time_in_which_a_process_is_stopped_is_no_latency(
    tmp_path: Path, calm: pl.DataFrame
) -> None:
    """The engine; its worker; both with the driver; and the driver alone, beside which its worker
    goes on."""
    path = suite(tmp_path)
    command = [sys.executable, "-c", TELLING, str(path), str(tmp_path / "runs")]
    stopped: list[int] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout
        for number, line in enumerate(driver.stdout):
            family = [int(line), driver.pid]
            with contextlib.suppress(psutil.NoSuchProcess):  # the last one's worker may have gone
                family += [p.pid for p in psutil.Process(int(line)).children()]
            which = {10: family[2:], 30: family[:1], 45: family, 60: [driver.pid]}.get(number, [])
            stopped += which
            for pid in which:
                os.kill(pid, signal.SIGSTOP)
            time.sleep(STOPPED_S if which else 0)
            for pid in which:
                os.kill(pid, signal.SIGCONT)
    assert driver.returncode == 0
    assert len(stopped) == 1 + 1 + 3 + 1
    run_dir = tmp_path / "runs" / "t"
    samples = pl.read_parquet(run_dir / "samples.parquet")
    assert samples.select(*KEY, *VALUES).sort(*KEY).equals(calm)
    hit = samples.filter("suspended")
    assert 1 <= hit.height <= 3 * 15  # begun is known to a quarter of a second
    for name in (column for column in samples.columns if column.endswith("_s")):
        if name not in ("time_per_question_s", "begun_s"):
            assert hit[name].null_count() == hit.height, name
            assert (samples[name].drop_nulls() < STOPPED_S / 2).all(), name
    cells = pl.read_parquet(run_dir / "cells.parquet")
    assert 3 * STOPPED_S - 1.5 <= cells["suspended_s"].sum() <= 3 * STOPPED_S + 4
