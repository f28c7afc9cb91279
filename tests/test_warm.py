"""A process from the stock is the process that was asked for; what it cannot be is started cold."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import warm

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="stocks are for Linux")
TELL = """
import json, os, sys  # distilbench
told = [sys.argv, os.getcwd(), os.getppid(), os.environ.get("OF_THIS"), sys.stdin.read(), __name__]
print(json.dumps([*told, "inspect_ai" in vars(sys)["modules"]]))
sys.exit(7)
"""


def told(folder: Path, **environment: str) -> list[object]:
    done = subprocess.run(
        [sys.executable, "-c", TELL, "a", "b"],
        cwd=folder,
        env={**os.environ, **environment},
        input="given",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 7, done.stderr
    said: list[object] = json.loads(done.stdout)
    return said


def test_it_is_the_process_that_was_asked_for(tmp_path: Path) -> None:
    same = [["-c", "a", "b"], str(tmp_path), os.getpid(), "one", "given", "__main__"]
    assert told(tmp_path, OF_THIS="one") == [*same, True]
    assert told(tmp_path, OF_THIS="one", SYMPY_DEBUG="True") == [*same, False]
    (tmp_path / "altair.py").write_text("")
    assert told(tmp_path, OF_THIS="one", PYTHONPATH=str(tmp_path)) == [*same, False]
    with warm.cold():
        assert told(tmp_path, OF_THIS="one") == [*same, False]


def test_its_end_is_its_own() -> None:
    code = "import distilbench, time; print(1, flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"1\n"
        assert process.poll() is None
        process.kill()
        begun = time.monotonic()
        assert process.stdout.read() == b""
    assert process.returncode == -9
    assert time.monotonic() - begun < 30


def test_an_error_is_told_as_python_tells_it() -> None:
    code = "import distilbench; raise ValueError('so')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")
    assert done.stderr.endswith("ValueError: so\n")
