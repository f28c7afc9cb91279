"""The shape of a transformer, and what follows from the shape alone.

Holds the :class:`Transformer` record (layers, widths, heads, experts, attention window), its exact
parameter counts, and the FLOPs of a forward pass. ``meter`` prices inference with it, ``compute``
prices training with it, ``catalog`` stores it on model cards. Holds also the quantizations of
llama.cpp and their bits per weight. Readers fill it from a GGUF file, a
safetensors header or a Hugging Face ``config.json``. Imports nothing of ours but ``errors``.
"""

from distilbench.architecture._describe import (
    ModelDescription,
    describe,
    describe_config,
    describe_stream,
)
from distilbench.architecture._quantization import BITS_PER_WEIGHT, QUANTIZATIONS, Quantization
from distilbench.architecture._transformer import ForwardFlops, Transformer

__all__ = [
    "BITS_PER_WEIGHT",
    "QUANTIZATIONS",
    "ForwardFlops",
    "ModelDescription",
    "Quantization",
    "Transformer",
    "describe",
    "describe_config",
    "describe_stream",
]
