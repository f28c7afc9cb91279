"""Registers with Inspect (entry point ``inspect_ai``) the provider ``distilbench/...`` and the
benchmarks ``distilbench/...``."""

from __future__ import annotations

from inspect_ai.model import ModelAPI, modelapi

from distilbench.tasks.benchmarks import math_500

__all__ = ["distilbench", "math_500"]


@modelapi(name="distilbench")
def distilbench() -> type[ModelAPI]:
    """``inspect eval ... --model distilbench/pypi:gemma-3-270m -M slots=4``."""
    from distilbench.engines._provider import DistilbenchAPI

    return DistilbenchAPI
