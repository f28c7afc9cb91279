"""Families with multi-head latent attention, after DeepSeek-V2 (arXiv 2405.04434)."""

from __future__ import annotations

from distilbench.architecture._attention import Indexer, LatentAttention
from distilbench.architecture._shape import AnyPart, ModelShape
from distilbench.architecture.families._config import Config, Reader, decoder, mlp
from distilbench.architecture.families._sparse import (
    experts,
    refuse_sparse_steps,
    sparse_or_dense,
)


def latent(c: Config, indexer: Indexer | None = None) -> LatentAttention:
    """Keys are expanded anew in each pass, as transformers does it; biases are on what goes into
    the ranks and out of the heads."""
    rank, kv_rank, rope = c["q_lora_rank"] or 0, int(c["kv_lora_rank"]), int(c["qk_rope_head_dim"])
    value = c["v_head_dim"] or c.hidden // c.heads
    biases = rank + kv_rank + rope + c.hidden if c["attention_bias"] else 0
    index_norm = 2 * indexer.head_dim if indexer else 0
    return LatentAttention(
        heads=c.heads,
        head_dim=c["qk_nope_head_dim"],
        rope_dim=rope,
        value_dim=value,
        query_rank=rank,
        kv_rank=kv_rank,
        keys="expanded_each_pass",
        indexer=indexer,
        vectors=rank + kv_rank + biases + index_norm,
    )


def deepseek_mlp(c: Config, leading: int, number: str = "n_routed_experts") -> list[AnyPart]:
    """``leading`` dense layers, then experts, and some that serve all tokens."""
    refuse_sparse_steps(c)
    shared = int(c["moe_intermediate_size"]) * (c["n_shared_experts"] or 0)
    feed = experts(c, number, "num_experts_per_tok", shared_width=shared)
    return sparse_or_dense(c, feed, mlp(c), lambda index: index >= leading)


def _deepseek(c: Config) -> ModelShape:
    return decoder(c, latent(c), deepseek_mlp(c, c["first_k_dense_replace"]))


def _deepseek_v32(c: Config) -> ModelShape:
    indexer = Indexer(
        heads=c["index_n_heads"], head_dim=c["index_head_dim"], chosen=c["index_topk"]
    )
    return decoder(c, latent(c, indexer), deepseek_mlp(c, c["first_k_dense_replace"]))


def _glm_moe_dsa(c: Config) -> ModelShape:
    """Layers that take the choice of another layer's indexer are not known here."""
    kinds = c["indexer_types"] or []
    every = c.extra("index_topk_freq", 1)
    if set(kinds) - {"full"} or c.extra("index_topk_pattern") or every not in (None, 0, 1):
        raise ValueError("layers share indexers")
    return _deepseek_v32(c)


def _minicpm3(c: Config) -> ModelShape:
    return decoder(c, latent(c), mlp(c, bias=bool(c["mlp_bias"])))


def _glm4_moe_lite(c: Config) -> ModelShape:
    return decoder(c, latent(c), deepseek_mlp(c, c.extra("first_k_dense_replace", 1)))


def _dense(c: Config) -> ModelShape:
    return decoder(c, latent(c), mlp(c))


LATENT: dict[str, Reader] = {
    "deepseek_v2": _deepseek,
    "deepseek_v3": _deepseek,
    "deepseek_v32": _deepseek_v32,
    "glm4_moe_lite": _glm4_moe_lite,
    "glm_moe_dsa": _glm_moe_dsa,
    "minicpm3": _minicpm3,
    "sarvam_mla": _deepseek,
    "youtu": _dense,
}
