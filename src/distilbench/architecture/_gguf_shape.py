"""The shape of the model in a GGUF file, from its header."""

from __future__ import annotations

import re
from math import prod
from typing import Any

from pydantic import ValidationError

from distilbench.architecture._gguf_header import GGUFHeader
from distilbench.architecture._shape import ModelShape
from distilbench.errors import InputError, one_sentence

# Architectures that llama.cpp builds as a plain decoder: every layer is attention (or latent
# attention) and an MLP or experts. Not listed: no shape, rather than a wrong one.
_PLAIN = {
    "arcee", "baichuan", "bloom", "command-r", "cohere2", "deepseek", "deepseek2", "ernie4_5",
    "exaone", "falcon", "gemma", "gemma2", "gemma3", "glm4", "gpt-oss", "gpt2", "gptneox",
    "granite", "granitemoe", "internlm2", "llama", "mpt", "nemotron", "olmo", "olmo2", "olmoe",
    "orion", "phi2", "phi3", "qwen2", "qwen2moe", "qwen3", "qwen3moe", "seed_oss", "smollm3",
    "stablelm", "starcoder", "starcoder2", "xverse",
}  # fmt: skip
_BLOCK = re.compile(r"blk\.(\d+)\.")
_AHEAD = re.compile(r"blk\.(\d+)\.nextn\.")
_PATTERN = "attention.sliding_window_pattern"
_BY_LAYER = (
    "attention.head_count", "attention.head_count_kv", "feed_forward_length", "expert_count",
    "attention.key_length", "attention.value_length", "attention.sliding_window",
    "expert_used_count", "expert_feed_forward_length",
)  # fmt: skip

# One layer in so many attends to the whole context, the others to the sliding window. Source: the
# `set_swa_pattern` calls of llama.cpp's model loader; a file may state another number, or which
# layers have the window, in attention.sliding_window_pattern. A window of an architecture that is
# not listed is ignored, so that attention is counted over the whole context: never too low.
_FULL_ATTENTION_EVERY = {"gemma2": 2, "gemma3": 6, "gpt-oss": 2, "cohere2": 4, "olmo2": 4}


def gguf_shape(header: GGUFHeader, where: str) -> ModelShape | None:
    """The shape that a header states; null: of an architecture that is not known here. ``where``
    names the file in errors. Raises ``InputError`` if its layers differ in their widths, or its
    blocks are not those that it tells of."""
    arch = header.metadata.get("general.architecture")
    fields = {
        key.removeprefix(f"{arch}."): value
        for key, value in header.metadata.items()
        if key.startswith(f"{arch}.")
    }
    if arch not in _PLAIN:
        return None
    fields = {key: _of_all_layers(key, value, fields, where) for key, value in fields.items()}
    _check_blocks(header, where)
    try:
        return _plain(str(arch), fields, header)
    except ValidationError as error:
        raise one_sentence(where, error) from error
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(
            where, f"architecture {arch!r} lacks or misstates {error}", "use a complete GGUF"
        ) from error


