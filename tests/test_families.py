"""Every type that transformers maps to a causal language model: its shape is right, or refused.

Right: all weights, those of one token and those of the embeddings as in the model that transformers
builds, to 0.5%; FLOPs of a prefill and of a decoded token as torch's counter counts them in eager
attention, to 2%. A type that is in neither table fails, so that a new release shows.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from huggingface_hub.errors import StrictDataclassError  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402
from transformers.models.auto.configuration_auto import CONFIG_MAPPING  # noqa: E402

from distilbench.architecture import Layer, ModelShape, describe_config  # noqa: E402
from distilbench.architecture._mlp import Experts  # noqa: E402
from distilbench.architecture._recurrent import (  # noqa: E402
    GatedRecurrence,
    LinearAttention,
    Mamba,
    Mamba2,
    ShortConvolution,
)
from distilbench.architecture.families import READERS, WRAPPERS  # noqa: E402
from distilbench.errors import InputError  # noqa: E402
from tests import architectures_page, transformers_defaults  # noqa: E402
from tests.transformers_models import (  # noqa: E402
    CLASSES,
    REFUSED,
    SMALL,
    build,
    config_of,
    other_config_of,
)

ATEN = torch.ops.aten
TOKENS = 24  # more than the window of 16

RIGHT = sorted(set(READERS) & set(CLASSES))
WHOLE_SQUARE_IN_DECODING = {"gpt_neo"}
"""Their eager code multiplies keys beyond the window and masks them."""
EVERY_EXPERT = {"llama4_text"}
"""Their eager code sends every token through every expert, with a weight of zero."""
NO_CACHE = {"openai-gpt"}
CACHE_OF_ITS_OWN = {"minimax"}


IRRELEVANT = {"use_cache", "output_router_logits", "norm_topk_prob", "rope_interleave"}
"""Switches that are in no shape, and in many classes."""


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Small products on many threads cost more than they gain."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def shape_of(config: Any) -> ModelShape:
    described = describe_config(config.to_json_string(use_diff=True), "config.json")
    assert described.architecture is not None
    return described.architecture


def test_every_type_of_transformers_is_right_or_refused() -> None:
    known = set(READERS) | set(WRAPPERS) | {"gpt-sw3"}  # its files say gpt2
    assert set(CLASSES) - known == set(REFUSED)


@pytest.mark.parametrize("kind", sorted(REFUSED))
def test_a_type_that_is_not_known_is_refused_by_its_name(kind: str) -> None:
    config = {"model_type": kind, **SMALL}
    with pytest.raises(InputError, match=f"config.json: model_type '{kind}' is not one"):
        describe_config(json.dumps(config), "config.json")


@pytest.mark.parametrize("make", [config_of, other_config_of])
@pytest.mark.parametrize("kind", RIGHT)
def test_weights(kind: str, make: Any) -> None:
    config = make(kind)
    model, shape = build(kind, config), shape_of(config)
    assert shape.model_type == config.model_type
    assert shape.total_params == pytest.approx(total_of(model), rel=0.005)
    assert shape.active_params == pytest.approx(active_of(model, shape), rel=0.005)
    assert shape.embedding_params == pytest.approx(embedding_of(model), rel=0.005)


def total_of(model: Any) -> int:
    return sum(weight.numel() for weight in model.parameters())


def active_of(model: Any, shape: ModelShape) -> float:
    """All weights but those of the experts that a token does not use: matrices of a stack."""
    used = {(p.experts, p.used) for p, _ in shape.parts() if isinstance(p, Experts)}
    if not used:
        return total_of(model)
    ((experts, chosen),) = used
    stacks = [w for name, w in model.named_parameters() if ".experts." in name]
    assert all(weight.shape[0] == experts for weight in stacks)
    return total_of(model) - sum(w.numel() for w in stacks) * (1 - chosen / experts)


def embedding_of(model: Any) -> int:
    """Weights of all look-up tables, and of an output matrix that is not one of them."""
    tables = [m.weight for m in model.modules() if isinstance(m, torch.nn.Embedding)]
    tables.append(model.get_output_embeddings().weight)
    return sum({id(table): table.numel() for table in tables}.values())


@pytest.mark.parametrize("kind", RIGHT)
def test_every_switch_is_obeyed_or_refused(kind: str) -> None:
    """Every setting that is true or false turned round, and a width that not all families take."""
    usual = config_of(kind)
    of_all = {field.name for field in dataclasses.fields(transformers.PreTrainedConfig)}
    switches = {name: on for name, on in usual.to_dict().items() if isinstance(on, bool)}
    chosen = (set(switches) - of_all - IRRELEVANT) | {"tie_word_embeddings"}
    changes = [{name: not switches[name]} for name in sorted(chosen)]
    changes.append({"head_dim": 48})
    for change in changes:
        try:
            config = config_of(kind, **change)
            model = build(kind, config)
        except (
            ValueError,
            TypeError,
            RuntimeError,
            AttributeError,
            KeyError,
            StrictDataclassError,
        ):
            continue  # transformers' class refuses it itself
        try:
            shape = shape_of(config)
        except InputError:
            continue
        assert shape.total_params == pytest.approx(total_of(model), rel=0.005), change


@pytest.mark.parametrize("kind", RIGHT)
def test_flops_of_prefill_and_decoding(kind: str) -> None:
    config = config_of(kind)
    model, shape = build(kind, config, "cpu"), shape_of(config)
    if kind in EVERY_EXPERT:
        shape = using_every_expert(shape)
    ids = torch.arange(1, TOKENS + 1)[None]
    counted = products_of(model, lambda: model(ids, use_cache=False))
    formula = shape.forward_flops(TOKENS, causal=False)
    assert formula.total - formula.state == pytest.approx(counted, rel=0.02)
    if kind in NO_CACHE:
        return
    cache = None if kind in CACHE_OF_ITS_OWN else transformers.DynamicCache(config=config)
    with torch.no_grad():
        cache = model(ids, cache=cache, use_cache=True).get("cache", cache)
    assert cache is not None
    counted = products_of(model, lambda: model(ids[:, :1], cache=cache, use_cache=True))
    formula = shape.decode_flops(1, context=TOKENS)
    if kind in WHOLE_SQUARE_IN_DECODING:
        formula = shape.forward_flops(1, context=TOKENS, causal=False)
    assert formula.total - formula.state == pytest.approx(counted, rel=0.02)


def products_of(model: Any, call: Any) -> int:
    """FLOPs of all matrix products but those of recurrences, which the counter sees in part and in
    the form of one kernel; they and the convolutions are held against a count by hand below."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        call()
    counts = counter.get_flop_counts()
    total = sum(n for op, n in counts["Global"].items() if op != ATEN.convolution)
    for name, module in model.named_modules():
        if not is_recurrence(module):
            continue
        for path, seen in counts.items():
            if path.endswith(f".{name}"):
                total -= seen.get(ATEN.bmm, 0) + seen.get(ATEN.baddbmm, 0)
    return int(total)


