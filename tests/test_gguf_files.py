"""GGUF files as they come: split, cut, big-endian, of other architectures, and hostile."""

from __future__ import annotations

import asyncio
import io
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import gguf
import pytest
import xllamacpp
from hypothesis import given
from hypothesis import strategies as st

from distilbench.architecture import ModelDescription, describe, describe_stream
from distilbench.architecture._quantization import (
    BITS_PER_WEIGHT,
    FILE_TYPES,
    QUANTIZATIONS,
    TENSOR_TYPES,
)
from distilbench.engines import (
    EngineSettings,
    describe_model,
    locate_model,
    predict_memory,
    quantized,
    sha256_of,
)
from distilbench.engines._completion import Sampling
from distilbench.engines._llama_cpp import LlamaCpp
from distilbench.errors import InputError
from distilbench.runner._plan import models_without_flops, plan
from distilbench.suite import Model, load_suite
from tests.tiny_gguf import HIDDEN, VOCAB, tiny_gguf

# A Llama of two blocks by hand: four matrices of attention (two of half width), three of the MLP,
# two norms a block; one table of embeddings; the last norm.
LLAMA = 2 * (3 * HIDDEN * HIDDEN + 3 * 96 * HIDDEN + 2 * HIDDEN) + VOCAB * HIDDEN + HIDDEN
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


@pytest.mark.parametrize("options", [{}, {"small_first_shard": True}])
def test_a_split_model_is_one_model_from_any_part(tmp_path: Path, options: Any) -> None:
    whole = describe(tiny_gguf(tmp_path / "whole.gguf"))
    assert whole.parameters == LLAMA
    tiny_gguf(tmp_path / "a.gguf", split_max_tensors=8, **options)
    parts = sorted(tmp_path.glob("a-*.gguf"))
    assert len(parts) == (4 if options else 3)
    for part in parts:
        found = describe(part)
        assert (found.parameters, found.files) == (LLAMA, len(parts))
        assert found.size_bytes == sum(p.stat().st_size for p in parts)
        for field in ("weights_bytes", "quantization", "architecture", "name", "chat_template"):
            assert getattr(found, field) == getattr(whole, field), field
        assert predict_memory(found, EngineSettings()) == predict_memory(whole, EngineSettings())
        assert locate_model(str(part), tmp_path, "model") == parts[0]


def test_a_split_model_is_named_as_one() -> None:
    for source in ("hf:o/n/Q4/Big-Q4_K_M-00002-of-00003.gguf", "m/Big-Q4_K_M.gguf"):
        assert Model(source=source).name == "big-q4_k_m"


def test_safetensors_for_the_embedded_engine_are_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"{}")
    (tmp_path / "suite.yaml").write_text(
        "name: s\nmodels: [model.safetensors]\ntasks: [{reasoning_gym: chain_sum, questions: 2}]\n"
    )
    with pytest.raises(InputError, match=r"models\[0\].source'.* no GGUF, .* convert_hf_to_gguf"):
        plan(load_suite(tmp_path / "suite.yaml"), tmp_path, "suite.yaml")


def test_the_hash_of_a_split_model_holds_all_parts(tmp_path: Path) -> None:
    tiny_gguf(tmp_path / "a.gguf", split_max_tensors=8)
    parts = sorted(tmp_path.glob("a-*.gguf"))
    before = {sha256_of(part) for part in parts}
    assert len(before) == 1
    for part in parts:
        data = bytearray(part.read_bytes())
        data[-1] ^= 1
        part.write_bytes(data)
        assert sha256_of(parts[0]) not in before
        before.add(sha256_of(parts[0]))


def test_missing_parts_are_named(tmp_path: Path) -> None:
    tiny_gguf(tmp_path / "a.gguf", split_max_tensors=4)
    parts = sorted(tmp_path.glob("a-*.gguf"))
    for gone in (parts[0], parts[3]):
        gone.unlink()
    for ask in (describe, sha256_of, lambda path: locate_model(str(path), tmp_path, "model")):
        with pytest.raises(InputError) as caught:
            ask(parts[1])
        said = str(caught.value)
        assert f"{parts[0].name}, {parts[3].name} are missing" in said, said
        assert "put all parts into one folder" in said


