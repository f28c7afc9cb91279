"""Ctrl-C by a real signal, as a terminal sends it: to every process of the command at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.warm import heed_signals

pytestmark = [
    pytest.mark.cold,  # its processes are looked at from outside
    pytest.mark.model,
    pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals"),
]

SUITE = """
name: long
models: [pypi:smollm2-135m-instruct]
tasks:
  - {reasoning_gym: chain_sum, name: sums, questions: 500}
profiles: [{name: small, slots: 2, context: 512, threads: 1}]
limits: {max_tokens: 32}
"""


def of_session(leader: int) -> list[psutil.Process]:
    """Processes of a command, wherever their parents went."""
    found = []
    for process in psutil.process_iter():
        with suppress(OSError, psutil.Error):
            if os.getsid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def with_worker(folder: Path, leader: int) -> bool:
    return len(of_session(leader)) > 1


def with_answers(folder: Path, leader: int) -> bool:
    return any(folder.glob("runs/*/cells/*/logs/*.eval"))


def started(folder: Path) -> subprocess.Popen[str]:
    (folder / "suite.yaml").write_text(SUITE)
    (folder / "scratch").mkdir()
    return subprocess.Popen(
        [sys.executable, "-m", "distilbench", "run", "suite.yaml"],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder / "scratch")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=heed_signals,
    )


def wait(moment: Callable[[Path, int], bool], folder: Path, command: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 240
    while not moment(folder, command.pid):
        assert command.poll() is None, command.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        (signal.SIGTERM, with_worker), (signal.SIGHUP, with_answers),
        (signal.SIGKILL, with_answers),
        pytest.param(signal.SIGTERM, with_answers, marks=pytest.mark.long),
        pytest.param(signal.SIGHUP, with_worker, marks=pytest.mark.long),
        pytest.param(signal.SIGKILL, with_worker, marks=pytest.mark.long),
    ],
)  # fmt: skip
def test_the_end_of_the_command_alone_ends_its_worker_and_engine(
    number: signal.Signals, moment: Callable[[Path, int], bool], tmp_path: Path
) -> None:
    """As a scheduler, a closed terminal and the kernel end it. A second run that starts at once
    would be beside an orphan, each spoiling the other's times."""
    with started(tmp_path) as command:
        wait(moment, tmp_path, command)
        command.send_signal(number)
        _, err = command.communicate(timeout=60)
        deadline = time.monotonic() + 30
        try:
            while of_session(command.pid) and time.monotonic() < deadline:
                time.sleep(0.05)
            left = of_session(command.pid)
        finally:
            for process in of_session(command.pid):
                process.kill()
    assert not left
    assert not list((tmp_path / "scratch").glob("distilbench-*"))
    assert "Traceback" not in err
    assert command.returncode == (-9 if number == signal.SIGKILL else 130)


@pytest.mark.parametrize(
    ("moment", "times"),
    [
        (with_worker, 2), (with_answers, 1),
        pytest.param(with_worker, 1, marks=pytest.mark.long),
        pytest.param(with_answers, 2, marks=pytest.mark.long),
    ],
)  # fmt: skip
def test_a_run_that_is_stopped(
    moment: Callable[[Path, int], bool], times: int, tmp_path: Path
) -> None:
    with started(tmp_path) as command:
        wait(moment, tmp_path, command)
        for _ in range(times):
            os.killpg(command.pid, signal.SIGINT)
            time.sleep(0.1)
        try:
            out, err = command.communicate(timeout=60)
        finally:
            left = of_session(command.pid)
            for process in left:
                process.kill()
    assert command.returncode == 130, err
    assert err.splitlines()[-1] == (
        "stopped: what was finished is kept; the same command goes on from there"
    )
    assert "Traceback" not in out + err
    assert "Exception ignored" not in err
    assert not left
    assert not list((tmp_path / "scratch").glob("distilbench-*"))
