"""What must hold of a GGUF file, said in one sentence where it does not.

A header is input like any other: made by strangers, cut off by a download, or turned for another
processor. What llama.cpp itself would stop at is told before anything is loaded.
"""

from __future__ import annotations

from math import prod
from typing import Any

from distilbench.architecture._gguf_header import GGUFHeader
from distilbench.architecture._quantization import TENSOR_TYPES, tensor_bytes
from distilbench.errors import InputError

# What a file may say of itself, and in which form. llama.cpp stops at another form.
_TEXTS = ("general.architecture", "general.name", "general.type", "tokenizer.chat_template")
_NUMBERS = ("general.file_type", "split.no", "split.count", "split.tensors.count")
_SIZES = ("block_count", "embedding_length", "context_length", "vocab_size")
_COUNTS = ("feed_forward_length", "attention.head_count", "attention.head_count_kv",
           "attention.key_length", "attention.value_length", "attention.sliding_window",
           "expert_count", "expert_used_count", "expert_feed_forward_length",
           "expert_shared_count")  # fmt: skip
"""Of all layers, or of each."""
_BLOCKS = ("leading_dense_block_count", "nextn_predict_layers")
_NO_MODELS = {
    "adapter": "a LoRA adapter",
    "mmproj": "a projector of images or sound",
    "clip": "a projector of images or sound",
    "imatrix": "an importance matrix",
    "controlvector": "a control vector",
}
_OLD_MAGIC = (b"lmgg", b"tjgg", b"fmgg", b"algg", b"jlgg")  # GGML's formats before GGUF


def check_magic(start: bytes, where: str) -> None:
    if start[:4] == b"GGUF":
        return
    if start[:4] in _OLD_MAGIC:
        raise InputError(where, "is of a GGML format older than GGUF", "convert it again")
    if start[:4] == b"PK\x03\x04":
        raise InputError(
            where, "is an archive, as PyTorch's pickled weights are, which are not read",
            "give safetensors or a GGUF",
        )  # fmt: skip
    refuse_pointer(start, where)
    raise InputError(where, "is not a GGUF file", "give a file that starts with 'GGUF'")


def check_version(version: int, where: str) -> None:
    if version & 0xFFFF == 0 and version:
        raise InputError(
            where, "is a big-endian GGUF, which llama.cpp reads on big-endian machines only",
            "download it as little-endian, or turn it with gguf-convert-endian of the gguf package",
        )  # fmt: skip
    if version not in (2, 3):
        raise InputError(where, f"is GGUF version {version}", "convert it to version 2 or 3")


def refuse_pointer(start: bytes, where: str) -> None:
    """Raises ``InputError`` if a file begins as Git LFS's stand-in for the real one does."""
    if start.startswith(b"version https://git-lfs"[: len(start)]) and start:
        raise InputError(where, "is a Git LFS pointer, not the weights", "run: git lfs pull")


def check_forms(metadata: dict[str, Any], where: str) -> None:
    for keys, form, named in ((_TEXTS, str, "text"), (_NUMBERS, int, "a whole number")):
        for key in keys:
            if key in metadata and type(metadata[key]) is not form:
                shown = repr(metadata[key])[:40]
                raise InputError(where, f"field {key} is {shown}, not {named}", "use another file")


def check_model(header: GGUFHeader, where: str) -> None:
    """Raises ``InputError`` if the header is not that of a whole language model."""
    arch = header.metadata.get("general.architecture")
    kind = header.metadata.get("general.type", "model")
    for name in (kind, arch):
        if name in _NO_MODELS:
            raise InputError(where, f"is {_NO_MODELS[name]}, no model", "give the model's own file")
    if any(name.endswith((".lora_a", ".lora_b")) for name in header.shapes):
        raise InputError(
            where, f"is {_NO_MODELS['adapter']}, no model", "give the model's own file"
        )
    if not header.shapes:
        raise InputError(where, "holds no weights", "use a complete GGUF")
    if not arch:
        raise InputError(where, "lacks general.architecture", "use a complete GGUF")
    for name in _SIZES + _COUNTS + _BLOCKS:
        least = 1 if name in _SIZES else 0
        _check_count(header.metadata, f"{arch}.{name}", least, name in _COUNTS, where)
    if header.metadata.get(f"{arch}.block_count", 1) > len(header.shapes):
        raise InputError(
            where, f"claims more blocks ({arch}.block_count) than it has tensors", "use another"
        )


def _check_count(
    metadata: dict[str, Any], key: str, least: int, by_layer: bool, where: str
) -> None:
    value = metadata.get(key, 1)
    given = value if isinstance(value, tuple) and by_layer else (value,)
    if not all(type(v) is int and least <= v < 1 << 31 for v in given):
        shown = repr(value)[:40]
        raise InputError(where, f"field {key} is {shown}, no count", "use a complete GGUF")


def check_places(
    shapes: dict[str, tuple[int, ...]],
    kinds: dict[str, int],
    offsets: dict[str, int],
    align: int,
    where: str,
) -> None:
    """Tensors stand one behind another. Where they do not, a type is not what its number says in
    llama.cpp (forks give theirs numbers of their own), or the file is corrupt."""
    due: int | None = 0
    for name, shape in shapes.items():
        kind = TENSOR_TYPES.get(kinds[name])
        if due is not None and offsets[name] != due:
            raise InputError(
                where, f"has the tensor {name!r} at byte {offsets[name]:,} where {due:,} is due",
                "use a file that llama.cpp's own tools made",
            )  # fmt: skip
        if kind and shape[0] % kind.weights:
            raise InputError(
                where, f"has rows of {shape[0]:,} in {name!r}, which {kind.name} cannot hold",
                "use another file",
            )  # fmt: skip
        size = prod(shape) // kind.weights * kind.bytes if kind else None
        due = None if size is None else rounded_up(offsets[name] + size, align)


def check_size(
    header: GGUFHeader, offsets: dict[str, int], start: int, size: int | None, where: str
) -> None:
    """Raises ``InputError`` if the file ends before its tensors do."""
    ends = [
        start + offset + (tensor_bytes(header.types[name], prod(header.shapes[name])) or 0)
        for name, offset in offsets.items()
    ]
    due = max(ends, default=0)
    if size is not None and size < due:
        raise InputError(
            where, f"is cut short: it has {size:,} bytes of {due:,}", "download it again, whole"
        )


def rounded_up(value: int, step: int) -> int:
    return -(-value // step) * step
