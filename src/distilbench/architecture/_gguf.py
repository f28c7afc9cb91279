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

from pydantic import ValidationError

from distilbench.architecture._quantization import tensor_bytes
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
        except (KeyError, ValueError, TypeError) as error:
            raise InputError(
                where, f"architecture {arch!r} lacks or misstates {error}", "use a complete GGUF"
            ) from error


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
