"""What a model is, read from its file: shape, exact parameter count, quantization."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from pydantic import BaseModel, ConfigDict

from distilbench.architecture._gguf import read_gguf_header
from distilbench.architecture._gguf_shape import gguf_shape
from distilbench.architecture._huggingface import read_config, read_safetensors_parameters
from distilbench.architecture._shape import ModelShape
from distilbench.errors import InputError


class ModelDescription(BaseModel):
    """Facts read from a model file. A field is null where the file does not say."""

    model_config = ConfigDict(frozen=True)

    where: str
    format: str
    name: str | None = None
    licence: str | None = None
    size_bytes: int | None = None
    weights_bytes: int | None = None
    quantization: str | None = None
    chat_template: bool | None = None
    thinks: bool = False
    """Whether the chat template knows thinking (its end tag)."""
    parameters: int | None = None
    embedding_parameters: int | None = None
    architecture: ModelShape | None = None


def describe(path: Path) -> ModelDescription:
    """Read a GGUF file, a safetensors file, a ``config.json``, or a folder with the latter two.

    Raises ``InputError`` if the path is missing or is none of these.
    """
    if path.is_dir():
        return _describe_folder(path)
    if not path.is_file():
        raise InputError(str(path), "there is no such file", "check the path")
    if path.suffix == ".json":
        return describe_config(path.read_text("utf-8", "replace"), str(path))
    with path.open("rb") as stream:
        return describe_stream(stream, str(path), path.stat().st_size)


def describe_stream(stream: BinaryIO, where: str, size: int | None) -> ModelDescription:
    """The same for an open GGUF or safetensors file of ``size`` bytes, local or on a hub."""
    if where.endswith(".safetensors"):
        count = read_safetensors_parameters(stream, where)
        return ModelDescription(
            where=where, format="safetensors", parameters=count, size_bytes=size
        )
    header = read_gguf_header(stream, where)
    return ModelDescription(
        where=where,
        format="gguf",
        name=header.metadata.get("general.name"),
        licence=header.metadata.get("general.license"),
        size_bytes=size,
        weights_bytes=header.weights_bytes,
        quantization=header.quantization,
        chat_template="tokenizer.chat_template" in header.metadata,
        thinks="</think>" in str(header.metadata.get("tokenizer.chat_template", "")),
        parameters=header.parameters,
        embedding_parameters=header.embedding_parameters,
        architecture=gguf_shape(header, where),
    )


def describe_config(text: str, where: str) -> ModelDescription:
    """The same for the text of a ``config.json``: counts follow from the shape."""
    shape = read_config(text, where)
    return ModelDescription(
        where=where,
        format="config.json",
        parameters=shape.total_params,
        embedding_parameters=shape.embedding_params,
        architecture=shape,
    )


def _describe_folder(path: Path) -> ModelDescription:
    config = path / "config.json"
    if not config.is_file():
        raise InputError(str(path), "holds no config.json", "give a model folder or a model file")
    described = describe_config(config.read_text("utf-8", "replace"), str(path))
    weights = sorted(path.glob("*.safetensors"))
    if not weights:
        return described
    count = sum(describe(file).parameters or 0 for file in weights)
    size = sum(file.stat().st_size for file in weights)
    return described.model_copy(
        update={"parameters": count, "size_bytes": size, "format": "safetensors"}
    )
