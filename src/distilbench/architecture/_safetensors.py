"""Reads the header of a safetensors file, no weights.

Format: eight bytes of length, then a JSON object of tensors with dtype, shape and place
(https://huggingface.co/docs/safetensors).
"""

from __future__ import annotations

import json
from math import prod
from typing import Any, BinaryIO, NamedTuple

from distilbench.architecture._gguf_checks import refuse_pointer
from distilbench.errors import InputError

_MOST_HEADER = 100 << 20  # the format's own limit
BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "I16": 16, "U16": 16, "I32": 32, "U32": 32, "I64": 64, "U64": 64,
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "F16": 16, "BF16": 16, "F32": 32, "F64": 64, "C64": 64,
}  # fmt: skip
"""Bits of an element by dtype. Source: ``Dtype`` of the safetensors library."""


class Tensor(NamedTuple):
    """A tensor as it is stored."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        return prod(self.shape)


def read_safetensors_header(
    stream: BinaryIO, where: str, size: int | None = None
) -> dict[str, Tensor]:
    """The tensors of a safetensors file of ``size`` bytes, by name. ``where`` names it in errors.

    Raises ``InputError`` if it is something else, is cut short, or contradicts itself.
    """
    start = stream.read(8)
    refuse_pointer(start, where)
    if start[:4] == b"GGUF":
        raise InputError(where, "is a GGUF file", "name it .gguf")
    length = int.from_bytes(start, "little")
    try:
        if not 2 <= length <= _MOST_HEADER or len(start) < 8:
            raise ValueError("header length")
        text = stream.read(length)
        if len(text) < length:
            raise InputError(
                where, "is cut short: it ends inside its header", "download it again, whole"
            )
        header = json.loads(text)
        spans = [_span(name, tensor) for name, tensor in header.items() if name != "__metadata__"]
        held = _contiguous(spans)
        tensors = {
            name: Tensor(str(tensor["dtype"]), tuple(tensor["shape"]))
            for name, tensor in header.items()
            if name != "__metadata__"
        }
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            where, "has no readable safetensors header", "download the file again"
        ) from error
    due = 8 + length + held
    if size is not None and size < due:
        raise InputError(
            where, f"is cut short: it has {size:,} bytes of {due:,}", "download it again, whole"
        )
    if size is not None and size > due:
        raise InputError(
            where, f"has {size:,} bytes where its tensors end at {due:,}", "download it again"
        )
    return tensors


def _contiguous(spans: list[tuple[int, int]]) -> int:
    """Where the last tensor ends. Raises ``ValueError`` if two overlap or leave a hole, which the
    format forbids: a tensor that the header names twice leaves one, and would be counted once."""
    end = 0
    for begin, stop in sorted(spans):
        if begin != end:
            raise ValueError("data_offsets")
        end = stop
    return end


def _span(name: str, tensor: dict[str, Any]) -> tuple[int, int]:
    """Where a tensor stands behind the header. Raises ``ValueError`` if its form is impossible."""
    shape, (begin, end) = tensor["shape"], tensor["data_offsets"]
    if not all(type(n) is int and n >= 0 for n in (*shape, begin, end)):
        raise ValueError(name)
    bits = BITS.get(tensor["dtype"])
    if bits is not None and -(-prod(shape) * bits // 8) != end - begin:
        raise ValueError(name)
    return int(begin), int(end)
