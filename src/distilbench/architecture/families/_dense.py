"""Families of dense decoders after Llama: attention and one MLP in each layer."""

from __future__ import annotations

from collections.abc import Callable

from distilbench.architecture._attention import Attention
from distilbench.architecture._shape import ModelShape
from distilbench.architecture.families._config import (
    Config,
    Reader,
    attention,
    decoder,
    mlp,
    refuse,
)


def _llama(c: Config) -> ModelShape:
    bias = bool(c["attention_bias"])
    return decoder(c, attention(c, qkv_bias=bias, out_bias=bias), mlp(c, bias=bool(c["mlp_bias"])))


def _mistral(c: Config) -> ModelShape:
    return decoder(c, attention(c), mlp(c), windows=[c["sliding_window"]] * c.layers)


def _ministral(c: Config) -> ModelShape:
    return decoder(c, attention(c), mlp(c), windows=c.windows(lambda _: True))


def _qwen2(c: Config) -> ModelShape:
    return decoder(c, attention(c, qkv_bias=True), mlp(c), windows=_qwen_windows(c))


def _qwen3(c: Config) -> ModelShape:
    bias = bool(c["attention_bias"])
    mixer = attention(c, qkv_bias=bias, out_bias=bias, head_norms=True)
    return decoder(c, mixer, mlp(c), windows=_qwen_windows(c))


def _qwen_windows(c: Config) -> list[int | None]:
    windows = c.windows(lambda index: index >= c["max_window_layers"])
    return windows if c["use_sliding_window"] else [None] * c.layers


def _phi3(c: Config) -> ModelShape:
    return decoder(c, attention(c), mlp(c), windows=[c["sliding_window"]] * c.layers)


def _olmo(c: Config) -> ModelShape:
    """Its norms have no weights."""
    bias = bool(c["attention_bias"])
    mixer = attention(c, qkv_bias=bias, out_bias=bias)
    return decoder(c, mixer, mlp(c), norms=0, final_norm=0)


def _olmo2(c: Config) -> ModelShape:
    return decoder(c, _wide_norms(c), mlp(c))


def _olmo3(c: Config) -> ModelShape:
    return decoder(c, _wide_norms(c), mlp(c), windows=c.windows(lambda i: (i + 1) % 4 != 0))


def _wide_norms(c: Config) -> Attention:
    """Norms of queries and keys over all heads together."""
    bias = bool(c["attention_bias"])
    norms = (c.heads + c.kv_heads) * c.head_dim
    return attention(c, qkv_bias=bias, out_bias=bias, vectors=norms)


def _granite_swa(c: Config) -> ModelShape:
    bias = bool(c["attention_bias"])
    mixer = attention(c, qkv_bias=bias, out_bias=bias, vectors=c.heads)  # sinks
    feed = mlp(c, bias=bool(c["mlp_bias"]))
    return decoder(c, mixer, feed, windows=c.windows(lambda i: i % 4 != 0))


def _smollm3(c: Config) -> ModelShape:
    every = c["no_rope_layer_interval"]
    rope = c["no_rope_layers"] or [(i + 1) % every != 0 for i in range(c.layers)]
    bias = bool(c["attention_bias"])
    windows = c.windows(lambda i: bool(c["use_sliding_window"]) and not rope[i])
    mixer = attention(c, qkv_bias=bias, out_bias=bias)
    return decoder(c, mixer, mlp(c, bias=bool(c["mlp_bias"])), windows=windows)


def _cohere(c: Config) -> ModelShape:
    """Attention and MLP side by side behind one norm; norms of queries and keys for each head."""
    bias = bool(c["attention_bias"])
    norms = (c.heads + c.kv_heads) * c.head_dim if c["use_qk_norm"] else 0
    return decoder(c, attention(c, qkv_bias=bias, out_bias=bias, vectors=norms), mlp(c), norms=1)


def _cohere2(c: Config) -> ModelShape:
    bias, every = bool(c["attention_bias"]), c.extra("sliding_window_pattern", 4)
    mixer = attention(c, qkv_bias=bias, out_bias=bias)
    return decoder(c, mixer, mlp(c), norms=1, windows=c.windows(lambda i: (i + 1) % every != 0))


def _cwm(c: Config) -> ModelShape:
    feed = mlp(c, bias=bool(c["mlp_bias"]))
    return decoder(c, attention(c), feed, windows=c.windows(lambda i: i % 4 != 0))


def _glm(c: Config) -> ModelShape:
    return decoder(c, attention(c, qkv_bias=bool(c["attention_bias"])), mlp(c))


def _glm4(c: Config) -> ModelShape:
    return decoder(c, attention(c, qkv_bias=bool(c["attention_bias"])), mlp(c), norms=4)


def _ernie(c: Config) -> ModelShape:
    bias = bool(c["use_bias"])
    return decoder(c, attention(c, qkv_bias=bias, out_bias=bias), mlp(c, bias=bias))


