"""llama.cpp's numbers of types: ours against the lists of those who make them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import gguf
import pytest
import xllamacpp

from distilbench.architecture import ModelDescription, describe_stream
from distilbench.architecture._quantization import (
    BITS_PER_WEIGHT,
    FILE_TYPES,
    QUANTIZATIONS,
    TENSOR_TYPES,
)
from tests.tiny_gguf import ONE, raw

# Not in the table: Q8_1 is made while computing and never stored, and gguf states its old layout.
NOT_STORED = {"Q8_1"}


def test_tensor_types_are_those_of_the_gguf_package() -> None:
    ours = {number: tuple(kind) for number, kind in TENSOR_TYPES.items()}
    for kind in gguf.GGMLQuantizationType:
        if kind.name not in NOT_STORED:
            assert ours[kind.value] == (kind.name, *gguf.GGML_QUANT_SIZES[kind])


def test_tensor_types_are_those_of_the_engine() -> None:
    """xllamacpp brings llama.cpp's own list, which may be newer than the gguf package's."""
    theirs = {kind.name.removeprefix("GGML_TYPE_"): kind.value for kind in xllamacpp.ggml_type}
    del theirs["COUNT"]
    assert {kind.name: number for number, kind in TENSOR_TYPES.items()} == theirs


def test_file_types_are_those_of_the_gguf_package() -> None:
    theirs = {
        kind.value: kind.name.removeprefix("ALL_").removeprefix("MOSTLY_")
        for kind in gguf.LlamaFileType
        if kind.name != "GUESSED"
    }
    assert {n: name for n, name in FILE_TYPES.items() if n in theirs} == theirs
    # Newer than the package: llama.h has Q2_0 behind Q1_0.
    assert set(FILE_TYPES) - set(theirs) <= {41}
    assert set(QUANTIZATIONS) <= set(FILE_TYPES.values())


@pytest.mark.parametrize("name", QUANTIZATIONS)
def test_published_bits_are_no_fewer_than_the_blocks_take(name: str) -> None:
    """A mix is published with the bits of its average; its main type's block is the least."""
    main = re.sub(r"_[SML]$", "", name) if "_K_" in name else name
    sizes = {kind.name: 8 * size / count for kind, (count, size) in known_blocks().items()}
    least = sizes[{"IQ2_M": "IQ2_S", "IQ3_M": "IQ3_S", "IQ3_XS": "IQ3_XXS"}.get(main, main)]
    assert least <= BITS_PER_WEIGHT[name] * 1.0001
    assert BITS_PER_WEIGHT[name] < least * 1.36


def known_blocks() -> dict[Any, tuple[int, int]]:
    return dict(gguf.GGML_QUANT_SIZES)


def test_types_that_are_not_known_are_named_not_guessed() -> None:
    found = header_of({"general.file_type": 99}, kind=77)
    assert found.quantization == "file type 99"
    assert found.weights_bytes is None
    assert header_of({}, kind=77).quantization == "type 77"


def test_a_file_that_declares_no_type_is_called_by_most_of_its_weights(tmp_path: Path) -> None:
    """Norms outnumber matrices in some models; they hold next to nothing."""
    tensors = [(f"blk.{n}.attn_norm.weight", (64,), 0) for n in range(8)]
    tensors.append(("blk.0.ffn_up.weight", (64, 640), 8))
    found = describe_stream(raw({"general.architecture": "x"}, tensors), "a.gguf", None)
    assert found.quantization == "Q8_0"


def header_of(fields: dict[str, Any], kind: int = 0) -> ModelDescription:
    tensors = [(ONE[0][0], ONE[0][1], kind)]
    return describe_stream(raw({"general.architecture": "x"} | fields, tensors), "a.gguf", None)
