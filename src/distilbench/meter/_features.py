"""Instruction sets of this machine's processor, of those that llama.cpp has code for, by its own
names."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

# What llama.cpp calls each (ggml-cpu.cpp, ggml_backend_cpu_get_features), and the marks of a
# processor that has it: of Linux (arch/x86/include/asm/cpufeatures.h, arch/arm64 elf_hwcaps.rst),
# and of macOS (hw.optional.*). SME is left out: llama.cpp has no code for it without KleidiAI.
_LINUX: dict[str, tuple[str, ...]] = {
    "SSE3": ("pni",),
    "SSSE3": ("ssse3",),
    "AVX": ("avx",),
    "AVX_VNNI": ("avx_vnni",),
    "AVX2": ("avx2",),
    "F16C": ("f16c",),
    "FMA": ("fma",),
    "BMI2": ("bmi2",),
    "AVX512": ("avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"),
    "AVX512_VBMI": ("avx512vbmi",),
    "AVX512_VNNI": ("avx512_vnni",),
    "AVX512_BF16": ("avx512_bf16",),
    "AMX_INT8": ("amx_tile", "amx_int8"),
    "NEON": ("asimd",),
    "FP16_VA": ("asimdhp",),
    "DOTPROD": ("asimddp",),
    "MATMUL_INT8": ("i8mm",),
    "SVE": ("sve",),
}
_MACOS: dict[str, tuple[str, ...]] = {
    "AVX2": ("avx2_0",),
    "AVX512": ("avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"),
    "AVX512_VBMI": ("avx512vbmi",),
    "AVX512_VNNI": ("avx512vnni",),
    "NEON": ("neon",),
    "FP16_VA": ("arm.feat_fp16",),
    "DOTPROD": ("arm.feat_dotprod",),
    "MATMUL_INT8": ("arm.feat_i8mm",),
}
_ASKED_S = 10.0


def processor_features(cpuinfo: Path = Path("/proc/cpuinfo")) -> frozenset[str] | None:
    """Those of all cores; null where the system does not tell them (Windows)."""
    if sys.platform == "darwin":
        told = _sysctl()
        return None if told is None else _named(_MACOS, told)
    try:
        text = cpuinfo.read_text("utf-8", "replace")
    except OSError:
        return None
    cores = [
        frozenset(line.partition(":")[2].split())
        for line in text.splitlines()
        if line.partition(":")[0].strip() in ("flags", "Features")
    ]
    return _named(_LINUX, frozenset.intersection(*cores)) if cores else None


def _sysctl() -> frozenset[str] | None:
    try:
        asked = ["sysctl", "hw.optional"]
        done = subprocess.run(asked, capture_output=True, text=True, timeout=_ASKED_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    pairs = (line.partition(":") for line in done.stdout.splitlines())
    return frozenset(
        name.removeprefix("hw.optional.").lower()
        for name, _, value in pairs
        if value.strip() == "1"
    )


def _named(marks: dict[str, tuple[str, ...]], there: Iterable[str]) -> frozenset[str]:
    return frozenset(name for name, needed in marks.items() if set(needed) <= set(there))
