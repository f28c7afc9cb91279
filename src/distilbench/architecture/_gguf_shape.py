"""The shape of the model in a GGUF file, from its header."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from distilbench.architecture._gguf import GGUFHeader
from distilbench.architecture._transformer import Transformer
from distilbench.errors import InputError, one_sentence

# One layer in so many attends to the whole context, the others to the sliding window. Source: the
# `set_swa_pattern` calls of llama.cpp's model loader. A window of an architecture that is not
# listed is ignored, so that attention is counted over the whole context: never too low.
_FULL_ATTENTION_EVERY = {"gemma2": 2, "gemma3": 6, "gpt-oss": 2, "cohere2": 4, "olmo2": 4}


def gguf_shape(header: GGUFHeader, where: str) -> Transformer:
    """The shape that a header states. ``where`` names the file in errors."""
    arch = header.metadata.get("general.architecture")
    fields = {
        key.removeprefix(f"{arch}."): value
        for key, value in header.metadata.items()
        if key.startswith(f"{arch}.")
    }
    try:
        return _transformer(str(arch), fields, header)
    except ValidationError as error:
        raise one_sentence(where, error) from error
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(
            where, f"architecture {arch!r} lacks or misstates {error}", "use a complete GGUF"
        ) from error


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