def test_parts_that_do_not_belong_together_are_told(tmp_path: Path) -> None:
    tiny_gguf(tmp_path / "a.gguf", split_max_tensors=8)
    one, two, three = sorted(tmp_path.glob("a-*.gguf"))
    kept = two.read_bytes()
    shutil.copy(three, two)
    with pytest.raises(InputError, match=r"a-00002.* named as part 2 of 3, but says .* part 3 of"):
        describe(one)
    two.write_bytes(kept)
    shutil.copy(one, tmp_path / "other.gguf")
    with pytest.raises(InputError, match=r"other\.gguf: says that it is part 1 of 3; name a part"):
        describe(tmp_path / "other.gguf")
    for number in (1, 2):
        tiny_gguf(tmp_path / f"b-0000{number}-of-00002.gguf")
    with pytest.raises(InputError, match="named as part 1 of 2, but is no part of one"):
        describe(tmp_path / "b-00001-of-00002.gguf")


def test_a_cut_part_is_named(tmp_path: Path) -> None:
    tiny_gguf(tmp_path / "a.gguf", split_max_tensors=8)
    parts = sorted(tmp_path.glob("a-*.gguf"))
    parts[1].write_bytes(parts[1].read_bytes()[:-100])
    with pytest.raises(InputError, match=r"a-00002-of-00003\.gguf: is cut short"):
        describe(parts[2])


