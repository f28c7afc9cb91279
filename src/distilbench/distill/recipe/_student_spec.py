"""What a student is made from: the ``student:`` entry of a recipe."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from distilbench.architecture import ModelShape
from distilbench.sizes import Bytes
from distilbench.source import Source


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NewShape(_Spec):
    """A Llama configuration whose weights are drawn at random. Widths are counts of features."""

    layers: int = Field(ge=1)
    hidden: int = Field(ge=1, description="width of the residual stream")
    heads: int = Field(ge=1, description="query heads")
    kv_heads: int | None = Field(None, ge=1, description="key/value heads; default: heads")
    ffn: int = Field(ge=1, description="width of the MLP")
    context: int = Field(512, ge=8, description="longest sequence in tokens")
    tied: bool = Field(True, description="output embedding is the input embedding")

    @model_validator(mode="after")
    def _widths_divide(self) -> Self:
        if self.hidden % self.heads:
            raise ValueError(f"hidden is a multiple of heads ({self.hidden}, {self.heads})")
        if (self.hidden // self.heads) % 2:
            raise ValueError("hidden / heads is even, for the rotary embedding")
        if self.kv_heads and self.heads % self.kv_heads:
            raise ValueError(f"heads is a multiple of kv_heads ({self.heads}, {self.kv_heads})")
        return self

    def described(self, vocab: int) -> ModelShape:
        """The architecture with so many rows of embeddings."""
        return ModelShape.plain(
            layers=self.layers,
            hidden=self.hidden,
            heads=self.heads,
            kv_heads=self.kv_heads or self.heads,
            head_dim=self.hidden // self.heads,
            ffn=self.ffn,
            vocab=vocab,
            tied=self.tied,
            context=self.context,
        )


class WidthPruning(_Spec):
    """Widths to keep, what is left out staying as wide as it is; or a budget, within which depth
    and widths are searched."""

    heads: int | None = Field(None, ge=1, description="query heads to keep")
    kv_heads: int | None = Field(
        None, ge=1, description="key/value heads to keep; default: all, or so that groups stay"
    )
    ffn: int | None = Field(None, ge=1, description="width of the MLP to keep")
    hidden: int | None = Field(None, ge=1, description="width of the residual stream to keep")
    params: float | None = Field(None, gt=0, description="budget: most parameters")
    memory: Bytes | None = Field(
        None, description="budget: most memory in llama.cpp, predicted, context of 2,048"
    )
    latency_s: float | None = Field(
        None, gt=0, description="budget: most seconds a token in llama.cpp here, measured"
    )
    importance: Literal["weight", "activation"] = Field(
        "weight", description="what decides: magnitude of weights, or of activations on the texts"
    )

    @model_validator(mode="after")
    def _prunes_something(self) -> Self:
        widths = any((self.heads, self.kv_heads, self.ffn, self.hidden))
        if not widths and not self.has_budget:
            raise ValueError(
                "prune names a width to keep: heads, kv_heads, ffn or hidden;"
                " or a budget: params, memory, latency_s"
            )
        if widths and self.has_budget:
            raise ValueError("prune has widths or a budget (params, memory, latency_s), not both")
        return self

    @property
    def has_budget(self) -> bool:
        """Whether depth and widths are yet to be searched."""
        return any((self.params, self.memory, self.latency_s))


class StudentSpec(_Spec):
    """Where the student's first weights come from.

    Without any field they are the teacher's. ``model`` starts from another model; ``layers`` or
    ``keep_layers`` and ``prune`` make it smaller; ``new`` starts from nothing instead.
    """

    model: Source | None = Field(
        None, description="base model: folder, hf:org/name, pypi:name or GGUF; default: the teacher"
    )
    layers: int | None = Field(None, ge=1, description="layers to keep, evenly spaced")
    keep_layers: tuple[int, ...] | None = Field(
        None, min_length=1, description="the layers to keep, by number from 0"
    )
    prune: WidthPruning | None = None
    new: NewShape | None = Field(None, description="a new configuration, trained from scratch")

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if self.layers is not None and self.keep_layers is not None:
            raise ValueError("'layers' or 'keep_layers' is given, not both")
        taken = [
            name for name in ("model", "layers", "keep_layers", "prune") if getattr(self, name)
        ]
        if self.new is not None and taken:
            raise ValueError(f"'new' starts from nothing, so '{taken[0]}' is not given beside it")
        if self.prune and self.prune.has_budget and (self.layers or self.keep_layers):
            raise ValueError("a budget of 'prune' chooses the layers; drop 'layers', 'keep_layers'")
        kept = self.keep_layers or ()
        if list(kept) != sorted(set(kept)) or (kept and kept[0] < 0):
            raise ValueError("keep_layers rises from 0 or above, without repeats")
        return self
