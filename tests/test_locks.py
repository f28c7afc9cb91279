"""One run at a time in a folder, however the one before it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from distilbench.errors import InputError
from distilbench.files import alone

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
