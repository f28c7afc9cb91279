"""Quantizations of llama.cpp and the bits that each takes for a weight."""

from __future__ import annotations

from typing import Literal, get_args

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

_BLOCKS = {
    "F64": (1, 8), "F32": (1, 4), "F16": (1, 2), "BF16": (1, 2), "I8": (1, 1), "I16": (1, 2),
    "I32": (1, 4), "I64": (1, 8), "Q4_0": (32, 18), "Q4_1": (32, 20), "Q5_0": (32, 22),
    "Q5_1": (32, 24), "Q8_0": (32, 34), "Q8_1": (32, 36), "IQ4_NL": (32, 18), "MXFP4": (32, 17),
    "Q2_K": (256, 84), "Q3_K": (256, 110), "Q4_K": (256, 144), "Q5_K": (256, 176),
    "Q6_K": (256, 210), "Q8_K": (256, 292), "IQ1_S": (256, 50), "IQ1_M": (256, 56),
    "IQ2_XXS": (256, 66), "IQ2_XS": (256, 74), "IQ2_S": (256, 82), "IQ3_XXS": (256, 98),
    "IQ3_S": (256, 110), "IQ4_XS": (256, 136), "TQ1_0": (256, 54), "TQ2_0": (256, 66),
}  # fmt: skip


def tensor_bytes(kind: str, elements: int) -> int | None:
    """Bytes of a tensor of ``elements`` weights in a GGUF tensor type; null: an unknown type.

    Source: the block structures of ggml-common.h.
    """
    if kind not in _BLOCKS:
        return None
    weights, size = _BLOCKS[kind]
    return elements // weights * size
