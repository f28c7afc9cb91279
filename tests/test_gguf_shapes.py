"""The shape of a model in a GGUF file: windows, widths layer by layer, experts, blocks ahead."""

from __future__ import annotations

from math import prod
from typing import Any

import pytest

from distilbench.architecture import ModelDescription, describe_stream
from distilbench.catalog import blank_card, described_card
from distilbench.errors import InputError
from tests.tiny_gguf import HIDDEN, VOCAB, raw

TOKENS, WINDOW, HEADS, HEAD = 40, 10, 4, 16
Shapes = dict[str, tuple[int, ...]]
"""Shapes in the order of GGUF, the width of the input first."""


def attention(block: int) -> Shapes:
    return {
        f"blk.{block}.attn_norm.weight": (HIDDEN,),
        f"blk.{block}.attn_q.weight": (HIDDEN, HIDDEN),
        f"blk.{block}.attn_k.weight": (HIDDEN, HIDDEN // 2),
        f"blk.{block}.attn_v.weight": (HIDDEN, HIDDEN // 2),
        f"blk.{block}.attn_output.weight": (HIDDEN, HIDDEN),
    }


def dense(block: int) -> Shapes:
    return {
        f"blk.{block}.ffn_norm.weight": (HIDDEN,),
        f"blk.{block}.ffn_gate.weight": (HIDDEN, 96),
        f"blk.{block}.ffn_up.weight": (HIDDEN, 96),
        f"blk.{block}.ffn_down.weight": (96, HIDDEN),
    }


def sparse(block: int, shared: int) -> Shapes:
    """64 experts of width 32, and one for all tokens."""
    return {
        f"blk.{block}.ffn_norm.weight": (HIDDEN,),
        f"blk.{block}.ffn_gate_inp.weight": (HIDDEN, 64),
        f"blk.{block}.ffn_gate_exps.weight": (HIDDEN, 32, 64),
        f"blk.{block}.ffn_up_exps.weight": (HIDDEN, 32, 64),
        f"blk.{block}.ffn_down_exps.weight": (32, HIDDEN, 64),
        f"blk.{block}.ffn_gate_shexp.weight": (HIDDEN, shared),
        f"blk.{block}.ffn_up_shexp.weight": (HIDDEN, shared),
        f"blk.{block}.ffn_down_shexp.weight": (shared, HIDDEN),
    }


def plain(blocks: int = 2) -> Shapes:
    shapes: Shapes = {"token_embd.weight": (HIDDEN, VOCAB), "output_norm.weight": (HIDDEN,)}
    for block in range(blocks):
        shapes |= attention(block) | dense(block)
    return shapes


def described(arch: str, shapes: Shapes, blocks: int = 2, **fields: Any) -> ModelDescription:
    usual = {
        "block_count": blocks,
        "context_length": 512,
        "embedding_length": HIDDEN,
        "attention.head_count": HEADS,
        "attention.head_count_kv": 2,
        "feed_forward_length": 96,
    }
    said = {key.replace("__", "."): value for key, value in fields.items()}
    metadata = {f"{arch}.{key}": value for key, value in (usual | said).items()}
    tensors = [(name, shape, 0) for name, shape in shapes.items()]
    file = raw({"general.architecture": arch} | metadata, tensors)
    return describe_stream(file, "a.gguf", None)


def elements(shapes: Shapes) -> int:
    return sum(map(prod, shapes.values()))


def attention_flops(windows: list[int | None]) -> int:
    """Two products of a key's and a value's width for each pair, counted one by one."""
    pairs = sum(min(seen, window or seen) for window in windows for seen in range(1, TOKENS + 1))
    return 2 * HEADS * 2 * HEAD * pairs


@pytest.mark.parametrize("arch", ["gemma2", "gemma3", "gpt-oss", "cohere2", "olmo2"])
@pytest.mark.parametrize(
    ("pattern", "has"),
    [
        (3, [True, True, False] * 2 + [True]),
        (1, [False] * 7),
        (0, [True] * 7),
        ((True, False, True, True, True, False, True), [1, 0, 1, 1, 1, 0, 1]),
    ],
)
def test_the_layers_of_the_window_are_those_that_the_file_states(
    arch: str, pattern: Any, has: list[bool]
) -> None:
    """llama.cpp's ``set_swa_pattern(n)``: all but each n-th layer; 0: all."""
    said = {"attention__sliding_window": WINDOW, "attention__sliding_window_pattern": pattern}
    shape = described(arch, plain(7), 7, **said).architecture
    assert shape is not None
    windows = [WINDOW if windowed else None for windowed in has]
    assert shape.forward_flops(TOKENS).attention == attention_flops(windows)


def test_a_window_that_llama_cpp_does_not_use_is_none() -> None:
    shape = described("llama", plain(), attention__sliding_window=WINDOW).architecture
    assert shape is not None
    assert shape.forward_flops(TOKENS).attention == attention_flops([None, None])


def test_widths_given_layer_by_layer() -> None:
    same = described(
        "llama", plain(), attention__head_count_kv=(2, 2), feed_forward_length=(96, 96)
    )
    assert same.architecture == described("llama", plain()).architecture is not None
    for other in ((2, 1), (2,), (2, 2, 2)):
        found = described("llama", plain(), attention__head_count_kv=other)
        assert found.architecture is None
        assert found.architecture_missing == "its layers differ in attention.head_count_kv"


@pytest.mark.parametrize("shared", [32, 64])
def test_experts_that_all_tokens_use(shared: int) -> None:
    found = with_experts(shared)
    assert found.architecture is not None
    held = found.parameters or 0
    assert found.architecture.active_params == held - 2 * 62 * 3 * 32 * HIDDEN


@pytest.mark.parametrize("shared", [8, 40])
def test_weights_outside_of_experts_must_agree_alone(shared: int) -> None:
    """Among all weights they are under 0.5%, among those that a token passes 3.5%."""
    found = with_experts(shared)
    assert found.architecture is None
    assert "outside of its experts" in (found.architecture_missing or "")


@pytest.mark.parametrize("arch", ["qwen2moe", "qwen3next"])
def test_the_card_of_a_mixture_has_the_weights_that_a_token_passes(arch: str) -> None:
    """Also of layers that are not known: 6ND over all experts would be ten times too much."""
    found = with_experts(32, arch)
    active = (found.parameters or 0) - 2 * 62 * 3 * 32 * HIDDEN
    assert (found.architecture is None) == (arch == "qwen3next")
    assert found.active_parameters == active
    figure = described_card(found, "a").parameters.active
    assert figure is not None
    assert figure.value == active


def test_a_mixture_that_does_not_say_how_many_experts_it_uses_has_no_total_on_its_card() -> None:
    found = with_experts(32, "qwen3next", expert_used_count=0)
    assert (found.experts, found.active_parameters) == (True, None)
    assert described_card(found, "a").parameters.total is None
    assert "how many experts a token uses" in blank_card(found, "a", "vanilla")


def with_experts(shared: int, arch: str = "qwen2moe", **fields: Any) -> ModelDescription:
    shapes = plain(0)
    for block in range(2):
        shapes |= attention(block) | sparse(block, shared)
    said = {"expert_count": 64, "expert_used_count": 2, "expert_feed_forward_length": 32}
    return described(arch, shapes, **said | fields)


def test_blocks_that_guess_ahead_are_those_with_tensors_for_it() -> None:
    ahead = plain(3) | {"blk.2.nextn.eh_proj.weight": (2 * HIDDEN, HIDDEN)}
    found = described("glm4", ahead, 3, nextn_predict_layers=1)
    assert found.architecture is not None
    assert found.architecture.active_params == elements(plain())
    assert found.parameters == elements(ahead)
    for shapes, blocks, stated in (
        (plain(), 1, 0),  # a block behind the last
        (ahead, 3, 2),  # blk.1 guesses nothing
        (ahead, 2, 1),  # not counted, and held
        (ahead, 3, 0),
        (ahead, 3, 5),
    ):
        found = described("glm4", shapes, blocks, nextn_predict_layers=stated)
        assert found.architecture is None
        assert "its tensors tell otherwise" in (found.architecture_missing or "")
    with pytest.raises(InputError, match="nextn_predict_layers"):
        described("glm4", ahead, 3, nextn_predict_layers=(1, 1))


def test_the_width_of_a_value_does_not_follow_that_of_a_key() -> None:
    """llama.cpp's default for both is the width of the model over its heads."""
    shapes = plain()
    for block in range(2):
        shapes[f"blk.{block}.attn_q.weight"] = (HIDDEN, HEADS * 32)
        shapes[f"blk.{block}.attn_k.weight"] = (HIDDEN, 2 * 32)
    shape = described("llama", shapes, attention__key_length=32).architecture
    assert shape is not None
    assert shape.total_params == elements(shapes)
    assert shape.forward_flops(TOKENS).attention == attention_flops([None, None]) * 48 // 32


def test_scales_beside_quantized_tensors_are_no_weights() -> None:
    """NVFP4 and BitNet keep one number for a matrix."""
    scales: Shapes = {f"blk.0.{n}.scale": (1,) for n in ("attn_q", "ffn_up")}
    scales["blk.0.attn_q.input_scale"] = (1,)
    assert described("llama", plain() | scales).parameters == elements(plain())


def test_tables_that_are_looked_up_are_embeddings() -> None:
    tables: Shapes = {"token_types.weight": (HIDDEN, 2), "position_embd.weight": (HIDDEN, 512)}
    found = described("bert", plain() | tables)
    assert found.embedding_parameters == HIDDEN * (VOCAB + 514)
    found = described("gemma3n", plain() | {"per_layer_token_embd.weight": (32, VOCAB)})
    assert found.embedding_parameters == VOCAB * (HIDDEN + 32)


def test_an_adapter_that_does_not_say_so_is_one() -> None:
    lora: Shapes = {"blk.0.attn_q.weight.lora_a": (64, 4), "blk.0.attn_q.weight.lora_b": (4, 64)}
    with pytest.raises(InputError, match="is a LoRA adapter"):
        described("llama", lora, 1)


@pytest.mark.parametrize("leading", [0, 1])
def test_of_the_biases_of_experts_a_token_passes_those_that_it_uses(leading: int) -> None:
    """gpt-oss, counted by hand: two experts' matrices and biases, and all of what all use."""
    experts, used, width = 16, 2, 32
    shapes = plain(leading)
    for block in range(leading, 2):
        shapes |= attention(block) | {
            f"blk.{block}.ffn_gate_inp.weight": (HIDDEN, experts),
            f"blk.{block}.ffn_gate_inp.bias": (experts,),
        }
        for part, rows, columns in (("gate", HIDDEN, width), ("up", HIDDEN, width),
                                    ("down", width, HIDDEN)):  # fmt: skip
            shapes[f"blk.{block}.ffn_{part}_exps.weight"] = (rows, columns, experts)
            shapes[f"blk.{block}.ffn_{part}_exps.bias"] = (columns, experts)
    said = {
        "expert_count": experts,
        "expert_used_count": used,
        "leading_dense_block_count": leading,
    }
    found = described("gpt-oss", shapes, expert_feed_forward_length=width, **said).architecture
    assert found is not None
    assert found.total_params == elements(shapes)
    each = 3 * HIDDEN * width + 2 * width + HIDDEN
    unused = (2 - leading) * (experts - used) * each
    assert found.active_params == elements(shapes) - unused


@pytest.mark.parametrize("licence", [("apache-2.0", "mit"), 3, True])
def test_a_licence_in_another_form_refuses_no_model(licence: Any) -> None:
    """Nothing computes with it, and llama.cpp does not read it."""
    tensors = [(name, shape, 0) for name, shape in plain().items()]
    file = raw({"general.architecture": "x", "general.license": licence}, tensors)
    assert describe_stream(file, "a.gguf", None).licence is None
