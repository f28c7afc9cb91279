"""A GGUF in several files is one model, from any part."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import pytest

from distilbench.architecture import describe
from distilbench.engines import (
    EngineSettings,
    describe_model,
    locate_model,
    predict_memory,
    quantized,
    sha256_of,
)
from distilbench.errors import InputError
from distilbench.runner._plan import plan
from distilbench.source import Source
from distilbench.suite import Model, load_suite
from tests.tiny_gguf import LLAMA_WEIGHTS, tiny_gguf


@pytest.mark.parametrize("options", [{}, {"small_first_shard": True}])
def test_a_split_model_is_one_model_from_any_part(tmp_path: Path, options: Any) -> None:
    whole = describe(tiny_gguf(tmp_path / "whole.gguf"))
    assert whole.parameters == LLAMA_WEIGHTS
    tiny_gguf(tmp_path / "a.gguf", split_max_tensors=8, **options)
    parts = sorted(tmp_path.glob("a-*.gguf"))
    assert len(parts) == (4 if options else 3)
    for part in parts:
        found = describe(part)
        assert (found.parameters, found.files) == (LLAMA_WEIGHTS, len(parts))
        assert found.size_bytes == sum(p.stat().st_size for p in parts)
        for field in ("weights_bytes", "quantization", "architecture", "name", "chat_template"):
            assert getattr(found, field) == getattr(whole, field), field
        assert predict_memory(found, EngineSettings()) == predict_memory(whole, EngineSettings())
        assert locate_model(Source.parse(str(part)), tmp_path, "model") == parts[0]


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
    for ask in (
        describe,
        sha256_of,
        lambda path: locate_model(Source.parse(str(path)), tmp_path, "model"),
    ):
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
    found = locate_model(Source.parse("a-00002-of-00003.gguf"), tmp_path, "model")
    assert found == tmp_path / "a-00001-of-00003.gguf"
    assert describe(found).parameters == LLAMA_WEIGHTS


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
            stream = Sized((tmp_path / path.removeprefix(root + "/")).read_bytes())
            stream.size = len(stream.getvalue())
            return stream

    class Sized(io.BytesIO):
        size = 0

    monkeypatch.setattr("huggingface_hub.HfFileSystem", Hub)
    fetched: list[str] = []

    def download(repository: str, file: str) -> str:
        fetched.append(file)
        return str(tmp_path / Path(file).name)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    source = f"hf:{root}/{parts[1].name}"
    found = describe_model(Source.parse(source), tmp_path, "model")
    assert (found.parameters, found.files) == (LLAMA_WEIGHTS, 3)
    assert found.size_bytes == sum(part.stat().st_size for part in parts)
    assert locate_model(Source.parse(source), tmp_path, "model") == parts[0]
    assert fetched == [f"Q8/{part.name}" for part in parts]
    parts[2].unlink()
    with pytest.raises(InputError, match=f"3 parts, and {parts[2].name} is missing"):
        describe_model(Source.parse(source), tmp_path, "model")


def test_a_split_model_is_quantized_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")  # no llama-quantize: the gguf package makes it
    tiny_gguf(tmp_path / "a.gguf", split_max_tensors=8)
    part = tmp_path / "a-00002-of-00003.gguf"
    made = quantized(
        locate_model(Source.parse(str(part)), tmp_path, "m"), "Q8_0", "m", tmp_path / "out"
    )
    found = describe(made)
    assert (found.parameters, found.files, found.quantization) == (LLAMA_WEIGHTS, 1, "Q8_0")
