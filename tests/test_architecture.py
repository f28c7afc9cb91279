"""Parameter counts and forward FLOPs, against published counts and against brute force."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFWriter
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from distilbench.architecture import (
    Attention,
    ModelShape,
    describe,
    describe_config,
    describe_stream,
)
from distilbench.architecture._attention import (
    LatentAttention,
    chunk_pairs,
    visible_pairs,
)
from distilbench.architecture._gguf import read_gguf_header
from distilbench.architecture._gguf_shape import gguf_shape
from distilbench.errors import InputError
from tests.tiny_gguf import LLAMA_WEIGHTS, attention, mlp

LLAMA_8B = ModelShape.plain(
    layers=32, hidden=4096, heads=32, kv_heads=8, head_dim=128, ffn=14336, vocab=128256
)
DEEPSEEK_V3_FIELDS = dict(
    layers=61, hidden=7168, heads=128, kv_heads=128, head_dim=128, value_dim=128, ffn=18432,
    vocab=129280, experts=256, experts_per_token=8, shared_experts=1, expert_ffn=2048,
    dense_layers=3, query_lora=1536, kv_lora=512, rope_dim=64,
)  # fmt: skip
DEEPSEEK_V3 = ModelShape.plain(**DEEPSEEK_V3_FIELDS)
GPT2 = ModelShape.plain(
    layers=12, hidden=768, heads=12, kv_heads=12, head_dim=64, ffn=3072, vocab=50257, gated=False,
    tied=True, bias=True, learned_positions=1024,
)  # fmt: skip


@pytest.mark.parametrize(
    ("shape", "total", "active"),
    [(LLAMA_8B, 8.03e9, 8.03e9), (DEEPSEEK_V3, 671e9, 37e9), (GPT2, 124.4e6, 124.4e6)],
    ids=["Llama 3.1 8B", "DeepSeek-V3", "GPT-2"],
)
def test_parameter_counts_agree_with_published_ones(
    shape: ModelShape, total: float, active: float
) -> None:
    assert shape.total_params == pytest.approx(total, rel=0.002)
    assert shape.active_params == pytest.approx(active, rel=0.02)


@given(st.integers(1, 40), st.integers(0, 40), st.one_of(st.none(), st.integers(1, 50)))
def test_visible_pairs_equal_brute_force(tokens: int, context: int, window: int | None) -> None:
    seen = (context + i + 1 for i in range(tokens))
    brute = sum(n if window is None else min(n, window) for n in seen)
    assert visible_pairs(tokens, context, window, causal=True) == brute


@given(st.integers(1, 300), st.integers(1, 300))
def test_a_pass_in_two_parts_costs_as_much_as_in_one(first: int, second: int) -> None:
    whole = LLAMA_8B.forward_flops(first + second).total
    parts = LLAMA_8B.forward_flops(first).total
    parts += LLAMA_8B.forward_flops(second, context=first).total
    assert whole == pytest.approx(parts, rel=1e-12)


def test_long_sequences_cost_more_than_two_flops_a_weight() -> None:
    flops = LLAMA_8B.forward_flops(8192)
    weights = LLAMA_8B.total_params - LLAMA_8B.vocab * LLAMA_8B.hidden  # lookup is no product
    assert flops.linear + flops.head == pytest.approx(2 * weights * 8192, rel=1e-9)
    assert flops.attention > 0.05 * flops.linear


def test_gguf_headers_of_the_packaged_models(smollm2: str, gemma3: str) -> None:
    from pathlib import Path

    small, gemma = describe(Path(smollm2)), describe(Path(gemma3))
    assert (small.parameters, small.quantization) == (134_515_008, "Q4_1")
    assert (gemma.parameters, gemma.quantization) == (268_098_176, "Q4_K_M")
    assert small.chat_template
    assert not gemma.chat_template
    for model in (small, gemma):
        assert model.architecture is not None
        assert model.architecture.total_params == pytest.approx(model.parameters, rel=0.001)
    assert gemma.architecture is not None
    windows = {p.window: n for p, n in gemma.architecture.parts() if isinstance(p, Attention)}
    assert windows == {512: 15, None: 3}
    assert gemma.architecture.window == 512


@given(st.binary(max_size=200))
def test_garbage_is_refused_with_a_sentence(data: bytes) -> None:
    for start in (b"", b"GGUF", b"GGUF\x03\x00\x00\x00"):
        with pytest.raises(InputError, match=r"bad\.gguf"):
            describe_stream(io.BytesIO(start + data), "bad.gguf", None)


def test_a_gguf_that_claims_endless_contents_is_refused() -> None:
    greedy = b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 1 << 60)
    with pytest.raises(InputError, match="corrupt"):
        describe_stream(io.BytesIO(greedy), "greedy.gguf", None)


def gguf(arch: str = "llama", **changed: int) -> io.BytesIO:
    """A header with a Llama's numbers, some of them changed, and its weights in two tensors."""
    numbers = {
        "block_count": 2, "embedding_length": 64, "feed_forward_length": 20, "vocab_size": 10,
        "attention.head_count": 4,
    } | {name.replace("__", "."): value for name, value in changed.items()}  # fmt: skip
    head = b"GGUF" + struct.pack("<IQQ", 3, 2, 1 + len(numbers))
    head += text("general.architecture") + struct.pack("<I", 8) + text(arch)
    for name, value in numbers.items():
        head += text(f"{arch}.{name}") + struct.pack("<II", 4, value)
    weights = 2 * (4 * 64 * 64 + 2 * 64 * 20)  # attention, and up and down
    head += text("blk.0.a") + struct.pack("<IQQIQ", 2, 64, weights // 64, 0, 0)
    return io.BytesIO(
        head + text("token_embd.weight") + struct.pack("<IQQIQ", 2, 64, 10, 0, 4 * weights)
    )


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def test_a_gguf_with_an_impossible_number_is_one_sentence() -> None:
    shape = describe_stream(gguf(), "a.gguf", None).architecture
    assert shape is not None
    attention = next(part for part, _ in shape.parts() if isinstance(part, Attention))
    assert (attention.heads, attention.head_dim) == (4, 16)
    for changed, named in (
        ({"block_count": 0}, "block_count is 0"),
        ({"embedding_length": 0}, "embedding_length is 0"),
    ):
        with pytest.raises(InputError) as caught:
            describe_stream(gguf(**changed), "a.gguf", None)
        assert str(caught.value).startswith("a.gguf: ")
        assert named in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_gguf_without_attention_heads_has_no_flops() -> None:
    described = describe_stream(gguf(attention__head_count=0), "a.gguf", None)
    assert described.architecture is None
    assert "attention.head_count" in (described.architecture_missing or "")
    assert described.parameters == 2 * (4 * 64 * 64 + 2 * 64 * 20) + 10 * 64


def test_a_gguf_of_an_unknown_architecture_has_its_count_and_no_shape() -> None:
    described = describe_stream(gguf("mamba"), "a.gguf", None)
    assert described.architecture is None
    assert "mamba" in (described.architecture_missing or "")
    assert described.parameters == 2 * (4 * 64 * 64 + 2 * 64 * 20) + 10 * 64


def test_latent_attention_of_a_gguf_is_absorbed_where_llama_cpp_does_so() -> None:
    """DeepSeek-V2-Lite: rank 512, heads of 128 + 64 and 128; newer files keep one row of 576."""
    numbers = {
        "attention__kv_lora_rank": 512, "rope__dimension_count": 64,
        "attention__head_count_kv": 1, "attention__key_length": 576,
        "attention__value_length": 512,
    }  # fmt: skip
    real = {"attention__key_length_mla": 192, "attention__value_length_mla": 128}
    old = {"attention__key_length": 192, "attention__value_length": 128}
    cases = (({**numbers, **real}, "absorbed", 576), (numbers | old, "expanded", 4 * (192 + 128)))
    for stated, keys, kept in cases:
        header = read_gguf_header(gguf("deepseek2", **stated), "a.gguf")
        shape = gguf_shape(header, "a.gguf")
        assert shape is not None
        part = next(part for part, _ in shape.parts() if isinstance(part, LatentAttention))
        assert (part.head_dim, part.rope_dim, part.value_dim) == (128, 64, 128)
        assert (part.keys, part.cache_width) == (keys, kept)


def test_a_gguf_without_weights_is_refused() -> None:
    with pytest.raises(InputError, match=r"a\.gguf: holds no weights"):
        describe_stream(io.BytesIO(b"GGUF" + struct.pack("<IQQ", 3, 0, 0)), "a.gguf", None)


def test_safetensors_header_counts_parameters(tmp_path: object) -> None:
    header = json.dumps(
        {
            "__metadata__": {"format": "pt"},
            "a": {"dtype": "F32", "shape": [3, 5], "data_offsets": [0, 60]},
            "b": {"dtype": "F32", "shape": [7], "data_offsets": [60, 88]},
        }
    ).encode()
    stream = io.BytesIO(len(header).to_bytes(8, "little") + header)
    assert describe_stream(stream, "x.safetensors", None).parameters == 22
    with pytest.raises(InputError, match="safetensors"):
        describe_stream(io.BytesIO(b"\xff" * 16), "x.safetensors", 16)


def test_config_json_of_llama_and_of_nonsense() -> None:
    config = {
        "model_type": "llama", "hidden_size": 4096, "num_attention_heads": 32,
        "num_hidden_layers": 32, "num_key_value_heads": 8, "intermediate_size": 14336,
        "vocab_size": 128256, "tie_word_embeddings": False, "max_position_embeddings": 131072,
    }  # fmt: skip
    # of the model's own page: 8,030,261,248 weights
    assert describe_config(json.dumps(config), "config.json").parameters == 8_030_261_248
    for text, complaint in (("{}", "model_type"), ("[1]", "configuration"), ("{", "config")):
        with pytest.raises(InputError, match=complaint):
            describe_config(text, "config.json")


def test_a_shape_is_written_and_read_again_whole() -> None:
    """In run.json and on cards, also where what is default is left out."""
    for shape in (LLAMA_8B, DEEPSEEK_V3, DEEPSEEK_V3.absorbed(), GPT2):
        assert ModelShape.model_validate_json(shape.model_dump_json()) == shape
        assert ModelShape.model_validate(shape.model_dump(exclude_defaults=True)) == shape
    assert DEEPSEEK_V3.absorbed() != DEEPSEEK_V3


def test_the_short_form_stands_on_cards_and_complains_in_its_own_words() -> None:
    plain = {"layers": 2, "hidden": 8, "heads": 2, "kv_heads": 1, "head_dim": 4, "ffn": 16}
    assert ModelShape.model_validate(plain | {"vocab": 10}) == ModelShape.plain(**plain, vocab=10)
    with pytest.raises(ValidationError, match="vocab: Field required"):
        ModelShape.model_validate(plain)


@given(st.integers(1, 60), st.integers(0, 60), st.integers(1, 20))
def test_chunks_equal_brute_force(tokens: int, context: int, chunk: int) -> None:
    brute = sum(position % chunk + 1 for position in range(context, context + tokens))
    assert chunk_pairs(tokens, context, chunk) == brute


def test_absorbed_keys_are_looked_at_compressed() -> None:
    """DeepSeek-V2's paper, section 2.1: a head's query then has kv_rank + rope numbers, and its
    output kv_rank, where keys and values of 128 + 64 and 128 stood."""
    expanded = DEEPSEEK_V3.forward_flops(1, context=999)
    absorbed = DEEPSEEK_V3.absorbed().forward_flops(1, context=999)
    assert expanded.attention == 61 * 1000 * 2 * 128 * (128 + 64 + 128)
    assert absorbed.attention == 61 * 1000 * 2 * 128 * (512 + 64 + 512)
    assert absorbed.linear == expanded.linear


def glm_with_blocks_ahead(path: Path, count: int, held: int, ahead: int) -> Path:
    """A small GLM-4 of ``held`` blocks, the last ``ahead`` of them for guessing (``nextn``)."""
    writer = GGUFWriter(path, "glm4")
    writer.add_block_count(count)
    writer.add_embedding_length(64)
    writer.add_feed_forward_length(96)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_uint32("glm4.nextn_predict_layers", 1)
    tensors = {"token_embd.weight": (260, 64), "output_norm.weight": (64,)}
    for block in range(held):
        tensors |= attention(block) | mlp(block)
        if block >= held - ahead:
            tensors |= {f"blk.{block}.nextn.eh_proj.weight": (64, 128)}
            tensors |= {f"blk.{block}.nextn.enorm.weight": (64,)}
    for name, shape in tensors.items():
        writer.add_tensor(name, np.zeros(shape, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.parametrize(
    ("count", "held", "ahead"),
    [(3, 3, 1), (3, 2, 0), (2, 2, 0)],
    ids=["held", "counted and left out", "neither counted nor held"],
)
def test_blocks_that_guess_ahead_are_no_layers(
    tmp_path: Path, count: int, held: int, ahead: int
) -> None:
    """Two blocks answer, as in a plain Llama of that size, whatever the file says of the third."""
    described = describe(glm_with_blocks_ahead(tmp_path / "a.gguf", count, held, ahead))
    assert described.architecture_missing is None
    shape = described.architecture
    assert shape is not None
    assert (shape.layer_count, shape.total_params) == (2, LLAMA_WEIGHTS)
    block_ahead = 3 * 64 * 64 + 3 * 96 * 64 + 2 * 64 + 64 * 128 + 64
    assert described.parameters == LLAMA_WEIGHTS + ahead * block_ahead
    pairs = 11 * 2 * 4 * (16 + 16)  # of 4 heads
    by_hand = 2 * (2 * (3 * 64 * 64 + 3 * 96 * 64) + pairs) + 2 * 260 * 64
    assert shape.decode_flops(1, context=10).total == by_hand


def test_no_token_uses_more_experts_than_there_are() -> None:
    moe = DEEPSEEK_V3_FIELDS | {"experts_per_token": 257}
    with pytest.raises(ValidationError, match="a token uses 257 of 256 experts"):
        ModelShape.model_validate(moe)
