"""Ctrl-C while Python still imports the commands: a sentence, whatever the import does with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.warm import heed_signals

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")

ROOT = Path(__file__).parents[1]
SLOW = """
import time
print("importing", flush=True)
{body}
"""
BODIES = {
    "sleeps": "time.sleep(60)",
    "swallows": "try:\n    time.sleep(60)\nexcept BaseException:\n    time.sleep(60)",
}


def started(folder: Path, **options: Any) -> subprocess.Popen[str]:
    """``distilbench catalog`` in which the import of typer is as the folder has it."""
    path = os.pathsep.join((str(folder), str(ROOT / "src")))
    return subprocess.Popen(
        [sys.executable, "-m", "distilbench", "catalog"],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **{"preexec_fn": heed_signals, **options},
    )


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_ctrl_c_while_the_commands_are_imported(body: str, tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text(SLOW.format(body=body))
    with started(tmp_path) as command:
        assert command.stdout
        assert command.stdout.readline() == "importing\n"
        command.send_signal(signal.SIGINT)
        out, err = command.communicate(timeout=120)
    assert command.returncode == 130
    assert (out, err) == ("", "\nstopped: nothing was begun\n")


def test_a_job_in_the_background_is_not_stopped(tmp_path: Path) -> None:
    """A shell starts it with SIGINT ignored."""
    (tmp_path / "typer.py").write_text(SLOW.format(body="time.sleep(0.5)\nraise SystemExit(7)"))

    def ignore() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    with started(tmp_path, preexec_fn=ignore) as command:
        assert command.stdout
        command.stdout.readline()
        command.send_signal(signal.SIGINT)
        command.communicate(timeout=120)
    assert command.returncode == 7


def test_the_installed_command_begins_there() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"distilbench": "distilbench.__main__:main"}
