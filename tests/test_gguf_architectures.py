"""Every architecture that is exported: llama.cpp's logits and greedy answers are transformers'."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from distilbench.distill.weights import export_gguf
from distilbench.distill.weights._configs import of_layers
from distilbench.distill.weights._gguf_layout import problem, window_period
from distilbench.engines import EngineSettings, LlamaCpp
from tests.tiny_models import tiny_tokenizer

torch = pytest.importorskip("torch")
LONG = 60  # tokens of the longest prompt: four sliding windows
WINDOW = {"head_dim": 16, "sliding_window": 16, "query_pre_attn_scalar": 24}
YARN = {"rope_type": "yarn", "rope_theta": 1e6, "factor": 8.0}
YARN["original_max_position_embeddings"] = 32
LLAMA_3 = {"rope_type": "llama3", "rope_theta": 1e4, "factor": 8.0, "low_freq_factor": 1.0}
LLAMA_3 |= {"high_freq_factor": 4.0, "original_max_position_embeddings": 64}
LINEAR = {"rope_type": "linear", "rope_theta": 1e4, "factor": 4.0}
LOCAL = {"rope_type": "default", "rope_theta": 500.0}
SLIDES, WHOLE = "sliding_attention", "full_attention"


def small(kind: str, layers: int = 4, **fields: Any) -> Any:
    """A model of random weights, norms and biases with more vocabulary rows than tokens."""
    from transformers import AutoConfig, AutoModelForCausalLM

    shape = {
        "vocab_size": len(tiny_tokenizer()) + 3, "hidden_size": 32, "intermediate_size": 48,
        "num_hidden_layers": layers, "num_attention_heads": 4, "num_key_value_heads": 2,
        "max_position_embeddings": 256, "initializer_range": 0.3, "bos_token_id": 1,
        "eos_token_id": 0, "pad_token_id": 0,
    }  # fmt: skip
    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, **{**shape, **fields})
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    noise = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith("bias") or "norm" in name:
                weight.add_(0.3 * torch.randn(weight.shape, generator=noise))
        model.get_output_embeddings().weight[-3:] = 0  # rows of no token
    return model


def prompts(count: int) -> list[list[int]]:
    made = torch.Generator().manual_seed(3)
    lengths = [LONG, 5, 17, 33, 40, 8, 24, 50, 12, 29][:count]
    return [torch.randint(2, len(tiny_tokenizer()), (n,), generator=made).tolist() for n in lengths]


def said(file: Path, asked: list[list[int]]) -> list[dict[int, float]]:
    """Log-probabilities of the likeliest next tokens. What is generated is a letter: of a token
    that is no text by itself, llama.cpp's server tells none."""
    letter = tiny_tokenizer()("a")["input_ids"][0]
    request = {"n_predict": 1, "temperature": 0.0, "n_probs": 20, "logit_bias": [[letter, 1e3]]}

    async def ask() -> list[dict[int, float]]:
        with LlamaCpp(file, EngineSettings(slots=1, context=128, threads=1)) as engine:
            found = []
            for ids in asked:
                reply = await engine._post("/completion", {**request, "prompt": ids})
                top = reply["completion_probabilities"][0]["top_logprobs"]
                found.append({int(one["id"]): float(one["logprob"]) for one in top})
            await engine.aclose()
            return found

    return asyncio.run(ask())


def off_by(model: Any, tmp_path: Path, asked: list[list[int]]) -> float:
    """The largest difference of llama.cpp's logits from transformers', relative to the likeliest
    token's; the key/value cache is half precision, which makes about 0.01 of it."""
    model.save_pretrained(tmp_path / "m")
    tiny_tokenizer().save_pretrained(tmp_path / "m")
    worst = 0.0
    answers = said(export_gguf(tmp_path / "m", tmp_path / "m.gguf", "F32"), asked)
    for ids, found in zip(asked, answers, strict=True):
        with torch.no_grad():
            logits = model(torch.tensor([ids])).logits[0, -1]
        best = max(found, key=lambda i: found[i])
        assert best == int(logits.argmax()) or logits.max() - logits[best] < 0.02
        for token, value in found.items():
            worst = max(worst, abs(value - found[best] - float(logits[token] - logits[best])))
    return worst


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("llama", {"rope_parameters": LLAMA_3, "head_dim": 16, "tie_word_embeddings": True}),
        ("qwen2", {"rope_parameters": YARN}),
        ("qwen3", {"head_dim": 16, "tie_word_embeddings": True}),
        ("smollm3", {"layers": 6}),
        ("gemma2", {**WINDOW, "attn_logit_softcapping": 5.0, "final_logit_softcapping": 4.0}),
        ("gemma3_text", {**WINDOW, "layers": 7, "rope_parameters": {WHOLE: LINEAR, SLIDES: LOCAL}}),
    ],
)
def test_logits_are_those_of_transformers(kind: str, fields: Any, tmp_path: Path) -> None:
    assert off_by(small(kind, **fields), tmp_path, prompts(3)) < 0.04


