"""What a model is, read from its files: shape, exact parameter count, quantization."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from pydantic import BaseModel, ConfigDict

from distilbench.architecture._agreement import ROUTED, disagreement
from distilbench.architecture._folder import (
    WeightFiles,
    files_of_index,
    is_adapter_file,
    weight_files,
)
from distilbench.architecture._gguf import read_gguf_header
from distilbench.architecture._gguf_checks import check_model
from distilbench.architecture._gguf_header import GGUFHeader
from distilbench.architecture._gguf_shape import gguf_shape
from distilbench.architecture._huggingface import read_config
from distilbench.architecture._packed import count_weights
from distilbench.architecture._safetensors import Tensor, read_safetensors_header
from distilbench.architecture._shape import ModelShape
from distilbench.architecture._split import joined, model_files
from distilbench.errors import InputError, printable

_CONFIG = "config.json"
_ADAPTED = "base_model.model."  # PEFT's names, also of what is trained whole beside the adapter
_BLOCK_COUNTS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")


class ModelDescription(BaseModel):
    """Facts read from a model's files. A field is null where they do not say."""

    model_config = ConfigDict(frozen=True)

    where: str
    format: str
    files: int = 1
    """Files that the weights are in."""
    name: str | None = None
    licence: str | None = None
    size_bytes: int | None = None
    weights_bytes: int | None = None
    quantization: str | None = None
    chat_template: bool | None = None
    thinks: bool = False
    """Whether the chat template knows thinking (its end tag)."""
    recurrent: bool = False
    """Whether it keeps a running state, which cannot go back to the middle of a text."""
    parameters: int | None = None
    parameters_missing: str | None = None
    """Why ``parameters`` is null."""
    experts: bool = False
    """Whether it has routed experts, of which a token uses some."""
    active_parameters: int | None = None
    """Weights that one token passes through; null where it is not known how many experts."""
    embedding_parameters: int | None = None
    architecture: ModelShape | None = None
    architecture_missing: str | None = None
    """Why ``architecture`` is null: FLOPs are then not available."""


class OpenFile(NamedTuple):
    """A model file, or one part of it, open for reading; on a hub as well as on a disk."""

    stream: BinaryIO
    name: str
    size: int | None


def describe(path: Path) -> ModelDescription:
    """Read a GGUF file, a safetensors file, a ``config.json``, or a folder with the latter two.

    A part of a model stands for the whole model. Raises ``InputError`` if the path or a part is
    missing, is cut short, or is none of these.
    """
    if path.is_dir():
        return _describe_folder(path)
    if not path.is_file():
        raise InputError(str(path), "there is no such file", "check the path")
    if path.name.endswith(".safetensors.index.json"):
        return _describe_safetensors(files_of_index(path), path.parent, str(path.parent))
    if path.suffix == ".json":
        return describe_config(path.read_text("utf-8", "replace"), str(path))
    files = model_files(path)
    if path.suffix == ".safetensors":
        if is_adapter_file(path.name):
            raise _adapter(str(path))
        return _describe_safetensors(WeightFiles(files), path.parent, str(files[0]))
    return describe_gguf(_opened(files), str(files[0]))


def describe_gguf(parts: Iterable[OpenFile], where: str) -> ModelDescription:
    """The same for the parts of a GGUF model, first part first; mostly one, the whole file.

    ``where`` names the model in errors. Each part is read before the next is asked for.
    """
    headers, names, size = [], [], 0
    for part in parts:
        headers.append(read_gguf_header(part.stream, part.name, part.size))
        names.append(part.name)
        size += part.size or 0
    header = joined(headers, names)
    check_model(header, where)
    shape, missing = _gguf_shape(header, where)
    template = header.metadata.get("tokenizer.chat_template")
    return ModelDescription(
        where=where,
        format="gguf",
        files=len(names),
        name=_label(header, "general.name"),
        licence=_label(header, "general.license"),
        size_bytes=size or None,
        weights_bytes=header.weights_bytes,
        quantization=header.quantization,
        chat_template=template is not None,
        thinks="</think>" in (template or ""),
        recurrent=header.recurrent,
        parameters=header.parameters,
        experts=header.experts,
        active_parameters=shape.active_params if shape else header.active_parameters,
        embedding_parameters=header.embedding_parameters,
        architecture=shape,
        architecture_missing=missing,
    )


def describe_stream(stream: BinaryIO, where: str, size: int | None) -> ModelDescription:
    """The same for one open file, GGUF or safetensors, of ``size`` bytes."""
    if where.endswith(".safetensors"):
        return describe_tensors(read_safetensors_header(stream, where, size), None, where, size)
    return describe_gguf([OpenFile(stream, where, size)], where)


def describe_config(text: str, where: str) -> ModelDescription:
    """The same for the text of a ``config.json``: counts follow from the shape."""
    shape = read_config(text, where)
    return ModelDescription(
        where=where,
        format=_CONFIG,
        parameters=shape.total_params,
        experts=shape.is_moe,
        active_parameters=shape.active_params,
        embedding_parameters=shape.embedding_params,
        architecture=shape,
    )


