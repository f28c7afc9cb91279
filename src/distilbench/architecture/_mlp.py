"""Layers that mix features: the MLP, dense or of experts."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from distilbench.architecture._part import Part


class Mlp(Part):
    """Gate, up and down matrices (SwiGLU), or up and down only."""

    kind: Literal["mlp"] = "mlp"
    width: int = Field(ge=0)
    gated: bool = True

    def weights(self, hidden: int) -> int:
        return mlp_weights(hidden, self.width, self.gated) + self.matrices

    @property
    def widest(self) -> int:
        return self.width


class Experts(Part):
    """A router, ``experts`` MLPs of which a token uses ``used``, and a part that all use."""

    kind: Literal["experts"] = "experts"
    experts: int = Field(gt=0, description="routed experts")
    used: int = Field(gt=0, description="routed experts that one token uses")
    width: int = Field(gt=0, description="width of one expert")
    shared_width: int = Field(0, ge=0, description="width of all experts that every token uses")
    latent_width: int | None = Field(
        None, gt=0, description="routed experts read and write so many features, not hidden"
    )
    gated: bool = True
    expert_vectors: int = Field(0, ge=0, description="vectors of one expert: its biases")

    @model_validator(mode="after")
    def _uses_what_it_has(self) -> Self:
        if self.used > self.experts:
            raise ValueError(f"a token uses {self.used} of {self.experts} experts; correct it")
        return self

    def weights(self, hidden: int) -> int:
        return self._always(hidden) + self.experts * self._expert(hidden)

    def weights_per_token(self, hidden: int) -> int:
        return self._always(hidden) + self.used * self._expert(hidden)

    def params(self, hidden: int) -> int:
        return super().params(hidden) + self.experts * self.expert_vectors

    def active_params(self, hidden: int) -> int:
        vectors = self.vectors + self.used * self.expert_vectors
        return self.weights_per_token(hidden) + vectors

    @property
    def widest(self) -> int:
        return self.used * self.width + self.shared_width

    def routed_weights(self, hidden: int) -> int:
        """Weights of the matrices of all routed experts, without the router."""
        return self.experts * self._expert(hidden)

    def _expert(self, hidden: int) -> int:
        return mlp_weights(self.latent_width or hidden, self.width, self.gated)

    def _always(self, hidden: int) -> int:
        shared = mlp_weights(hidden, self.shared_width, self.gated)
        latent = 2 * hidden * (self.latent_width or 0)
        return hidden * self.experts + latent + shared + self.matrices


def mlp_weights(hidden: int, width: int, gated: bool) -> int:
    return hidden * width * (3 if gated else 2)
