"""GGUF files that are cut, turned, of another kind, or made to harm: one sentence each."""

from __future__ import annotations

import io
import re
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import gguf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distilbench.architecture import ModelDescription, describe, describe_stream
from distilbench.engines import (
    describe_model,
    locate_model,
)
from distilbench.errors import InputError
from distilbench.source import Source
from tests.tiny_gguf import LLAMA_WEIGHTS, ONE, raw, text, tiny_gguf


def test_big_endian_files_are_named_as_such(tmp_path: Path) -> None:
    path = tiny_gguf(tmp_path / "big.gguf", endianess=gguf.GGUFEndian.BIG)
    with pytest.raises(InputError, match=r"big\.gguf: is a big-endian GGUF.*little-endian"):
        describe(path)


def test_cut_files_are_named_as_such(tmp_path: Path) -> None:
    path = tiny_gguf(tmp_path / "a.gguf")
    data = path.read_bytes()
    assert describe(path).parameters == LLAMA_WEIGHTS
    for size, said in (
        (len(data) - 1, f"has {len(data) - 1:,} bytes of {len(data):,}"),
        (len(data) // 2, f"has {len(data) // 2:,} bytes of {len(data):,}"),
        (3000, "ends inside its header"),
        (20, "ends inside its header"),
    ):
        (tmp_path / "cut.gguf").write_bytes(data[:size])
        with pytest.raises(InputError, match=f"is cut short: (it )?{said}"):
            describe(tmp_path / "cut.gguf")
    done = cli("models", "inspect", str(tmp_path / "cut.gguf"))
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "cut short" in done.stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "git lfs pull"),
        (b"lmgg" + bytes(40), "older than GGUF"),
        (b"tjgg\x03\0\0\0" + bytes(40), "older than GGUF"),
        (b"PK\x03\x04" + bytes(40), "pickled weights"),
        (b"<!DOCTYPE html>" + bytes(40), "is not a GGUF file"),
        (b"GGUF" + struct.pack("<IQQ", 1, 1, 1), "is GGUF version 1"),
        (b"GG", "is not a GGUF file"),
    ],
)
def test_what_is_no_gguf_is_said_to_be_what_it_is(
    content: bytes, said: str, tmp_path: Path
) -> None:
    (tmp_path / "a.gguf").write_bytes(content)
    with pytest.raises(InputError, match=said):
        describe(tmp_path / "a.gguf")


def test_a_folder_of_gguf_files_is_asked_about(tmp_path: Path) -> None:
    tiny_gguf(tmp_path / "a.gguf")
    with pytest.raises(InputError, match="folder of GGUF files; name one"):
        describe_model(Source.parse(str(tmp_path)), tmp_path, "model")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("general.type", "adapter", "is a LoRA adapter"),
        ("general.type", "mmproj", "is a projector"),
        ("general.type", "imatrix", "is an importance matrix"),
        ("general.architecture", "clip", "is a projector"),
        ("general.architecture", 7, "general.architecture is 7, not text"),
        ("general.name", 5, "general.name is 5, not text"),
        ("tokenizer.chat_template", 1.5, "chat_template is 1.5, not text"),
        ("general.file_type", "many", "file_type is 'many', not a whole number"),
        ("general.alignment", 0, "alignment is 0"),
        ("x.block_count", float("inf"), "x.block_count is inf, no count"),
        ("x.block_count", 1 << 30, "claims more blocks"),
        ("x.block_count", "2", "x.block_count is '2', no count"),
        ("x.embedding_length", float("nan"), "x.embedding_length is nan, no count"),
        ("x.embedding_length", -4, "x.embedding_length is -4, no count"),
        ("x.attention.head_count", 1e300, "head_count is 1e[+]300, no count"),
        ("x.expert_count", True, "expert_count is True, no count"),
    ],
)
def test_impossible_fields_are_one_sentence(key: str, value: Any, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        header_of({key: value})
    assert str(caught.value).startswith("a.gguf: ")


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ([("a", (), 0)], "empty tensor 'a'"),
        ([("a", (64, 0), 0)], "empty tensor 'a'"),
        ([("a", (64,), 0), ("a", (64,), 0)], "tensor 'a' twice"),
        ([("a", (33, 2), 8)], "rows of 33 in 'a', which Q8_0 cannot hold"),
        ([("a", (1, 1, 1, 1, 1), 0)], "corrupt"),
        ([("a", (1 << 63, 1 << 63), 0)], "cut short"),
    ],
)
def test_impossible_tensors_are_one_sentence(tensors: Any, said: str) -> None:
    stream = raw({"general.architecture": "x"}, tensors)
    with pytest.raises(InputError, match=said):
        describe_stream(stream, "a.gguf", len(stream.getvalue()))


