"""Families with state spaces: Mamba 1 and 2, alone or in turn with attention."""

from __future__ import annotations

from math import ceil

from distilbench.architecture._mlp import Experts
from distilbench.architecture._recurrent import Mamba, Mamba2
from distilbench.architecture._shape import AnyPart, Layer, ModelShape
from distilbench.architecture.families._config import (
    Config,
    Reader,
    attention,
    mlp,
    model,
    refuse,
    renamed,
)
from distilbench.architecture.families._sparse import experts


def _mamba(c: Config) -> ModelShape:
    inner = int(c.extra("intermediate_size") or c["expand"] * c.hidden)
    mixer = Mamba(
        inner=inner,
        state=c["state_size"],
        step_rank=_rank(c["time_step_rank"], c.hidden),
        kernel=c["conv_kernel"],
        vectors=(inner if c["use_conv_bias"] else 0)
        + (2 * inner + c.hidden if c["use_bias"] else 0),
    )
    layer = Layer(parts=(mixer,), vectors=c.hidden)
    return model(c, [layer] * c.layers, context=c.extra("max_position_embeddings"))


def _mamba2(c: Config) -> ModelShape:
    mixer = mamba2(
        c,
        heads=c["num_heads"],
        head_dim=c["head_dim"],
        state=c["state_size"],
        groups=c["n_groups"],
        kernel=c["conv_kernel"],
        conv_bias=bool(c["use_conv_bias"]),
        in_bias=bool(c["use_bias"]),
        out_bias=bool(c["use_bias"]),
    )
    layer = Layer(parts=(mixer,), vectors=c.hidden)
    return model(c, [layer] * c.layers, context=c.extra("max_position_embeddings"))


def mamba2(
    c: Config,
    *,
    heads: int,
    head_dim: int,
    state: int,
    groups: int,
    kernel: int,
    conv_bias: bool,
    in_bias: bool,
    out_bias: bool,
    norm: bool = True,
) -> Mamba2:
    """Mamba 2 with the norm of its output and the biases it has."""
    inner = heads * head_dim
    channels = inner + 2 * groups * state
    vectors = (inner if norm else 0) + (channels if conv_bias else 0)
    vectors += (inner + channels + heads if in_bias else 0) + (c.hidden if out_bias else 0)
    return Mamba2(
        heads=heads, head_dim=head_dim, state=state, groups=groups, kernel=kernel, vectors=vectors
    )


def _named_mamba2(c: Config, inner: int, out_bias: bool, norm: bool = True) -> Mamba2:
    """Mamba 2 under the keys ``mamba_*`` of Bamba, Granite 4 and Falcon-H1."""
    heads = int(c["mamba_n_heads"])
    width = c["mamba_d_head"]
    width = inner // heads if width == "auto" else int(width)
    if heads * width != inner:
        raise ValueError(f"mamba_n_heads x mamba_d_head is {heads * width}, not {inner}")
    return mamba2(
        c,
        heads=heads,
        head_dim=width,
        state=c["mamba_d_state"],
        groups=c["mamba_n_groups"],
        kernel=c["mamba_d_conv"],
        conv_bias=bool(c["mamba_conv_bias"]),
        in_bias=bool(c["mamba_proj_bias"]),
        out_bias=out_bias,
        norm=norm,
    )


def _jamba(c: Config) -> ModelShape:
    """Mamba 1 in most layers, attention in some; experts in every other layer."""
    inner, rank = int(c["mamba_expand"] * c.hidden), _rank(c["mamba_dt_rank"], c.hidden)
    state = int(c["mamba_d_state"])
    mixer = Mamba(
        inner=inner,
        state=state,
        step_rank=rank,
        kernel=c["mamba_d_conv"],
        vectors=rank
        + 2 * state  # norms of step, input and output
        + (inner if c["mamba_conv_bias"] else 0)
        + (2 * inner + c.hidden if c["mamba_proj_bias"] else 0),
    )
    number = int(c["num_experts"])
    sparse: AnyPart = mlp(c)
    if number > 1:
        sparse = experts(c, "num_experts", "num_experts_per_tok", "intermediate_size")
    layers = []
    for index in range(c.layers):
        seeing = index % c["attn_layer_period"] == c["attn_layer_offset"]
        routed = index % c["expert_layer_period"] == c["expert_layer_offset"]
        parts = (attention(c) if seeing else mixer, sparse if routed else mlp(c))
        layers.append(Layer(parts=parts, vectors=2 * c.hidden))
    return model(c, layers)


def _bamba(c: Config) -> ModelShape:
    bias = bool(c["attention_bias"])
    mixer = _named_mamba2(c, c["mamba_expand"] * c.hidden, out_bias=bool(c["mamba_proj_bias"]))
    seeing = attention(c, qkv_bias=bias, out_bias=bias)
    feed = mlp(c, bias=bool(c["mlp_bias"]))
    chosen = c["attn_layer_indices"] or []
    layers = [
        Layer(parts=(seeing if index in chosen else mixer, feed), vectors=2 * c.hidden)
        for index in range(c.layers)
    ]
    return model(c, layers)


