"""Inference FLOPs against torch's own counter on transformers' models of the same shape."""

from __future__ import annotations

from typing import Any

import pytest

from distilbench.architecture import ModelShape, describe_config
from distilbench.meter import inference_flops

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

# Real proportions, fewer layers and a smaller vocabulary: the formula has no constants to hide in.
LLAMA = {
    "hidden_size": 576, "num_attention_heads": 9, "num_key_value_heads": 3, "num_hidden_layers": 4,
    "intermediate_size": 1536, "vocab_size": 4096, "max_position_embeddings": 2048,
    "tie_word_embeddings": True,
}  # fmt: skip
GEMMA = {
    "hidden_size": 640, "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 256,
    "num_hidden_layers": 6, "intermediate_size": 2048, "vocab_size": 8192, "sliding_window": 512,
    "max_position_embeddings": 2048, "sliding_window_pattern": 6,
}  # fmt: skip


def _model(kind: str) -> tuple[Any, ModelShape]:
    torch.manual_seed(0)
    if kind == "llama":
        config = transformers.LlamaConfig(**LLAMA)
        model = transformers.LlamaForCausalLM
    else:
        config = transformers.Gemma3TextConfig(**GEMMA)
        model = transformers.Gemma3ForCausalLM
    config._attn_implementation = "eager"  # the counter does not see fused attention on a CPU
    shape = describe_config(config.to_json_string(), "config.json").architecture
    assert shape is not None
    return model(config).eval(), shape


def _counted(call: Any) -> float:
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        call()
    return float(counter.get_total_flops())


@pytest.mark.parametrize("kind", ["llama", "gemma3"])
@pytest.mark.parametrize("tokens", [16, 128, 500])
def test_forward_pass(kind: str, tokens: int) -> None:
    model, shape = _model(kind)
    ids = torch.ones(1, tokens, dtype=torch.long)
    counted = _counted(lambda: model(ids))
    # eager attention multiplies the whole square and masks half of it afterwards
    assert shape.forward_flops(tokens, causal=False).total == pytest.approx(counted, rel=0.02)
    counted = _counted(lambda: model(ids, logits_to_keep=1))
    formula = shape.forward_flops(tokens, logits=1, causal=False).total
    assert formula == pytest.approx(counted, rel=0.02)


@pytest.mark.parametrize("kind", ["llama", "gemma3"])
@pytest.mark.parametrize("prompt", [100, 700])
def test_decoding_behind_a_cache(kind: str, prompt: int) -> None:
    """Also beyond Gemma's window of 512: windowed layers then see 512 keys, the others all."""
    model, shape = _model(kind)
    with torch.no_grad():
        cache = model(torch.ones(1, prompt, dtype=torch.long), use_cache=True).past_key_values
    step = torch.ones(1, 1, dtype=torch.long)
    counted = sum(_counted(lambda: model(step, cache=cache)) for _ in range(4))
    assert inference_flops(shape, prompt, 5).decode == pytest.approx(counted, rel=0.02)


def test_cached_tokens_are_part_of_the_prefill() -> None:
    _, shape = _model("llama")
    whole = inference_flops(shape, 300, 1)
    cached = inference_flops(shape, 300, 1, cached_tokens=200)
    assert cached.prefill == whole.prefill
    assert 0 < cached.cached < cached.prefill
    rest = shape.forward_flops(100, context=200, logits=1).total
    assert cached.prefill - cached.cached == pytest.approx(rest, rel=1e-12)
