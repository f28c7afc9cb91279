"""Tiny GGUF models with weights at random, written by llama.cpp's own ``gguf`` package."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np

from distilbench.architecture._quantization import TENSOR_TYPES

HIDDEN, VOCAB = 64, 260
# A Llama of two blocks by hand: four matrices of attention (two of half width), three of the MLP,
# two norms a block; one table of embeddings; the last norm.
LLAMA_WEIGHTS = 2 * (3 * HIDDEN * HIDDEN + 3 * 96 * HIDDEN + 2 * HIDDEN) + VOCAB * HIDDEN + HIDDEN

Tensors = list[tuple[str, tuple[int, ...], int]]
"""Name, shape and number of the type."""
ONE = [("blk.0.ffn_up.weight", (64, 64), 0)]


def tiny_gguf(
    path: Path,
    arch: str = "llama",
    blocks: int = 2,
    template: str | None = None,
    name: str = "tiny",
    **options: Any,
) -> Path:
    """A model of ``arch`` (``llama``, ``mamba``, or ``lfm2``, which has layers of both kinds;
    another name gets Llama's tensors) with a vocabulary of bytes, and a chat template if one is
    given. ``options``: of ``GGUFWriter``, as ``split_max_tensors``."""
    from gguf import GGUFWriter

    writer = GGUFWriter(path, arch, **options)
    writer.add_name(name)
    writer.add_block_count(blocks)
    writer.add_context_length(512)
    writer.add_embedding_length(HIDDEN)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(0)
    add_vocabulary(writer)
    if template is not None:
        writer.add_chat_template(template)
    of_arch = {"mamba": mamba_tensors, "lfm2": lfm2_tensors}.get(arch, llama_tensors)
    tensors = of_arch(writer, blocks)
    last = "token_embd_norm.weight" if arch == "lfm2" else "output_norm.weight"
    tensors |= {"token_embd.weight": (VOCAB, HIDDEN), last: (HIDDEN,)}
    random = np.random.default_rng(0)
    for name, shape in tensors.items():
        values = random.normal(0, 0.2, shape).astype(np.float32)
        if name.endswith("ssm_a"):
            values = -np.abs(values) - 0.1
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def add_vocabulary(writer: Any) -> None:
    """One token for each byte, and four with other duties."""
    from tokenizers.pre_tokenizers import ByteLevel

    tokens = [*sorted(ByteLevel.alphabet()), "<s>", "</s>", "<pad>", "Ġa"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([1] * 256 + [3, 3, 3, 1])
    writer.add_token_merges(["Ġ a"])
    writer.add_bos_token_id(256)
    writer.add_eos_token_id(257)


def llama_tensors(writer: Any, blocks: int) -> dict[str, tuple[int, ...]]:
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_feed_forward_length(96)
    writer.add_rope_dimension_count(HIDDEN // 4)
    tensors: dict[str, tuple[int, ...]] = {}
    for block in range(blocks):
        tensors |= attention(block) | mlp(block)
    return tensors


def attention(block: int) -> dict[str, tuple[int, ...]]:
    return {
        f"blk.{block}.attn_norm.weight": (HIDDEN,),
        f"blk.{block}.attn_q.weight": (HIDDEN, HIDDEN),
        f"blk.{block}.attn_k.weight": (HIDDEN // 2, HIDDEN),
        f"blk.{block}.attn_v.weight": (HIDDEN // 2, HIDDEN),
        f"blk.{block}.attn_output.weight": (HIDDEN, HIDDEN),
    }


def mlp(block: int) -> dict[str, tuple[int, ...]]:
    return {
        f"blk.{block}.ffn_norm.weight": (HIDDEN,),
        f"blk.{block}.ffn_gate.weight": (96, HIDDEN),
        f"blk.{block}.ffn_up.weight": (96, HIDDEN),
        f"blk.{block}.ffn_down.weight": (HIDDEN, 96),
    }


def lfm2_tensors(writer: Any, blocks: int) -> dict[str, tuple[int, ...]]:
    """Convolutions first, attention last."""
    writer.add_head_count(4)
    writer.add_head_count_kv([0] * (blocks - 1) + [2])
    writer.add_feed_forward_length(96)
    writer.add_rope_dimension_count(HIDDEN // 4)
    writer.add_shortconv_l_cache(3)
    tensors = mlp(blocks - 1) | attention(blocks - 1)
    tensors |= {f"blk.{blocks - 1}.attn_{part}_norm.weight": (HIDDEN // 4,) for part in "qk"}
    for block in range(blocks - 1):
        tensors |= {
            **mlp(block),
            f"blk.{block}.attn_norm.weight": (HIDDEN,),
            f"blk.{block}.shortconv.conv.weight": (HIDDEN, 3),
            f"blk.{block}.shortconv.in_proj.weight": (3 * HIDDEN, HIDDEN),
            f"blk.{block}.shortconv.out_proj.weight": (HIDDEN, HIDDEN),
        }
    return tensors


def mamba_tensors(writer: Any, blocks: int) -> dict[str, tuple[int, ...]]:
    inner, rank, state, kernel = 2 * HIDDEN, HIDDEN // 16, 16, 4
    writer.add_head_count(0)  # as llama.cpp's converter writes it
    writer.add_feed_forward_length(0)
    writer.add_ssm_conv_kernel(kernel)
    writer.add_ssm_inner_size(inner)
    writer.add_ssm_state_size(state)
    writer.add_ssm_time_step_rank(rank)
    tensors: dict[str, tuple[int, ...]] = {}
    for block in range(blocks):
        tensors |= {
            f"blk.{block}.attn_norm.weight": (HIDDEN,),
            f"blk.{block}.ssm_in.weight": (2 * inner, HIDDEN),
            f"blk.{block}.ssm_conv1d.weight": (inner, kernel),
            f"blk.{block}.ssm_conv1d.bias": (inner,),
            f"blk.{block}.ssm_x.weight": (rank + 2 * state, inner),
            f"blk.{block}.ssm_dt.weight": (inner, rank),
            f"blk.{block}.ssm_dt.bias": (inner,),
            f"blk.{block}.ssm_a": (inner, state),
            f"blk.{block}.ssm_d": (inner,),
            f"blk.{block}.ssm_out.weight": (HIDDEN, inner),
        }
    return tensors


def raw(fields: dict[str, Any], tensors: Tensors, offsets: list[int] | None = None) -> io.BytesIO:
    """A header as bytes, whatever it says; its tensors one behind another."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(fields))
    for key, value in fields.items():
        head += text(key) + typed(value)
    due = 0
    for index, (name, shape, kind) in enumerate(tensors):
        head += text(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
        head += struct.pack("<IQ", kind, offsets[index] if offsets else due)
        elements = 1
        for size in shape:
            elements *= size
        if kind in TENSOR_TYPES:
            block = TENSOR_TYPES[kind]
            due += -(-(elements // block.weights * block.bytes) // 32) * 32
    return io.BytesIO(head + bytes(-len(head) % 32))


def typed(value: Any) -> bytes:
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, str):
        return struct.pack("<I", 8) + text(value)
    if isinstance(value, tuple):
        kind = typed(value[0])[:4]
        items = b"".join(typed(item)[4:] for item in value)
        return struct.pack("<I", 9) + kind + struct.pack("<Q", len(value)) + items
    return (
        struct.pack("<Id", 12, value) if isinstance(value, float) else struct.pack("<Iq", 11, value)
    )


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()
