"""The short form of a plain decoder, as model cards state it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from distilbench.architecture._attention import Attention, LatentAttention
from distilbench.architecture._mlp import Experts, Mlp


class PlainDecoder(BaseModel):
    """A decoder whose layers are all alike but for experts and windows.

    Defaults describe a dense model with full attention; a mixture of experts sets the ``expert``
    fields, multi-head latent attention (DeepSeek-V2/V3) sets the ``lora`` and ``rope`` fields.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    layers: int = Field(gt=0)
    hidden: int = Field(gt=0, description="width of the residual stream, d")
    heads: int = Field(gt=0, description="query heads")
    kv_heads: int = Field(gt=0, description="key/value heads (grouped-query attention)")
    head_dim: int = Field(gt=0, description="width of a query/key head")
    value_dim: int | None = Field(None, gt=0, description="width of a value head, if not head_dim")
    ffn: int = Field(ge=0, description="width of the MLP of a dense layer")
    vocab: int = Field(gt=0)
    context: int | None = Field(None, gt=0, description="longest sequence in tokens")
    gated: bool = Field(True, description="gate, up and down products (SwiGLU), else up and down")
    tied: bool = Field(False, description="output embedding is the input embedding")
    bias: bool = Field(False, description="projections and MLP have biases (GPT-2)")
    qkv_bias: bool = Field(False, description="query, key and value have biases (Qwen2)")
    learned_positions: int = Field(0, ge=0, description="learned position embeddings (GPT-2)")
    window: int | None = Field(None, gt=0, description="sliding attention window in tokens")
    window_layers: int = Field(0, ge=0, description="layers that use the window; others see all")
    vectors: int = Field(0, ge=0, description="weights of norms and others that are not above")

    experts: int = Field(0, ge=0, description="routed experts in a layer; 0 = dense model")
    experts_per_token: int = Field(0, ge=0)
    shared_experts: int = Field(0, ge=0)
    expert_ffn: int = Field(0, ge=0, description="width of one expert's MLP")
    dense_layers: int = Field(0, ge=0, description="leading layers without experts")
    expert_vectors: int = Field(0, ge=0, description="biases of one expert (gpt-oss)")

    query_lora: int = Field(0, ge=0, description="rank of the compressed query (MLA)")
    kv_lora: int = Field(0, ge=0, description="rank of the compressed key/value (MLA)")
    rope_dim: int = Field(0, ge=0, description="decoupled rotary part of a head (MLA)")

    def attention(self) -> Attention | LatentAttention:
        """The attention of a layer that sees all positions; its keys are expanded, if latent."""
        if self.kv_lora:
            return LatentAttention(
                heads=self.heads,
                head_dim=self.head_dim,
                rope_dim=self.rope_dim,
                value_dim=self.value_dim or self.head_dim,
                query_rank=self.query_lora,
                kv_rank=self.kv_lora,
                vectors=self._attention_biases,
            )
        return Attention(
            heads=self.heads,
            kv_heads=self.kv_heads,
            head_dim=self.head_dim,
            value_dim=self.value_dim,
            vectors=self._attention_biases,
        )

    def mlp(self, layer: int) -> Mlp | Experts:
        """The MLP of a layer, counted from 0."""
        if not self.experts or layer < self.dense_layers:
            biases = self.ffn * (2 if self.gated else 1) + self.hidden if self.bias else 0
            return Mlp(width=self.ffn, gated=self.gated, vectors=biases)
        return Experts(
            experts=self.experts,
            used=self.experts_per_token,
            width=self.expert_ffn,
            shared_width=self.shared_experts * self.expert_ffn,
            gated=self.gated,
            expert_vectors=self.expert_vectors,
        )

    @property
    def _attention_biases(self) -> int:
        value = self.value_dim or self.head_dim
        query = self.head_dim + self.rope_dim
        qkv = self.heads * query + self.kv_heads * (query + value)
        if self.bias:
            return qkv + self.hidden
        return qkv if self.qkv_bias else 0
