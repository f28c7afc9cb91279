"""One run at a time in a folder, however the one before it ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import polars as pl
import pytest
from inspect_ai.log import read_eval_log

from distilbench.errors import InputError
from distilbench.files import alone
from distilbench.runner import run_suite
from tests.loopback_server import serving

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX locks")

DRIVER = """
import subprocess, sys, time
from pathlib import Path
from distilbench.files import alone, held
folder = Path(sys.argv[1])
with alone(folder):
    with held(folder) as descriptors:
        child = subprocess.Popen(["sleep", sys.argv[2]], pass_fds=descriptors)
    print(child.pid, flush=True)
    time.sleep(60)
"""


@contextmanager
def driver(folder: Path, seconds: float) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A process that holds ``folder`` and has a child that lives so long."""
    command = [sys.executable, "-c", DRIVER, str(folder), str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        child = int(process.stdout.readline())
        try:
            yield process, child
        finally:
            process.kill()
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)


def test_a_second_run_is_refused_at_once_while_the_first_lives(tmp_path: Path) -> None:
    with driver(tmp_path, 60):
        begun = time.monotonic()
        with pytest.raises(InputError, match="another run is at work"), alone(tmp_path):
            pass
        assert time.monotonic() - begun < 5


def test_a_second_run_waits_for_the_worker_of_one_that_was_killed(tmp_path: Path) -> None:
    with driver(tmp_path, 60) as (process, child):
        process.kill()
        process.wait()
        os.kill(child, 0)  # it lives
        begun = time.monotonic()
        stop = subprocess.Popen(["sh", "-c", f"sleep 1; kill -9 {child}"])
        with alone(tmp_path):
            assert 0.5 < time.monotonic() - begun < 20
        stop.wait()


def test_a_worker_that_does_not_end_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("distilbench.files._CHILDREN_S", 0.3)
    with driver(tmp_path, 60) as (process, _):
        process.kill()
        process.wait()
        with pytest.raises(InputError, match="a worker of a run that was killed"), alone(tmp_path):
            pass
    with alone(tmp_path):  # the child is gone
        pass


def test_of_two_commands_at_once_one_runs_and_the_other_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is asked twice, nothing is spoilt, and the refused one can be given again."""
    monkeypatch.setenv("SUMS_API_KEY", "none")
    questions = [{"question": f"11 + {n}?", "answer": str(11 + n)} for n in range(100, 106)]
    (tmp_path / "sums.jsonl").write_text("\n".join(map(json.dumps, questions)))  # slow answers
    with serving() as server:
        suite = {
            "name": "t",
            "models": [{"source": "inspect:openai-api/sums/m", "base_url": server.url}],
            "tasks": [{"file": "sums.jsonl", "extract": "last_number"}],
            "profiles": [{"slots": 4}],
        }
        (tmp_path / "suite.yaml").write_text(json.dumps(suite))
        ends = sorted(ended(command) for command in [run_command(tmp_path) for _ in range(2)])
        assert [code for code, _ in ends] == [0, 2], ends
        refused = ends[1][1].splitlines()[-1]
        assert refused.startswith("error: ")
        assert "another run is at work" in refused
        assert "wait" in refused
        assert run_suite(tmp_path / "suite.yaml", tmp_path / "runs").complete  # all is kept
        assert len(server.requests) == len(questions)
        assert set(server.requests.values()) == {1}
    samples = pl.read_parquet(tmp_path / "runs" / "t" / "samples.parquet")
    assert samples["score"].to_list() == [1.0] * len(questions)
    (log,) = tmp_path.glob("runs/t/cells/*/logs/*.eval")
    assert len(read_eval_log(str(log)).samples or []) == len(questions)


def run_command(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "distilbench", "run", "suite.yaml"],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def ended(command: subprocess.Popen[str]) -> tuple[int, str]:
    _, said = command.communicate(timeout=240)
    return command.returncode, said
