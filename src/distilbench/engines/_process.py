"""The child process that llama.cpp runs in: its start, its limits, its death."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from distilbench.engines._gpu import gpu_environment
from distilbench.engines._limits import Fence
from distilbench.engines._scratch import Scratch
from distilbench.engines._settings import SPIN_COUNT
from distilbench.keys import is_secret_name
from distilbench.meter import ProcessUsage, cpu_seconds, is_stopped, read_bytes

_SERVE = Path(__file__).with_name("_serve.py")
_LAST_WORDS = 20_000  # bytes of the engine's log that are searched for the cause of its death
_DEATH_S = 5.0  # that a process may take to be gone after its connection is lost
_GLANCE_S = 0.01
_LOOK_S = 1.0  # between two looks at a process that loads
_STUCK_S = 300.0
"""That a loading engine may take without reading from its model's file."""
_UNSEEN_S = 1_800.0
"""That loading may take in all where the system does not tell what a process reads (macOS)."""
_BUSY_SHARE = 0.1  # of a core: who waits for a disk takes less
_OF_ITSELF = ("SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSEGV", "SIGSYS", "SIGTRAP")
# How OpenMP's threads wait for each other: libgomp reads both when it is loaded.
_WAITING = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")

Failure = Literal["out_of_memory", "crash", "timeout"]


class EngineError(RuntimeError):
    """The engine could not load the model, or failed on a request."""


class EngineDied(EngineError):
    """The engine's process is gone. ``failure`` is the outcome of what it was doing."""

    def __init__(self, failure: Failure, message: str) -> None:
        super().__init__(message)
        self.failure = failure


class EngineKilled(EngineError):
    """The engine's process was ended from outside, by no fault of the model: what it was doing is
    not done, and has no outcome."""


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
    system_info: str | None = field(init=False, default=None)
    """What llama.cpp says of its own build; null: nothing is loaded, or it does not say."""
    compiler: str | None = field(init=False, default=None)
    """What compiled it; as above."""
    key: str = field(init=False, default_factory=lambda: secrets.token_urlsafe(24))
    _process: subprocess.Popen[str] | None = field(init=False, default=None)
    _scratch: Scratch = field(init=False, default_factory=Scratch)

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
        """Start it and load the model. Raises as :meth:`load` does."""
        self.launch()
        self.load(settings)

    def launch(self) -> None:
        """Start it, empty. It ends with the thread that calls this (Linux): of a worker that is
        killed nothing stays."""
        limit = [str(self.fence.rlimit_bytes)] if self.fence.rlimit_bytes else []
        with self._log.open("wb") as log:  # what an earlier process said explains no later death
            self._process = subprocess.Popen(
                [sys.executable, str(_SERVE), str(os.getpid()), *limit],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=self._environment(),
            )
        self.usage.follow(self._process.pid)
        self.fence.bind(self._process.pid)

    def load(self, settings: dict[str, Any]) -> None:
        """Have it load the model. Raises ``EngineKilled`` if it is ended from outside, or waits for
        its file without an end; ``EngineDied`` or ``EngineError`` if it fails otherwise."""
        assert self._process is not None
        with _bounded(self._process, self._stuck) as stuck:
            answer = self._answer(
                self._process,
                {**settings, "scratch": str(self._scratch.path) + "/", "key": self.key},
            )
        if "url" not in answer:
            failure = self._load_failure(answer)
            raise stuck[0] if stuck else failure
        self.url, self.load_s = answer["url"], answer["load_s"]
        self.system_info, self.compiler = answer.get("system_info"), answer.get("compiler")

    def _answer(self, process: subprocess.Popen[str], settings: dict[str, Any]) -> dict[str, Any]:
        """Send the engine its settings and wait for its answer; empty if it died."""
        assert process.stdout is not None
        tell(process, settings)
        line = process.stdout.readline()
        return dict(json.loads(line)) if line else {}

    def death(self) -> EngineDied | EngineKilled:
        """Why the process is gone; waits a moment for it to be."""
        patience = time.monotonic() + _DEATH_S
        while self.is_running and time.monotonic() < patience:
            time.sleep(_GLANCE_S)
        code = self._process.returncode if self._process is not None else None
        outside = code is not None and code < 0 and not _of_itself(-code)
        if self.fence.was_exceeded("" if outside else self._last_words()):
            return EngineDied("out_of_memory", f"out of memory: {_ended(code)}")
        return EngineKilled(_ended(code)) if outside else EngineDied("crash", _ended(code))

    def kill(self) -> None:
        """End the process at once; :meth:`stop` cleans up after it."""
        if self._process is not None:
            self._process.kill()

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
        self._scratch.remove()

    @property
    def _log(self) -> Path:
        return self._scratch.path / "engine.log"

    def _load_failure(self, answer: dict[str, Any]) -> EngineError:
        died = self.death()
        words = self._last_words().strip().splitlines()
        self.stop()
        if isinstance(died, EngineKilled):
            return EngineKilled(f"{died} while loading")
        if died.failure == "out_of_memory":
            return EngineDied(
                "out_of_memory", f"out of memory while loading ({self._complaint(words)})"
            )
        return EngineError(
            answer.get("error") or f"{died} while loading ({self._complaint(words)})"
        )

    def _complaint(self, words: Sequence[str]) -> str:
        """The first complaint of the engine's log, without its time stamp."""
        first = next(
            (line for line in words if " E " in line or "what()" in line), "no reason given"
        )
        return first.partition(" E ")[2].strip() or first.strip()

    def _stuck(self, still_s: float, busy_s: float) -> EngineError:
        """Of a process that computes it is the model's doing (a chat template without an end), of
        one that waits it is the disk's."""
        if busy_s < _BUSY_SHARE * still_s:
            return EngineKilled(f"the model's file could not be read for {still_s:.0f} s")
        return EngineError(
            f"after {still_s:.0f} s in which nothing more was read of its file it was not loaded"
            " (a chat template that never ends?)"
        )

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


