"""Families before Llama, and what follows them: biases, learned positions, MLPs without a gate."""

from __future__ import annotations

from distilbench.architecture._shape import Layer, ModelShape
from distilbench.architecture.families._config import (
    Config,
    Reader,
    attention,
    decoder,
    mlp,
    model,
    refuse,
)


def _gpt2(c: Config) -> ModelShape:
    refuse(c, "add_cross_attention")
    mixer = attention(c, qkv_bias=True, out_bias=True, kv_heads=c.heads, head_dim=_head(c))
    feed = mlp(c, c["n_inner"] or 4 * c.hidden, gated=False, bias=True)
    return decoder(c, mixer, feed, norms=4, final_norm=2, tables=_positions(c) * c.hidden)


def _openai_gpt(c: Config) -> ModelShape:
    mixer = attention(c, qkv_bias=True, out_bias=True, kv_heads=c.heads, head_dim=_head(c))
    feed = mlp(c, 4 * c.hidden, gated=False, bias=True)
    return decoder(c, mixer, feed, norms=4, final_norm=0, tables=_positions(c) * c.hidden)


def _gpt_bigcode(c: Config) -> ModelShape:
    refuse(c, "add_cross_attention")
    kv_heads = 1 if c["multi_query"] else c.heads
    mixer = attention(c, qkv_bias=True, out_bias=True, kv_heads=kv_heads, head_dim=_head(c))
    feed = mlp(c, c["n_inner"] or 4 * c.hidden, gated=False, bias=True)
    return decoder(c, mixer, feed, norms=4, final_norm=2, tables=_positions(c) * c.hidden)


def _gpt_neo(c: Config) -> ModelShape:
    """Global and local attention in turn, as ``attention_types`` lists them."""
    listed = c["attention_types"] or [[["global", "local"], 12]]
    named = sum(len(group) * times for group, times in listed)
    if named != c.layers:
        raise ValueError(f"attention_types names {named} layers of {c.layers}")
    kinds = [kind for group, times in listed for _ in range(times) for kind in group]
    windows = [c["window_size"] if kind == "local" else None for kind in kinds]
    mixer = attention(c, out_bias=True, kv_heads=c.heads, head_dim=_head(c))
    feed = mlp(c, c["intermediate_size"] or 4 * c.hidden, gated=False, bias=True)
    tables = _positions(c) * c.hidden
    return decoder(c, mixer, feed, windows=windows, norms=4, final_norm=2, tables=tables)


def _gpt_neox(c: Config) -> ModelShape:
    bias = bool(c["attention_bias"])
    mixer = attention(c, qkv_bias=bias, out_bias=bias, kv_heads=c.heads, head_dim=_head(c))
    return decoder(c, mixer, mlp(c, gated=False, bias=True), norms=4, final_norm=2)


def _gptj(c: Config) -> ModelShape:
    """Attention and MLP side by side behind one norm; the output embedding has a bias."""
    mixer = attention(c, kv_heads=c.heads, head_dim=_head(c))
    feed = mlp(c, c["n_inner"] or 4 * c.hidden, gated=False, bias=True)
    return decoder(c, mixer, feed, norms=2, final_norm=2, vectors=c["vocab_size"])


def _bloom(c: Config) -> ModelShape:
    mixer = attention(c, qkv_bias=True, out_bias=True, kv_heads=c.heads, head_dim=_head(c))
    feed = mlp(c, 4 * c.hidden, gated=False, bias=True)
    context = c.extra("seq_length", 2048)  # positions by ALiBi: what it was trained with
    return decoder(c, mixer, feed, norms=4, final_norm=4, context=context)


def _mpt(c: Config) -> ModelShape:
    chosen = c["attn_config"] or {}
    if not c["no_bias"] or c["expansion_ratio"] != 4 or chosen.get("qk_ln"):
        raise ValueError("no_bias, expansion_ratio or attn_config.qk_ln is not as in MPT-7B")
    if chosen.get("attn_type", "multihead_attention") != "multihead_attention":
        raise ValueError(f"attn_config.attn_type is {chosen['attn_type']!r}")
    mixer = attention(c, kv_heads=c.heads, head_dim=_head(c))
    tables = 0 if chosen.get("alibi", True) else int(c["max_seq_len"]) * c.hidden
    if tables:
        raise ValueError("attn_config.alibi is false, which this reader does not know")
    return decoder(c, mixer, mlp(c, 4 * c.hidden, gated=False), context=c["max_seq_len"])