def is_recurrence(module: Any) -> bool:
    kimi = hasattr(module, "forget_gate")
    return hasattr(module, "A_log") or kimi or "Lightning" in type(module).__name__


def using_every_expert(shape: ModelShape) -> ModelShape:
    layers = shape.model_dump()["layers"]
    for part in (part for layer in layers for part in layer["parts"]):
        if part["kind"] == "experts":
            part["used"] = part["experts"]
    return ModelShape.model_validate(shape.model_dump() | {"layers": layers})


@pytest.mark.parametrize("wrapper", sorted(WRAPPERS))
def test_of_a_model_that_sees_only_the_text_model_is_read(wrapper: str) -> None:
    text = WRAPPERS[wrapper]
    assert text is not None
    inner = json.loads(config_of(text).to_json_string(use_diff=True))
    outer = {"model_type": wrapper, "text_config": inner, "vision_config": {"hidden_size": 8}}
    alone = describe_config(json.dumps(inner), "c").architecture
    found = describe_config(json.dumps(outer), "c").architecture
    assert alone is not None
    assert found is not None
    assert found.note == f"text model of {wrapper} only: what sees or hears is not counted"
    assert found.model_copy(update={"note": None}) == alone
    tied = describe_config(json.dumps({"tie_word_embeddings": True} | outer), "c").architecture
    assert tied is not None
    assert tied.tied


@pytest.mark.parametrize("wrapper", sorted(WRAPPERS))
def test_a_text_model_that_says_nothing_is_that_of_the_wrappers_class(wrapper: str) -> None:
    config = CONFIG_MAPPING[wrapper]()
    assert config.text_config.model_type == WRAPPERS[wrapper]
    held = describe_config(json.dumps({"model_type": wrapper, "text_config": {}}), "c").architecture
    assert held is not None
    assert held.tied == bool(config.tie_word_embeddings)


