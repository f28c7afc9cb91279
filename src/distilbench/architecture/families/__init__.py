"""How each family of Hugging Face writes its shape into ``config.json``.

One small function reads one ``model_type`` (or several that say the same). What a configuration
leaves out takes the value that its class in transformers gives it: ``_defaults.json`` holds those
of the keys read here, so that transformers is not needed. tests/test_families.py holds every reader
against the model that transformers builds, and the defaults against its classes.
"""

from distilbench.architecture.families._config import Config, Reader
from distilbench.architecture.families._dense import DENSE
from distilbench.architecture.families._gemma import GEMMA
from distilbench.architecture.families._hybrid import HYBRID
from distilbench.architecture.families._latent import LATENT
from distilbench.architecture.families._older import OLDER
from distilbench.architecture.families._sparse import SPARSE
from distilbench.architecture.families._state_space import STATE_SPACE

READERS: dict[str, Reader] = {
    **DENSE,
    **SPARSE,
    **GEMMA,
    **LATENT,
    **HYBRID,
    **STATE_SPACE,
    **OLDER,
}
"""``model_type`` to the function that reads it."""

WRAPPERS: dict[str, str | None] = {
    "gemma3": "gemma3_text",
    "gemma3n": "gemma3n_text",
    "gemma4": "gemma4_text",
    "llama4": "llama4_text",
    "llava": "llama",
    "llava_next": "llama",
    "qwen3_5": "qwen3_5_text",
    "qwen3_5_moe": "qwen3_5_moe_text",
}
"""Models that also see or hear: ``model_type``, and that of a text model which does not say."""

__all__ = ["READERS", "WRAPPERS", "Config", "Reader"]
