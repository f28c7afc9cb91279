"""Which llama.cpp runs: what it was compiled for, the package it came in, and what the processor
has that it does not use."""

from __future__ import annotations

import re
import sys
from collections.abc import Set as AbstractSet
from importlib.metadata import distribution, version
from typing import NamedTuple

from distilbench.meter import processor_features

NOTHING = "nothing"
_PACKAGE = "xllamacpp"
# Neither is needed here, and both fetch sources: a Rust library for grammars, a TLS library; nor is
# the page that llama.cpp's server can show.
_WITHOUT = "-DLLAMA_LLGUIDANCE=OFF -DLLAMA_BUILD_BORINGSSL=OFF -DLLAMA_USE_PREBUILT_UI=OFF"
_FEATURE = re.compile(r"([A-Z]\w*) = (\S+)")


class Build(NamedTuple):
    """The columns of a cell record; null: not known."""

    engine_build: str | None = None
    engine_package: str | None = None
    unused_features: str | None = None


def build_of(system_info: str | None, compiler: str | None = None) -> Build:
    """Of the llama.cpp of xllamacpp that said this of itself in this very run; null: none did."""
    if not system_info:
        return Build()
    unused = unused_features(features_of(system_info), processor_features())
    return Build(
        engine_build=said(system_info),
        engine_package=f"{package()}; {_compiled(compiler)}",
        unused_features=None if unused is None else ", ".join(unused) or NOTHING,
    )


def said(system_info: str) -> str:
    """What llama.cpp says of its build, without the marks of what is merely there.

    >>> said("CPU : SSE3 = 1 | AVX2 = 1 | SVE_CNT = 16 | CUDA : ARCHS = 800,900 | ")
    'CPU: SSE3, AVX2, SVE_CNT=16; CUDA: ARCHS=800,900'
    """
    parts: list[tuple[str, list[str]]] = []
    for piece in filter(None, (piece.strip() for piece in system_info.split("|"))):
        backend, found, rest = piece.partition(" : ")
        if found:
            parts.append((backend, []))
        name, _, value = (rest if found else piece).partition(" = ")
        if parts and name:
            parts[-1][1].append(name if value in ("1", "") else f"{name}={value}")
    return "; ".join(f"{backend}: {', '.join(flags)}" for backend, flags in parts)


def features_of(system_info: str) -> frozenset[str]:
    """The instruction sets that it was compiled for; where a build has several libraries for the
    CPU and loads the best, of the one that it loaded."""
    return frozenset(name for name, value in _FEATURE.findall(system_info) if value != "0")


def unused_features(
    built: AbstractSet[str], processor: AbstractSet[str] | None
) -> tuple[str, ...] | None:
    """What the processor has and the build does not use, in order; null: the system does not tell
    what the processor has."""
    return None if processor is None else tuple(sorted(processor - built))


def package() -> str:
    """Name, version and tags of the installed package: a build of one's own has another tag than
    the wheel of PyPI.

    >>> package().split()[0]
    'xllamacpp'
    """
    tags = ", ".join(_tags())
    return f"{_PACKAGE} {version(_PACKAGE)}" + (f" ({tags})" if tags else "")


def _compiled(compiler: str | None) -> str:
    if compiler is None:
        return "compiler not available: the package does not tell it"
    return f"compiled by {compiler}"


def build_advice(build: Build) -> str | None:
    """A sentence where the portable wheel leaves instruction sets unused, with the command that
    builds it for this processor; null: it does not, it is not known, or it was built here."""
    unused = build.unused_features
    if not unused or unused == NOTHING or _is_built_here():
        return None
    return (
        f"llama.cpp's portable wheel does not use all that this processor has ({unused}), so its"
        f" speed is not the best of this machine. To build it for this processor: {build_command()}"
        " (it takes cmake, a C++ compiler, Python's headers and a few minutes; finished cells stay"
        " as they are, so then run into another folder). Or name a llama-server of your own as the"
        " source: server:PATH."
    )


def build_command() -> str:
    return (
        f'CMAKE_ARGS="{_WITHOUT}" pip install --force-reinstall --no-deps --no-cache-dir'
        f" --no-binary {_PACKAGE} {_PACKAGE}=={version(_PACKAGE)}"
    )


def _is_built_here() -> bool:
    """On Linux what PyPI takes is tagged for many systems, and what pip builds for this one."""
    portable = any(
        "linux" in tag and "manylinux" not in tag and "musl" not in tag for tag in _tags()
    )
    return sys.platform == "linux" and portable


def _tags() -> list[str]:
    told = distribution(_PACKAGE).read_text("WHEEL") or ""
    return [line.partition(":")[2].strip() for line in told.splitlines() if line.startswith("Tag:")]