def tell(process: subprocess.Popen[str], settings: dict[str, Any]) -> None:
    """Send the engine's process what to do, as one line."""
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(json.dumps(settings) + "\n")
        process.stdin.flush()


@contextlib.contextmanager
def _bounded(
    process: subprocess.Popen[str], why: Callable[[float, float], EngineError]
) -> Iterator[list[EngineError]]:
    """End the process if its loading gets no further; the list then holds why, told the seconds in
    which nothing was read and those of a core meanwhile."""
    over, stuck = threading.Event(), list[EngineError]()

    def look() -> None:
        read, still_s, used_s = read_bytes(process.pid), 0.0, cpu_seconds(process.pid)
        while not over.wait(_LOOK_S):
            before, read = read, read_bytes(process.pid)
            if is_stopped(process.pid):
                continue
            if read != before:
                still_s, used_s = 0.0, cpu_seconds(process.pid)
                continue
            still_s += _LOOK_S
            if still_s >= (_UNSEEN_S if read is None else _STUCK_S):
                stuck.append(why(still_s, cpu_seconds(process.pid) - used_s))
                return process.kill()

    watch = threading.Thread(target=look, daemon=True)
    watch.start()
    try:
        yield stuck
    finally:
        over.set()
        watch.join()


def _of_itself(number: int) -> bool:
    """Whether a signal is one that a process's own mistake brings about. No other is: SIGKILL comes
    from a person, a scheduler, or a system that lacks memory outside of the profile's limit."""
    return number in [getattr(signal, name) for name in _OF_ITSELF if hasattr(signal, name)]


def _ended(code: int | None) -> str:
    if code is None:
        return "no answer from llama.cpp"
    reason = f"by signal {-code}" if code < 0 else f"with exit code {code}"
    return f"the engine's process ended {reason}"
