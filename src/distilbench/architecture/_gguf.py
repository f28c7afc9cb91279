"""Reads the header of a GGUF file: metadata and the list of tensors, no weights.

The ``gguf`` package unpacks every token of the vocabulary in Python: 9.5 s for
Gemma's 262,144 tokens, before any work. This reader skips over long arrays and takes milliseconds;
it also reads from any seekable binary stream, so that a file on a hub costs its header only.
Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import re
import struct
from collections import Counter
from dataclasses import dataclass
from math import prod
from typing import Any, BinaryIO, NamedTuple

from distilbench.architecture._gguf_checks import (
    check_forms,
    check_magic,
    check_places,
    check_size,
    check_version,
    rounded_up,
)
from distilbench.architecture._quantization import FILE_TYPES, TENSOR_TYPES, tensor_bytes
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

_TABLES = re.compile(r"(^|\.)(rope_(freqs|factors_\w+)|attn_rot_embd)\b")  # computed, not learned
# A running state is the end of all that was read: it cannot go back to the middle of a text.
_RECURRENT = re.compile(r"\.(ssm_|time_mix_|shortconv\.)")


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
    def weights(self) -> dict[str, int]:
        """Number of elements of each tensor that holds weights; tables of positions hold none."""
        return {n: prod(s) for n, s in self.shapes.items() if not _TABLES.search(n)}

    @property
    def parameters(self) -> int:
        """Weights in the file: all elements of all tensors that hold weights."""
        return sum(self.weights.values())

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
        """The mix that the file declares, by its number if that is not known; a file that declares
        none is called by the type of most of its weights."""
        declared = self.metadata.get("general.file_type")
        if declared is not None:
            return FILE_TYPES.get(declared, f"file type {declared}")
        held: Counter[str] = Counter()
        for name, shape in self.shapes.items():
            held[self.types[name]] += prod(shape)
        return held.most_common(1)[0][0]

    @property
    def blocks(self) -> int | None:
        """Blocks that answer; those behind them only guess further tokens ahead."""
        arch = self.metadata.get("general.architecture")
        count = self.metadata.get(f"{arch}.block_count")
        return count - self.blocks_ahead if isinstance(count, int) else None

    @property
    def blocks_ahead(self) -> int:
        """Blocks at the end that only guess further tokens ahead. Some files state them and neither
        count nor hold them: their last block answers like the others."""
        arch = self.metadata.get("general.architecture")
        stated = self.metadata.get(f"{arch}.nextn_predict_layers", 0)
        last = f"blk.{self.metadata.get(f'{arch}.block_count', 0) - 1}."
        answers = any(name.startswith(last) for name in self.shapes)
        guesses = any(".nextn." in name for name in self.shapes)
        return 0 if answers and not guesses else int(stated)

    @property
    def recurrent(self) -> bool:
        """Whether layers keep a running state (state space, RWKV, convolution)."""
        return any(_RECURRENT.search(name) for name in self.shapes)


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
