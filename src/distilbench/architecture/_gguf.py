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

from pydantic import ValidationError

from distilbench.architecture._gguf_checks import (
    check_forms,
    check_magic,
    check_places,
    check_size,
    check_version,
    rounded_up,
)
from distilbench.architecture._quantization import FILE_TYPES, TENSOR_TYPES, tensor_bytes
from distilbench.architecture._transformer import Transformer
from distilbench.errors import InputError, one_sentence

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

# One layer in so many attends to the whole context, the others to the sliding window. Source: the
# `set_swa_pattern` calls of llama.cpp's model loader. A window of an architecture that is not
# listed is ignored, so that attention is counted over the whole context: never too low.
_FULL_ATTENTION_EVERY = {"gemma2": 2, "gemma3": 6, "gpt-oss": 2, "cohere2": 4, "olmo2": 4}


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
        ahead = self.metadata.get(f"{arch}.nextn_predict_layers", 0)
        return count - ahead if isinstance(count, int) and isinstance(ahead, int) else None

    @property
    def recurrent(self) -> bool:
        """Whether layers keep a running state (state space, RWKV, convolution)."""
        return any(_RECURRENT.search(name) for name in self.shapes)

    def transformer(self, where: str) -> Transformer:
        """The architecture. ``where`` names the file in errors."""
        arch = self.metadata.get("general.architecture")
        fields = {
            key.removeprefix(f"{arch}."): value
            for key, value in self.metadata.items()
            if key.startswith(f"{arch}.")
        }
        try:
            return _transformer(str(arch), fields, self)
        except ValidationError as error:
            raise one_sentence(where, error) from error
        except (KeyError, ValueError, TypeError, IndexError, ArithmeticError) as error:
            raise InputError(
                where, f"architecture {arch!r} lacks or misstates {error}", "use a complete GGUF"
            ) from error


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


def _transformer(arch: str, fields: dict[str, Any], header: GGUFHeader) -> Transformer:
    layers, heads = int(fields["block_count"]), _widest(fields["attention.head_count"])
    if heads < 1:
        raise ValueError("attention.head_count")
    hidden = int(fields["embedding_length"])
    head_dim = int(fields.get("attention.key_length", hidden // heads))
    value_dim = int(fields.get("attention.value_length", head_dim))
    kv_lora = int(fields.get("attention.kv_lora_rank", 0))
    rope_dim = 0
    if kv_lora:  # latent attention: key_length counts the compressed key, *_mla the real one
        rope_dim = int(fields["rope.dimension_count"])
        head_dim = int(fields.get("attention.key_length_mla", head_dim)) - rope_dim
        value_dim = int(fields.get("attention.value_length_mla", value_dim))
    every = _FULL_ATTENTION_EVERY.get(arch)
    window = int(fields.get("attention.sliding_window", 0)) if every else 0
    experts = int(fields.get("expert_count", 0))
    ffn = _widest(fields.get("feed_forward_length", 0))
    return Transformer(
        layers=layers,
        hidden=hidden,
        heads=heads,
        kv_heads=_widest(fields.get("attention.head_count_kv", heads)),
        head_dim=head_dim,
        value_dim=value_dim if value_dim != head_dim else None,
        ffn=ffn,
        vocab=_vocabulary(fields, header),
        context=int(fields["context_length"]) if "context_length" in fields else None,
        gated=any("ffn_gate" in n or ("ffn_up.weight" in n and _fused(s, ffn))
                  for n, s in header.shapes.items()),
        tied="output.weight" not in header.shapes,
        bias="blk.0.attn_output.bias" in header.shapes,
        qkv_bias="blk.0.attn_q.bias" in header.shapes,
        learned_positions=header.shapes.get("position_embd.weight", (0, 0))[1],
        window=window or None,
        window_layers=layers - layers // every if every and window else 0,
        experts=experts,
        experts_per_token=int(fields.get("expert_used_count", 0)),
        shared_experts=int(fields.get("expert_shared_count", 0)),
        expert_ffn=int(fields.get("expert_feed_forward_length", ffn)) if experts else 0,
        dense_layers=int(fields.get("leading_dense_block_count", 0)),
        query_lora=int(fields.get("attention.q_lora_rank", 0)),
        kv_lora=kv_lora,
        rope_dim=rope_dim,
    )  # fmt: skip


def _vocabulary(fields: dict[str, Any], header: GGUFHeader) -> int:
    if "token_embd.weight" in header.shapes:
        return header.shapes["token_embd.weight"][1]
    return int(fields["vocab_size"])


def _fused(shape: tuple[int, ...], ffn: int) -> bool:
    """Gate and up in one matrix (Phi-3)."""
    return len(shape) == 2 and shape[1] == 2 * ffn


def _widest(value: Any) -> int:
    """A setting given once, or for each layer: then the largest, so never counted too low."""
    return max(int(v) for v in value) if isinstance(value, tuple) else int(value)


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
