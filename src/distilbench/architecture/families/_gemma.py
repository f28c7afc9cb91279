"""Gemma and its kin."""

from __future__ import annotations

from distilbench.architecture._attention import Attention
from distilbench.architecture._mlp import Experts
from distilbench.architecture._recurrent import GatedRecurrence
from distilbench.architecture._shape import AnyPart, Layer, ModelShape
from distilbench.architecture.families._config import (
    Config,
    Reader,
    attention,
    decoder,
    mlp,
    model,
    refuse,
)


def _gemma(c: Config) -> ModelShape:
    bias = bool(c["attention_bias"])
    return decoder(c, attention(c, qkv_bias=bias, out_bias=bias), mlp(c))


def _gemma2(c: Config) -> ModelShape:
    return _windowed(c, every=2, norms=4)


def _vaultgemma(c: Config) -> ModelShape:
    return _windowed(c, every=2, norms=2)


def _gemma3(c: Config) -> ModelShape:
    refuse(c, "use_bidirectional_attention")
    return _windowed(c, every=c.extra("sliding_window_pattern", 6), norms=4, head_norms=True)


def _windowed(c: Config, every: int, norms: int, head_norms: bool = False) -> ModelShape:
    bias = bool(c["attention_bias"])
    mixer = attention(c, qkv_bias=bias, out_bias=bias, head_norms=head_norms)
    return decoder(c, mixer, mlp(c), norms=norms, windows=c.windows(lambda i: (i + 1) % every != 0))


def _gemma3n(c: Config) -> ModelShape:
    """Several copies of the stream (AltUp), a low-rank side path (LAuReL), an embedding for each
    layer; the last layers use keys and values of earlier ones."""
    copies, rank = int(c["altup_num_inputs"]), int(c["laurel_rank"])
    side = int(c["hidden_size_per_layer_input"])
    widths = c["intermediate_size"]
    widths = widths if isinstance(widths, list) else [widths] * c.layers
    windows = c.windows(lambda i: (i + 1) % 5 != 0)
    layers = []
    for index in range(c.layers):
        borrows = index >= c.layers - c["num_kv_shared_layers"]
        mixer = _gemma3n_attention(c, windows[index], borrows)
        altup = c.hidden * copies + copies**3 + copies**2
        layers.append(
            Layer(
                parts=(mixer, mlp(c, widths[index])),
                matrices=2 * c.hidden * (rank + side) + altup,
                vectors=8 * c.hidden,
                # the router runs twice; every feature's copies are mixed by a square matrix
                products=c.hidden * copies + c.hidden * copies**2,
            )
        )
    return model(
        c,
        layers,
        tables=int(c["vocab_size_per_layer_input"]) * c.layers * side,
        matrices=2 * (copies - 1) * c.hidden**2 + c.hidden * c.layers * side,
        vectors=side,
    )


def _gemma3n_attention(c: Config, window: int | None, borrows: bool) -> Attention:
    refuse(c, "attention_bias")
    norms = c.head_dim if borrows else 2 * c.head_dim
    return attention(c, window=window, borrows_keys=borrows, vectors=norms)


def _gemma4(c: Config) -> ModelShape:
    """Heads of full layers are wider; a layer may add experts beside its MLP, an embedding of its
    own, and use keys and values of an earlier layer."""
    if c["use_bidirectional_attention"] == "all":
        raise ValueError("use_bidirectional_attention is 'all': that is no causal model")
    refuse(c, "attention_bias")
    side = int(c["hidden_size_per_layer_input"] or 0)
    first_borrowing = c.layers - c["num_kv_shared_layers"]
    kinds = c.kinds(lambda i: "sliding_attention" if (i + 1) % 6 else "full_attention")
    kinds[-1] = "full_attention"
    layers = []
    for index, kind in enumerate(kinds):
        borrows = index >= first_borrowing
        wide = 2 if borrows and c["use_double_wide_mlp"] else 1
        parts: tuple[AnyPart, ...] = (
            _gemma4_attention(c, index, kind, borrows),
            mlp(c, wide * c["intermediate_size"]),
        )
        norms = 4 + (1 if side else 0)
        if c["enable_moe_block"]:
            parts, norms = (*parts, _gemma4_experts(c)), norms + 3
        layers.append(Layer(parts=parts, matrices=2 * c.hidden * side, vectors=norms * c.hidden))
    return model(
        c,
        layers,
        tables=int(c["vocab_size_per_layer_input"]) * c.layers * side,
        matrices=c.hidden * c.layers * side,
        vectors=side,
    )


def _gemma4_heads(c: Config, index: int, full: bool) -> tuple[int, int]:
    """Width of a head and number of key/value heads: by layer, or as older files say."""
    by_layer = c.extra("per_layer_config")
    if by_layer is not None:
        own = by_layer.get(str(index), {})
        if strange := set(own) - {"head_dim", "num_key_value_heads"}:
            raise ValueError(f"per_layer_config sets {min(strange)!r}")
        return own.get("head_dim", c.head_dim), own.get("num_key_value_heads", c.kv_heads)
    fewer = c.extra("num_global_key_value_heads") if c["attention_k_eq_v"] else None
    if full:
        return int(c.extra("global_head_dim", 512)), fewer or c.kv_heads
    return c.head_dim, c.kv_heads


def _gemma4_attention(c: Config, index: int, kind: str, borrows: bool) -> Attention:
    if kind not in ("sliding_attention", "full_attention"):
        raise ValueError(f"layer_types names {kind!r}")
    full = kind == "full_attention"
    width, kv_heads = _gemma4_heads(c, index, full)
    same = bool(c["attention_k_eq_v"]) and full
    return attention(
        c,
        head_dim=width,
        kv_heads=kv_heads,
        window=None if full else c["sliding_window"],
        values_are_keys=same,
        borrows_keys=borrows,
        vectors=width if borrows else 2 * width,
    )


def _gemma4_experts(c: Config) -> Experts:
    number = int(c["num_experts"])
    return Experts(
        experts=number,
        used=c["top_k_experts"],
        width=c["moe_intermediate_size"],
        vectors=c.hidden + number,
    )


def _recurrent_gemma(c: Config) -> ModelShape:
    """Two gated recurrences and a windowed attention in turn; biases on most products."""
    width, kernel = int(c["lru_width"] or c.hidden), int(c["conv1d_width"])
    if width % c.heads:
        raise ValueError(f"lru_width {width} is no multiple of {c.heads} heads")
    recurrence = GatedRecurrence(
        width=width,
        heads=c.heads,
        kernel=kernel,
        # biases of three products, of the convolution and of both gates, and the decay
        vectors=2 * width + c.hidden + width + 2 * width + width,
    )
    seeing = attention(
        c,
        qkv_bias=bool(c["attention_bias"]),
        out_bias=True,
        window=c["attention_window_size"],
    )
    kinds = list(c["block_types"])
    feed = mlp(c, c["intermediate_size"] // 2, bias=True)
    layers = [
        Layer(
            parts=(recurrence if kinds[i % len(kinds)] == "recurrent" else seeing, feed),
            vectors=2 * c.hidden,
        )
        for i in range(c.layers)
    ]
    return model(c, layers, context=c.extra("max_position_embeddings"))


GEMMA: dict[str, Reader] = {
    "gemma": _gemma,
    "gemma2": _gemma2,
    "gemma3_text": _gemma3,
    "gemma3n_text": _gemma3n,
    "gemma4_text": _gemma4,
    "recurrent_gemma": _recurrent_gemma,
    "vaultgemma": _vaultgemma,
}
