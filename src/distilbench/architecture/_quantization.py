"""Quantizations of llama.cpp and the bits that each takes for a weight."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

Quantization = Literal[
    "IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ2_M", "IQ3_XXS", "IQ3_XS", "IQ3_S", "IQ3_M",
    "IQ4_XS", "IQ4_NL", "Q2_K_S", "Q2_K", "Q3_K_S", "Q3_K_M", "Q3_K_L", "Q4_0", "Q4_1", "Q4_K_S",
    "Q4_K_M", "Q5_0", "Q5_1", "Q5_K_S", "Q5_K_M", "Q6_K", "Q8_0", "F16", "BF16", "F32",
]  # fmt: skip
QUANTIZATIONS: tuple[Quantization, ...] = get_args(Quantization)

BITS_PER_WEIGHT: dict[str, float] = {
    "IQ1_S": 2.0042, "IQ1_M": 2.1460, "IQ2_XXS": 2.3824, "IQ2_XS": 2.5882, "IQ2_S": 2.7403,
    "IQ2_M": 2.9294, "IQ3_XXS": 3.2548, "IQ3_XS": 3.4977, "IQ3_S": 3.6606, "IQ3_M": 3.7628,
    "IQ4_XS": 4.4597, "IQ4_NL": 4.6818, "Q2_K_S": 2.9697, "Q2_K": 3.1593, "Q3_K_S": 3.6429,
    "Q3_K_M": 3.9960, "Q3_K_L": 4.2979, "Q4_0": 4.5, "Q4_1": 5.0, "Q4_K_S": 4.6672,
    "Q4_K_M": 4.8944, "Q5_0": 5.5, "Q5_1": 6.0, "Q5_K_S": 5.5704, "Q5_K_M": 5.7036,
    "Q6_K": 6.5633, "Q8_0": 8.5008, "F16": 16.0005, "BF16": 16.0005, "F32": 32.0,
}  # fmt: skip
"""Bits of an average weight, published for Llama 3.1 8B (llama.cpp, tools/quantize/README.md; Q4_0,
Q4_1, Q5_0, Q5_1 and F32: the format's own block). A model with a large embedding takes more,
because its embedding is kept at a finer quantization."""


class TensorType(NamedTuple):
    """A type of llama.cpp's tensors: ``weights`` of them are stored in a block of ``bytes``."""

    name: str
    weights: int
    bytes: int


TENSOR_TYPES = {
    number: TensorType(*fields)
    for number, fields in {
        0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20),
        6: ("Q5_0", 32, 22), 7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 36),
        10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110), 12: ("Q4_K", 256, 144),
        13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292),
        16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98),
        19: ("IQ1_S", 256, 50), 20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110),
        22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136), 24: ("I8", 1, 1), 25: ("I16", 1, 2),
        26: ("I32", 1, 4), 27: ("I64", 1, 8), 28: ("F64", 1, 8), 29: ("IQ1_M", 256, 56),
        30: ("BF16", 1, 2), 34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66),
        39: ("MXFP4", 32, 17), 40: ("NVFP4", 64, 36), 41: ("Q1_0", 128, 18), 42: ("Q2_0", 64, 18),
    }.items()
}  # fmt: skip
"""By the number in a file. Source: ``enum ggml_type`` (ggml.h) and the blocks of ggml-common.h.
Numbers that are not here were taken back or belong to no release: they are named, not guessed."""

FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K",
    11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S",
    17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS",
    23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S", 29: "IQ2_M",
    30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4_MOE",
    39: "NVFP4", 40: "Q1_0", 41: "Q2_0",
}  # fmt: skip
"""Mixes of tensor types by ``general.file_type``. Source: ``enum llama_ftype`` (llama.h)."""

_BY_NAME = {kind.name: kind for kind in TENSOR_TYPES.values()}


def tensor_bytes(kind: str, elements: int) -> int | None:
    """Bytes of a tensor of ``elements`` weights in a GGUF tensor type; null: an unknown type."""
    if kind not in _BY_NAME:
        return None
    return elements // _BY_NAME[kind].weights * _BY_NAME[kind].bytes
