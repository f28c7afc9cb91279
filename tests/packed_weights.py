"""The linear layer of a language model as quantizers store it: names, dtypes and shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

Tensors = dict[str, torch.Tensor]
Pack = Callable[[str, int, int], Tensors]
"""Tensors of a layer, by its name, rows and columns."""


def zeros(*shape: int, kind: torch.dtype = torch.float16) -> torch.Tensor:
    return torch.zeros(shape, dtype=kind)


def gptq(bits: int, group: int) -> Pack:
    """AutoGPTQ's and GPTQModel's QuantLinear."""

    def pack(layer: str, out: int, into: int) -> Tensors:
        return {
            f"{layer}.qweight": zeros(into * bits // 32, out, kind=torch.int32),
            f"{layer}.qzeros": zeros(into // group, out * bits // 32, kind=torch.int32),
            f"{layer}.scales": zeros(into // group, out),
            f"{layer}.g_idx": zeros(into, kind=torch.int32),
        }

    return pack


def awq(layer: str, out: int, into: int) -> Tensors:
    """AutoAWQ's WQLinear_GEMM, groups of 64."""
    return {
        f"{layer}.qweight": zeros(into, out // 8, kind=torch.int32),
        f"{layer}.qzeros": zeros(into // 64, out // 8, kind=torch.int32),
        f"{layer}.scales": zeros(into // 64, out),
    }


def bnb4(kind: str, storage: torch.dtype = torch.uint8, nested: bool = False) -> Pack:
    """bitsandbytes' Linear4bit; ``storage``: ``bnb_4bit_quant_storage``."""

    def pack(layer: str, out: int, into: int) -> Tensors:
        count = out * into // 2 // storage.itemsize
        made = {
            f"{layer}.weight": zeros(count, 1, kind=storage),
            f"{layer}.weight.absmax": zeros(out * into // 64, kind=torch.float32),
            f"{layer}.weight.quant_map": zeros(16, kind=torch.float32),
            f"{layer}.weight.quant_state.bitsandbytes__{kind}": zeros(81, kind=torch.uint8),
        }
        if nested:
            made[f"{layer}.weight.nested_absmax"] = zeros(1, kind=torch.float32)
            made[f"{layer}.weight.nested_quant_map"] = zeros(256, kind=torch.float32)
        return made

    return pack


def bnb8(layer: str, out: int, into: int) -> Tensors:
    return {
        f"{layer}.weight": zeros(out, into, kind=torch.int8),
        f"{layer}.SCB": zeros(out, kind=torch.float32),
        f"{layer}.weight_format": torch.zeros((), dtype=torch.uint8),
    }


def fp8(scale: str, *shape: int) -> Pack:
    def pack(layer: str, out: int, into: int) -> Tensors:
        return {
            f"{layer}.weight": zeros(out, into, kind=torch.float8_e4m3fn),
            f"{layer}.{scale}": zeros(*shape, kind=torch.float32),
            f"{layer}.input_scale": torch.zeros((), dtype=torch.float32),
        }

    return pack


def compressed(bits: int) -> Pack:
    """compressed-tensors, pack-quantized, groups of 128: whole weights in each integer, so that
    those of three bits are ten in each and the last of a row is part filled."""

    def pack(layer: str, out: int, into: int) -> Tensors:
        return {
            f"{layer}.weight_packed": zeros(out, -(-into // (32 // bits)), kind=torch.int32),
            f"{layer}.weight_scale": zeros(out, into // 128, kind=torch.bfloat16),
            f"{layer}.weight_shape": zeros(2, kind=torch.int64),
            f"{layer}.weight_zero_point": zeros(out // 8, into // 128, kind=torch.int32),
            f"{layer}.weight_g_idx": zeros(into, kind=torch.int32),
        }

    return pack


def in_groups(bits: int) -> dict[str, Any]:
    groups = {"group_0": {"weights": {"num_bits": bits, "group_size": 128}}}
    return {"quantization_config": {"config_groups": groups}}


def torchao(layer: str, out: int, into: int) -> Tensors:
    """torchao's Float8Tensor, a scale for each row."""
    return {
        f"{layer}._weight_qdata": zeros(out, into, kind=torch.float8_e4m3fn),
        f"{layer}._weight_scale": zeros(out, 1, kind=torch.float32),
    }


def quanto(layer: str, out: int, into: int) -> Tensors:
    return {
        f"{layer}.weight._data": zeros(out, into, kind=torch.float8_e4m3fn),
        f"{layer}.weight._scale": zeros(out, 1),
        f"{layer}.input_scale": torch.ones(()),
        f"{layer}.output_scale": torch.ones(()),
    }


def nvfp4(weight: str, whole: str) -> Pack:
    """ModelOpt's NVFP4 and that of compressed-tensors: a scale of 8 bits for 16 weights."""

    def pack(layer: str, out: int, into: int) -> Tensors:
        return {
            f"{layer}.{weight}": zeros(out, into // 2, kind=torch.uint8),
            f"{layer}.weight_scale": zeros(out, into // 16, kind=torch.float8_e4m3fn),
            f"{layer}.{whole}": zeros(1, kind=torch.float32),
            f"{layer}.input_scale": zeros(1, kind=torch.float32),
        }

    return pack


def mxfp4(layer: str, out: int, into: int) -> Tensors:
    """Quark's MXFP4: a power of two for 32 weights."""
    return {
        f"{layer}.weight": zeros(out, into // 2, kind=torch.uint8),
        f"{layer}.weight_scale": zeros(out, into // 32, kind=torch.uint8),
    }


def mlx(layer: str, out: int, into: int) -> Tensors:
    """MLX, 4 bits, groups of 64."""
    return {
        f"{layer}.weight": zeros(out, into // 8, kind=torch.uint32),
        f"{layer}.scales": zeros(out, into // 64),
        f"{layer}.biases": zeros(out, into // 64),
    }


def bitnet(layer: str, out: int, into: int) -> Tensors:
    return {
        f"{layer}.weight": zeros(out // 4, into, kind=torch.uint8),
        f"{layer}.weight_scale": zeros(1, kind=torch.bfloat16),
    }


FORMS: dict[str, tuple[Pack, dict[str, Any]]] = {
    "GPTQ 4 bits": (gptq(4, 128), {}),
    "GPTQ 8 bits, small groups": (gptq(8, 32), {}),
    "GPTQ 3 bits": (gptq(3, 32), {}),
    "GPTQ 2 bits": (gptq(2, 64), {}),
    "AWQ": (awq, {}),
    "bitsandbytes NF4": (bnb4("nf4"), {}),
    "bitsandbytes NF4, nested": (bnb4("nf4", nested=True), {}),
    "bitsandbytes FP4": (bnb4("fp4"), {}),
    "bitsandbytes NF4 stored as bfloat16": (bnb4("nf4", torch.bfloat16), {}),
    "bitsandbytes 8 bits": (bnb8, {}),
    "FP8 with one scale": (fp8("weight_scale", 1), {}),
    "FP8 in blocks (DeepSeek)": (fp8("weight_scale_inv", 2, 2), {}),
    "FP8 of Mistral": (fp8("qscale_weight", 1), {}),
    **{f"compressed-tensors {n} bits": (compressed(n), in_groups(n)) for n in range(2, 9)},
    "torchao FP8": (torchao, {}),
    "quanto FP8": (quanto, {}),
    "NVFP4 of ModelOpt": (nvfp4("weight", "weight_scale_2"), {}),
    "NVFP4 of compressed-tensors": (nvfp4("weight_packed", "weight_global_scale"), {}),
    "MXFP4 of Quark": (mxfp4, {}),
    "MLX": (mlx, {"quantization": {"group_size": 64, "bits": 4}}),
    "BitNet": (bitnet, {"quantization_config": {"quant_method": "bitnet"}}),
}
