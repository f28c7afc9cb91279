"""Memory predicted from the header against what loading and running takes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from distilbench.architecture import ModelShape, describe
from distilbench.engines import EngineSettings, predict_memory
from distilbench.engines._completion import Sampling
from distilbench.engines._llama_cpp import LlamaCpp
from distilbench.engines._memory import gpu_layers_that_fit, kv_cache_bytes, layers_on_gpu
from distilbench.meter import peak_memory_bytes

MIB = 1 << 20
TOLERANCE = 0.10


def measured_peak(path: str, settings: EngineSettings) -> int:
    """Peak after every slot has read a long prompt and answered."""

    async def fill(engine: LlamaCpp) -> None:
        words = " ".join(str(n) for n in range(100, 100 + min(settings.context, 2048) // 5))
        asked = [f"{n} {words}" for n in range(settings.slots)]
        done = await asyncio.gather(*(engine.complete(p, Sampling(n_predict=8)) for p in asked))
        assert all(completion.timing.input_tokens for completion in done)
        await engine.aclose()

    with LlamaCpp(Path(path), settings) as engine:
        asyncio.run(fill(engine))
        assert engine.pid
        return peak_memory_bytes(engine.pid) or 0


@pytest.mark.model
@pytest.mark.parametrize(
    ("model", "context", "slots"),
    [
        ("smollm2", 512, 4), ("smollm2", 8192, 1), ("gemma3", 512, 1), ("gemma3", 2048, 1),
        pytest.param("smollm2", 512, 1, marks=pytest.mark.long),
        pytest.param("smollm2", 2048, 1, marks=pytest.mark.long),
        pytest.param("gemma3", 512, 4, marks=pytest.mark.long),
        pytest.param("gemma3", 8192, 1, marks=pytest.mark.long),
    ],
)  # fmt: skip
def test_predicted_peak_is_within_a_tenth_of_the_measured(
    model: str, context: int, slots: int, request: pytest.FixtureRequest
) -> None:
    path = request.getfixturevalue(model)
    settings = EngineSettings(slots=slots, context=context, threads=1)
    predicted = predict_memory(describe(Path(path)), settings)
    assert predicted is not None
    measured = measured_peak(path, settings)
    print(f"{model} context {context} slots {slots}: {predicted.total / measured:.3f}")
    assert predicted.total == pytest.approx(measured, rel=TOLERANCE)


def test_weights_are_counted_exactly_in_the_header(smollm2: str, gemma3: str) -> None:
    """llama.cpp's own log says 92.10 and 235.16 MiB."""
    sizes = [describe(Path(path)).weights_bytes or 0 for path in (smollm2, gemma3)]
    assert [round(size / MIB, 2) for size in sizes] == [92.10, 235.16]


def test_the_cache_is_that_which_llama_cpp_states(smollm2: str, gemma3: str) -> None:
    """From its log: 45 MiB for four slots of 512; 24 + 60 MiB for four of 2048 with a window."""
    plain, windowed = (describe(Path(path)).architecture for path in (smollm2, gemma3))
    assert plain is not None
    assert windowed is not None
    assert kv_cache_bytes(plain, 512, 4) == 45 * MIB
    assert kv_cache_bytes(windowed, 512, 4) == 36 * MIB
    checkpoints = 4 * 2 * 15 * 512 * 512 * 2
    assert kv_cache_bytes(windowed, 2048, 4) - checkpoints == 84 * MIB


def test_latent_attention_keeps_its_compressed_rows() -> None:
    """DeepSeek-V3: 512 + 64 numbers of two bytes a layer and position (arXiv 2412.19437)."""
    shape = ModelShape.plain(
        layers=61, hidden=7168, heads=128, kv_heads=128, head_dim=128, ffn=18432, vocab=129280,
        kv_lora=512, rope_dim=64,
    )  # fmt: skip
    assert kv_cache_bytes(shape.absorbed(), 1024, 1) == 61 * 1024 * 576 * 2
    assert kv_cache_bytes(shape, 1024, 1) == 61 * 1024 * 128 * (128 + 64 + 128) * 2


def test_another_quantization_is_predicted_from_its_bits(smollm2: str) -> None:
    described = describe(Path(smollm2))
    full = predict_memory(described, EngineSettings(), "F16")
    small = predict_memory(described, EngineSettings(), "Q8_0")
    assert full is not None
    assert small is not None
    assert full.weights == pytest.approx(2 * (described.parameters or 0), rel=1e-3)
    assert full.weights > small.weights
    assert full[1:] == small[1:]


def test_layers_are_put_on_the_gpu_until_its_memory_is_full(smollm2: str) -> None:
    described = describe(Path(smollm2))

    def layers(mib: int | None, asked: int | None = None) -> int:
        bound = mib * MIB if mib else None
        return gpu_layers_that_fit(
            described, EngineSettings(gpu_index=0, gpu_memory_bytes=bound, gpu_layers=asked)
        )

    assert gpu_layers_that_fit(described, EngineSettings()) == 0
    assert layers(None) == 999
    assert layers(100, asked=7) == 7
    assert layers(10_000) == 31
    assert 0 < layers(150) < layers(250) < 31
    assert layers(1) == 0


@pytest.mark.parametrize(
    ("asked", "layers"),
    [({}, None), ({"gpu_index": 0}, 31), ({"gpu_index": 0, "gpu_layers": 7}, 7),
     ({"gpu_index": 0, "gpu_layers": 99}, 31), ({"gpu_index": 0, "gpu_layers": 0}, 0)],
)  # fmt: skip
def test_layers_on_the_gpu_are_recorded_as_there_are(
    smollm2: str, asked: dict[str, int], layers: int | None
) -> None:
    """SmolLM2-135M has 30, and its output. Without a GPU there is no number of them, not 0."""
    assert layers_on_gpu(describe(Path(smollm2)), EngineSettings(**asked)) == layers
