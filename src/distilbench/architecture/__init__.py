"""The shape of a language model, and what follows from the shape alone.

Holds the :class:`ModelShape` record: layers of several kinds (attention, latent attention, linear
attention, state space, convolution; dense or expert MLP), one small class for each kind with its
exact parameter counts, its FLOPs and the cache that it keeps. ``meter`` prices inference with it,
``compute`` prices training with it, ``catalog`` stores it on model cards. Holds also the
quantizations of llama.cpp and their bits per weight. Readers fill it from a GGUF header or a
Hugging Face ``config.json``, and compare it with the weights that the files hold, which they count
one by one: those of split and packed models too. Imports nothing of ours but ``errors``.
"""

from distilbench.architecture._attention import Attention
from distilbench.architecture._describe import (
    ModelDescription,
    OpenFile,
    describe,
    describe_config,
    describe_gguf,
    describe_stream,
    describe_tensors,
)
from distilbench.architecture._quantization import BITS_PER_WEIGHT, QUANTIZATIONS, Quantization
from distilbench.architecture._safetensors import Tensor
from distilbench.architecture._shape import ForwardFlops, Layer, ModelShape
from distilbench.architecture._split import model_files, part_names, refuse_missing

__all__ = [
    "BITS_PER_WEIGHT",
    "QUANTIZATIONS",
    "Attention",
    "ForwardFlops",
    "Layer",
    "ModelDescription",
    "ModelShape",
    "OpenFile",
    "Quantization",
    "Tensor",
    "describe",
    "describe_config",
    "describe_gguf",
    "describe_stream",
    "describe_tensors",
    "model_files",
    "part_names",
    "refuse_missing",
]