@pytest.mark.parametrize("kind", sorted(READERS))
def test_what_a_file_leaves_out_is_as_in_its_class(kind: str) -> None:
    held = json.loads(transformers_defaults.FILE.read_text("utf-8"))
    wanted = json.loads(json.dumps(transformers_defaults.defaults_of(kind)))
    assert held[kind] == wanted, "run: python -m tests.transformers_defaults"
    assert set(held) == set(READERS)


def test_the_page_is_what_the_code_makes() -> None:
    page = architectures_page.FILE.read_text("utf-8")
    assert page == architectures_page.written(page), "run: python -m tests.architectures_page"


STATES: list[tuple[Any, int]] = [
    # 3 value heads that share 1 key head: S is 5 x 7. Delta: S'k, k(v - S'k)', S'q.
    (LinearAttention(key_heads=1, value_heads=3, key_dim=5, value_dim=7), 3 * 3 * 2 * 5 * 7),
    # without delta rule: kv' and S'q
    (
        LinearAttention(key_heads=1, value_heads=3, key_dim=5, value_dim=7, delta=False),
        3 * 2 * 2 * 5 * 7,
    ),
    # 6 channels of 5 numbers: (x dt) B' and S C; convolution of 4 over 6 channels
    (Mamba(inner=6, state=5, step_rank=2, kernel=4), 2 * 2 * 6 * 5 + 2 * 4 * 6),
    # 2 heads of 3 channels, 5 numbers each; convolution over 6 channels and B and C of one group
    (Mamba2(heads=2, head_dim=3, state=5, groups=1, kernel=4), 2 * 2 * 6 * 5 + 2 * 4 * (6 + 10)),
    (GatedRecurrence(width=6, heads=2, kernel=4), 2 * 4 * 6),
    (ShortConvolution(width=6, kernel=3), 2 * 3 * 6),
]


@pytest.mark.parametrize(("part", "by_hand"), STATES, ids=lambda value: str(value)[:40])
def test_a_step_of_a_recurrence_by_hand(part: Any, by_hand: int) -> None:
    assert part.state_flops == by_hand
    shape = ModelShape(hidden=8, vocab=3, layers=(Layer(parts=(part,), count=2),))
    assert shape.forward_flops(10).state == 10 * 2 * by_hand
    assert shape.forward_flops(10, context=99).state == 10 * 2 * by_hand


def test_a_step_of_the_delta_rule_as_torch_counts_it() -> None:
    """Gated delta rule (arXiv 2412.06464, equation 10), its products written out for each head."""
    heads, key, value = 3, 5, 7
    state = torch.zeros(heads, key, value)
    k, q, v = torch.rand(heads, 1, key), torch.rand(heads, 1, key), torch.rand(heads, 1, value)

    def step() -> None:
        held = torch.bmm(k, state)
        torch.bmm(q, state + torch.bmm(k.transpose(1, 2), v - held))

    with FlopCounterMode(display=False) as counter:
        step()
    part = LinearAttention(key_heads=1, value_heads=heads, key_dim=key, value_dim=value)
    assert part.state_flops == counter.get_total_flops()


