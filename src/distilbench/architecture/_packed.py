"""Counts the weights of safetensors files, those that are packed too.

A quantized checkpoint stores several weights in one integer, and beside them scales, zero points
and tables that are no weights. Each form is known by the names of its tensors:

- GPTQ and AWQ: ``qweight`` with ``qzeros``, ``scales``, ``g_idx`` (AutoGPTQ, AutoAWQ)
- bitsandbytes: ``weight`` with ``weight.absmax``, ``weight.quant_state...`` (4 bit), ``SCB`` (8)
- compressed-tensors: ``weight_packed`` with ``weight_scale``, ``weight_shape``
- FP8: ``weight`` with ``weight_scale`` or ``weight_scale_inv`` (DeepSeek), ``qscale_weight``
  (Mistral)
- MXFP4 and NVFP4: ``..._blocks`` with ``..._scales`` (gpt-oss), or two weights in a byte of
  ``weight`` (ModelOpt, Quark)
- FP-Quant: ``weight`` or ``dqweight``, as it is, beside rotations and global scales
- MLX: ``weight`` with ``scales`` and ``biases``; BitNet: four weights in a byte

Integers in another form are not guessed at: the count is then not available.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from distilbench.architecture._safetensors import BITS, Tensor

_WEIGHT_DTYPES = {"F64", "F32", "F16", "BF16", "F4", "F6_E2M3", "F6_E3M2", "C64"}
_FP8 = {"F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ"}
_BLOCK_WIDTHS = (16, 32)  # weights that share a scale in NVFP4 and MXFP4
# Not learned: masks, tables of positions, counters, as old checkpoints of GPT-2 and GPT-NeoX hold.
_BUFFER = re.compile(
    r"(inv_freq|position_ids|masked_bias|num_batches_tracked|token_type_ids|"
    r"(cos|sin)_cached|(forward|backward)_hadamard_matrix|slope_rate|(query|key|diagonal)_decay|(^|\.)(rope|rotary_emb)\.freqs)$"
)
# What stands beside a packed or 8-bit weight of the same layer.
_BESIDE = re.compile(
    r"(qzeros|scales?|g_idx|perm|workspace|SCB|weight_format|biases|qscale_\w+|input_\w+|"
    r"output_scale|weight_(scale\w*|scales|zero_point|g_idx|shape|global_scale)|"
    r"(activation|act|k|v|q|kv|prob)_scale)$"
)
_SCALE_OF_VALUES = re.compile(r"\.((k|v|q|kv|prob|input|output)_scale|(weight|act)_global_scale)$")
_SCALES_AND_ZEROS = (
    "qzeros", "scales", "scale", "SCB", "weight_scale", "weight_scales", "weight_scale_inv",
)  # fmt: skip
_SCALES_OF_BLOCKS = _FP8 | {"F8_E8M0", "U8"}
_SCALE_ENDS = (
    "_scale", "_scale_inv", "_scales", "_scale_2", "_zero_point", "_global_scale",
    "_scale_and_zero", "_per_tensor_scale", "_act_pre_scale",
)  # fmt: skip
_STEM_END = re.compile(r"_(blocks|qdata|data)$")  # gpt-oss, torchao, quanto
_PACKED = ("qweight", "weight_packed", "W_q")  # whatever the dtype: HQQ may store W_q as floats


class Counted(NamedTuple):
    """Elements of each tensor of weights, unpacked; ``unknown`` says why, if they are not known."""

    weights: dict[str, int]
    unknown: str | None = None

    @property
    def total(self) -> int | None:
        return None if self.unknown else sum(self.weights.values())


def count_weights(tensors: Mapping[str, Tensor], config: Mapping[str, Any]) -> Counted:
    """The weights that ``tensors`` hold. ``config``: the model's ``config.json``, or empty."""
    layers: dict[str, list[str]] = defaultdict(list)
    for name in tensors:
        layers[name.rpartition(".")[0]].append(name)
    packed = [name for name in tensors if _may_be_packed(name, tensors)]
    beside = {name for main in packed for name in _companions(main, layers)}
    counted: dict[str, int] = {}
    for name, tensor in tensors.items():
        if name in beside or _is_buffer(name, tensor):
            continue
        count = _unpacked(name, tensors, config)
        if count is None:
            return Counted({}, f"{name} is packed ({tensor.dtype}) in a form that is not known")
        counted[name] = count
    return Counted(counted)


def _may_be_packed(name: str, tensors: Mapping[str, Tensor]) -> bool:
    leaf, dtype = name.rpartition(".")[2], tensors[name].dtype
    if _BESIDE.fullmatch(leaf) or dtype == "F8_E8M0":
        return False
    marked = any(mark in tensors for mark in _marks_of_four_bits(name))
    return marked or leaf in _PACKED or dtype not in _WEIGHT_DTYPES


def _companions(main: str, layers: Mapping[str, list[str]]) -> Iterator[str]:
    """Names of the tensors that only tell how ``main`` is packed."""
    for below in (main, f"{main}.quant_state"):  # q_proj.weight.absmax
        yield from layers.get(below, ())
    base, _, leaf = main.rpartition(".")
    stem = _STEM_END.sub("", main)
    for name in layers[base]:
        if leaf in ("weight", "qweight", "weight_packed"):
            if _BESIDE.fullmatch(name.rpartition(".")[2]):
                yield name
        elif any(name == stem + end for end in _SCALE_ENDS):
            yield name