def _plain(arch: str, fields: dict[str, Any], header: GGUFHeader) -> ModelShape:
    layers = int(fields["block_count"]) - header.blocks_ahead
    heads = int(fields["attention.head_count"])
    if heads < 1:
        raise ValueError("attention.head_count")
    hidden = int(fields["embedding_length"])
    window = int(fields.get("attention.sliding_window", 0))
    windowed = _windowed(arch, fields, layers) if window else 0
    ffn = int(fields.get("feed_forward_length", 0))
    shape = ModelShape.plain(
        layers=layers,
        hidden=hidden,
        heads=heads,
        kv_heads=int(fields.get("attention.head_count_kv", heads)),
        ffn=ffn,
        vocab=_vocabulary(fields, header),
        context=int(fields["context_length"]) if "context_length" in fields else None,
        gated=any("ffn_gate" in n or ("ffn_up.weight" in n and _fused(s, ffn))
                  for n, s in header.shapes.items()),
        tied="output.weight" not in header.shapes,
        learned_positions=header.shapes.get("position_embd.weight", (0, 0))[1],
        window=window if windowed else None,
        window_layers=windowed,
        vectors=_vectors(header, layers),
        **_head(fields, hidden // heads),
        **_experts(fields, header, ffn),
    )  # fmt: skip
    return shape.absorbed() if "attention.key_length_mla" in fields else shape


def _of_all_layers(key: str, value: Any, fields: dict[str, Any], where: str) -> Any:
    """A field that is given layer by layer, as the one number that it is in all of them."""
    if key == _PATTERN or not isinstance(value, tuple) or key not in _BY_LAYER:
        return value
    if len(value) != fields.get("block_count") or len(set(value)) != 1:
        raise InputError(where, f"its layers differ in {key}", "compare it without FLOPs")
    return value[0]


def _check_blocks(header: GGUFHeader, where: str) -> None:
    """Raises ``InputError`` if there are blocks that neither answer nor guess tokens ahead."""
    held = {int(found[1]) for name in header.shapes if (found := _BLOCK.match(name))}
    ahead = {int(found[1]) for name in header.shapes if (found := _AHEAD.match(name))}
    layers = header.blocks
    if layers is None:
        return
    behind = {block for block in held if block >= layers}
    if behind != ahead or any(block >= layers + header.blocks_ahead for block in held):
        raise InputError(
            where, f"by its configuration {layers} blocks answer, and its tensors tell otherwise",
            "use a complete GGUF",
        )  # fmt: skip


def _windowed(arch: str, fields: dict[str, Any], layers: int) -> int:
    """Layers that have the sliding window."""
    every = _FULL_ATTENTION_EVERY.get(arch)
    if every is None:
        return 0
    pattern = fields.get(_PATTERN, every)
    if isinstance(pattern, tuple):
        if len(pattern) < layers:
            raise ValueError(_PATTERN)
        return sum(bool(has) for has in pattern[:layers])
    every = int(pattern)
    return layers - layers // every if every else layers


def _head(fields: dict[str, Any], usual: int) -> dict[str, int | None]:
    """Widths of a head. Of latent attention, key_length counts the compressed key, and *_mla the
    real one, in files that llama.cpp runs on compressed keys; older files state the real one."""
    key = int(fields.get("attention.key_length", usual))
    value = int(fields.get("attention.value_length", usual))
    kv_lora = int(fields.get("attention.kv_lora_rank", 0))
    if not kv_lora:
        return {"head_dim": key, "value_dim": value if value != key else None}
    rope = int(fields["rope.dimension_count"])
    return {
        "head_dim": int(fields.get("attention.key_length_mla", key)) - rope,
        "value_dim": int(fields.get("attention.value_length_mla", value)),
        "query_lora": int(fields.get("attention.q_lora_rank", 0)),
        "kv_lora": kv_lora,
        "rope_dim": rope,
    }


def _experts(fields: dict[str, Any], header: GGUFHeader, ffn: int) -> dict[str, int]:
    experts = int(fields.get("expert_count", 0))
    if not experts:
        return {}
    width = int(fields.get("expert_feed_forward_length", ffn))
    last = (
        int(fields["block_count"]) - header.blocks_ahead - 1
    )  # leading layers may have no experts
    shared = {s[1] for n, s in header.shapes.items() if n.endswith("ffn_up_shexp.weight")}
    return {
        "experts": experts,
        "experts_per_token": int(fields["expert_used_count"]),
        "expert_ffn": width,
        "shared_experts": max(shared, default=0) // width,
        "dense_layers": int(fields.get("leading_dense_block_count", 0)),
        "expert_vectors": sum(
            prod(shape) // experts
            for name, shape in header.shapes.items()
            if _is_expert_bias(name) and (block := _BLOCK.match(name)) and int(block[1]) == last
        ),
    }


def _vectors(header: GGUFHeader, layers: int) -> int:
    """Norms and biases, but for those of experts and of blocks behind the layers. Rope tables are
    not weights."""
    return sum(
        prod(shape)
        for name, shape in header.shapes.items()
        if (len(shape) == 1 or name.endswith(".bias")) and not name.startswith("rope_")
        if not _is_expert_bias(name)
        if not ((block := _BLOCK.match(name)) and int(block[1]) >= layers)
    )


def _is_expert_bias(name: str) -> bool:
    """Of which a token passes its own experts' only."""
    return name.endswith("_exps.bias")


def _vocabulary(fields: dict[str, Any], header: GGUFHeader) -> int:
    if "token_embd.weight" in header.shapes:
        return header.shapes["token_embd.weight"][1]
    return int(fields["vocab_size"])


def _fused(shape: tuple[int, ...], ffn: int) -> bool:
    """Gate and up in one matrix (Phi-3)."""
    return len(shape) == 2 and shape[1] == 2 * ffn
