"""Families with experts: a router and several MLPs, in some layers or all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from distilbench.architecture._mlp import Experts
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
from distilbench.architecture.families._dense import exaone_sliding, refuse_shared_keys


def experts(
    c: Config, number: str, used: str, width: str = "moe_intermediate_size", **fields: Any
) -> Experts:
    """Experts by the names of the keys that state how many there are, used, and how wide."""
    return Experts(experts=int(c[number]), used=int(c[used]), width=int(c[width]), **fields)


def sparse_or_dense(
    c: Config, sparse: AnyPart, dense: AnyPart, usual: Callable[[int], bool]
) -> list[AnyPart]:
    """The MLP of every layer: ``mlp_layer_types`` where stated, else by the family's rule."""
    kinds = c.extra("mlp_layer_types") or [
        "sparse" if usual(index) else "dense" for index in range(c.layers)
    ]
    if len(kinds) != c.layers or set(kinds) - {"sparse", "dense"}:
        raise ValueError(f"mlp_layer_types is {kinds!r}")
    return [sparse if kind == "sparse" else dense for kind in kinds]


def refuse_sparse_steps(c: Config) -> None:
    """Experts in every so many layers, which DeepSeek's code knows, transformers not."""
    if c.extra("moe_layer_freq", 1) != 1:
        raise ValueError(f"moe_layer_freq is {c.extra('moe_layer_freq')!r}")


def _mixtral(c: Config) -> ModelShape:
    feed = experts(c, "num_local_experts", "num_experts_per_tok", "intermediate_size")
    return decoder(c, attention(c), feed, windows=[c["sliding_window"]] * c.layers)


def _minimax_m2(c: Config) -> ModelShape:
    feed = experts(c, "num_local_experts", "num_experts_per_tok", "intermediate_size")
    return decoder(c, attention(c, vectors=(c.heads + c.kv_heads) * c.head_dim), feed)


def _phimoe(c: Config) -> ModelShape:
    bias = bool(c["attention_bias"])
    feed = experts(c, "num_local_experts", "num_experts_per_tok", "intermediate_size")
    return decoder(
        c,
        attention(c, qkv_bias=bias, out_bias=bias),
        feed,
        windows=[c["sliding_window"]] * c.layers,
        norms=4,
        final_norm=2,
        vectors=c["vocab_size"] if c["lm_head_bias"] else 0,
    )


def _olmoe(c: Config) -> ModelShape:
    bias = bool(c["attention_bias"])
    norms = (c.heads + c.kv_heads) * c.head_dim
    feed = experts(c, "num_experts", "num_experts_per_tok", "intermediate_size")
    return decoder(c, attention(c, qkv_bias=bias, out_bias=bias, vectors=norms), feed)


def _qwen2_moe(c: Config) -> ModelShape:
    feed = experts(
        c,
        "num_experts",
        "num_experts_per_tok",
        shared_width=c["shared_expert_intermediate_size"],
        matrices=c.hidden,  # gate of the shared expert
    )
    windows: list[int | None] = [None] * c.layers
    if c["use_sliding_window"]:
        windows = c.windows(lambda i: (i + 1) % 2 == 1 and i < c["max_window_layers"])
    feeds = [feed if _is_sparse(c, i) else mlp(c) for i in range(c.layers)]
    return decoder(c, attention(c, qkv_bias=bool(c["qkv_bias"])), feeds, windows=windows)


def _qwen3_moe(c: Config) -> ModelShape:
    bias = bool(c["attention_bias"])
    feed = experts(c, "num_local_experts", "num_experts_per_tok")
    window = c["sliding_window"] if c["use_sliding_window"] else None
    feeds = [feed if _is_sparse(c, i) else mlp(c) for i in range(c.layers)]
    mixer = attention(c, qkv_bias=bias, out_bias=bias, head_norms=True)
    return decoder(c, mixer, feeds, windows=[window] * c.layers)


def _is_sparse(c: Config, index: int) -> bool:
    listed = index in (c["mlp_only_layers"] or [])
    return not listed and (index + 1) % c["decoder_sparse_step"] == 0


def _gpt_oss(c: Config) -> ModelShape:
    bias = bool(c["attention_bias"])
    width = int(c["intermediate_size"])
    feed = experts(
        c,
        "num_local_experts",
        "num_experts_per_tok",
        "intermediate_size",
        vectors=int(c["num_local_experts"]),
        expert_vectors=2 * width + c.hidden,
    )
    mixer = attention(c, qkv_bias=bias, out_bias=bias, vectors=c.heads)  # sinks
    return decoder(c, mixer, feed, windows=c.windows(lambda i: i % 2 == 0))


