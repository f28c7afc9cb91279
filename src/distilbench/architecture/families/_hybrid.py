"""Families with linear attention or short convolutions in turn with attention."""

from __future__ import annotations

from distilbench.architecture._attention import Attention
from distilbench.architecture._recurrent import LinearAttention, ShortConvolution
from distilbench.architecture._shape import AnyPart, Layer, ModelShape
from distilbench.architecture.families._config import Config, Reader, attention, mlp, model, refuse
from distilbench.architecture.families._latent import deepseek_mlp, latent
from distilbench.architecture.families._sparse import experts


def _hybrid(
    c: Config, kinds: list[str], mixers: dict[str, AnyPart], feeds: list[AnyPart]
) -> ModelShape:
    """A model whose layers mix by the kind that stands in the configuration."""
    if strange := set(kinds) - set(mixers):
        raise ValueError(f"layer_types names {min(strange)!r}")
    layers = [
        Layer(parts=(mixers[kind], feed), vectors=2 * c.hidden)
        for kind, feed in zip(kinds, feeds, strict=True)
    ]
    return model(c, layers)


def _qwen3_next(c: Config) -> ModelShape:
    feed = _qwen_experts(c)
    sparse = [
        i not in (c["mlp_only_layers"] or []) and (i + 1) % c["decoder_sparse_step"] == 0
        for i in range(c.layers)
    ]
    return _qwen_hybrid(c, [feed if is_sparse else mlp(c) for is_sparse in sparse])


def _qwen3_5(c: Config) -> ModelShape:
    return _qwen_hybrid(c, [mlp(c)] * c.layers)


def _qwen3_5_moe(c: Config) -> ModelShape:
    return _qwen_hybrid(c, [_qwen_experts(c)] * c.layers)


def _qwen_experts(c: Config) -> AnyPart:
    return experts(
        c,
        "num_experts",
        "num_experts_per_tok",
        shared_width=c["shared_expert_intermediate_size"],
        matrices=c.hidden,  # gate of the shared expert
    )


def _qwen_hybrid(c: Config, feeds: list[AnyPart]) -> ModelShape:
    """Gated delta net in most layers, gated attention in every so many."""
    every = c.extra("full_attention_interval", 4)
    kinds = c.kinds(lambda i: "linear_attention" if (i + 1) % every else "full_attention")
    bias, queries = bool(c["attention_bias"]), c.heads * c.head_dim
    seeing = attention(
        c,
        qkv_bias=bias,
        out_bias=bias,
        head_norms=True,
        matrices=c.hidden * queries,  # gate on the heads' output
        vectors=queries if bias else 0,
    )
    mixers: dict[str, AnyPart] = {"linear_attention": delta_net(c), "full_attention": seeing}
    return _hybrid(c, kinds, mixers, feeds)


def delta_net(c: Config) -> LinearAttention:
    """Gated delta net: gate on the output, decay and step from the input."""
    heads, value = int(c["linear_num_value_heads"]), int(c["linear_value_head_dim"])
    return LinearAttention(
        key_heads=c["linear_num_key_heads"],
        value_heads=heads,
        key_dim=c["linear_key_head_dim"],
        value_dim=value,
        kernel=c["linear_conv_kernel_dim"],
        matrices=c.hidden * (heads * value + 2 * heads),
        vectors=2 * heads + value,
    )


def _minimax(c: Config) -> ModelShape:
    """Lightning attention (no delta rule, no convolution) and attention in turn, experts."""
    refuse(c, "sliding_window")
    kinds = c.kinds(lambda i: "linear_attention" if (i + 1) % 2 == 0 else "full_attention")
    width = c.heads * c.head_dim
    linear = LinearAttention(
        key_heads=c.heads,
        value_heads=c.heads,
        key_dim=c.head_dim,
        value_dim=c.head_dim,
        delta=False,
        matrices=c.hidden * width,  # gate on the output
        vectors=width,
    )
    feed = experts(c, "num_local_experts", "num_experts_per_tok", "intermediate_size")
    mixers: dict[str, AnyPart] = {"linear_attention": linear, "full_attention": attention(c)}
    return _hybrid(c, kinds, mixers, [feed] * c.layers)


def _kimi_linear(c: Config) -> ModelShape:
    """Kimi delta attention (a decay for each channel, its gates of low rank) and latent attention
    in turn. Older files state the first in ``linear_attn_config``, layers counted from 1."""
    refuse(c, "tie_word_embeddings")
    stated = c.extra("linear_attn_config") or {}
    heads = int(stated.get("num_heads", c["linear_num_heads"]))
    width = int(stated.get("head_dim", c["linear_head_dim"]))
    linear = LinearAttention(
        key_heads=heads,
        value_heads=heads,
        key_dim=width,
        value_dim=width,
        kernel=stated.get("short_conv_kernel_size", c["linear_conv_kernel_dim"]),
        matrices=2 * (c.hidden * width + width * heads * width) + c.hidden * heads,
        vectors=heads * width + heads + width,
    )
    seeing = stated.get("full_attn_layers")
    kinds = c.kinds(lambda i: "full_attention" if _sees(i, seeing) else "linear_attention")
    mixers: dict[str, AnyPart] = {"linear_attention": linear, "full_attention": latent(c)}
    return _hybrid(
        c, kinds, mixers, deepseek_mlp(c, c.extra("first_k_dense_replace", 1), "num_local_experts")
    )


