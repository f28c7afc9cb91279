"""Where a model runs: the embedded llama.cpp engine, and its face to Inspect.

Holds the :class:`LlamaCpp` engine (xllamacpp, in a child process under memory and core limits), the
Inspect provider ``distilbench/...`` that wraps it, the prediction of its memory, the quantizing of
model files, and their finding: paths, ``hf:`` hub references and ``pypi:`` packaged models. Every
other engine is reached through Inspect's own providers. Imports ``meter``, ``architecture`` and
``errors``.
"""

from distilbench.engines._completion import few_shot_prompt
from distilbench.engines._gpu import GpuDevice, gpu_devices
from distilbench.engines._memory import MemoryEstimate, predict_memory
from distilbench.engines._models import (
    PACKAGED,
    PackagedModel,
    describe_model,
    locate_model,
    sha256_of,
)
from distilbench.engines._provider_check import check_provider
from distilbench.engines._quantize import quantized
from distilbench.engines._settings import (
    FAILURE_KEY,
    FORCED_KEY,
    METADATA_KEY,
    MOST_SLOTS,
    THINKING_KEY,
    EngineSettings,
    Listen,
)
from distilbench.engines._thinking import separate

__all__ = [
    "FAILURE_KEY",
    "FORCED_KEY",
    "METADATA_KEY",
    "MOST_SLOTS",
    "PACKAGED",
    "THINKING_KEY",
    "EngineSettings",
    "GpuDevice",
    "Listen",
    "MemoryEstimate",
    "PackagedModel",
    "check_provider",
    "describe_model",
    "few_shot_prompt",
    "gpu_devices",
    "locate_model",
    "predict_memory",
    "quantized",
    "separate",
    "sha256_of",
]
