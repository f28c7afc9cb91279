"""The embedded engine: llama.cpp in a process of its own, under limits, asked through Inspect."""

from __future__ import annotations

import asyncio
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from distilbench.architecture import Quantization
from distilbench.beat import every
from distilbench.engines._build import build_advice, build_of
from distilbench.engines._contract import Assignment, Conversations, Engine, WarmUp
from distilbench.engines._gpu import gpu_devices, memory_of
from distilbench.engines._llama_cpp import LlamaCpp
from distilbench.engines._local_server import LOOK_S, GpuMemory
from distilbench.engines._memory import layers_on_gpu, predict_memory
from distilbench.engines._models import locate_model
from distilbench.engines._packaged import packaged
from distilbench.engines._process import EngineError
from distilbench.engines._quantize import quantized
from distilbench.errors import InputError
from distilbench.meter import EnergyMeter, find_meter, peak_memory_bytes, read_bytes
from distilbench.providers import HERE, PROVIDERS, Provider
from distilbench.source import Source

if TYPE_CHECKING:
    from inspect_ai.model import Model


class Embedded(Engine):
    """A GGUF file on :class:`LlamaCpp`."""

    asks_anyway: ClassVar[bool] = True
    works_in_pid: ClassVar[bool] = True
    forces_budget: ClassVar[bool] = True

    @classmethod
    def provider(cls, source: Source) -> Provider:
        return PROVIDERS["distilbench"]

    @classmethod
    def locate(
        cls, source: Source, quantization: Quantization | None, folder: Path, where: str
    ) -> Path:
        file = locate_model(source, folder, where)
        if file.suffix == ".safetensors":
            raise InputError(
                where, f"{file.name} is no GGUF, and llama.cpp runs no other file",
                "convert it with llama.cpp's convert_hf_to_gguf.py, or write inspect:hf/...",
            )  # fmt: skip
        return quantized(file, quantization, where) if quantization else file

    @classmethod
    def reference(cls, source: Source, file: Path | None) -> str:
        """A packaged model is called by its name, wherever its file is."""
        known = packaged(source)
        as_it_is = known is not None and file is not None and file.name == known.file
        return f"distilbench/{source if as_it_is else file}"

    @classmethod
    def gpu_memory_bytes(cls, index: int, where: str, program: Path | None) -> int:
        remedy = "install xllamacpp's wheel for your GPU, or set 'gpu: none'"
        return memory_of(gpu_devices(), index, where, "llama.cpp", remedy)

    def __init__(self, asked: Assignment) -> None:
        from inspect_ai.model import get_model

        from distilbench.engines._provider import DistilbenchAPI

        self._model = get_model(
            asked.reference,
            memoize=False,
            file=str(asked.file),
            program=str(asked.program) if asked.program else None,
            program_args=dict(asked.args),
            **asked.settings.model_dump(),
        )
        self._engine: LlamaCpp = cast(DistilbenchAPI, self._model.api).engine
        self._load_peak_bytes: int | None = None
        self._gpu, self._beside = GpuMemory(self._pids), ExitStack()

    @property
    def model(self) -> Model:
        return self._model

    def load(self) -> None:
        self._engine.load()
        pid = self._engine.pid
        self._load_peak_bytes = peak_memory_bytes(pid) if pid else None
        if self._engine.settings.gpu_index is not None:
            self._beside.enter_context(every(LOOK_S, self._gpu.look))

    def close(self) -> None:
        self._beside.close()
        self._engine.close()

    def _pids(self) -> frozenset[int]:
        return frozenset() if self.pid is None else frozenset((self.pid,))

    def energy_meter(self, processor: str) -> EnergyMeter:
        """The idle machine is measured first."""
        usage = self._engine.usage
        meter = find_meter(processor, self._engine.settings.gpu_index, lambda: usage.cpu_seconds)
        meter.measure_idle()
        return meter

    def begin(self) -> None:
        self._engine.usage.begin()
        if self._engine.settings.gpu_index is not None:
            self._gpu.begin()

    def warm_up(self, conversations: Conversations) -> WarmUp | None:
        from distilbench.engines._provider import as_messages

        engine = self._engine
        if engine.pid is None:
            return None
        asked = [as_messages(conversation) for conversation in conversations()]

        async def warm() -> WarmUp | None:
            try:
                return await engine.warm_up([await engine.prompt(messages) for messages in asked])
            except EngineError:
                return None  # each question will meet the same and have it as its outcome
            finally:
                await engine.aclose()

        return asyncio.run(warm())

    @property
    def lost(self) -> str | None:
        return str(self._engine.lost) if self._engine.lost else None

    @property
    def pid(self) -> int | None:
        return self._engine.pid

    @property
    def load_s(self) -> float | None:
        return self._engine.load_s

    @property
    def peak_memory_bytes(self) -> int | None:
        """A cell can have no less than loading its model took."""
        peak = self._engine.usage.peak_memory_bytes
        return None if peak is None else max(peak, self._load_peak_bytes or 0)

    def read_share(self) -> float | None:
        """Where the system counts what a process reads (Linux)."""
        read, size = read_bytes(self._engine.pid), self._engine.description.size_bytes
        return min(1.0, read / size) if read is not None and size else None

    def facts(self) -> dict[str, Any]:
        from importlib.metadata import version

        engine, described = self._engine, self._engine.description
        predicted = predict_memory(described, engine.settings)
        weights, parameters = described.weights_bytes, described.parameters
        return {
            "predicted_memory_bytes": predicted.total if predicted else None,
            "load_peak_bytes": self._load_peak_bytes,
            **self._memory_facts(),
            "declared_name": described.name,
            "bits_per_weight": 8 * weights / parameters if weights and parameters else None,
            "clock": "engine's clock",
            "engine": "llama.cpp (xllamacpp)",
            "runs_on": HERE,
            "engine_version": version("xllamacpp"),
            **build_of(engine.system_info, engine.compiler)._asdict(),
            "threads": engine.threads,
            "gpu_layers": layers_on_gpu(described, engine.settings),
            "spin_count": engine.settings.spin_count if sys.platform == "linux" else None,
            "model_file_bytes": described.size_bytes,
            "parameters": parameters,
            "quantization": described.quantization,
        }

    def advice(self) -> str | None:
        """Where the processor works at all."""
        described, settings = self._engine.description, self._engine.settings
        shape, on_gpu = described.architecture, layers_on_gpu(described, settings)
        if shape is not None and on_gpu == shape.layer_count + 1:
            return None
        return build_advice(build_of(self._engine.system_info))

    def _memory_facts(self) -> dict[str, Any]:
        told = self.peak_memory_bytes is not None
        missing = "not available: its process died, or the system keeps no peak of another process"
        if self._engine.settings.gpu_index is None:
            gpu: tuple[int | None, str] = (None, "not available: the profile gives it no GPU")
        else:
            gpu = self._gpu.told()
        return {
            "memory_method": "peak resident memory of the engine's process" if told else missing,
            "peak_gpu_memory_bytes": gpu[0],
            "gpu_memory_method": gpu[1],
        }

    def enforcement(self) -> list[str]:
        gpu = self._engine.settings.gpu_index
        layers = f"GPU {gpu} by its number, its memory by the number of layers"
        return [*self._engine.fence.describe(), *([] if gpu is None else [layers])]
