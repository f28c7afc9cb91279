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

pytestmark = [
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


@pytest.mark.parametrize("times", [1, 2], ids=["once", "twice"])
@pytest.mark.parametrize("moment", [with_worker, with_answers])
def test_a_run_that_is_stopped(
    moment: Callable[[Path, int], bool], times: int, tmp_path: Path
) -> None:
    (tmp_path / "suite.yaml").write_text(SUITE)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with subprocess.Popen(
        [sys.executable, "-m", "distilbench", "run", "suite.yaml"],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as command:
        deadline = time.monotonic() + 240
        while not moment(tmp_path, command.pid):
            assert command.poll() is None, command.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
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
    assert not list(scratch.glob("distilbench-*"))
