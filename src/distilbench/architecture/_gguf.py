"""Reads the header of a GGUF file: metadata and the list of tensors, no weights.

The ``gguf`` package unpacks every token of the vocabulary in Python: 9.5 s for
Gemma's 262,144 tokens, before any work. This reader skips over long arrays and takes milliseconds;
it also reads from any seekable binary stream, so that a file on a hub costs its header only.
Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import struct
from collections import Counter
from dataclasses import dataclass
from math import prod
from typing import Any, BinaryIO, NamedTuple

from distilbench.architecture._quantization import tensor_bytes
from distilbench.errors import InputError

_SCALARS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
_STRING, _ARRAY = 8, 9
_KEPT_ARRAY = 1024  # per-layer settings are kept, vocabularies are skipped
_MOST_STRING, _MOST_ITEMS, _MOST_DIMS = 1 << 24, 1 << 28, 8

_TENSOR_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 9: "Q8_1",
    10: "Q2_K", 11: "Q3_K", 12: "Q4_K", 13: "Q5_K", 14: "Q6_K", 15: "Q8_K", 16: "IQ2_XXS",
    17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S",
    23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64", 29: "IQ1_M", 30: "BF16",
    34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4",
}  # fmt: skip
_FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K",
    11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S",
    17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS",
    23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S", 29: "IQ2_M",
    30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4",
}  # fmt: skip


class SkippedArray(NamedTuple):
    """Stands for an array too long to keep."""

    length: int


@dataclass(frozen=True)
class GGUFHeader:
    """Metadata by key, and shape and type of each tensor by name."""

    metadata: dict[str, Any]
    shapes: dict[str, tuple[int, ...]]
    types: dict[str, str]

    @property
    def parameters(self) -> int:
        """Weights in the file: all elements of all tensors. Rope tables are not weights."""
        return sum(prod(s) for n, s in self.shapes.items() if not n.startswith("rope_"))

    @property
    def embedding_parameters(self) -> int:
        tables = ("token_embd.weight", "output.weight", "position_embd.weight")
        return sum(prod(self.shapes[n]) for n in tables if n in self.shapes)

    @property
    def weights_bytes(self) -> int | None:
        """Bytes of all tensors; null where one is of an unknown type."""
        sizes = [tensor_bytes(self.types[n], prod(s)) for n, s in self.shapes.items()]
        return None if None in sizes else sum(s for s in sizes if s)

    @property
    def quantization(self) -> str:
        """The mix the file declares, else the commonest tensor type."""
        declared = _FILE_TYPES.get(self.metadata.get("general.file_type", -1))
        return declared or Counter(self.types.values()).most_common(1)[0][0]


def read_gguf_header(stream: BinaryIO, where: str) -> GGUFHeader:
    """Read a header. ``where`` names the file in errors; raises ``InputError`` if it is no GGUF."""
    try:
        return _read(stream, where)
    except (struct.error, UnicodeDecodeError, KeyError, OverflowError) as error:
        raise InputError(
            where, "the GGUF header is cut short or corrupt", "download the file again"
        ) from error


def _read(stream: BinaryIO, where: str) -> GGUFHeader:
    if stream.read(4) != b"GGUF":
        raise InputError(where, "is not a GGUF file", "give a file that starts with 'GGUF'")
    (version,) = struct.unpack("<I", _exactly(stream, 4))
    if version not in (2, 3):
        raise InputError(where, f"is GGUF version {version}", "convert it to version 2 or 3")
    tensors, keys = struct.unpack("<QQ", _exactly(stream, 16))
    _bounded(max(tensors, keys), 1 << 20)
    if not tensors:
        raise InputError(where, "holds no weights", "use a complete GGUF")
    metadata = {}
    for _ in range(keys):
        key = _string(stream)
        metadata[key] = _value(stream, _unsigned(stream, 4))
    shapes, types = {}, {}
    for _ in range(tensors):
        name = _string(stream)
        dims = _bounded(_unsigned(stream, 4), _MOST_DIMS)
        shapes[name] = struct.unpack(f"<{dims}Q", _exactly(stream, 8 * dims))
        kind = _unsigned(stream, 4)
        types[name] = _TENSOR_TYPES.get(kind, f"type {kind}")
        _exactly(stream, 8)  # offset of the weights
    return GGUFHeader(metadata, shapes, types)


def _value(stream: BinaryIO, kind: int) -> Any:
    if kind == _STRING:
        return _string(stream)
    if kind == _ARRAY:
        return _array(stream)
    code = "<" + _SCALARS[kind]
    return struct.unpack(code, _exactly(stream, struct.calcsize(code)))[0]


def _array(stream: BinaryIO) -> tuple[Any, ...] | SkippedArray:
    kind, length = _unsigned(stream, 4), _bounded(_unsigned(stream, 8), _MOST_ITEMS)
    if length <= _KEPT_ARRAY:
        return tuple(_value(stream, kind) for _ in range(length))
    if kind == _STRING:
        for _ in range(length):
            stream.seek(_bounded(_unsigned(stream, 8), _MOST_STRING), 1)
    else:
        stream.seek(length * struct.calcsize("<" + _SCALARS[kind]), 1)
    return SkippedArray(length)


def _string(stream: BinaryIO) -> str:
    length = _bounded(_unsigned(stream, 8), _MOST_STRING)
    return _exactly(stream, length).decode("utf-8", "replace")


def _unsigned(stream: BinaryIO, size: int) -> int:
    return int.from_bytes(_exactly(stream, size), "little")


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise struct.error("end of file")
    return data


def _bounded(value: int, most: int) -> int:
    if value > most:
        raise OverflowError(value)
    return value
