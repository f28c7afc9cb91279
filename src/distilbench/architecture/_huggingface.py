"""Reads a Hugging Face ``config.json``."""

from __future__ import annotations

import json
from typing import Any

from distilbench.architecture._shape import ModelShape
from distilbench.errors import InputError

_UNGATED = {"gpt2", "gpt_neox", "gptj", "opt", "bloom", "falcon", "phi", "starcoder2"}
_GATELESS_ACTIVATIONS = {"relu2"}  # Nemotron: squared ReLU, up and down products only


def read_config(text: str, where: str) -> ModelShape:
    """The architecture that a ``config.json`` of a decoder-only transformer describes.

    ``where`` names the file in errors; raises ``InputError`` naming the field that is missing.
    """
    try:
        config = json.loads(text)
        config = config.get("text_config", config)  # vision-language models nest it
        return _transformer(config)
    except KeyError as error:
        raise InputError(where, f"lacks the field {error}", "give a decoder-only model") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(where, f"is not a model configuration ({error})", "mend it") from error


def _transformer(config: dict[str, Any]) -> ModelShape:
    kind = str(config.get("model_type", ""))
    if kind == "gpt2":
        return _gpt2(config)
    hidden, heads = int(config["hidden_size"]), int(config["num_attention_heads"])
    layers = int(config["num_hidden_layers"])
    window, window_layers = _window(config, kind, layers)
    experts = _first(config, "n_routed_experts", "num_local_experts", "num_experts") or 0
    ffn = _first(config, "intermediate_size", "ffn_hidden_size")
    latent = config.get("kv_lora_rank") or 0
    head_dim = config.get("qk_nope_head_dim") if latent else config.get("head_dim")
    shared = _first(config, "n_shared_experts", "num_shared_experts") or 0
    return ModelShape.plain(
        layers=layers,
        hidden=hidden,
        heads=heads,
        kv_heads=config.get("num_key_value_heads") or heads,
        head_dim=head_dim or hidden // heads,
        value_dim=config.get("v_head_dim") if latent else None,
        ffn=ffn if ffn is not None else 4 * hidden,
        vocab=config["vocab_size"],
        context=config.get("max_position_embeddings"),
        gated=kind not in _UNGATED and config.get("hidden_act") not in _GATELESS_ACTIVATIONS,
        tied=bool(config.get("tie_word_embeddings", kind.startswith("gemma"))),
        bias=bool(config.get("mlp_bias", False)),
        qkv_bias=bool(config.get("attention_bias", kind in {"qwen2", "qwen2_moe"})),
        window=window,
        window_layers=window_layers,
        experts=experts,
        experts_per_token=config.get("num_experts_per_tok") or 0 if experts else 0,
        shared_experts=shared if experts else 0,
        expert_ffn=_first(config, "moe_intermediate_size", "intermediate_size") if experts else 0,
        dense_layers=config.get("first_k_dense_replace") or 0 if experts else 0,
        query_lora=config.get("q_lora_rank") or 0,
        kv_lora=latent,
        rope_dim=config.get("qk_rope_head_dim") or 0 if latent else 0,
    )


def _gpt2(config: dict[str, Any]) -> ModelShape:
    hidden, heads = int(config["n_embd"]), int(config["n_head"])
    return ModelShape.plain(
        layers=config["n_layer"],
        hidden=hidden,
        heads=heads,
        kv_heads=heads,
        head_dim=hidden // heads,
        ffn=config.get("n_inner") or 4 * hidden,
        vocab=config["vocab_size"],
        context=config["n_positions"],
        gated=False,
        tied=True,
        bias=True,
        learned_positions=config["n_positions"],
    )


def _window(config: dict[str, Any], kind: str, layers: int) -> tuple[int | None, int]:
    """Sliding window and the number of layers that use it."""
    window = config.get("sliding_window")
    if not window or config.get("use_sliding_window") is False:
        return None, 0
    kinds = config.get("layer_types")
    if kinds:
        return window, sum(k == "sliding_attention" for k in kinds)
    every = config.get("sliding_window_pattern") or {"gemma2": 2, "gemma3_text": 6}.get(kind)
    return window, layers - layers // every if every else layers


def _first(config: dict[str, Any], *names: str) -> int | None:
    return next((config[n] for n in names if config.get(n) is not None), None)