# What the makers publish, in billions of weights: all, and those of one token.
PUBLISHED: list[tuple[dict[str, Any], float, float]] = [
    ({"model_type": "falcon", "num_attention_heads": 71, "multi_query": True}, 6.92, 6.92),
    (
        {"model_type": "opt", "hidden_size": 2048, "ffn_dim": 8192, "num_attention_heads": 32,
         "num_hidden_layers": 24, "word_embed_proj_dim": 2048},
        1.316, 1.316,
    ),
    ({"model_type": "gptj", "n_inner": None, "rotary_dim": 64}, 6.05, 6.05),
    (
        {"model_type": "gemma3", "text_config": {"hidden_size": 2560, "num_hidden_layers": 34,
         "intermediate_size": 10240}, "vision_config": {"hidden_size": 1152}},
        3.88, 3.88,
    ),
    (
        {"model_type": "lfm2", "hidden_size": 2048, "num_hidden_layers": 16,
         "full_attn_idxs": [2, 5, 8, 10, 12, 14], "block_ff_dim": 12288, "tie_embedding": True},
        1.17, 1.17,
    ),
    (
        {"model_type": "nemotron_h", "mamba_num_heads": 128, "mamba_head_dim": 64,
         "hybrid_override_pattern":
         "M-M-M-M*-M-M-M-M-M*-M-M-M-M-M*-M-M-M-M-M*-M-M-M-M-M-"},
        8.1, 8.1,
    ),
    ({"model_type": "jamba", "num_hidden_layers": 32}, 51.6, 12.1),
    ({"model_type": "qwen2_moe", "num_experts": 60}, 14.3, 2.69),
    ({"model_type": "llama4", "text_config": {"num_local_experts": 16}}, 107.8, 17.2),
    (
        {"model_type": "llama4", "text_config": {"num_local_experts": 128,
         "interleave_moe_layer_step": 2}},
        400.7, 17.2,
    ),
    ({"model_type": "deepseek_v3"}, 671.0, 37.6),
    ({"model_type": "qwen3_next"}, 79.7, 3.9),
    ({"model_type": "mamba", "hidden_size": 2560, "num_hidden_layers": 64}, 2.768, 2.768),
    (
        {"model_type": "bloom", "n_embed": 1024, "n_layer": 24, "num_attention_heads": 16,
         "vocab_size": 250880, "offset_alibi": 100},
        0.559214592, 0.559214592,
    ),
    (
        {"model_type": "exaone4", "hidden_size": 5120, "intermediate_size": 27392, "head_dim": 128,
         "num_hidden_layers": 64, "num_attention_heads": 40, "num_key_value_heads": 8,
         "vocab_size": 102400, "sliding_window_pattern": "LLLG", "tie_word_embeddings": False,
         "layer_types": ["sliding_attention", "sliding_attention", "sliding_attention",
                         "full_attention"] * 16},
        32.0, 32.0,
    ),
    ({"model_type": "qwen3_moe", "hidden_size": 2048, "num_hidden_layers": 48, "head_dim": 128,
      "moe_intermediate_size": 768, "num_attention_heads": 32, "num_key_value_heads": 4},
     30.532122624, 3.35),
    (
        {"model_type": "hunyuan_v1_moe", "architectures": ["HunYuanMoEV1ForCausalLM"],
         "head_dim": 128, "hidden_size": 4096, "intermediate_size": 3072, "moe_topk": [8] * 32,
         "moe_intermediate_size": [3072] * 32, "num_shared_expert": [1] * 32, "num_experts": 64,
         "num_hidden_layers": 32, "num_key_value_heads": 8, "tie_word_embeddings": True,
         "use_cla": False, "vocab_size": 128167},
        80.393183232, 13.0,
    ),
    (
        {"model_type": "exaone", "architectures": ["ExaoneForCausalLM"], "num_layers": 32,
         "hidden_size": 4096, "intermediate_size": 14336, "num_attention_heads": 32,
         "num_key_value_heads": 8, "vocab_size": 102400},
        7.818448896, 7.818448896,
    ),
    (
        {"model_type": "nemotron_h", "hidden_size": 4480, "intermediate_size": 15680,
         "attention_head_dim": 128, "num_attention_heads": 40, "mamba_num_heads": 128,
         "mamba_head_dim": 80, "hybrid_override_pattern":
         "M-M-M-MM-M-M-M*-M-M-M*-M-M-M-M*-M-M-M-M*-M-MM-M-M-M-M-M-"},
        8.888227328, 8.888227328,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("config", "total", "active"), PUBLISHED)
def test_published_sizes(config: dict[str, Any], total: float, active: float) -> None:
    shape = describe_config(json.dumps(config), "config.json").architecture
    assert shape is not None
    assert shape.total_params / 1e9 == pytest.approx(total, rel=0.005)
    assert shape.active_params / 1e9 == pytest.approx(active, rel=0.02)
    assert (shape.note is None) == ("text_config" not in config)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({}, "model_type None is not one"),
        ({"model_type": "bert", "hidden_size": 64}, "model_type 'bert' is not one"),
        ({"model_type": "new_vlm", "text_config": {"model_type": "llama"}}, "'new_vlm' is not"),
        ({"model_type": "gemma3", "text_config": {"model_type": "bert"}}, "'bert' is not one"),
        ({"model_type": "mpt", "expansion_ratio": 8}, "model_type 'mpt' has a setting"),
        ({"model_type": "llama", "num_attention_heads": 0}, "model_type 'llama' has a setting"),
        ({"model_type": "llama", "num_hidden_layers": "many"}, "model_type 'llama' has a setting"),
        ({"model_type": "llama", "vocab_size": -5}, "vocab_size is -5"),
        ({"model_type": "qwen3", "per_layer_config": {"0": {"head_dim": 8}}}, "per_layer_config"),
        ({"model_type": "gpt2", "n_layer": 3, "num_hidden_layers": 4}, "n_layer is 3 but num_hid"),
        ({"model_type": "qwen2", "layer_types": ["full_attention"] * 3}, "names 3 layers of 32"),
        ({"model_type": ["llama"]}, "model_type ['llama'] is not one"),
        ({"model_type": "llama", "hidden_size": "4096"}, "hidden_size is '4096'"),
        ({"model_type": "llama", "hidden_size": 4096.7}, "hidden_size is 4096.7"),
        ({"model_type": "llama", "hidden_size": float("inf")}, "hidden_size is inf"),
        ({"model_type": "llama", "hidden_size": 4095}, "share hidden_size 4095 evenly"),
        ({"model_type": "llama", "num_hidden_layers": True}, "num_hidden_layers is True"),
        ({"model_type": "llama", "num_hidden_layers": 0}, "num_hidden_layers is 0"),
        ({"model_type": "llama", "num_hidden_layers": -1}, "num_hidden_layers is -1"),
        ({"model_type": "llama", "num_hidden_layers": 10**9}, "num_hidden_layers is 1000000000"),
        ({"model_type": "llama", "num_key_value_heads": 0}, "field 'kv_heads' is 0"),
        ({"model_type": "llama", "num_key_value_heads": 3}, "32 heads do not share 3 key/value"),
        ({"model_type": "llama", "tie_word_embeddings": "false"}, "tie_word_embeddings is 'false'"),
        ({"model_type": "phi3", "sliding_window": "2047"}, "sliding_window is '2047'"),
        ({"model_type": "mixtral", "num_experts_per_tok": 9}, "a token uses 9 of 8 experts"),
        ({"model_type": "deepseek_v3", "moe_layer_freq": 2}, "moe_layer_freq is 2"),
        ({"model_type": "falcon", "n_head": 128}, "states n_head, and no num_attention_heads"),
        ({"model_type": "llama", "n_embd": 2048}, "states n_embd, and no hidden_size"),
        (
            {"model_type": "gpt_neo", "attention_types": [[["global"], 10**9]]},
            "names 1000000000 layers",
        ),
        (
            {"model_type": "llama", "architectures": ["LlamaForSequenceClassification"]},
            "LlamaForSequenceClassification, which gives no next token",
        ),
        (  # one key/value head by code of its own: 1.1 billion weights, not 1.3
            {"model_type": "gpt2", "architectures": ["GPT2LMHeadCustomModel"]},
            "architectures is GPT2LMHeadCustomModel, where GPT2LMHeadModel is known",
        ),
        (
            {"model_type": "llama", "architectures": ["LlamaForCausalLMEagle3"]},
            "LlamaForCausalLMEagle3, where LlamaForCausalLM is known",
        ),
        (  # no output matrix: 7.11 billion, not 7.24
            {"model_type": "mistral", "architectures": ["MistralModel"]},
            "architectures is MistralModel",
        ),
        ({"model_type": "falcon", "n_head_kv": 8}, "states n_head_kv, and no num_kv_heads"),
        ({"model_type": "llama", "n_kv_heads": 8}, "n_kv_heads, and no num_key_value_heads"),
        ({"model_type": "llama", "kv_channels": 64}, "kv_channels, and no head_dim"),
        ({"model_type": "qwen3_moe", "n_routed_experts": 64}, "states n_routed_experts, and no"),
        ({"model_type": "gpt_oss", "experts_per_token": 8}, "and no num_experts_per_tok"),
        ({"model_type": "llama", "num_local_experts": 8}, "of a family without experts"),
        ({"model_type": "glm4_moe", "head_dim": 128, "moe_layer_freq": 2}, "moe_layer_freq is 2"),
        ({"model_type": "hunyuan_v1_dense", "use_cla": True}, "use_cla is true"),
        ({"model_type": "hunyuan_v1_moe", "moe_topk": [1] * 31 + [2]}, "moe_topk is not one"),
        ({"model_type": "gpt2", "pruned_heads": {"0": [0, 1]}}, "pruned_heads is"),
        ({"model_type": "gpt2", "is_encoder_decoder": True}, "is_encoder_decoder is True"),
    ],
)
def test_what_cannot_be_counted_is_one_sentence(config: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        describe_config(json.dumps(config), "c")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_endless_brackets_are_no_configuration() -> None:
    with pytest.raises(InputError, match="c: is not a model configuration"):
        describe_config("[" * 100_000, "c")


@pytest.mark.parametrize("kind", ["bloom", "falcon"])
def test_an_older_name_is_taken_as_transformers_takes_it(kind: str) -> None:
    small = {"n_embed": 96, "num_hidden_layers": 3, "num_attention_heads": 4, "vocab_size": 96}
    model = build(kind, CONFIG_MAPPING[kind](**small))
    shape = describe_config(json.dumps({"model_type": kind, **small}), "c").architecture
    assert shape is not None
    assert shape.total_params == total_of(model)


def test_no_layer_has_experts_where_an_empty_list_says_so() -> None:
    """Llama Guard 4: 12 billion weights, 0.9 of them for images."""
    text = {"interleave_moe_layer_step": 0, "moe_layers": [], "num_local_experts": 0,
            "num_experts_per_tok": 0, "intermediate_size_mlp": 8192}  # fmt: skip
    config = {"model_type": "llama4", "text_config": text}
    shape = describe_config(json.dumps(config), "c").architecture
    assert shape is not None
    layer = 2 * 5120 * (5120 + 1024) + 3 * 5120 * 8192 + 2 * 5120
    assert shape.total_params == 48 * layer + 2 * 202048 * 5120 + 5120
    assert not shape.is_moe


def test_a_tied_model_without_its_head_has_the_same_weights() -> None:
    bare = {"model_type": "gpt2", "architectures": ["GPT2Model"]}
    shape = describe_config(json.dumps(bare), "c").architecture
    assert shape is not None
    assert shape.total_params == 124_439_808


# Worked out from the published sizes: products of weights, pairs of 1000 positions, output.
BY_HAND: list[tuple[dict[str, Any], int, int]] = [
    (  # Falcon 40B: 128 heads of 64, 8 of keys
        {"model_type": "falcon", "hidden_size": 8192, "num_hidden_layers": 60, "num_kv_heads": 8,
         "num_attention_heads": 128, "new_decoder_architecture": True},
        60 * (8192 * 64 * (128 + 2 * 8 + 128) + 8 * 8192**2), 60 * 4 * 128 * 64,
    ),
    (  # Mistral Nemo: 32 heads of 128 in a width of 5120
        {"model_type": "mistral", "hidden_size": 5120, "num_hidden_layers": 40, "head_dim": 128,
         "sliding_window": None, "vocab_size": 131072},
        40 * (5120 * 128 * (32 + 2 * 8 + 32) + 3 * 5120 * 14336), 40 * 4 * 32 * 128,
    ),
    (  # OLMoE: 8 of 64 experts
        {"model_type": "olmoe", "intermediate_size": 1024},
        16 * (4 * 2048**2 + 2048 * 64 + 8 * 3 * 2048 * 1024), 16 * 4 * 2048,
    ),
    (  # GPT-NeoX 20B
        {"model_type": "gpt_neox"}, 44 * 12 * 6144**2, 44 * 4 * 6144,
    ),
    (  # StarCoder: one head of keys, tied
        {"model_type": "gpt_bigcode", "n_embd": 6144, "n_head": 48, "n_inner": 24576,
         "n_layer": 40, "n_positions": 8192, "vocab_size": 49152},
        40 * (2 * 6144**2 + 2 * 6144 * 128 + 8 * 6144**2), 40 * 4 * 6144,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("config", "weights", "pair"), BY_HAND)
def test_flops_of_published_models_by_hand(config: dict[str, Any], weights: int, pair: int) -> None:
    shape = describe_config(json.dumps(config), "c").architecture
    assert shape is not None
    head = 2 * shape.vocab * shape.hidden
    prefill = shape.forward_flops(1000, logits=1)
    assert prefill.total == 1000 * 2 * weights + pair * (1000 * 1001 // 2) + head
    assert shape.decode_flops(1, context=1000).total == 2 * weights + pair * 1001 + head