def describe_tensors(
    tensors: dict[str, Tensor], config: str | None, where: str, size: int | None, files: int = 1
) -> ModelDescription:
    """The same for the ``tensors`` of all safetensors files of a model, and the text of its
    ``config.json``, if it has one."""
    if not tensors:
        raise InputError(where, "holds no weights", "give the file that holds them")
    if _adapts(tensors):
        raise _adapter(where)
    fields = _fields(config, where)
    counted = count_weights(tensors, fields)
    shape: ModelShape | None = None
    missing: str | None = f"there is no {_CONFIG} beside its weights"
    if config is not None:
        shape, missing = _config_shape(config, fields, counted.weights, where)
    experts = shape.is_moe if shape else any(ROUTED.search(name) for name in tensors)
    active = shape.active_params if shape else None if experts else counted.total
    return ModelDescription(
        where=where,
        format="safetensors",
        files=files,
        size_bytes=size,
        parameters=counted.total,
        experts=experts,
        active_parameters=active,
        parameters_missing=counted.unknown,
        embedding_parameters=shape.embedding_params if shape else None,
        architecture=shape,
        architecture_missing=None if shape else missing,
    )


def _describe_folder(path: Path) -> ModelDescription:
    found = weight_files(path)
    if found.files:
        return _describe_safetensors(found, path, str(path))
    config = path / _CONFIG
    if not config.is_file():
        if any(path.glob("*.gguf")):
            raise InputError(str(path), "is a folder of GGUF files", "name one of them")
        raise InputError(
            str(path), f"holds no {_CONFIG} and no weights", "give a model folder or a model file"
        )
    return describe_config(config.read_text("utf-8", "replace"), str(path))


def _describe_safetensors(found: WeightFiles, folder: Path, where: str) -> ModelDescription:
    tensors: dict[str, Tensor] = {}
    for part in _opened(found.files):
        held = read_safetensors_header(*part)
        other = next((n for n in held if tensors.get(n, held[n]) != held[n]), None)
        if other is not None:
            raise InputError(
                part.name, f"has the tensor {other!r} again, in another form",
                "download the parts again, all of one model",
            )  # fmt: skip
        tensors |= held
    lacking = sorted(found.promised - tensors.keys())
    if lacking:
        raise InputError(
            where, f"its index tells of {len(lacking):,} tensors that no part holds ({lacking[0]})",
            "download the parts and the index again, all of one model",
        )  # fmt: skip
    config = folder / _CONFIG
    text = config.read_text("utf-8", "replace") if config.is_file() else None
    size = sum(file.stat().st_size for file in found.files)
    return describe_tensors(tensors, text, where, size, len(found.files))


def _adapts(tensors: Iterable[str]) -> bool:
    """Whether the tensors are those of an adapter alone: of LoRA, and what stands beside it in the
    same layers (``m`` of MLX's DoRA, ``alpha``)."""
    names = list(tensors)
    layers = {name.partition(".lora_")[0] for name in names if ".lora_" in name}
    return any(name.startswith(_ADAPTED) for name in names) or all(
        name.partition(".lora_")[0] in layers or name.rpartition(".")[0] in layers for name in names
    )


def _adapter(where: str) -> InputError:
    return InputError(
        where, "is an adapter, not the model that it adapts",
        "merge it into its base model (merge_and_unload) and give that",
    )  # fmt: skip


def _opened(files: Iterable[Path]) -> Iterable[OpenFile]:
    for file in files:
        with file.open("rb") as stream:
            yield OpenFile(stream, str(file), file.stat().st_size)


def _label(header: GGUFHeader, key: str) -> str | None:
    """A text for people; one in another form, which llama.cpp does not read, is left out."""
    text = header.metadata.get(key)
    return printable(text) if isinstance(text, str) else None


def _gguf_shape(header: GGUFHeader, where: str) -> tuple[ModelShape | None, str | None]:
    """The shape, if it agrees with the tensors; else why not."""
    try:
        shape = gguf_shape(header, where)
    except InputError as error:
        return None, error.problem
    if shape is None:
        arch = header.metadata["general.architecture"]
        return None, f"the layers of the architecture {arch!r} are not known here"
    missing = disagreement(shape, header.weights, header.blocks)
    return (None, missing) if missing else (shape, None)


def _config_shape(
    config: str, fields: dict[str, Any], weights: dict[str, int], where: str
) -> tuple[ModelShape | None, str | None]:
    """The same for a ``config.json``; weights that cannot be counted contradict nothing."""
    try:
        shape = read_config(config, where)
    except InputError as error:
        return None, error.problem
    text = fields.get("text_config")
    known = text if isinstance(text, dict) else fields
    blocks = next((known[n] for n in _BLOCK_COUNTS if type(known.get(n)) is int), None)
    missing = disagreement(shape, weights, blocks) if weights else None
    return (None, missing) if missing else (shape, None)


def _fields(config: str | None, where: str) -> dict[str, Any]:
    """What a ``config.json`` says, as far as it says anything."""
    try:
        fields = json.loads(config) if config is not None else {}
    except (ValueError, RecursionError) as error:
        raise InputError(where, f"has a {_CONFIG} that is no JSON ({error})", "mend it") from error
    return fields if isinstance(fields, dict) else {}
