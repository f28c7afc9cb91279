"""Layers that look back at positions one by one: attention and latent attention."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from distilbench.architecture._part import Part


class Attention(Part):
    """Attention with grouped query heads, over all positions, a sliding window or a chunk.

    2 x heads x (key width + value width) FLOPs for each query-key pair (Chowdhery et al. 2022,
    arXiv 2204.02311, appendix B, forward part).
    """

    kind: Literal["attention"] = "attention"
    heads: int = Field(gt=0, description="query heads")
    kv_heads: int = Field(gt=0, description="key/value heads (grouped-query attention)")
    head_dim: int = Field(gt=0, description="width of a query/key head")
    value_dim: int | None = Field(None, gt=0, description="width of a value head, if not head_dim")
    window: int | None = Field(None, gt=0, description="a token sees so many positions at most")
    chunked: bool = Field(False, description="the window does not slide: it starts anew (Llama 4)")
    values_are_keys: bool = Field(False, description="one matrix makes both (Gemma 4)")
    borrows_keys: bool = Field(False, description="keys and values of an earlier layer (Gemma 3n)")

    def weights(self, hidden: int) -> int:
        columns = self.heads * (self.head_dim + self._value)
        if not self.borrows_keys:
            columns += self.kv_heads * self.head_dim
            columns += 0 if self.values_are_keys else self.kv_heads * self._value
        return hidden * columns + self.matrices

    def pair_flops(self, tokens: int, context: int, causal: bool) -> int:
        pairs = (
            chunk_pairs(tokens, context, self.window)
            if self.chunked and self.window and causal
            else visible_pairs(tokens, context, self.window, causal)
        )
        return 2 * self.heads * (self.head_dim + self._value) * pairs

    @property
    def cache_width(self) -> int:
        return 0 if self.borrows_keys else self.kv_heads * (self.head_dim + self._value)

    @property
    def _value(self) -> int:
        return self.value_dim or self.head_dim


class Indexer(BaseModel):
    """Chooses the keys that latent attention looks at (DeepSeek-V3.2's sparse attention).

    Its queries are made of the compressed query. It scores every earlier position with small
    heads, 2 x heads x (width + 1) FLOPs a pair (the scores, and their weighted sum).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    heads: int = Field(gt=0)
    head_dim: int = Field(gt=0)
    chosen: int = Field(gt=0, description="keys that are then attended to")

    def weights(self, hidden: int, query_rank: int) -> int:
        return query_rank * self.heads * self.head_dim + hidden * (self.head_dim + self.heads)


class LatentAttention(Part):
    """Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434, section 2.1).

    A position is compressed into one row of ``kv_rank + rope_dim`` numbers. What happens to it:

    - ``expanded``: into the keys and values of every head, once, and these are kept (training,
      prefill; the count of reports and cards);
    - ``expanded_each_pass``: rows are kept, and every pass expands all that it finds in the cache
      anew, so that each decoded token pays for the whole context (transformers since 5);
    - ``absorbed``: rows are kept and looked at as they are, the expanding matrices being absorbed
      into the query and the output (llama.cpp; decoding of vLLM and SGLang).

    A token's own products with weights are the same in all three.
    """

    kind: Literal["latent_attention"] = "latent_attention"
    heads: int = Field(gt=0)
    head_dim: int = Field(gt=0, description="part of a query/key head without position")
    rope_dim: int = Field(ge=0, description="part of a query/key head with rotary position")
    value_dim: int = Field(gt=0)
    query_rank: int = Field(0, ge=0, description="rank of the compressed query; 0: none")
    kv_rank: int = Field(gt=0, description="rank of the compressed key and value")
    keys: Literal["expanded", "expanded_each_pass", "absorbed"] = "expanded"
    indexer: Indexer | None = None

    def weights(self, hidden: int) -> int:
        queries = self.heads * (self.head_dim + self.rope_dim)
        query = (hidden + queries) * self.query_rank if self.query_rank else hidden * queries
        down = hidden * (self.kv_rank + self.rope_dim)
        output = self.heads * self.value_dim * hidden
        index = self.indexer.weights(hidden, self.query_rank) if self.indexer else 0
        return query + down + self._up + output + index + self.matrices

    def reread_flops(self, hidden: int) -> int:
        return 2 * self._up if self.keys == "expanded_each_pass" else 0

    def pair_flops(self, tokens: int, context: int, causal: bool) -> int:
        width = self.head_dim + self.rope_dim + self.value_dim
        if self.keys == "absorbed":
            width = 2 * self.kv_rank + self.rope_dim
        chosen = self.indexer.chosen if self.indexer else None
        flops = 2 * self.heads * width * visible_pairs(tokens, context, chosen, causal)
        if self.indexer:
            every = visible_pairs(tokens, context, None, causal)
            flops += 2 * self.indexer.heads * (self.indexer.head_dim + 1) * every
        return flops

    @property
    def cache_width(self) -> int:
        index = self.indexer.head_dim if self.indexer else 0
        if self.keys == "expanded":
            return self.heads * (self.head_dim + self.rope_dim + self.value_dim) + index
        return self.kv_rank + self.rope_dim + index

    @property
    def _up(self) -> int:
        """Weights that expand a row into the keys and values of all heads."""
        return self.kv_rank * self.heads * (self.head_dim + self.value_dim)


def visible_pairs(tokens: int, context: int, window: int | None, causal: bool) -> int:
    """Query-key pairs of ``tokens`` queries behind ``context`` keys, within ``window`` keys.

    Not ``causal``: the whole masked square, as a plain matrix product executes it.

    >>> visible_pairs(3, 0, None, True)  # 1 + 2 + 3
    6
    >>> visible_pairs(3, 2, None, True)  # 3 + 4 + 5
    12
    >>> visible_pairs(3, 2, 4, True)  # 3 + 4 + 4
    11
    """
    if not causal:
        return tokens * (tokens + context)
    if window is None or context + tokens <= window:
        return tokens * context + tokens * (tokens + 1) // 2
    growing = max(0, window - context)
    return growing * context + growing * (growing + 1) // 2 + (tokens - growing) * window


def chunk_pairs(tokens: int, context: int, chunk: int) -> int:
    """The same where a token sees only its own chunk of ``chunk`` positions, up to itself.

    >>> chunk_pairs(5, 0, 3)  # 1 + 2 + 3, 1 + 2
    9
    """

    def before(position: int) -> int:
        whole, rest = divmod(position, chunk)
        return whole * (chunk * (chunk + 1) // 2) + rest * (rest + 1) // 2

    return before(context + tokens) - before(context)