def _granitemoe(c: Config) -> ModelShape:
    return _granite(c, shared_width=0)


def _granitemoeshared(c: Config) -> ModelShape:
    return _granite(c, shared_width=int(c["shared_intermediate_size"]))


def _granite(c: Config, shared_width: int) -> ModelShape:
    bias = bool(c["attention_bias"])
    feed = experts(
        c,
        "num_local_experts",
        "num_experts_per_tok",
        "intermediate_size",
        shared_width=shared_width,
    )
    return decoder(c, attention(c, qkv_bias=bias, out_bias=bias), feed)


def _granitemoe_swa(c: Config) -> ModelShape:
    bias = bool(c["attention_bias"])
    names = ("num_local_experts", "num_experts_per_tok", "intermediate_size")
    feed = experts(c, *names, shared_width=int(c["shared_intermediate_size"]))
    mixer = attention(c, qkv_bias=bias, out_bias=bias, vectors=c.heads)  # sinks
    return decoder(c, mixer, feed, windows=c.windows(lambda i: i % 4 != 0))


def _hunyuan_moe(c: Config) -> ModelShape:
    """Its files state for each layer what its class takes to be the same for all."""
    bias, width = bool(c["attention_bias"]), int(c["intermediate_size"])
    refuse_shared_keys(c)
    if _of_all_layers(c, "moe_intermediate_size", c.extra("moe_intermediate_size", width)) != width:
        raise ValueError(f"moe_intermediate_size is not intermediate_size, {width}")
    if _of_all_layers(c, "num_shared_expert", c.extra("num_shared_expert", 1)) != 1:
        raise ValueError("num_shared_expert is not 1")
    feed = Experts(
        experts=int(c["num_experts"]),
        used=_of_all_layers(c, "moe_topk", c["moe_topk"]),
        width=width,
        shared_width=width,
    )
    mixer = attention(c, qkv_bias=bias, out_bias=bias, head_norms=True)
    return decoder(c, mixer, feed)


def _of_all_layers(c: Config, name: str, stated: int | list[int]) -> int:
    if not isinstance(stated, list):
        return int(stated)
    if len(stated) != c.layers or len(set(stated)) != 1:
        raise ValueError(f"{name} is not one number for all {c.layers} layers")
    return int(stated[0])


def _solar(c: Config) -> ModelShape:
    shared = int(c["moe_intermediate_size"]) * c["n_shared_experts"]
    feed = experts(c, "n_routed_experts", "num_experts_per_tok", shared_width=shared)
    return decoder(c, attention(c, qkv_bias=bool(c["attention_bias"])), feed)


def _glm4_moe(c: Config) -> ModelShape:
    bias = bool(c["attention_bias"])
    mixer = attention(c, qkv_bias=bias, head_norms=bool(c["use_qk_norm"]))
    return decoder(c, mixer, _leading_dense(c))


def _dots1(c: Config) -> ModelShape:
    bias = bool(c["attention_bias"])
    mixer = attention(c, qkv_bias=bias, out_bias=bias, head_norms=True)
    windows = c.windows(lambda i: bool(c["sliding_window"]) and i >= c["max_window_layers"])
    return decoder(c, mixer, _leading_dense(c), windows=windows)


def _leading_dense(c: Config) -> list[AnyPart]:
    """DeepSeek's plan: some dense layers first, then experts, some of which all tokens use."""
    refuse_sparse_steps(c)
    width, shared = int(c["moe_intermediate_size"]), c["n_shared_experts"] or 0
    feed = experts(c, "n_routed_experts", "num_experts_per_tok", shared_width=shared * width)
    return sparse_or_dense(c, feed, mlp(c), lambda i: i >= c["first_k_dense_replace"])


def _ernie_moe(c: Config) -> ModelShape:
    width = int(c["moe_intermediate_size"])
    refuse(c, "use_bias")
    feed = experts(
        c,
        "moe_num_experts",
        "moe_k",
        shared_width=width * c["moe_num_shared_experts"],
        vectors=int(c["moe_num_experts"]),
    )
    start, end, every = (
        c[f"moe_layer_{name}"] for name in ("start_index", "end_index", "interval")
    )
    end = c.layers - 1 if end == -1 else end
    feeds = [
        feed if (i + 1) % every == 0 and start <= i <= end else mlp(c) for i in range(c.layers)
    ]
    return decoder(c, attention(c), feeds)