def _sees(index: int, listed: list[int] | None) -> bool:
    return index + 1 in listed if listed is not None else index > 0 and index % 4 == 0


def _lfm2(c: Config) -> ModelShape:
    width = int(c.extra("block_ff_dim", c["intermediate_size"]))
    if c["block_auto_adjust_ff_dim"]:
        width = 2 * width // 3
        if c["block_ffn_dim_multiplier"] is not None:
            of = int(c["block_multiple_of"])
            width = -(-int(c["block_ffn_dim_multiplier"] * width) // of) * of
    return _lfm(c, [mlp(c, width)] * c.layers)


def _lfm2_moe(c: Config) -> ModelShape:
    feed = experts(c, "num_experts", "num_experts_per_tok")
    return _lfm(c, [mlp(c) if i < c["num_dense_layers"] else feed for i in range(c.layers)])


def _lfm(c: Config, feeds: list[AnyPart]) -> ModelShape:
    """Gated short convolutions and attention in turn."""
    chosen = c.declared("full_attn_idxs")
    kinds = c.kinds(lambda i: "full_attention" if chosen is None or i in chosen else "conv")
    mixers: dict[str, AnyPart] = {"conv": _convolution(c), "full_attention": _lfm_attention(c)}
    shape = _hybrid(c, kinds, mixers, feeds)
    return shape.model_copy(
        update={"tied": bool(c.extra("tie_embedding", c["tie_word_embeddings"]))}
    )


def _lfm_attention(c: Config) -> Attention:
    return attention(c, head_norms=True)


def _convolution(c: Config) -> ShortConvolution:
    biases = 5 * c.hidden if c["conv_bias"] else 0
    return ShortConvolution(width=c.hidden, kernel=c["conv_L_cache"], vectors=biases)


def _lfm3(c: Config) -> ModelShape:
    """Convolutions, windowed and full attention in turn, a gate for each head on the latter."""
    bias = bool(c["attention_bias"])
    gate = c.hidden * c.heads if c["use_attention_gate"] else 0
    full = attention(c, qkv_bias=bias, out_bias=bias, head_norms=True, matrices=gate)
    mixers: dict[str, AnyPart] = {
        "conv": _convolution(c),
        "full_attention": full,
        "sliding_attention": full.model_copy(update={"window": c["sliding_window"]}),
    }
    kinds = c.kinds(_lfm3_kind)
    if strange := set(kinds) - set(mixers):
        raise ValueError(f"layer_types names {min(strange)!r}")
    norms = 4 if c["use_sandwich_norm"] else 2
    feed = mlp(c)
    return model(c, [Layer(parts=(mixers[kind], feed), vectors=norms * c.hidden) for kind in kinds])


def _lfm3_kind(index: int) -> str:
    if index % 4 == 2:
        return "full_attention"
    return "sliding_attention" if index % 4 == 0 and index > 0 else "conv"


def _olmo_hybrid(c: Config) -> ModelShape:
    """Gated delta net in three layers of four, attention with norms over all heads in one."""
    bias = bool(c["attention_bias"])
    norms = (c.heads + c.kv_heads) * c.head_dim
    key_heads = int(c["linear_num_key_heads"] or c.heads)
    value_heads = int(c["linear_num_value_heads"] or c.heads)
    key = int(c["linear_key_head_dim"] or 0.75 * c.hidden / key_heads)
    value = int(c["linear_value_head_dim"] or 2 * key)
    linear = LinearAttention(
        key_heads=key_heads,
        value_heads=value_heads,
        key_dim=key,
        value_dim=value,
        kernel=c["linear_conv_kernel_dim"],
        matrices=c.hidden * (value_heads * value + 2 * value_heads),
        vectors=2 * value_heads + value,
    )
    kinds = c.kinds(lambda i: "full_attention" if i % 4 == 3 else "linear_attention")
    if "full_attention" not in kinds:
        kinds[-1] = "full_attention"
    seeing = attention(c, qkv_bias=bias, out_bias=bias, vectors=norms)
    mixers: dict[str, AnyPart] = {"linear_attention": linear, "full_attention": seeing}
    return _hybrid(c, kinds, mixers, [mlp(c)] * c.layers)


HYBRID: dict[str, Reader] = {
    "kimi_linear": _kimi_linear,
    "lfm2": _lfm2,
    "lfm2_moe": _lfm2_moe,
    "lfm3": _lfm3,
    "minimax": _minimax,
    "olmo_hybrid": _olmo_hybrid,
    "qwen3_5_moe_text": _qwen3_5_moe,
    "qwen3_5_text": _qwen3_5,
    "qwen3_next": _qwen3_next,
}