def test_tensors_of_a_fork_that_gave_its_types_taken_numbers_are_told() -> None:
    """Type 42 is llama.cpp's Q2_0, 18 bytes for 64 weights; a fork's Q2_0 takes 34 for 128."""
    tensors = [("blk.0.a", (128, 32), 42), ("blk.0.b", (64,), 0)]
    described = describe_stream(raw({"general.architecture": "x"}, tensors), "a.gguf", None)
    assert described.weights_bytes == 64 * 18 + 256
    with pytest.raises(InputError, match=r"'blk\.0\.b' at byte 1,088 where 1,152 is due"):
        describe_stream(raw({"general.architecture": "x"}, tensors, [0, 1088]), "a.gguf", None)


def test_lists_nested_2000_deep_are_one_sentence() -> None:
    nested = struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 2000 + struct.pack("<IQ", 4, 0)
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + text("deep") + nested
    with pytest.raises(InputError, match="lists of lists"):
        describe_stream(io.BytesIO(head), "a.gguf", None)


def test_a_field_given_twice_is_one_sentence() -> None:
    field = text("general.name") + struct.pack("<I", 8) + text("n")
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, 2) + field + field
    with pytest.raises(InputError, match=r"'general\.name' twice"):
        describe_stream(io.BytesIO(head), "a.gguf", None)


def test_paths_that_are_none_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").symlink_to("b.gguf")
    (tmp_path / "b.gguf").symlink_to("a.gguf")
    (tmp_path / "folder").symlink_to("folder")
    for source in (
        "a.gguf",
        "folder/x.gguf",
        "x\0.gguf",
        "~nobody-of-that-name/x",
        "x" * 5000,
        ".",
    ):
        with pytest.raises(InputError, match=r"^suite\.yaml: "):
            locate_model(Source.parse(source), tmp_path, "suite.yaml")


def test_names_of_strangers_do_not_steer_the_terminal(tmp_path: Path) -> None:
    evil = "\x1b[2J\x1b]0;gone\x07 \x9b31m\u202e name"
    path = tmp_path / "\x1b[31mred.gguf"
    path.write_bytes(raw({"general.architecture": "x", "general.name": evil}, ONE).getvalue())
    for words in ((str(path),), (str(path), "--json"), (str(path) + "none",)):
        done = cli("models", "inspect", *words)
        said = done.stdout + done.stderr
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", said), repr(said)
        assert "red.gguf" in said


@given(st.binary(max_size=300), st.integers(0, 4000))
def test_a_damaged_model_is_described_or_one_sentence(damage: bytes, at: int) -> None:
    data = bytearray(whole_file())
    at %= len(data)
    data[at : at + len(damage)] = damage
    said = ""
    try:
        describe_stream(io.BytesIO(bytes(data)), "a.gguf", len(data))
    except InputError as error:
        said = str(error)
    assert not said or said.startswith("a.gguf: ")


_WHOLE: list[bytes] = []


def whole_file() -> bytes:
    if not _WHOLE:
        fields: dict[str, Any] = {"general.architecture": "llama", "general.name": "n"}
        fields |= {f"llama.{name}": 2 for name in ("block_count", "attention.head_count")}
        fields |= {"llama.embedding_length": 64, "llama.feed_forward_length": 96}
        fields["tokenizer.chat_template"] = "{{ x }}</think>"
        tensors = [("token_embd.weight", (64, 100), 8), ("blk.0.ffn_up.weight", (64, 96), 0)]
        _WHOLE.append(raw(fields, tensors).getvalue() + bytes(64 * 100 * 34 // 32 + 64 * 96 * 4))
    return _WHOLE[0]


def header_of(fields: dict[str, Any], kind: int = 0) -> ModelDescription:
    tensors = [(ONE[0][0], ONE[0][1], kind)]
    return describe_stream(raw({"general.architecture": "x"} | fields, tensors), "a.gguf", None)


def cli(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from distilbench.cli import main; main()", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)
