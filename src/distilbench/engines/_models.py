"""Finds the file of a model: a path, a file on the Hugging Face hub, or a packaged model."""

from __future__ import annotations

from collections.abc import Iterator
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
from distilbench.engines._packaged import packaged_file
from distilbench.engines._transport import fetch_errors
from distilbench.errors import InputError
from distilbench.source import HUB, PACKAGE, Source

CARD = "card.yaml"
_CHECK = "check the name and the network"
_HEADER_BLOCK = 8 << 20  # bytes read ahead: a header is seldom longer


def locate_model(source: Source, folder: Path, where: str) -> Path:
    """The local file behind ``source``, fetched or assembled at its first use.

    A path is relative to ``folder``. ``where`` names the suite's field in errors. A packaged model
    is checked by SHA-256. Of a model in several files any part stands for all: the first is
    returned, and none is missing.
    """
    if source.scheme == PACKAGE:
        return packaged_file(source.rest, where)
    if source.scheme == HUB:
        return _from_hub(source.rest, where)
    path = local_path(source, folder, where)
    if not _is_file(path):
        raise InputError(where, f"there is no file {str(path)!r}", "correct the path")
    try:
        return model_files(path)[0]
    except InputError as error:
        raise InputError(where, f"of {path.name}, {error.problem}", error.remedy) from error


def local_path(source: Source, folder: Path, where: str) -> Path:
    """The path that ``source`` is, from ``folder`` on; whether there is anything is not asked.

    A link keeps its own name: the cache of the hub links a model's parts to files named by hash.
    """
    try:
        path = folder / Path(str(source)).expanduser()
        return path.parent.resolve() / path.name if path.name != ".." else path.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, no such user, a NUL
        raise InputError(
            where, f"{str(source)!r} is no path ({_reason(error)})", "correct the path"
        ) from error


def card_beside(source: Source, folder: Path, where: str) -> Path | None:
    """The ``card.yaml`` in the folder of a local model: students that distilbench made bring one.
    It may lie beside a link to the model, or where the link leads."""
    if not source.is_file:
        return None
    written = local_path(source, folder, where)
    try:
        for path in (written, written.resolve()):
            card = (path if path.is_dir() else path.parent) / CARD
            if path.exists() and card.is_file():
                return card
    except PermissionError:
        raise
    except OSError:  # a name too long
        pass
    return None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except PermissionError:  # the folder may not be read: the path may well be right
        raise
    except OSError:  # a name too long
        return False


def describe_model(source: Source, folder: Path, where: str) -> ModelDescription:
    """What the headers of a model say. Of files on the hub, only the headers are read; of a
    repository there (``hf:owner/name``), its ``config.json`` and the headers of its safetensors
    files. A local folder is described too."""
    if source.scheme != HUB:
        path = local_path(source, folder, where) if source.is_file else None
        if path is not None and path.is_dir():
            return describe(path)
        return describe(locate_model(source, folder, where))
    if source.is_repository:
        return _describe_repository(source.rest, where)
    owner, name, file = _hub_parts(source.rest, where)
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
