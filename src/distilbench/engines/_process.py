"""The child process that llama.cpp runs in: its start, its limits, its death."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from distilbench.engines._gpu import gpu_environment
from distilbench.engines._limits import Fence
from distilbench.engines._settings import SPIN_COUNT
from distilbench.keys import is_secret_name
from distilbench.meter import ProcessUsage

_SERVE = Path(__file__).with_name("_serve.py")
_LAST_WORDS = 20_000  # bytes of the engine's log that are searched for the cause of its death
_DEATH_S = 5.0  # that a process may take to be gone after its connection is lost
_GLANCE_S = 0.01
# How OpenMP's threads wait for each other: libgomp reads both when it is loaded.
_WAITING = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")

Failure = Literal["out_of_memory", "crash"]


class EngineError(RuntimeError):
    """The engine could not load the model, or failed on a request."""


class EngineDied(EngineError):
    """The engine's process is gone. ``failure`` is the outcome of what it was doing."""

    def __init__(self, failure: Failure, message: str) -> None:
        super().__init__(message)
        self.failure = failure


@dataclass
class EngineProcess:
    """llama.cpp's server (``_serve.py``) under a memory limit and on some cores.

    It listens on a loopback port under a key made up for it. Its files are in a scratch folder
    that lives as long as this object, also when the process is started again.
    """

    fence: Fence
    usage: ProcessUsage
    gpu_index: int | None = None
    spin_count: int = SPIN_COUNT
    url: str = field(init=False, default="")
    load_s: float = field(init=False, default=0.0)
    key: str = field(init=False, default_factory=lambda: secrets.token_urlsafe(24))
    _process: subprocess.Popen[str] | None = field(init=False, default=None)
    _scratch: tempfile.TemporaryDirectory[str] = field(init=False)

    def __post_init__(self) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="distilbench-")

    @property
    def pid(self) -> int | None:
        process = self._process  # looked at once: another thread may ask while it is stopped
        return process.pid if process else None

    @property
    def is_running(self) -> bool:
        if self._process is None:
            return False
        self.usage.read()
        if self._process.poll() is None:
            return True
        self.usage.ended()
        return False

    def start(self, settings: dict[str, Any]) -> None:
        """Start it and load the model. Raises ``EngineDied`` or ``EngineError`` if it fails."""
        limit = [str(self.fence.rlimit_bytes)] if self.fence.rlimit_bytes else []
        with self._log.open("wb") as log:  # what an earlier process said explains no later death
            self._process = subprocess.Popen(
                [sys.executable, str(_SERVE), *limit],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=self._environment(),
            )
        self.usage.follow(self._process.pid)
        self.fence.bind(self._process.pid)
        answer = _ask(
            self._process, {**settings, "scratch": self._scratch.name + "/", "key": self.key}
        )
        if "url" not in answer:
            raise self._load_failure(answer)
        self.url, self.load_s = answer["url"], answer["load_s"]

    def death(self) -> EngineDied:
        """Why the process is gone; waits a moment for it to be."""
        patience = time.monotonic() + _DEATH_S
        while self.is_running and time.monotonic() < patience:
            time.sleep(_GLANCE_S)
        code = self._process.returncode if self._process is not None else None
        if self.fence.was_exceeded(self._last_words()):
            return EngineDied("out_of_memory", f"out of memory: {_ended(code)}")
        return EngineDied("crash", _ended(code))

    def stop(self) -> None:
        """End the process, if it has not ended."""
        if self._process is not None:
            if self.is_running:
                self._process.kill()
                self._process.wait()
                self.usage.ended()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    with contextlib.suppress(BrokenPipeError):
                        pipe.close()
            self._process = None

    def close(self) -> None:
        """End the process and remove everything that it left."""
        self.stop()
        self.fence.remove()
        self._scratch.cleanup()

    @property
    def _log(self) -> Path:
        return Path(self._scratch.name) / "engine.log"

    def _load_failure(self, answer: dict[str, Any]) -> EngineError:
        died = self.death()
        words = self._last_words().strip().splitlines()
        self.stop()
        if died.failure == "out_of_memory":
            return EngineDied("out_of_memory", f"out of memory while loading ({_reason(words)})")
        return EngineError(answer.get("error") or f"{died} while loading ({_reason(words)})")

    def _last_words(self) -> str:
        try:
            with self._log.open("rb") as log:
                log.seek(max(0, self._log.stat().st_size - _LAST_WORDS))
                return log.read().decode("utf-8", "replace")
        except OSError:
            return ""

    def _environment(self) -> dict[str, str]:
        """No API keys, no debugger on a crash, the chosen GPU alone, and threads that wait awake
        only as long as the settings say, whatever the user's shell tells OpenMP programs."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not is_secret_name(name) and name not in _WAITING
        }
        waiting = {"GOMP_SPINCOUNT": str(self.spin_count)}
        gpu = gpu_environment(self.gpu_index)
        return {**kept, **waiting, "GGML_NO_BACKTRACE": "1", **gpu}


def _ask(process: subprocess.Popen[str], settings: dict[str, Any]) -> dict[str, Any]:
    """Send the engine its settings and wait for its answer; empty if it died."""
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(json.dumps(settings) + "\n")
        process.stdin.flush()
    line = process.stdout.readline()
    return dict(json.loads(line)) if line else {}


def _ended(code: int | None) -> str:
    if code is None:
        return "no answer from llama.cpp"
    reason = f"by signal {-code}" if code < 0 else f"with exit code {code}"
    return f"the engine's process ended {reason}"


def _reason(words: list[str]) -> str:
    """The first complaint of the engine's log, without its time stamp."""
    first = next((line for line in words if " E " in line or "what()" in line), "no reason given")
    return first.partition(" E ")[2].strip() or first.strip()
