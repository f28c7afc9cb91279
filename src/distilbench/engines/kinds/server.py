"""A llama-server of the user's own, under the limits and the meter of the embedded engine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from distilbench.engines._binary import (
    Binary,
    devices_of,
    find_program,
    system_info_of,
    version_of,
)
from distilbench.engines._build import build_of
from distilbench.engines._contract import Assignment
from distilbench.engines._gpu import memory_of
from distilbench.engines.kinds.file import Embedded
from distilbench.errors import InputError
from distilbench.source import Source


class LlamaServer(Embedded):
    """``server:path/of/llama-server``, with the GGUF file that it is to run: builds for CUDA,
    Metal, Vulkan and Jetson need nothing of ours."""

    @classmethod
    def program(cls, source: Source, folder: Path, where: str) -> Path:
        return find_program(source.rest, folder, where)

    @classmethod
    def gpu_memory_bytes(cls, index: int, where: str, program: Path | None) -> int:
        assert program is not None
        remedy = "build it for your GPU (-DGGML_CUDA=ON, -DGGML_VULKAN=ON), or set 'gpu: none'"
        return memory_of(devices_of(program, where), index, where, str(program), remedy)

    @classmethod
    def check(cls, asked: Assignment, where: str) -> None:
        if sys.platform == "win32":
            raise InputError(
                where,
                "a program cannot be run under the meter on Windows",
                "start it yourself, and write inspect:openai-api/... with its base_url",
            )
        assert asked.program is not None
        Binary(asked.program, asked.args).check(where)

    def facts(self) -> dict[str, Any]:
        binary, pid = self._engine.binary, self.pid
        assert binary is not None
        spins = self._engine.settings.spin_count
        return {
            **super().facts(),
            "engine": "llama.cpp (llama-server)",
            "engine_version": version_of(binary.path),
            **build_of(system_info_of(binary.path))._asdict(),
            "engine_package": None,
            "spin_count": spins if pid and _waits_by_libgomp(pid) else None,
        }


def _waits_by_libgomp(pid: int) -> bool:
    """Whether its threads wait as the spin count says (Linux): builds without OpenMP do not."""
    try:
        return "libgomp" in Path(f"/proc/{pid}/maps").read_text("utf-8", "replace")
    except OSError:
        return False