def _exaone_moe(c: Config) -> ModelShape:
    width = int(c["moe_intermediate_size"])
    windows = c.windows(exaone_sliding(c))
    feed = experts(
        c,
        "num_experts",
        "num_experts_per_tok",
        shared_width=width * c["num_shared_experts"],
    )
    feeds = sparse_or_dense(c, feed, mlp(c), lambda i: i >= c["first_k_dense_replace"])
    return decoder(c, attention(c, head_norms=True), feeds, windows=windows)


def _hy_v3(c: Config) -> ModelShape:
    bias, width = bool(c["attention_bias"]), int(c["moe_intermediate_size"])
    refuse(c, "mlp_bias")
    feed = experts(
        c,
        "num_experts",
        "num_experts_per_tok",
        shared_width=width * c["num_shared_experts"],
    )
    mixer = attention(c, qkv_bias=bias, out_bias=bias, head_norms=True)
    return decoder(c, mixer, sparse_or_dense(c, feed, mlp(c), lambda i: i > 0))


def _afmoe(c: Config) -> ModelShape:
    """Trinity: a gate as wide as the heads' output on attention, four norms a layer."""
    every, width = c["global_attn_every_n_layers"], int(c["moe_intermediate_size"])
    feed = experts(
        c,
        "num_experts",
        "num_experts_per_tok",
        shared_width=width * c["num_shared_experts"],
        vectors=int(c["num_experts"]),
    )
    bias = bool(c["attention_bias"])
    gate = c.hidden * c.heads * c.head_dim
    mixer = attention(c, qkv_bias=bias, out_bias=bias, head_norms=True, matrices=gate)
    feeds = [feed if i >= c["num_dense_layers"] else mlp(c) for i in range(c.layers)]
    windows = c.windows(lambda i: (i + 1) % every != 0)
    return decoder(c, mixer, feeds, norms=4, windows=windows)


def _llama4(c: Config) -> ModelShape:
    """Chunked attention in layers with rotary positions; experts in every so many layers, with
    one that all tokens use."""
    every, bias = c["no_rope_layer_interval"], bool(c["attention_bias"])
    rope = c["no_rope_layers"] or [(i + 1) % every != 0 for i in range(c.layers)]
    chunk = c["attention_chunk_size"]
    kinds = c.kinds(lambda i: "chunked_attention" if rope[i] and chunk else "full_attention")
    step = c["interleave_moe_layer_step"]
    stated = c["moe_layers"]  # an empty list says: none (Llama Guard 4)
    sparse = list(range(step - 1, c.layers, step)) if stated is None else stated
    width = int(c["intermediate_size"])
    dense: AnyPart = mlp(c, c["intermediate_size_mlp"])
    feed = dense
    if sparse:
        names = ("num_local_experts", "num_experts_per_tok", "intermediate_size")
        feed = experts(c, *names, shared_width=width)
    layers = []
    for index, kind in enumerate(kinds):
        if kind not in ("chunked_attention", "full_attention"):
            raise ValueError(f"layer_types names {kind!r}")
        chunked = kind == "chunked_attention"
        mixer = attention(
            c, qkv_bias=bias, out_bias=bias, window=chunk if chunked else None, chunked=chunked
        )
        parts = (mixer, feed if index in sparse else dense)
        layers.append(Layer(parts=parts, vectors=2 * c.hidden))
    return model(c, layers)


SPARSE: dict[str, Reader] = {
    "afmoe": _afmoe,
    "dots1": _dots1,
    "ernie4_5_moe": _ernie_moe,
    "exaone_moe": _exaone_moe,
    "flex_olmo": _olmoe,
    "glm4_moe": _glm4_moe,
    "gpt_oss": _gpt_oss,
    "granitemoe": _granitemoe,
    "granitemoe_swa": _granitemoe_swa,
    "granitemoeshared": _granitemoeshared,
    "hunyuan_v1_moe": _hunyuan_moe,
    "hy_v3": _hy_v3,
    "llama4_text": _llama4,
    "minimax_m2": _minimax_m2,
    "mixtral": _mixtral,
    "olmoe": _olmoe,
    "phimoe": _phimoe,
    "qwen2_moe": _qwen2_moe,
    "qwen3_moe": _qwen3_moe,
    "sarvam_moe": _glm4_moe,
    "solar_open": _solar,
}
