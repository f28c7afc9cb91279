"""What the engine is: llama.cpp's build, its package, and what the processor has beyond them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from distilbench.engines import Build, build_advice, build_of, compiler_of
from distilbench.engines import _build as module
from distilbench.engines._build import build_command, features_of, said, unused_features
from distilbench.events import CellBegun, Event, Noted
from distilbench.meter import _features, processor_features
from distilbench.runner._jobs import noted_once

# As they print it (github.com/ggml-org/llama.cpp, issues; two backends: a build for CUDA).
WHEEL = (
    "CPU : SSE3 = 1 | SSSE3 = 1 | AVX = 1 | AVX2 = 1 | F16C = 1 | FMA = 1 | BMI2 = 1 |"
    " LLAMAFILE = 1 | OPENMP = 1 | REPACK = 1 | "
)
CUDA = (
    "CUDA : ARCHS = 750,800,860 | USE_GRAPHS = 1 | PEER_MAX_BATCH_SIZE = 128 |"
    " CPU : NEON = 1 | ARM_FMA = 1 | FP16_VA = 1 | DOTPROD = 1 | SVE_CNT = 16 | "
)
OLD = "AVX = 1 | AVX2 = 0 | "  # of 2024: without the backend's name
ZEN4 = (
    "fpu pni ssse3 fma avx f16c bmi2 avx2 avx512f avx512dq avx512cd avx512bw avx512vl avx512_bf16"
    " avx512vbmi avx512_vnni"
)
GRAVITON3 = "fp asimd evtstrm aes fphp asimdhp cpuid asimddp sve i8mm bf16"
MANYLINUX, HERE = "cp310-abi3-manylinux_2_17_x86_64", "cp310-abi3-linux_x86_64"


def cpuinfo(folder: Path, key: str, *cores: str) -> Path:
    file = folder / "cpuinfo"
    file.write_text("".join(f"processor\t: {n}\n{key}\t: {c}\n\n" for n, c in enumerate(cores)))
    return file


@pytest.fixture
def linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")


@pytest.mark.parametrize(
    ("key", "cores", "found"),
    [
        ("flags", [ZEN4, ZEN4],
         "SSE3 SSSE3 AVX AVX2 F16C FMA BMI2 AVX512 AVX512_VBMI AVX512_VNNI AVX512_BF16"),
        ("flags", ["avx2 avx_vnni", "avx2"], "AVX2"),  # cores that are not alike: what all have
        ("flags", ["avx512f avx512cd"], ""),  # a Xeon Phi: llama.cpp's AVX512 takes five of them
        ("flags", ["amx_tile amx_bf16 amx_int8"], "AMX_INT8"),
        ("Features", [GRAVITON3], "NEON FP16_VA DOTPROD MATMUL_INT8 SVE"),
        ("Features", ["fp asimd evtstrm crc32 cpuid"], "NEON"),  # a Raspberry Pi 4
    ],
)  # fmt: skip
@pytest.mark.usefixtures("linux")
def test_linux_tells_what_the_processor_has(
    tmp_path: Path, key: str, cores: list[str], found: str
) -> None:
    assert processor_features(cpuinfo(tmp_path, key, *cores)) == frozenset(found.split())


@pytest.mark.usefixtures("linux")
def test_what_the_system_does_not_tell_is_not_known(tmp_path: Path) -> None:
    assert processor_features(tmp_path / "none") is None
    assert processor_features(cpuinfo(tmp_path, "isa", "rv64imafdc")) is None
    assert unused_features(features_of(WHEEL), None) is None


def test_macos_tells_it_by_sysctl(monkeypatch: pytest.MonkeyPatch) -> None:
    told = (
        "hw.optional.arm.FEAT_DotProd: 1\nhw.optional.arm.FEAT_I8MM: 0\n"
        "hw.optional.arm.FEAT_FP16: 1\nhw.optional.neon: 1\nhw.optional.floatingpoint: 1\n"
    )
    names = frozenset({"arm.feat_dotprod", "arm.feat_fp16", "neon", "floatingpoint"})
    done = type("Done", (), {"stdout": told})
    monkeypatch.setattr(_features.subprocess, "run", lambda *a, **k: done)
    assert _features._sysctl() == names
    monkeypatch.setattr(sys, "platform", "darwin")
    assert processor_features() == {"DOTPROD", "FP16_VA", "NEON"}
    monkeypatch.setattr(_features.subprocess, "run", _no_sysctl)
    assert processor_features() is None


def _no_sysctl(*_: Any, **__: Any) -> None:
    raise FileNotFoundError("sysctl")


def test_a_build_is_told_in_llama_cpps_own_words() -> None:
    assert said(WHEEL).startswith("CPU: SSE3, SSSE3, AVX, AVX2, F16C, FMA, BMI2, LLAMAFILE")
    assert said(CUDA) == (
        "CUDA: ARCHS=750,800,860, USE_GRAPHS, PEER_MAX_BATCH_SIZE=128;"
        " CPU: NEON, ARM_FMA, FP16_VA, DOTPROD, SVE_CNT=16"
    )
    assert features_of(OLD) == {"AVX"}
    assert {"DOTPROD", "FP16_VA"} < features_of(CUDA)


def built(monkeypatch: pytest.MonkeyPatch, info: str, cpu: str, tag: str) -> Build:
    found = frozenset(
        name for name, marks in _features._LINUX.items() if set(marks) <= set(cpu.split())
    )
    monkeypatch.setattr(module, "processor_features", lambda: found)
    monkeypatch.setattr(module, "_tags", lambda: [tag])
    return build_of(info)


@pytest.mark.parametrize(
    ("info", "cpu", "tag", "unused", "warned"),
    [
        (WHEEL, ZEN4, MANYLINUX, "AVX512, AVX512_BF16, AVX512_VBMI, AVX512_VNNI", True),
        (WHEEL, "pni ssse3 avx avx2 f16c fma bmi2", MANYLINUX, "nothing", False),
        (WHEEL, "avx2 avx_vnni", MANYLINUX, "AVX_VNNI", True),
        # A build of one's own by a compiler that knows no more: building again would not help.
        (WHEEL, ZEN4, HERE, "AVX512, AVX512_BF16, AVX512_VBMI, AVX512_VNNI", False),
        # A build with a library for each processor has loaded the one for this.
        (WHEEL.replace("BMI2 = 1", "BMI2 = 1 | AVX_VNNI = 1"), "avx2 avx_vnni", MANYLINUX,
         "nothing", False),
        ("CPU : NEON = 1 | ARM_FMA = 1 | ", GRAVITON3, "cp310-abi3-manylinux_2_17_aarch64",
         "DOTPROD, FP16_VA, MATMUL_INT8, SVE", True),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("linux")
def test_the_portable_wheel_is_warned_of_where_it_leaves_something_unused(
    monkeypatch: pytest.MonkeyPatch, info: str, cpu: str, tag: str, unused: str, warned: bool
) -> None:
    build = built(monkeypatch, info, cpu, tag)
    assert build.unused_features == unused
    assert build.engine_package is not None
    assert f"({tag}); compiler not available" in build.engine_package
    advice = build_advice(build)
    assert (advice is not None) == warned
    if advice:
        assert unused in advice
        assert build_command() in advice
        assert "server:PATH" in advice


def test_of_an_engine_that_does_not_say_nothing_is_known() -> None:
    assert build_of(None) == Build(None, None, None)
    assert build_advice(Build()) is None


def test_this_machines_own_is_known() -> None:
    """The installed wheel says more than one thing of itself, and what it uses is there."""
    xllamacpp = pytest.importorskip("xllamacpp")
    info = xllamacpp.get_system_info()
    build, here = build_of(info), processor_features()
    assert build.engine_build is not None
    assert build.engine_build.startswith("CPU: ")
    if here is not None:
        named = features_of(info) & frozenset(_features._LINUX)
        assert named <= here


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"compiler": "GNU 10.2.1", "build_target": "Linux x86_64"},
         "compiled by GNU 10.2.1 for Linux x86_64"),
        ({"compiler": "Clang 17", "build_target": "unknown"}, "compiled by Clang 17"),
        ({"compiler": "unknown"}, "compiler not available: the package does not tell it"),
        (None, "compiler not available: the package does not tell it"),
    ],
)  # fmt: skip
def test_the_compiler_is_what_the_package_tells(told: Any, said: str) -> None:
    package = type("xllamacpp", (), {"BUILD_INFO": told} if told else {})
    found = build_of(WHEEL, compiler_of(package)).engine_package
    assert found is not None
    assert found.endswith(f"; {said}")


def test_what_every_worker_says_is_told_once() -> None:
    told: list[Event] = []
    tell = noted_once(told.append)
    for event in (Noted("a"), CellBegun("c"), Noted("a"), Noted("b"), CellBegun("c")):
        tell(event)
    assert told == [Noted("a"), CellBegun("c"), Noted("b"), CellBegun("c")]