def _falcon(c: Config) -> ModelShape:
    """7B: one key/value head, attention and MLP side by side behind one norm. 40B and 180B
    (``new_decoder_architecture``): grouped heads and two norms."""
    new, bias = bool(c["new_decoder_architecture"]), bool(c["bias"])
    kv_heads = int(c["num_kv_heads"] or c.heads)
    if not new:
        kv_heads = 1 if c["multi_query"] else c.heads
    mixer = attention(c, qkv_bias=bias, out_bias=bias, kv_heads=kv_heads, head_dim=_head(c))
    feed = mlp(c, c["ffn_hidden_size"] or 4 * c.hidden, gated=False, bias=bias)
    in_parallel = c["num_ln_in_parallel_attn"] or (2 if new else 1)
    layer_norms = 2 if not c["parallel_attn"] or in_parallel == 2 else 1
    return decoder(c, mixer, feed, norms=2 * layer_norms, final_norm=2)


def _opt(c: Config) -> ModelShape:
    """The 350M model embeds into fewer features and projects in and out."""
    bias, weights = bool(c["enable_bias"]), bool(c["layer_norm_elementwise_affine"])
    narrow = int(c["word_embed_proj_dim"] or c.hidden)
    narrow = 0 if narrow == c.hidden else narrow
    mixer = attention(c, qkv_bias=bias, out_bias=bias, kv_heads=c.heads, head_dim=_head(c))
    last = c["do_layer_norm_before"] and not c["_remove_final_layer_norm"]
    return decoder(
        c,
        mixer,
        mlp(c, c["ffn_dim"], gated=False, bias=bias),
        norms=4 if weights else 0,
        final_norm=2 if last and weights else 0,
        tables=(_positions(c) + 2) * c.hidden,
        matrices=2 * narrow * c.hidden,
        embedding_width=narrow or None,
    )


def _biogpt(c: Config) -> ModelShape:
    mixer = attention(c, qkv_bias=True, out_bias=True, kv_heads=c.heads, head_dim=_head(c))
    feed = mlp(c, gated=False, bias=True)
    return decoder(c, mixer, feed, norms=4, final_norm=2, tables=(_positions(c) + 2) * c.hidden)


def _xglm(c: Config) -> ModelShape:
    """Its positions are computed, not learned."""
    refuse(c, "add_cross_attention")
    mixer = attention(c, qkv_bias=True, out_bias=True, kv_heads=c.heads, head_dim=_head(c))
    return decoder(c, mixer, mlp(c, c["ffn_dim"], gated=False, bias=True), norms=4, final_norm=2)


def _persimmon(c: Config) -> ModelShape:
    norms = 4 * _head(c) if c["qk_layernorm"] else 0
    mixer = attention(
        c, qkv_bias=True, out_bias=True, kv_heads=c.heads, head_dim=_head(c), vectors=norms
    )
    return decoder(c, mixer, mlp(c, gated=False, bias=True), norms=4, final_norm=2)


def _phi(c: Config) -> ModelShape:
    """Attention and MLP side by side behind one norm; the output embedding has a bias."""
    norms = 4 * (c.hidden // c.heads) if c["qk_layernorm"] else 0
    mixer = attention(c, qkv_bias=True, out_bias=True, vectors=norms)
    feed = mlp(c, gated=False, bias=True)
    return decoder(c, mixer, feed, norms=2, final_norm=2, vectors=c["vocab_size"])


def _starcoder2(c: Config) -> ModelShape:
    bias = bool(c["use_bias"])
    mixer = attention(c, qkv_bias=bias, out_bias=bias)
    feed = mlp(c, gated=False, bias=bias)
    windows = [c["sliding_window"]] * c.layers
    return decoder(c, mixer, feed, windows=windows, norms=4, final_norm=2)


def _nanochat(c: Config) -> ModelShape:
    """Its norms have no weights."""
    bias = bool(c["attention_bias"])
    mixer = attention(c, qkv_bias=bias, out_bias=bias)
    layer = Layer(parts=(mixer, mlp(c, gated=False)))
    return model(c, [layer] * c.layers, final_norm=0)


def _head(c: Config) -> int:
    """Width of a head in families that leave no choice."""
    if c.hidden % c.heads:
        raise ValueError(f"hidden size {c.hidden} is no multiple of {c.heads} heads")
    return c.hidden // c.heads


def _positions(c: Config) -> int:
    return int(c["max_position_embeddings"])


OLDER: dict[str, Reader] = {
    "biogpt": _biogpt,
    "bloom": _bloom,
    "codegen": _gptj,
    "falcon": _falcon,
    "gpt2": _gpt2,
    "gpt_bigcode": _gpt_bigcode,
    "gpt_neo": _gpt_neo,
    "gpt_neox": _gpt_neox,
    "gptj": _gptj,
    "mpt": _mpt,
    "nanochat": _nanochat,
    "openai-gpt": _openai_gpt,
    "opt": _opt,
    "persimmon": _persimmon,
    "phi": _phi,
    "starcoder2": _starcoder2,
    "xglm": _xglm,
}
