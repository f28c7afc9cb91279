"""Predicts the memory that llama.cpp will take, from the file's header alone."""

from __future__ import annotations

from typing import NamedTuple

from distilbench.architecture import BITS_PER_WEIGHT, Attention, ModelDescription, ModelShape
from distilbench.engines._settings import BATCH, CHECKPOINTS, EngineSettings, forgets_prefix

_F16, _F32 = 2, 4
_ALL_LAYERS = 999
_CELLS = 256  # llama.cpp rounds a cache up to so many positions
# Measured on Linux with xllamacpp 2026.10 and the two packaged models: interpreter, libraries,
# threads and server; and for each token of the vocabulary its texts, scores and look-up tables.
_PROCESS_BYTES = 44 << 20
_BYTES_PER_TOKEN_OF_VOCABULARY = 160
_CANDIDATE_BYTES = 12  # llama_token_data: for each slot and token of the vocabulary, while sampling


class MemoryEstimate(NamedTuple):
    """Bytes of the engine's memory by part: estimated, before anything is loaded."""

    weights: int
    kv_cache: int
    compute: int
    process: int
    """Interpreter, libraries, vocabulary, sampling."""

    @property
    def total(self) -> int:
        return sum(self)


def predict_memory(
    model: ModelDescription, settings: EngineSettings, quantization: str | None = None
) -> MemoryEstimate | None:
    """Peak memory of running ``model`` with ``settings``; null where the file does not say enough.

    ``quantization``: as if it had been quantized so, at llama.cpp's published bits per weight.
    Key/value cache: 2 (16-bit) x kv_heads x (key + value width) bytes a layer and position, for all
    slots; a sliding-window layer keeps its window and one batch. Compute buffers: of one batch of
    512 tokens. The rest was measured, see the constants. Checked against measured peaks by
    tests/test_memory.py: within 10% for the two packaged models.
    """
    shape = model.architecture
    weights = _weights_bytes(model, quantization)
    if shape is None or weights is None:
        return None
    vocabulary = shape.vocab
    return MemoryEstimate(
        weights=weights,
        kv_cache=kv_cache_bytes(shape, settings.context, settings.slots),
        compute=_compute_bytes(shape, settings),
        process=_PROCESS_BYTES
        + vocabulary * (_BYTES_PER_TOKEN_OF_VOCABULARY + settings.slots * _CANDIDATE_BYTES),
    )


def gpu_layers_that_fit(model: ModelDescription, settings: EngineSettings) -> int:
    """Layers to put on the GPU: as the settings say, else as many as are predicted to fit its
    memory, with an equal share of weights and cache for each layer and the output."""
    if settings.gpu_index is None:
        return 0
    if settings.gpu_layers is not None:
        return settings.gpu_layers
    needed = predict_memory(model, settings)
    if needed is None or settings.gpu_memory_bytes is None or model.architecture is None:
        return _ALL_LAYERS
    parts = model.architecture.layer_count + 1
    share = (needed.weights + needed.kv_cache) / parts
    return max(0, min(parts, int((settings.gpu_memory_bytes - needed.compute) / share)))


def layers_on_gpu(model: ModelDescription, settings: EngineSettings) -> int | None:
    """Layers that are put on the GPU, the output counted as one; null: no GPU is used, or the file
    does not say how many there are."""
    if settings.gpu_index is None or model.architecture is None:
        return None
    return min(model.architecture.layer_count + 1, gpu_layers_that_fit(model, settings))


def kv_cache_bytes(shape: ModelShape, context: int, slots: int) -> int:
    """Bytes of the key/value caches of all slots, with the copies of a sliding window's state that
    llama.cpp keeps to go back to (checkpoints)."""
    forgets = forgets_prefix(shape, context)
    kept = 0
    for part, count in shape.parts():
        window = part.window if forgets and isinstance(part, Attention) else None
        positions = _kept_positions(window, context)
        kept += count * (_F16 * part.cache_width * positions + _F32 * part.state_size)
    return slots * kept


def _kept_positions(window: int | None, context: int) -> int:
    """Positions that a layer keeps: all, or a window and one batch, with the window's copies."""
    cells = _rounded(context)
    if window is None:
        return cells
    return min(cells, _rounded(window + BATCH)) + CHECKPOINTS * min(window, context)


def _compute_bytes(shape: ModelShape, settings: EngineSettings) -> int:
    """Activations of one batch, its attention masks, and the logits of every slot.

    The buffers that llama.cpp states for the two packaged models are within 3% of eight times the
    hidden width and twice the MLP's.
    """
    activations = _F32 * BATCH * (8 * shape.hidden + 2 * shape.widest_mlp)
    masks = _F16 * BATCH * _rounded(settings.context)
    if shape.window:
        masks += _F16 * BATCH * min(_rounded(settings.context), _rounded(shape.window + BATCH))
    return activations + masks + _F32 * shape.vocab * settings.slots


def _weights_bytes(model: ModelDescription, quantization: str | None) -> int | None:
    if quantization is None or quantization == model.quantization:
        return model.weights_bytes or model.size_bytes
    if model.parameters is None:
        return None
    return round(model.parameters * BITS_PER_WEIGHT[quantization] / 8)


def _rounded(positions: int) -> int:
    return -(-positions // _CELLS) * _CELLS
