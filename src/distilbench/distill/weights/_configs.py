"""Configurations of transformers: what is read of them, and those of smaller models."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any


def head_dim(config: Any) -> int:
    """Features of a head, which may differ from hidden / heads."""
    return int(
        getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    )


def smaller_config(
    config: Any,
    layers: Sequence[int],
    heads: int | None,
    kv_heads: int | None,
    ffn: int | None,
    hidden: int | None,
) -> Any:
    """The configuration of a model that keeps these layers and widths; null: the width that is."""
    smaller = of_layers(config, layers)
    smaller.head_dim = head_dim(config)  # no longer hidden / heads once either is pruned
    for name, width in (
        ("num_attention_heads", heads),
        ("num_key_value_heads", kv_heads),
        ("intermediate_size", ffn),
        ("hidden_size", hidden),
    ):
        if width is not None:
            setattr(smaller, name, width)
    return smaller


def of_layers(config: Any, layers: Sequence[int]) -> Any:
    """The configuration of a model that keeps these layers: each stays of its own kind."""
    smaller = deepcopy(config)
    smaller.num_hidden_layers = len(layers)
    for name in ("layer_types", "no_rope_layers"):
        if getattr(config, name, None):
            setattr(smaller, name, [getattr(config, name)[layer] for layer in layers])
    return smaller
