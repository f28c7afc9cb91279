"""The metadata and the weights of a model as llama.cpp has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from distilbench.distill.weights._configs import head_dim
from distilbench.distill.weights._gguf_layout import LAYOUTS, query_scale, rope, window_period

if TYPE_CHECKING:
    import torch


def add_shape(writer: Any, config: Any) -> None:
    """Add what llama.cpp reads of a model's shape from a configuration of transformers."""
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(head_dim(config))
    writer.add_value_length(head_dim(config))
    writer.add_layer_norm_rms_eps(float(config.rms_norm_eps))
    writer.add_vocab_size(config.vocab_size)
    _add_rotation(writer, config)
    for name, add in (
        ("attn_logit_softcapping", writer.add_attn_logit_softcapping),
        ("final_logit_softcapping", writer.add_final_logit_softcapping),
    ):
        if (cap := getattr(config, name, None)) is not None:
            add(float(cap))
    if LAYOUTS[config.model_type].norm_offset:
        period = window_period(config)
        assert period is not None  # it was checked
        writer.add_sliding_window(config.sliding_window)
        writer.add_sliding_window_pattern(period)


def _add_rotation(writer: Any, config: Any) -> None:
    from gguf import RopeScalingType

    whole, sliding = rope(config), rope(config, "sliding_attention")
    writer.add_rope_dimension_count(head_dim(config))
    writer.add_rope_freq_base(float(whole["rope_theta"]))
    if sliding != whole:
        writer.add_rope_freq_base_swa(float(sliding["rope_theta"]))
    kind = whole.get("rope_type", "default")
    if kind not in ("linear", "yarn"):
        return
    writer.add_rope_scaling_type(RopeScalingType[kind.upper()])
    writer.add_rope_scaling_factor(float(whole["factor"]))
    if kind == "yarn":
        writer.add_rope_scaling_orig_ctx_len(whole["original_max_position_embeddings"])
        for name, add in (
            ("beta_fast", writer.add_rope_scaling_yarn_beta_fast),
            ("beta_slow", writer.add_rope_scaling_yarn_beta_slow),
        ):
            if whole.get(name) is not None:
                add(float(whole[name]))


def rotation_factors(config: Any) -> torch.Tensor | None:
    """Of Llama 3's rotary scaling: what each frequency is divided by, shape (head / 2,). Null: the
    metadata says all of it."""
    if rope(config).get("rope_type") != "llama3":
        return None
    import torch
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    scaled, _ = ROPE_INIT_FUNCTIONS["llama3"](config, torch.device("cpu"))
    size = head_dim(config)
    plain = rope(config)["rope_theta"] ** -(torch.arange(0, size, 2).float() / size)
    factors: torch.Tensor = plain / scaled
    return factors


def laid_out(name: str, tensor: torch.Tensor, config: Any) -> torch.Tensor:
    """The weight ``name`` of transformers as llama.cpp multiplies with it."""
    layout, part = LAYOUTS[config.model_type], name.split(".")[-2]
    if part.endswith("norm") or "layernorm" in part:
        tensor = tensor + layout.norm_offset
    if part == ("q_norm" if config.model_type == "gemma3_text" else "q_proj"):
        tensor = tensor * query_scale(config)
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}.get(part)
    return _in_pairs(tensor, heads) if heads and layout.rotates_pairs else tensor


def _in_pairs(tensor: torch.Tensor, heads: int) -> torch.Tensor:
    """Feature i of a head's first half beside feature i of its second."""
    halves = tensor.reshape(heads, 2, tensor.shape[0] // heads // 2, *tensor.shape[1:])
    return halves.swapaxes(1, 2).reshape(tensor.shape).contiguous()