@pytest.mark.long
@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("llama", {"attention_bias": True, "mlp_bias": True}),
        ("llama", {"attention_bias": True}),
        ("llama", {"mlp_bias": True}),
        ("llama", {"rope_parameters": LINEAR}),
        ("llama", {"rope_parameters": YARN}),
        ("mistral", {"sliding_window": None}),
        ("qwen2", {"tie_word_embeddings": True}),
        ("qwen2", {"rope_parameters": {**YARN, "beta_fast": 16.0, "beta_slow": 2.0}}),
        ("qwen2", {"rope_parameters": LINEAR}),
        ("qwen3", {"rope_parameters": YARN}),
        ("smollm3", {"layers": 3, "rope_parameters": YARN}),
        ("smollm3", {"layers": 6, "tie_word_embeddings": False}),
        ("gemma2", {**WINDOW, "layers": 46}),
        ("gemma2", {**WINDOW, "rope_parameters": LINEAR}),
        ("gemma2", {**WINDOW, "layers": 6, "layer_types": [SLIDES, SLIDES, WHOLE] * 2}),
        ("gemma3_text", {**WINDOW, "layers": 62}),
        ("gemma3_text", {**WINDOW, "layers": 6, "layer_types": [SLIDES, SLIDES, WHOLE] * 2}),
        ("gemma3_text", {**WINDOW, "layers": 3, "layer_types": [SLIDES] * 3}),
        ("gemma3_text", {**WINDOW, "layers": 6, "tie_word_embeddings": False}),
        ("gemma3_text", {**WINDOW, "layers": 6, "final_logit_softcapping": 3.0}),
    ],
)
def test_what_settings_change(kind: str, fields: Any, tmp_path: Path) -> None:
    model = small(kind, **fields)
    assert problem(model.config) is None
    deep = fields.get("layers", 0) > 40  # half precision adds up over layers
    assert off_by(model, tmp_path, prompts(3)) < (0.1 if deep else 0.05)


@pytest.mark.parametrize(
    ("kind", "fields", "said"),
    [
        ("gpt2", {}, "'gpt2' models are not exported here"),
        ("llama", {"hidden_act": "gelu"}, "activation 'gelu'"),
        ("llama", {"rope_parameters": {**LINEAR, "rope_type": "dynamic"}}, "'dynamic'"),
        ("qwen3", {"rope_parameters": LLAMA_3}, "'llama3'"),
        ("qwen3", {"attention_bias": True}, "'attention_bias: true'"),
        (
            "qwen2",
            {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 2},
            "slid",
        ),
        ("mistral", {"sliding_window": 8}, "sliding windows of 'mistral'"),
        ("smollm3", {"mlp_bias": True}, "'mlp_bias: true'"),
        ("smollm3", {"no_rope_layer_interval": 3}, "no rotary embedding"),
        ("gemma2", {"attn_logit_softcapping": None}, "'attn_logit_softcapping: null'"),
        ("gemma2", {"tie_word_embeddings": False}, "output embedding"),
        ("gemma2", {"hidden_activation": "gelu"}, "activation 'gelu'"),
        ("gemma3_text", {"layer_types": [SLIDES, WHOLE, WHOLE, SLIDES]}, "no fixed period"),
        ("gemma3_text", {"layer_types": [WHOLE] * 4}, "none of its layers slides"),
        ("gemma3_text", {"use_bidirectional_attention": True}, "encoder"),
    ],
)
def test_what_llama_cpp_would_compute_otherwise_is_told(kind: str, fields: Any, said: str) -> None:
    from transformers import AutoConfig

    config = AutoConfig.for_model(kind, **{"num_hidden_layers": 4, **fields})
    assert said in (problem(config) or "")


def test_a_dropped_layer_leaves_the_others_of_their_kind() -> None:
    """Else a student of SmolLM3 or Gemma would attend otherwise than the layers it came of."""
    from transformers import AutoConfig

    gemma = AutoConfig.for_model("gemma3_text", num_hidden_layers=12)
    assert of_layers(gemma, range(6)).layer_types == [*[SLIDES] * 5, WHOLE]
    assert window_period(of_layers(gemma, range(6))) == 6
    assert window_period(of_layers(gemma, [0, 2, 5, 6, 8, 11])) == 3
    assert window_period(of_layers(gemma, [0, 5, 6, 7, 8])) is None
    smol = AutoConfig.for_model("smollm3", num_hidden_layers=8)
    assert of_layers(smol, [0, 1, 3, 4, 7]).no_rope_layers == [1, 1, 0, 1, 0]
    assert "no rotary embedding" in (problem(of_layers(smol, [0, 3])) or "")
    assert problem(of_layers(smol, [0, 1, 2, 3, 5])) is None
