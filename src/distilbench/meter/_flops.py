"""FLOPs of one inference."""

from __future__ import annotations

from typing import NamedTuple

from distilbench.architecture import ModelShape


class InferenceFlops(NamedTuple):
    """FLOPs of answering one question, prefill and decode apart."""

    prefill: float
    """The whole prompt, as if nothing had been cached: it does not depend on the order of work."""
    decode: float
    cached: float
    """The part of ``prefill`` that a prefix cache saved."""


def inference_flops(
    shape: ModelShape, input_tokens: int, output_tokens: int, cached_tokens: int = 0
) -> InferenceFlops:
    """FLOPs of reading ``input_tokens`` and generating ``output_tokens``.

    The first generated token comes out of the prefill, so decoding takes ``output_tokens - 1``
    forward passes; prefill computes logits for its last position only, as generating engines do.
    Source of the counts: :meth:`ModelShape.forward_flops` and :meth:`ModelShape.decode_flops`.

    >>> plain = {"layers": 1, "heads": 1, "kv_heads": 1, "head_dim": 4, "ffn": 8}
    >>> shape = ModelShape.plain(hidden=4, vocab=10, **plain)
    >>> inference_flops(shape, 3, 1).decode
    0.0
    """
    prefill = shape.forward_flops(input_tokens, logits=1) if input_tokens else None
    cached = shape.forward_flops(cached_tokens, logits=0).total if cached_tokens else 0.0
    steps = max(0, output_tokens - 1)
    decode = shape.decode_flops(steps, context=input_tokens)
    return InferenceFlops(prefill.total if prefill else 0.0, decode.total, cached)
