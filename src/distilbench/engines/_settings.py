"""Settings of the embedded engine."""

from __future__ import annotations

from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from distilbench.architecture import ModelShape

READ_KEY = "distilbench_read"
"""Of an output that is likelihoods: tokens of each context, of the text behind it, and how many of
the first were cached. Each was read by itself, whatever their sum."""
METADATA_KEY = "distilbench"
"""Key of the timing in ``ModelOutput.metadata``, from which the sample records are made."""
FAILURE_KEY = "distilbench_failure"
"""Key of the outcome and its message there, for a generation that gave no answer."""
FORCED_KEY = "distilbench_forced"
"""Key of whether a thinking budget ended the thinking."""
THINKING_KEY = "distilbench_thinking_truncated"
"""Key of whether a thought ran into a token limit; absent where there was no thought."""
BATCH = 512  # llama.cpp's physical batch (n_ubatch)
CHECKPOINTS = 2  # copies of a sliding window's state that llama.cpp keeps for each slot


MOST_SLOTS = 256  # llama.cpp's own bound
MOST_CONTEXT = 16_000_000  # more than any model is trained for; of all slots, within 32 bits
SPIN_COUNT = 1_000
"""``EngineSettings.spin_count`` unless given; measured by ``benchmarks/busy_machine.py``."""
LIBGOMP_SPIN_COUNT = 300_000
"""What libgomp takes unless told otherwise (GCC, libgomp/env.c): about 3 ms of a core."""


class EngineSettings(BaseModel):
    """How the embedded engine runs a model, and what it may use."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    threads: int | None = Field(
        None, ge=1, le=4096, description="threads; default: one for each core"
    )
    slots: int = Field(
        4, ge=1, le=MOST_SLOTS, description="questions decoded together (batch size)"
    )
    context: int = Field(2048, ge=64, le=MOST_CONTEXT, description="tokens of context of each slot")
    gpu_index: int | None = Field(None, ge=0, description="GPU to use; default: none")
    gpu_layers: int | None = Field(None, ge=0, description="layers on it; default: all that fit")
    gpu_memory_bytes: int | None = Field(None, ge=1, description="most memory to use of it")
    memory_bytes: int | None = Field(None, ge=1, description="most memory of the engine")
    cpus: int | None = Field(None, ge=1, description="cores that it may run on")
    spin_count: int = Field(
        SPIN_COUNT, ge=0, description="spins of a thread that waits before it sleeps; 0: none"
    )
    cancellable: bool = Field(
        False, description="stream, so that a question whose time is up frees its slot at once"
    )


class Listen(NamedTuple):
    """Where the engine listens, and the key that it asks for; empty: none."""

    host: str = "127.0.0.1"
    port: int = 0
    """0: one that is free."""
    key: str = ""


def forgets_prefix(shape: ModelShape | None, context: int) -> bool:
    """Whether a used slot cannot go back to the shared prefix, because a sliding window has
    dropped its keys: the saved state is then read in again before each question. llama.cpp
    stores the window and one batch more, so a shorter context is kept whole at no cost."""
    window = shape.window if shape else None
    return window is not None and context > window + BATCH
