"""What llama.cpp's graph of each architecture computes, against the configuration of transformers:
the metadata that says the difference, how weights are laid out, and what cannot be said.

Facts are those of llama.cpp's ``src/models`` and of transformers' ``modeling_*.py``; each is held
by ``tests/test_gguf_architectures.py``, logits against logits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from distilbench.distill.weights._configs import head_dim

_SLIDING = "sliding_attention"


class Layout(NamedTuple):
    """How llama.cpp has models of one ``model_type`` of transformers."""

    architecture: str
    """Its name in ``gguf.MODEL_ARCH``."""
    activation: str = "silu"
    rotates_pairs: bool = False
    """It rotates neighbouring pairs of a head's features, where transformers rotates halves."""
    norm_offset: float = 0.0
    """What transformers adds to the weights of norms, and llama.cpp finds added."""
    biases: bool = False
    """It may have biases of attention (and of the MLP) that transformers leaves to the settings."""
    tied_only: bool = False
    """It has no output matrix of its own."""
    large: int = 0
    """Number of layers from which it guesses the size whose attention is scaled otherwise."""


LAYOUTS = {
    "llama": Layout("LLAMA", rotates_pairs=True, biases=True),
    "mistral": Layout("LLAMA", rotates_pairs=True),
    "smollm3": Layout("SMOLLM3", rotates_pairs=True),
    "qwen2": Layout("QWEN2"),
    "qwen3": Layout("QWEN3"),
    "gemma2": Layout("GEMMA2", "gelu_pytorch_tanh", norm_offset=1.0, tied_only=True, large=46),
    "gemma3_text": Layout("GEMMA3", "gelu_pytorch_tanh", norm_offset=1.0, large=62),
}


def query_scale(config: Any) -> float:
    """What query projections are multiplied by, so that attention is scaled as transformers does:
    llama.cpp takes the inverse root of the head's size (of hidden / heads where it guesses Gemma's
    27B from the number of layers) and reads no ``query_pre_attn_scalar``."""
    wanted = getattr(config, "query_pre_attn_scalar", None)
    if wanted is None:
        return 1.0
    size = head_dim(config)
    if config.num_hidden_layers == LAYOUTS[config.model_type].large:
        size = config.hidden_size // config.num_attention_heads
    return float((size / wanted) ** 0.5)


def window_period(config: Any) -> int | None:
    """The period of the layers' sliding windows: in each, all layers but the last slide. 0: all
    slide; null: they follow no period.

    llama.cpp reads one number, so a layer's kind is a function of its own number alone.
    """
    types = list(config.layer_types)
    count = len(types)
    for period in range(count + 1):
        if all((kind == _SLIDING) == _slides(i, period) for i, kind in enumerate(types)):
            return period
    return None


def _slides(layer: int, period: int) -> bool:
    return period == 0 or layer % period < period - 1


def rope(config: Any, kind: str = "full_attention") -> dict[str, Any]:
    """The rotary embedding's settings; Gemma 3 has them for each kind of layer."""
    parameters = config.rope_parameters or {}
    return dict(parameters.get(kind, parameters))


def problem(config: Any) -> str | None:
    """In words, what of a model llama.cpp would compute otherwise; null: nothing."""
    if config.model_type not in LAYOUTS:
        return f"{config.model_type!r} models are not exported here"
    layout = LAYOUTS[config.model_type]
    checks: tuple[Callable[[Any, Layout], str | None], ...] = (_settings, _windows, _rotation)
    return next((found for check in checks if (found := check(config, layout))), None)


def _settings(config: Any, layout: Layout) -> str | None:
    activation = getattr(config, "hidden_activation", None) or getattr(config, "hidden_act", None)
    if activation not in (layout.activation, {"silu": "swish"}.get(layout.activation)):
        return f"its activation {activation!r} is not {layout.activation!r}, which llama.cpp takes"
    if layout.tied_only and not config.tie_word_embeddings:
        return f"{config.model_type!r} models whose output embedding is their own are not exported"
    for name in ("attention_bias", "mlp_bias"):
        if getattr(config, name, False) and not layout.biases:
            return f"{config.model_type!r} models with '{name}: true' are not exported"
    if getattr(config, "use_bidirectional_attention", False):
        return "'use_bidirectional_attention' is of an encoder"
    if config.model_type == "gemma2":
        for name in ("attn_logit_softcapping", "final_logit_softcapping"):
            if getattr(config, name) is None:
                return f"'{name}: null' is not exported: llama.cpp always caps"
    elif getattr(config, "attn_logit_softcapping", None):
        return "'attn_logit_softcapping' is Gemma 2's"
    return None


def _windows(config: Any, layout: Layout) -> str | None:
    types = getattr(config, "layer_types", None) or ()
    if other := sorted(set(types) - {_SLIDING, "full_attention"}):
        return f"layers of the type {other[0]!r} are not exported"
    if layout.norm_offset:  # Gemma's
        period = window_period(config)
        if period == 1:
            return "none of its layers slides, which llama.cpp does not take of Gemma"
        shown = "".join("s" if kind == _SLIDING else "F" for kind in types)
        said = "its layers slide (s, not F) by no fixed period, and llama.cpp reads one number"
        return f"{said}: {shown}; keep whole periods of layers" if period is None else None
    sliding = _SLIDING in types if types else getattr(config, "sliding_window", None)
    return f"sliding windows of {config.model_type!r} models are not exported" if sliding else None


def _rotation(config: Any, layout: Layout) -> str | None:
    if config.model_type == "smollm3":
        without = [i for i, has in enumerate(config.no_rope_layers) if not has]
        if without != list(range(3, config.num_hidden_layers, 4)):
            return f"layers {without} have no rotary embedding; llama.cpp takes every fourth"
    if getattr(config, "partial_rotary_factor", None) not in (None, 1.0):
        return "'partial_rotary_factor' is not exported"
    if rope(config, _SLIDING) != rope(config) and rope(config, _SLIDING)["rope_type"] != "default":
        return "rotary scaling of sliding layers is not exported"
    kind = rope(config).get("rope_type", "default")
    known = {"default", "linear", "yarn"} | (
        {"llama3"} if layout.architecture == "LLAMA" else set()
    )
    return None if kind in known else f"rotary scaling {kind!r} is not exported here"
