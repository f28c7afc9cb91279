"""The child process of a llama-server of the user's own."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import psutil

from distilbench.engines._binary import Binary
from distilbench.engines._limits import Fence
from distilbench.engines._process import EngineError, EngineProcess, tell
from distilbench.meter import ProcessUsage, listeners

_GLANCE_S = 0.05  # between two looks at whether it has loaded the model
_ANSWER_S = 5.0
_COMPLAINT = re.compile(r"\bE\b|error|fail|invalid|unable|could ?n[o']t|cannot|what\(\)", re.I)


@dataclass
class ServerProcess(EngineProcess):
    """``llama-server`` where the embedded engine's process would be: under the same limits, ended
    with the same thread, asked on a loopback port under a key made up for it."""

    binary: Binary = field(kw_only=True)

    def load(self, settings: dict[str, Any]) -> None:
        """As for the embedded engine. Raises ``EngineError`` also if what runs is not what was
        asked for: another process, fewer slots, a shorter context."""
        super().load(settings)
        wrong = self._wrong(settings)
        if wrong:
            self.stop()
            raise EngineError(wrong)

    def stop(self) -> None:
        """End it with all that it started: a script may have begun the server beside itself."""
        below = _started_by(self.pid)
        super().stop()
        for process in below:
            with contextlib.suppress(psutil.Error):
                process.kill()

    def _answer(self, process: subprocess.Popen[str], settings: dict[str, Any]) -> dict[str, Any]:
        port = _free_port()
        tell(process, {"command": self.binary.command(settings, port)})
        url, started = f"http://127.0.0.1:{port}", time.perf_counter()
        while self.is_running:
            if _is_healthy(url):
                return {"url": url, "load_s": time.perf_counter() - started}
            time.sleep(_GLANCE_S)
        return {}

    def _wrong(self, settings: dict[str, Any]) -> str | None:
        heard = listeners(int(self.url.rpartition(":")[2]))
        if heard is not None and self.pid not in heard:
            return (
                f"{self.binary.path} starts the server as a process of its own, which would escape"
                " limits and meter: begin the last command of the script with 'exec'"
            )
        key = {"Authorization": f"Bearer {self.key}"}
        try:
            reply = httpx.get(f"{self.url}/props", headers=key, timeout=_ANSWER_S, trust_env=False)
            said = dict(reply.json()) if reply.status_code == 200 else {}
        except (httpx.HTTPError, ValueError):
            said = {}
        slots = said.get("total_slots")
        context = (said.get("default_generation_settings") or {}).get("n_ctx")
        if not isinstance(slots, int) or not isinstance(context, int):
            return f"{self.binary.path} does not say at /props which slots and context it has"
        if slots != settings["slots"] or context < settings["context"]:
            asked = f"{settings['slots']} slots of {settings['context']} tokens"
            return f"{self.binary.path} has {slots} slots of {context} tokens, not {asked}"
        return None

    def _environment(self) -> dict[str, str]:
        """The key by its variable: other users see the arguments of a process."""
        ours = super()._environment()
        kept = {n: v for n, v in ours.items() if not n.startswith("LLAMA_ARG_")}
        return {**kept, "LLAMA_API_KEY": self.key}

    def _stuck(self, still_s: float, busy_s: float) -> EngineError:
        return EngineError(f"{self.binary.path} did not answer at /health in {still_s:.0f} s")

    def _complaint(self, words: Sequence[str]) -> str:
        first = next((line for line in words if _COMPLAINT.search(line)), None)
        return (first or (words[-1] if words else "no reason given")).strip()[:300]


def engine_process(
    binary: Binary | None, fence: Fence, usage: ProcessUsage, gpu: int | None, spins: int
) -> EngineProcess:
    """The process of the embedded engine, or of a llama-server of the user's."""
    if binary is None:
        return EngineProcess(fence, usage, gpu, spins)
    return ServerProcess(fence, usage, gpu, spins, binary=binary)


def _started_by(pid: int | None) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True) if pid is not None else []
    except psutil.Error:
        return []


def _is_healthy(url: str) -> bool:
    """While it loads its model a llama-server answers 503."""
    try:
        return httpx.get(f"{url}/health", timeout=_ANSWER_S, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def _free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])