def _is_buffer(name: str, tensor: Tensor) -> bool:
    mask = name.endswith(".bias") and len(tensor.shape) == 4  # GPT-2's causal mask
    scale = tensor.elements == 1 and _SCALE_OF_VALUES.search(name) is not None
    return mask or scale or tensor.dtype == "BOOL" or _BUFFER.search(name) is not None


def _unpacked(name: str, tensors: Mapping[str, Tensor], config: Mapping[str, Any]) -> int | None:
    """Weights that the tensor ``name`` holds; null: its form is not known."""
    tensor, (base, _, leaf) = tensors[name], name.rpartition(".")
    if tensor.dtype not in BITS:
        return None
    layer = {end: tensors.get(f"{base}.{end}" if base else end) for end in _SCALES_AND_ZEROS}
    bits: float | None
    if leaf == "qweight":
        bits = _gptq_bits(layer, config)
    elif any(mark in tensors for mark in _marks_of_four_bits(name)):
        bits = 4
    elif leaf == "W_q" or (leaf == "weight" and f"{base}.dqweight" in tensors):
        return None
    elif tensor.dtype in _WEIGHT_DTYPES | _FP8:
        return tensor.elements
    elif _two_in_a_byte(tensor, layer):
        bits = 4
    elif leaf == "weight_packed":
        return _compressed_weights(tensor, layer["weight_scale"], config)
    elif tensor.dtype == "U32" and layer["scales"]:
        return _mlx_weights(tensor, layer["scales"], base, config)
    elif tensor.dtype == "U8" and _quantization(config).get("quant_method") == "bitnet":
        bits = 2
    elif tensor.dtype == "I8" and leaf == "weight" and any(layer.values()):
        bits = 8
    else:
        bits = None
    return round(tensor.elements * BITS[tensor.dtype] / bits) if bits else None


def _marks_of_four_bits(name: str) -> Iterator[str]:
    """Tensors beside ``name`` that tell that it holds weights of four bits."""
    yield from (f"{name}.quant_state.bitsandbytes__{kind}" for kind in ("nf4", "fp4"))
    if name.endswith("_blocks"):
        yield name.removesuffix("_blocks") + "_scales"


def _gptq_bits(layer: Mapping[str, Tensor | None], config: Mapping[str, Any]) -> float | None:
    """From the zero points, which are packed as the weights are, one for each scale."""
    zeros, scales = layer["qzeros"], layer["scales"]
    if zeros and scales and zeros.dtype in BITS.keys() - _WEIGHT_DTYPES and scales.elements:
        bits = zeros.elements * BITS[zeros.dtype] / scales.elements
        return bits if bits in range(1, 9) else None
    return _number(_quantization(config).get("bits"))


def _compressed_weights(
    tensor: Tensor, scale: Tensor | None, config: Mapping[str, Any]
) -> int | None:
    """An integer of 32 bits holds so many whole weights as fit, and the last of a row may be part
    filled: the length of a row is then known from its scales, one for each group."""
    groups = _quantization(config).get("config_groups")
    if not isinstance(groups, dict) or not tensor.shape or not tensor.shape[-1]:
        return None
    said = [group.get("weights") for group in groups.values() if isinstance(group, dict)]
    forms = {(w.get("num_bits"), w.get("group_size")) for w in said if isinstance(w, dict)}
    bits = {_number(form[0]) for form in forms}
    width = BITS[tensor.dtype]
    if len(bits) != 1 or not (one := bits.pop()) or one > width:
        return None
    rows, most = tensor.elements // tensor.shape[-1], tensor.shape[-1] * (width // one)
    groups_of_row = scale.shape[-1] if scale and scale.shape else 0
    columns = {groups_of_row * (_number(form[1]) or 0) for form in forms}
    exact = [count for count in columns if most - width // one < count <= most]
    if len(exact) == 1:
        return rows * exact[0]
    return None if width % one else rows * most


def _two_in_a_byte(tensor: Tensor, layer: Mapping[str, Tensor | None]) -> bool:
    """Whether a row has so many scales of 8 bits as fit two weights in each byte."""
    scale = layer["weight_scale"] or layer["scale"]
    if tensor.dtype not in ("U8", "I8") or scale is None or not scale.shape or not tensor.shape:
        return False
    widths = [width * scale.shape[-1] for width in _BLOCK_WIDTHS]
    return scale.dtype in _SCALES_OF_BLOCKS and 2 * tensor.shape[-1] in widths


def _mlx_weights(
    tensor: Tensor, scales: Tensor, base: str, config: Mapping[str, Any]
) -> int | None:
    said = config.get("quantization")
    said = said if isinstance(said, dict) else {}
    own = said.get(base)
    form = {**said, **own} if isinstance(own, dict) else said
    group, bits = _number(form.get("group_size")), _number(form.get("bits"))
    if not group or not bits or tensor.elements * 32 != scales.elements * group * bits:
        return None
    return scales.elements * group


def _quantization(config: Mapping[str, Any]) -> Mapping[str, Any]:
    said = config.get("quantization_config")
    return said if isinstance(said, dict) else {}


def _number(value: object) -> int | None:
    return value if type(value) is int and 0 < value < 1 << 20 else None