def exaone_sliding(c: Config) -> Callable[[int], bool]:
    """The family's rule for a layer; files that list their layers may write it as "LLLG"."""
    return lambda i: bool(c["sliding_window"]) and (i + 1) % c["sliding_window_pattern"] != 0


def _exaone4(c: Config) -> ModelShape:
    windows = c.windows(exaone_sliding(c))
    return decoder(c, attention(c, head_norms=True), mlp(c), windows=windows)


def refuse_shared_keys(c: Config) -> None:
    """Layers that take another's keys, which Hunyuan's own code knows and transformers does not."""
    if c.extra("use_cla", False):
        raise ValueError("use_cla is true")


def _hunyuan(c: Config) -> ModelShape:
    refuse_shared_keys(c)
    bias = bool(c["attention_bias"])
    return decoder(c, attention(c, qkv_bias=bias, out_bias=bias, head_norms=True), mlp(c))


def _seed(c: Config) -> ModelShape:
    mixer = attention(c, qkv_bias=bool(c["attention_bias"]), out_bias=bool(c["attention_out_bias"]))
    return decoder(c, mixer, mlp(c, bias=bool(c["mlp_bias"])))


def _stablelm(c: Config) -> ModelShape:
    width = c.hidden // c.heads
    norms = (c.heads + c.kv_heads) * width if c["qk_layernorm"] else 0
    mixer = attention(c, qkv_bias=bool(c["use_qkv_bias"]), vectors=norms, head_dim=width)
    layer_norms = 2 if c["use_parallel_residual"] else 4
    return decoder(c, mixer, mlp(c), norms=layer_norms, final_norm=2)


def _arcee(c: Config) -> ModelShape:
    """MLP without a gate: squared ReLU between up and down."""
    bias = bool(c["attention_bias"])
    feed = mlp(c, gated=False, bias=bool(c["mlp_bias"]))
    return decoder(c, attention(c, qkv_bias=bias, out_bias=bias), feed)


def _nemotron(c: Config) -> ModelShape:
    bias = bool(c["attention_bias"])
    feed = mlp(c, gated=False, bias=bool(c["mlp_bias"]))
    return decoder(c, attention(c, qkv_bias=bias, out_bias=bias), feed, norms=4, final_norm=2)


def _apertus(c: Config) -> ModelShape:
    """MLP without a gate, its activation xIELU with two numbers a layer."""
    bias = bool(c["attention_bias"])
    mixer = attention(c, qkv_bias=bias, out_bias=bias, head_norms=True)
    learned = 2 if c["hidden_act"] == "xielu" else 0
    feed = mlp(c, gated=False)
    return decoder(c, mixer, feed.model_copy(update={"vectors": feed.vectors + learned}))


def _bitnet(c: Config) -> ModelShape:
    bias = bool(c["attention_bias"])
    mixer = attention(c, qkv_bias=bias, out_bias=bias, vectors=c.hidden)
    feed = mlp(c)
    return decoder(c, mixer, feed.model_copy(update={"vectors": feed.width}))


def _apertus15(c: Config) -> ModelShape:
    refuse(c, "output_vocab_size")
    return _apertus(c)


def _helium(c: Config) -> ModelShape:
    """Its output product is as wide as hidden, so its heads must be."""
    if c.heads * c.head_dim != c.hidden:
        raise ValueError(f"{c.heads} heads of {c.head_dim} are not as wide as {c.hidden}")
    mixer = attention(c, qkv_bias=bool(c["attention_bias"]))
    return decoder(c, mixer, mlp(c, bias=bool(c["mlp_bias"])))


def _hyperclovax(c: Config) -> ModelShape:
    bias = bool(c["attention_bias"])
    mixer = attention(c, qkv_bias=bias, out_bias=bias)
    norms = 4 if c["use_post_norm"] else 2
    return decoder(c, mixer, mlp(c, bias=bool(c["mlp_bias"])), norms=norms)


DENSE: dict[str, Reader] = {
    "apertus": _apertus,
    "apertus1p5_text": _apertus15,
    "arcee": _arcee,
    "bitnet": _bitnet,
    "cohere": _cohere,
    "cohere2": _cohere2,
    "cwm": _cwm,
    "ernie4_5": _ernie,
    "exaone": _llama,
    "exaone4": _exaone4,
    "glm": _glm,
    "glm4": _glm4,
    "granite": _llama,
    "granite_swa": _granite_swa,
    "helium": _helium,
    "hunyuan_v1_dense": _hunyuan,
    "hyperclovax": _hyperclovax,
    "internlm3": _llama,
    "iquestcoder": _llama,
    "jais2": _nemotron,
    "llama": _llama,
    "ministral": _ministral,
    "ministral3": _mistral,
    "mistral": _mistral,
    "nemotron": _nemotron,
    "olmo": _olmo,
    "olmo2": _olmo2,
    "olmo3": _olmo3,
    "phi3": _phi3,
    "qwen2": _qwen2,
    "qwen3": _qwen3,
    "seed_oss": _seed,
    "smollm3": _smollm3,
    "stablelm": _stablelm,
}