def _granite_hybrid(c: Config) -> ModelShape:
    """Granite 4: beside the experts, if there are any, an MLP that all tokens use."""
    bias, shared = bool(c["attention_bias"]), int(c["shared_intermediate_size"])
    mixer = _named_mamba2(c, c["mamba_expand"] * c.hidden, out_bias=bool(c["mamba_proj_bias"]))
    seeing = attention(c, qkv_bias=bias, out_bias=bias)
    feed: AnyPart = mlp(c, shared)
    if c["num_local_experts"]:
        names = ("num_local_experts", "num_experts_per_tok", "intermediate_size")
        feed = experts(c, *names, shared_width=shared)
    known: dict[str, AnyPart] = {"linear_attention": mixer, "full_attention": seeing}
    return _by_kind(c, c.kinds(lambda _: "linear_attention"), known, feed)


def _falcon_h1(c: Config) -> ModelShape:
    """Attention and Mamba 2 side by side in every layer."""
    bias, stated = bool(c["attention_bias"]), c["mamba_d_ssm"]
    inner = int(c["mamba_expand"] * c.hidden) if stated is None else int(stated)
    mixer = _named_mamba2(
        c, inner, out_bias=bool(c["projectors_bias"]), norm=bool(c["mamba_rms_norm"])
    )
    seeing = attention(c, qkv_bias=bias, out_bias=bias)
    feed = mlp(c, bias=bool(c["mlp_bias"]))
    layer = Layer(parts=(mixer, seeing, feed), vectors=2 * c.hidden)
    return model(c, [layer] * c.layers)


_NEMOTRON_LETTERS = {"M": "linear_attention", "*": "full_attention", "-": "mlp", "E": "moe"}


def _nemotron_h(c: Config) -> ModelShape:
    """One part a layer, as ``hybrid_override_pattern`` or ``layers_block_type`` lists them."""
    refuse(c, "tie_word_embeddings")
    pattern = c.extra("hybrid_override_pattern")
    stated = c["layers_block_type"] or c.extra("layer_types")
    if stated is None and pattern is None:
        raise KeyError("layers_block_type")
    kinds = renamed(stated or [_NEMOTRON_LETTERS.get(letter, letter) for letter in pattern])
    old = {"groups": "mamba_n_groups", "kernel": "mamba_d_conv", "conv": "mamba_conv_bias"}
    known: dict[str, AnyPart] = {
        "linear_attention": mamba2(
            c,
            heads=c["mamba_num_heads"],
            head_dim=c["mamba_head_dim"],
            state=c["ssm_state_size"],
            groups=c.extra(old["groups"], c["n_groups"]),
            kernel=c.extra(old["kernel"], c["conv_kernel"]),
            conv_bias=bool(c.extra(old["conv"], c["use_conv_bias"])),
            in_bias=bool(c["use_bias"]),
            out_bias=bool(c["use_bias"]),
        ),
        "full_attention": attention(c),
        "mlp": mlp(c, gated=False, bias=bool(c["mlp_bias"])),
        "moe": _nemotron_experts(c),
    }
    if strange := set(kinds) - set(known):
        raise ValueError(f"layers_block_type names {min(strange)!r}")
    layers = [Layer(parts=(known[kind],), vectors=c.hidden) for kind in kinds]
    return model(c, layers)


def _nemotron_experts(c: Config) -> Experts:
    shared, latent = int(c["moe_shared_expert_intermediate_size"]), c["moe_latent_size"]
    biases = 0
    if c["mlp_bias"]:
        biases = shared + c.hidden + (latent + c.hidden if latent else 0)
    return experts(
        c,
        "n_routed_experts",
        "num_experts_per_tok",
        gated=False,
        shared_width=shared,
        latent_width=latent,
        vectors=biases,
    )


def _by_kind(c: Config, kinds: list[str], known: dict[str, AnyPart], feed: AnyPart) -> ModelShape:
    """A model whose layers mix by the kind that stands in the configuration."""
    if strange := set(kinds) - set(known):
        raise ValueError(f"layer_types names {min(strange)!r}")
    return model(c, [Layer(parts=(known[kind], feed), vectors=2 * c.hidden) for kind in kinds])


def _rank(stated: int | str, hidden: int) -> int:
    return ceil(hidden / 16) if stated == "auto" else int(stated)


STATE_SPACE: dict[str, Reader] = {
    "bamba": _bamba,
    "falcon_h1": _falcon_h1,
    "falcon_mamba": _mamba,
    "granitemoehybrid": _granite_hybrid,
    "jamba": _jamba,
    "mamba": _mamba,
    "mamba2": _mamba2,
    "nemotron_h": _nemotron_h,
}
