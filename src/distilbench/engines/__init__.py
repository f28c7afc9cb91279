"""Where a model runs: the embedded llama.cpp engine, and its face to Inspect.

Holds the :class:`LlamaCpp` engine (xllamacpp, in a child process under memory and core limits), the
Inspect provider ``distilbench/...`` that wraps it, the prediction of its memory, the quantizing of
model files, and their finding: paths, ``hf:`` hub references and ``pypi:`` packaged models. Every
other engine is reached through Inspect's own providers. Imports ``meter``, ``architecture`` and
``errors``.
"""

from distilbench.engines._build import Build, build_advice, build_of
from distilbench.engines._completion import few_shot_prompt
from distilbench.engines._contract import Assignment, Engine, WarmUp, engine_of
from distilbench.engines._digest import sha256_of
from distilbench.engines._gpu import GpuDevice, gpu_devices
from distilbench.engines._limits import sweep_cgroups
from distilbench.engines._llama_cpp import LlamaCpp
from distilbench.engines._memory import MemoryEstimate, predict_memory
from distilbench.engines._models import card_beside, describe_model, local_path, locate_model
from distilbench.engines._packaged import PACKAGED, PackagedModel, packaged
from distilbench.engines._process import EngineDied, EngineError, EngineKilled
from distilbench.engines._quantize import check_quantization, quantized
from distilbench.engines._scratch import Scratch, sweep_scratch
from distilbench.engines._serve import compiler_of
from distilbench.engines._settings import (
    FAILURE_KEY,
    FORCED_KEY,
    METADATA_KEY,
    MOST_SLOTS,
    READ_KEY,
    THINKING_KEY,
    EngineSettings,
    Listen,
)
from distilbench.engines._thinking import separate
from distilbench.engines._tokens import tokens_of
from distilbench.engines._tools import check_server_tools, check_tools
from distilbench.engines._transport import fetch_errors

__all__ = [
    "FAILURE_KEY",
    "FORCED_KEY",
    "METADATA_KEY",
    "MOST_SLOTS",
    "PACKAGED",
    "READ_KEY",
    "THINKING_KEY",
    "Assignment",
    "Build",
    "Engine",
    "EngineDied",
    "EngineError",
    "EngineKilled",
    "EngineSettings",
    "GpuDevice",
    "Listen",
    "LlamaCpp",
    "MemoryEstimate",
    "PackagedModel",
    "Scratch",
    "WarmUp",
    "build_advice",
    "build_of",
    "card_beside",
    "check_quantization",
    "check_server_tools",
    "check_tools",
    "compiler_of",
    "describe_model",
    "engine_of",
    "fetch_errors",
    "few_shot_prompt",
    "gpu_devices",
    "local_path",
    "locate_model",
    "packaged",
    "predict_memory",
    "quantized",
    "separate",
    "sha256_of",
    "sweep_cgroups",
    "sweep_scratch",
    "tokens_of",
]
