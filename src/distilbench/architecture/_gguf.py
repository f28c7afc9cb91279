"""Reads the header of a GGUF file: metadata and the list of tensors, no weights.

The ``gguf`` package unpacks every token of the vocabulary in Python: 9.5 s for
Gemma's 262,144 tokens, before any work. This reader skips over long arrays and takes milliseconds;
it also reads from any seekable binary stream, so that a file on a hub costs its header only.
Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import struct
from typing import Any, BinaryIO, NamedTuple

from distilbench.architecture._gguf_checks import (
    check_forms,
    check_magic,
    check_places,
    check_size,
    check_version,
    rounded_up,
)
from distilbench.architecture._gguf_header import GGUFHeader
from distilbench.architecture._quantization import TENSOR_TYPES
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
_MOST_STRING, _MOST_ITEMS, _MOST_DIMS = 1 << 24, 1 << 28, 4


class SkippedArray(NamedTuple):
    """Stands for an array too long to keep."""

    length: int


class _CutShortError(Exception):
    """The stream ended."""


def read_gguf_header(stream: BinaryIO, where: str, size: int | None = None) -> GGUFHeader:
    """Read the header of a file of ``size`` bytes. ``where`` names it in errors.

    Raises ``InputError`` if it is no GGUF, is cut short, or contradicts itself. What must hold for
    a whole model, not for one part of a split one, is left to ``check_model``.
    """
    try:
        return _read(stream, where, size)
    except _CutShortError as error:
        raise InputError(
            where, "is cut short: it ends inside its header", "download it again, whole"
        ) from error
    except (struct.error, UnicodeDecodeError, KeyError, OverflowError) as error:
        raise InputError(where, "has a corrupt GGUF header", "download the file again") from error


def _read(stream: BinaryIO, where: str, size: int | None) -> GGUFHeader:
    check_magic(stream.read(20), where)
    stream.seek(4)
    (version,) = struct.unpack("<I", _exactly(stream, 4))
    check_version(version, where)
    tensors, keys = struct.unpack("<QQ", _exactly(stream, 16))
    _bounded(max(tensors, keys), 1 << 20)
    metadata: dict[str, Any] = {}
    for _ in range(keys):
        key = _string(stream)
        if key in metadata:
            raise InputError(where, f"has the field {key!r} twice", "use another file")
        metadata[key] = _value(stream, _unsigned(stream, 4), where)
    check_forms(metadata, where)
    shapes, kinds, offsets = _read_tensors(stream, tensors, where)
    align = metadata.get("general.alignment", 32)
    if type(align) is not int or align < 1:
        raise InputError(where, f"field general.alignment is {align!r}", "use another file")
    check_places(shapes, kinds, offsets, align, where)
    header = GGUFHeader(metadata, shapes, {n: _type_name(kind) for n, kind in kinds.items()})
    check_size(header, offsets, rounded_up(stream.tell(), align), size, where)
    return header


def _read_tensors(
    stream: BinaryIO, count: int, where: str
) -> tuple[dict[str, tuple[int, ...]], dict[str, int], dict[str, int]]:
    """Shape, number of the type, and place of each tensor by name."""
    shapes, kinds, offsets = {}, {}, {}
    for _ in range(count):
        name = _string(stream)
        dims = _unsigned(stream, 4)
        shape = struct.unpack(f"<{_bounded(dims, _MOST_DIMS)}Q", _exactly(stream, 8 * dims))
        if name in shapes:
            raise InputError(where, f"has the tensor {name!r} twice", "use another file")
        if not all(shape) or not shape:
            raise InputError(where, f"has an empty tensor {name!r}", "use a complete GGUF")
        shapes[name], kinds[name] = shape, _unsigned(stream, 4)
        offsets[name] = _unsigned(stream, 8)
    return shapes, kinds, offsets


def _type_name(kind: int) -> str:
    return TENSOR_TYPES[kind].name if kind in TENSOR_TYPES else f"type {kind}"


def _value(stream: BinaryIO, kind: int, where: str) -> Any:
    if kind == _STRING:
        return _string(stream)
    if kind == _ARRAY:
        return _array(stream, where)
    code = "<" + _SCALARS[kind]
    return struct.unpack(code, _exactly(stream, struct.calcsize(code)))[0]


def _array(stream: BinaryIO, where: str) -> tuple[Any, ...] | SkippedArray:
    kind, length = _unsigned(stream, 4), _bounded(_unsigned(stream, 8), _MOST_ITEMS)
    if kind == _ARRAY:
        raise InputError(where, "has lists of lists, which llama.cpp does not read", "use another")
    if length <= _KEPT_ARRAY:
        return tuple(_value(stream, kind, where) for _ in range(length))
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
        raise _CutShortError
    return data


def _bounded(value: int, most: int) -> int:
    if value > most:
        raise OverflowError(value)
    return value
