"""The shape of a language model, and what follows from the shape alone.

Holds the :class:`ModelShape` record: layers of several kinds (attention, latent attention, linear
attention, state space, convolution; dense or expert MLP), one small class for each kind with its
exact parameter counts, its FLOPs and the cache that it keeps. ``meter`` prices inference with it,
``compute`` prices training with it, ``catalog`` stores it on model cards. Holds also the
quantizations of llama.cpp and their bits per weight. Readers fill it from a GGUF file or a Hugging
Face ``config.json``. Imports nothing of ours but ``errors``.
"""

from distilbench.architecture._attention import Attention
from distilbench.architecture._describe import (
    ModelDescription,
    describe,
    describe_config,
    describe_stream,
)
from distilbench.architecture._quantization import BITS_PER_WEIGHT, QUANTIZATIONS, Quantization
from distilbench.architecture._shape import ForwardFlops, Layer, ModelShape

__all__ = [
    "BITS_PER_WEIGHT",
    "QUANTIZATIONS",
    "Attention",
    "ForwardFlops",
    "Layer",
    "ModelDescription",
    "ModelShape",
    "Quantization",
    "describe",
    "describe_config",
    "describe_stream",
]