def test_parts_linked_to_by_name_as_the_hubs_cache_does(tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    tiny_gguf(tmp_path / "blobs" / "a.gguf", split_max_tensors=8)
    for number, part in enumerate(sorted((tmp_path / "blobs").glob("*.gguf"))):
        blob = part.rename(part.with_name(f"{number:064x}"))
        (tmp_path / f"a-{number + 1:05d}-of-00003.gguf").symlink_to(blob)
    found = locate_model("a-00002-of-00003.gguf", tmp_path, "model")
    assert found == tmp_path / "a-00001-of-00003.gguf"
    assert describe(found).parameters == LLAMA


def test_a_split_model_on_the_hub_is_read_by_its_headers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_gguf(tmp_path / "a.gguf", split_max_tensors=8)
    parts = sorted(tmp_path.glob("a-*.gguf"))
    root = "owner/name/Q8"

    class Hub:
        def ls(self, folder: str, detail: bool) -> list[str]:
            assert (folder, detail) == (root, False)
            return [f"{root}/{path.name}" for path in tmp_path.glob("*.gguf")]

        def open(self, path: str, mode: str, block_size: int) -> Any:
            stream = io.BytesIO((tmp_path / path.removeprefix(root + "/")).read_bytes())
            stream.size = len(stream.getvalue())  # type: ignore[attr-defined]
            return stream

    class Sized(io.BytesIO):
        size = 0

    monkeypatch.setattr(io, "BytesIO", Sized)
    monkeypatch.setattr("huggingface_hub.HfFileSystem", Hub)
    fetched: list[str] = []

    def download(repository: str, file: str) -> str:
        fetched.append(file)
        return str(tmp_path / Path(file).name)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    source = f"hf:{root}/{parts[1].name}"
    found = describe_model(source, tmp_path, "model")
    assert (found.parameters, found.files) == (LLAMA, 3)
    assert found.size_bytes == sum(part.stat().st_size for part in parts)
    assert locate_model(source, tmp_path, "model") == parts[0]
    assert fetched == [f"Q8/{part.name}" for part in parts]
    parts[2].unlink()
    with pytest.raises(InputError, match=f"3 parts, and {parts[2].name} is missing"):
        describe_model(source, tmp_path, "model")


def test_a_split_model_is_quantized_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")  # no llama-quantize: the gguf package makes it
    tiny_gguf(tmp_path / "a.gguf", split_max_tensors=8)
    part = tmp_path / "a-00002-of-00003.gguf"
    made = quantized(locate_model(str(part), tmp_path, "m"), "Q8_0", "m", tmp_path / "out")
    found = describe(made)
    assert (found.parameters, found.files, found.quantization) == (LLAMA, 1, "Q8_0")


def answers(path: Path, slots: int = 2, warm: bool = True) -> list[tuple[str, int | None]]:
    prefix = "the quick brown fox jumps over the lazy dog. " * 3
    prompts = [prefix + end for end in ("one and one is", "two and two is", "xyz")]

    async def ask() -> list[tuple[str, int | None]]:
        settings = EngineSettings(threads=1, slots=slots, context=512)
        with LlamaCpp(path, settings) as engine:
            if warm:
                assert (await engine.warm_up(prompts[:2])).tokens > 100
            done = [await engine.complete(p, Sampling(n_predict=12)) for p in prompts]
            await engine.aclose()
        return [(d.text, d.timing.cached_tokens) for d in done]

    return asyncio.run(ask())


def test_a_split_model_answers_as_the_whole_one_does(tmp_path: Path) -> None:
    tiny_gguf(tmp_path / "a.gguf", split_max_tensors=8)
    first = locate_model("a-00003-of-00003.gguf", tmp_path, "model")
    assert answers(first) == answers(tiny_gguf(tmp_path / "whole.gguf"))


@pytest.mark.parametrize(("arch", "slots"), [("mamba", 1), ("mamba", 3), ("lfm2", 2)])
def test_a_running_state_is_read_in_where_the_shared_prefix_ends(
    tmp_path: Path, arch: str, slots: int
) -> None:
    """State space and convolution run, though their state cannot go back."""
    path = tiny_gguf(tmp_path / "a.gguf", arch, blocks=3)
    found = describe(path)
    assert found.recurrent
    assert found.parameters == sum(
        int(t.n_elements) for t in gguf.GGUFReader(path).tensors
    )  # by the other reader
    assert (found.architecture is None) == bool(found.architecture_missing)
    cold, warm = answers(path, slots, warm=False), answers(path, slots)
    assert [text for text, _ in warm] == [text for text, _ in cold]
    assert all((cached or 0) > 100 for _, cached in warm)


def test_shapes_that_the_tensors_contradict_are_refused(tmp_path: Path) -> None:
    path = tiny_gguf(tmp_path / "a.gguf")
    assert describe(path).architecture is not None
    data = path.read_bytes()
    key = b"llama.feed_forward_length" + struct.pack("<I", 4)
    wrong = data.replace(key + struct.pack("<I", 96), key + struct.pack("<I", 100))
    (tmp_path / "b.gguf").write_bytes(wrong)
    found = describe(tmp_path / "b.gguf")
    assert (found.architecture, found.parameters) == (None, LLAMA)
    # Four columns more in three matrices of two blocks: 1,536 weights of 78,400.
    said = found.architecture_missing or ""
    assert re.search(rf"its tensors hold {LLAMA:,} \([12]\.\d% apart\)", said), said
    (tmp_path / "suite.yaml").write_text(
        "name: s\nmodels: [a.gguf, b.gguf]\nprofiles: [{slots: 1}]\n"
        "tasks: [{reasoning_gym: chain_sum, questions: 2}]\n"
    )
    suite = load_suite(tmp_path / "suite.yaml")
    cells = plan(suite, tmp_path, "suite.yaml")
    assert [cell.shape is None for cell in cells] == [False, True]
    assert cells[0].shape_source == "the model file"
    (note,) = models_without_flops(cells)
    assert note.startswith("model 'b': FLOPs are not available: by its configuration it has ")
    done = cli("models", "inspect", str(tmp_path / "b.gguf"))
    assert "architecture" in done.stdout
    assert re.search(r"architecture +not available: by its configuration", done.stdout)


def test_big_endian_files_are_named_as_such(tmp_path: Path) -> None:
    path = tiny_gguf(tmp_path / "big.gguf", endianess=gguf.GGUFEndian.BIG)
    with pytest.raises(InputError, match=r"big\.gguf: is a big-endian GGUF.*little-endian"):
        describe(path)


def test_cut_files_are_named_as_such(tmp_path: Path) -> None:
    path = tiny_gguf(tmp_path / "a.gguf")
    data = path.read_bytes()
    assert describe(path).parameters == LLAMA
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
        describe_model(str(tmp_path), tmp_path, "model")


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
    """Type 42 is llama.cpp's Q2_0, 18 bytes for 64; a fork's own of 24 moves what follows."""
    tensors = [("blk.0.a", (64, 64), 42), ("blk.0.b", (64,), 0)]
    described = describe_stream(raw({"general.architecture": "x"}, tensors), "a.gguf", None)
    assert described.weights_bytes == 64 * 18 + 256
    with pytest.raises(InputError, match=r"'blk\.0\.b' at byte 1,536 where 1,152 is due"):
        describe_stream(raw({"general.architecture": "x"}, tensors, [0, 1536]), "a.gguf", None)


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
            locate_model(source, tmp_path, "suite.yaml")


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


ONE = [("blk.0.ffn_up.weight", (64, 64), 0)]
Tensors = list[tuple[str, tuple[int, ...], int]]


def header_of(fields: dict[str, Any], kind: int = 0) -> ModelDescription:
    tensors = [(ONE[0][0], ONE[0][1], kind)]
    return describe_stream(raw({"general.architecture": "x"} | fields, tensors), "a.gguf", None)


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
    return (
        struct.pack("<Id", 12, value) if isinstance(value, float) else struct.pack("<Iq", 11, value)
    )


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def cli(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from distilbench.cli import main; main()", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)
