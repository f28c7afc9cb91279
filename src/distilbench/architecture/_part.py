"""What every part of a layer answers."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer


class Part(BaseModel):
    """One part of a layer: it mixes positions (attention, recurrence) or features (MLP).

    ``hidden`` is everywhere the width of the residual stream that the part reads and writes. A
    part that does not mix positions, keeps no cache or has no filters takes the answers below.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    matrices: int = Field(
        0, ge=0, description="weights of further matrices that every token is multiplied with"
    )
    vectors: int = Field(
        0, ge=0, description="weights of norms, biases and the like: stored, no matrix product"
    )

    @model_serializer(mode="wrap")
    def _named(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Written with its kind even where defaults are left out, so that it can be read again."""
        written = handler(self)
        return {"kind": kind, **written} if (kind := getattr(self, "kind", None)) else written

    def weights(self, hidden: int) -> int:
        """Weights of all matrices."""
        raise NotImplementedError

    def weights_per_token(self, hidden: int) -> int:
        """Weights of the matrices that one token is multiplied with."""
        return self.weights(hidden)

    def params(self, hidden: int) -> int:
        """All weights."""
        return self.weights(hidden) + self.filters + self.vectors

    def active_params(self, hidden: int) -> int:
        """Weights that one token passes through."""
        return self.params(hidden)

    def pair_flops(self, tokens: int, context: int, causal: bool) -> int:
        """FLOPs of ``tokens`` queries behind ``context`` keys: they grow with the context."""
        return 0

    def reread_flops(self, hidden: int) -> int:
        """FLOPs that a pass spends on each position it finds in the cache, before it looks."""
        return 0

    @property
    def state_flops(self) -> int:
        """FLOPs of one token on a state of fixed size: recurrence and short convolution."""
        return 0

    @property
    def filters(self) -> int:
        """Weights of short convolutions."""
        return 0

    @property
    def cache_width(self) -> int:
        """Numbers kept of each position."""
        return 0

    @property
    def state_size(self) -> int:
        """Numbers kept of a text, however long it is."""
        return 0
