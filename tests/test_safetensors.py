"""Weights of safetensors files counted once and unpacked, in the forms that people publish."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

from distilbench.architecture import ModelDescription, describe, describe_stream
from distilbench.engines import describe_model
from distilbench.errors import InputError
from distilbench.source import Source
from tests.packed_weights import FORMS, Pack, Tensors, gptq, zeros

CONFIG = LlamaConfig(
    vocab_size=512, hidden_size=128, intermediate_size=256, num_hidden_layers=2,
    num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=False,
)  # fmt: skip


@pytest.fixture(scope="module")
def llama() -> Tensors:
    return LlamaForCausalLM(CONFIG).half().state_dict()


@pytest.fixture(scope="module")
def exact(llama: Tensors) -> int:
    return sum(tensor.numel() for tensor in llama.values())


def folder(path: Path, tensors: Tensors, name: str = "model.safetensors", **config: Any) -> Path:
    path.mkdir(exist_ok=True)
    said = CONFIG.to_dict() | config
    (path / "config.json").write_text(json.dumps(said, default=str))
    save_file({name: tensor.clone() for name, tensor in tensors.items()}, path / name)
    return path


def packed(llama: Tensors, pack: Pack) -> Tensors:
    """The linear layers of the blocks in another form, the rest as it was."""
    made: Tensors = {}
    for name, tensor in llama.items():
        if "_proj.weight" in name:
            rows, columns = tensor.shape
            made |= pack(name.removesuffix(".weight"), rows, columns)
        else:
            made[name] = tensor
    return made


@pytest.mark.parametrize("form", FORMS)
def test_packed_weights_are_counted_unpacked(
    form: str, tmp_path: Path, llama: Tensors, exact: int
) -> None:
    pack, config = FORMS[form]
    found = describe(folder(tmp_path / "m", packed(llama, pack), **config))
    assert (found.parameters, found.parameters_missing) == (exact, None)
    assert found.architecture is not None, found.architecture_missing


def test_experts_in_mxfp4_are_counted_unpacked(tmp_path: Path) -> None:
    """gpt-oss: (experts, rows, columns / 32, 16 bytes), a scale for each 32; biases are weights."""
    save_file(
        {
            "mlp.experts.gate_up_proj_blocks": zeros(4, 192, 3, 16, kind=torch.uint8),
            "mlp.experts.gate_up_proj_scales": zeros(4, 192, 3, kind=torch.uint8),
            "mlp.experts.gate_up_proj_bias": zeros(4, 192),
        },
        tmp_path / "a.safetensors",
    )
    assert describe(tmp_path / "a.safetensors").parameters == 4 * 192 * 96 + 4 * 192


@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("model.layers.0.mlp.up_proj.W_q", zeros(8, 8, kind=torch.uint8)),  # HQQ
        ("model.layers.0.mlp.up_proj.W_q", zeros(8, 8)),  # HQQ, its bytes seen as floats
        ("model.layers.0.mlp.up_proj.codes", zeros(8, 8, kind=torch.int16)),  # AQLM
        ("model.layers.0.mlp.up_proj.weight", zeros(8, 8, kind=torch.int32)),
        ("model.layers.0.mlp.up_proj.qweight", zeros(8, 8, kind=torch.int32)),  # no zero points
    ],
)
def test_a_form_that_is_not_known_is_named_not_guessed(
    name: str, tensor: torch.Tensor, tmp_path: Path, llama: Tensors
) -> None:
    found = describe(folder(tmp_path / "m", {**llama, name: tensor}))
    assert found.parameters is None
    assert name in (found.parameters_missing or "")


def test_masks_and_tables_of_positions_are_no_weights(
    tmp_path: Path, llama: Tensors, exact: int
) -> None:
    beside = {
        "model.layers.0.attn.bias": zeros(1, 1, 512, 512, kind=torch.float32),
        "model.layers.0.attn.masked_bias": torch.tensor(-1e9),
        "model.layers.0.self_attn.rotary_emb.inv_freq": zeros(16, kind=torch.float32),
        "model.layers.0.self_attn.rotary_emb.cos_cached": zeros(1, 1, 512, 32),
        "model.layers.0.self_attn.rotary_emb.sin_cached": zeros(1, 1, 512, 32),
        "rope.freqs": zeros(16),
        "model.embeddings.position_ids": zeros(1, 512, kind=torch.int64),
        "model.layers.0.attn.mask": zeros(512, 512, kind=torch.bool),
    }
    assert describe(folder(tmp_path / "m", llama | beside)).parameters == exact


def sharded(path: Path, tensors: Tensors, stem: str = "model", count: int = 3) -> list[Path]:
    names = list(tensors)
    files = []
    for number in range(count):
        part = {name: tensors[name].clone() for name in names[number::count]}
        files.append(path / f"{stem}-{number + 1:05d}-of-{count:05d}.safetensors")
        save_file(part, files[-1])
    return files


def test_shards_are_one_model_once(tmp_path: Path, llama: Tensors, exact: int) -> None:
    """Mistral's folders: shards, the same weights again in its own form, and an adapter."""
    files = sharded(tmp_path, llama)
    (tmp_path / "config.json").write_text(CONFIG.to_json_string())
    save_file({n: t.clone() for n, t in llama.items()}, tmp_path / "consolidated.safetensors")
    save_file(
        {"base_model.model.q_proj.lora_A.weight": zeros(8, 128)},
        tmp_path / "adapter_model.safetensors",
    )
    size = sum(file.stat().st_size for file in files)

    def seen(found: ModelDescription) -> tuple[int | None, int, int | None]:
        return found.parameters, found.files, found.size_bytes

    assert seen(describe(tmp_path)) == (exact, 3, size)
    assert seen(describe(files[1])) == (exact, 3, size)  # any part
    index = {"weight_map": {name: files[i % 3].name for i, name in enumerate(llama)}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    assert seen(describe(tmp_path)) == (exact, 3, size)
    assert seen(describe(tmp_path / "model.safetensors.index.json")) == (exact, 3, size)
    assert describe(tmp_path / "consolidated.safetensors").parameters == exact
    files[2].unlink()
    for place in (tmp_path, files[0]):
        with pytest.raises(InputError, match=r"3 parts, and model-00003-of-00003.safetensors is"):
            describe(place)


def test_experts_of_a_model_that_is_not_known_are_told(tmp_path: Path, llama: Tensors) -> None:
    """How many of them a token uses is then not known, and the total is not what it passes."""
    expert = {"model.layers.0.mlp.experts.0.up_proj.weight": zeros(8, 8)}
    path = folder(tmp_path / "m", llama | expert, model_type="of tomorrow")
    assert (describe(path).experts, describe(path).active_parameters) == (True, None)
    dense = describe(folder(tmp_path / "m", llama, model_type="of tomorrow"))
    assert (dense.experts, dense.active_parameters) == (False, dense.parameters)


def test_parts_of_two_models_are_told(tmp_path: Path, llama: Tensors) -> None:
    path = folder(tmp_path / "m", {})
    (path / "model.safetensors").unlink()
    files = sharded(path, llama)
    save_file({"model.embed_tokens.weight": zeros(64, 128)}, files[2])
    with pytest.raises(InputError, match=r"'model\.embed_tokens\.weight' again, in another form"):
        describe(path)
    save_file({"model.norm.weight": llama["model.norm.weight"]}, files[2])
    index = path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {n: files[0].name for n in llama}}))
    for asked in (path, index):
        with pytest.raises(InputError, match="its index tells of 14 tensors that no part holds"):
            describe(asked)


def test_the_index_that_is_named_is_read(tmp_path: Path, llama: Tensors, exact: int) -> None:
    path = folder(tmp_path / "m", {"other.weight": zeros(3)})
    files = sharded(path, llama, "model.fp16")
    index = path / "model.fp16.safetensors.index.json"
    parts = {name: files[number % 3].name for number, name in enumerate(llama)}
    index.write_text(json.dumps({"weight_map": parts}))
    assert describe(index).parameters == exact


def test_consolidated_weights_alone_are_a_model(tmp_path: Path, llama: Tensors, exact: int) -> None:
    sharded(tmp_path, llama, "consolidated", 2)
    found = describe(tmp_path)
    assert (found.parameters, found.files, found.architecture) == (exact, 2, None)
    assert "config.json" in (found.architecture_missing or "")


def test_an_adapter_alone_is_no_model(tmp_path: Path) -> None:
    adapter = tmp_path / "adapter_model.safetensors"
    save_file({"base_model.model.q_proj.lora_A.weight": zeros(8, 128)}, adapter)
    for place in (tmp_path, adapter):
        with pytest.raises(InputError, match="adapter"):
            describe(place)


@pytest.mark.parametrize(
    ("name", "beside"),
    [
        ("x.safetensors", {"layers.0.q_proj.m": zeros(64)}),  # MLX, DoRA
        ("x.safetensors", {"layers.0.q_proj.alpha": zeros(1)}),  # kohya
        ("0000100_adapters.safetensors", {"layers.0.norm.weight": zeros(64)}),
        ("adapter_model.safetensors", {"prompt_embeddings": zeros(8, 64)}),  # prompt tuning
    ],
)
def test_adapters_of_other_kinds_are_no_models(
    name: str, beside: Tensors, tmp_path: Path, llama: Tensors, exact: int
) -> None:
    lora = {"layers.0.q_proj.lora_a": zeros(64, 8), "layers.0.q_proj.lora_b": zeros(8, 64)}
    path = folder(tmp_path / "m", lora | beside, name)
    for asked in (path, path / name):
        with pytest.raises(InputError, match=r"adapter.*merge_and_unload"):
            describe(asked)
    if name != "x.safetensors":
        sharded(path, llama)
        assert describe(path).parameters == exact


def test_an_adapter_with_trained_embeddings_is_no_model(tmp_path: Path) -> None:
    """PEFT's modules_to_save, and adapters that are not LoRA."""
    for name in ("model.embed_tokens.weight", "model.layers.0.mlp.ia3_l", "prompt_embeddings"):
        file = tmp_path / "a.safetensors"
        lora = {"base_model.model.q_proj.lora_A.weight": zeros(8, 128)}
        save_file({**lora, f"base_model.model.{name}": zeros(8, 128)}, file)
        with pytest.raises(InputError, match="is an adapter"):
            describe(file)


def test_codes_of_eight_bits_are_no_weights(tmp_path: Path, llama: Tensors) -> None:
    """AQLM 2x8: two codes stand for eight weights, and scales beside them."""
    base = "model.layers.0.mlp.up_proj"
    codes = {f"{base}.codes": zeros(8, 8, kind=torch.int8), f"{base}.scales": zeros(8, 1)}
    found = describe(folder(tmp_path / "m", {**llama, **codes}))
    assert found.parameters is None
    assert f"{base}.codes" in (found.parameters_missing or "")


def test_two_models_in_a_folder_are_asked_about(tmp_path: Path, llama: Tensors) -> None:
    for name in ("a.safetensors", "b.safetensors"):
        folder(tmp_path, llama, name)
    with pytest.raises(InputError, match=r"several models \(a.safetensors, b.safetensors\)"):
        describe(tmp_path)


def test_a_shape_that_the_tensors_contradict_is_refused(tmp_path: Path, llama: Tensors) -> None:
    found = describe(folder(tmp_path / "m", llama, intermediate_size=300))
    assert found.architecture is None
    assert "tensors hold" in (found.architecture_missing or "")
    assert found.parameters == sum(tensor.numel() for tensor in llama.values())


def test_what_stands_beside_the_language_model_contradicts_nothing(
    tmp_path: Path, llama: Tensors
) -> None:
    """A tower of images, a layer that guesses ahead, and the output of a tied model stored too."""
    beside = {
        "vision_tower.encoder.layers.5.weight": zeros(300, 300),
        "multi_modal_projector.linear_1.weight": zeros(300, 300),
        "model.layers.2.eh_proj.weight": zeros(300, 300),
        "mtp.fc.weight": zeros(300, 300),
    }
    found = describe(folder(tmp_path / "m", llama | beside, tie_word_embeddings=True))
    assert found.architecture is not None, found.architecture_missing
    assert found.architecture.total_params == pytest.approx(
        sum(p.numel() for p in llama.values()) - 512 * 128, rel=0.005
    )


def test_a_repository_on_the_hub_is_counted_by_its_headers(
    tmp_path: Path, llama: Tensors, exact: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub.utils import SafetensorsFileMetadata, SafetensorsRepoMetadata, TensorInfo

    here = folder(tmp_path / "m", packed(llama, gptq(4, 128)))
    tensors = {
        name: TensorInfo({torch.int32: "I32"}.get(t.dtype, "F16"), list(t.shape), (0, 0))
        for name, t in packed(llama, gptq(4, 128)).items()
    }
    file = SafetensorsFileMetadata({}, tensors)
    found = SafetensorsRepoMetadata(None, False, {}, {"model.safetensors": file})
    monkeypatch.setattr("huggingface_hub.HfApi.get_safetensors_metadata", lambda *_: found)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda _, file: str(here / file))
    described = describe_model(Source.parse("hf:owner/name"), tmp_path, "model")
    assert (described.parameters, described.format) == (exact, "safetensors")
    assert described.architecture == describe(here).architecture
    said = CONFIG.to_dict() | {"intermediate_size": 300}
    (here / "config.json").write_text(json.dumps(said, default=str))
    assert describe_model(Source.parse("hf:owner/name"), tmp_path, "model").architecture is None


def test_cut_and_broken_files_are_named_as_such(tmp_path: Path, llama: Tensors) -> None:
    whole = folder(tmp_path / "m", llama) / "model.safetensors"
    data = whole.read_bytes()
    header = int.from_bytes(data[:8], "little")
    deep = b"[" * 100_000
    twisted = {"a": {"dtype": "F32", "shape": [2, -2], "data_offsets": [0, 16]}}
    for name, content, said in (
        ("cut", data[:-1], f"cut short: it has {len(data) - 1:,} bytes of {len(data):,}"),
        ("header", data[: header // 2], "ends inside its header"),
        ("pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        ("gguf", b"GGUF" + bytes(30), "is a GGUF file"),
        ("deep", len(deep).to_bytes(8, "little") + deep, "no readable safetensors header"),
        ("empty", b"", "no readable safetensors header"),
        ("twisted", with_header(twisted), "no readable safetensors header"),
    ):
        file = tmp_path / f"{name}.safetensors"
        file.write_bytes(content)
        with pytest.raises(InputError, match=said) as caught:
            describe(file)
        assert str(file) in str(caught.value)


@given(st.data())
def test_a_damaged_header_is_counted_or_one_sentence(data: st.DataObject) -> None:
    text = list(json.dumps(SMALL))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at] = data.draw(
            st.sampled_from(["0", '"', "[", "{", "null", "-1", "", "9" * 30, "F4"])
        )
    header = "".join(text).encode()
    stream = io.BytesIO(len(header).to_bytes(8, "little") + header + bytes(200))
    said = ""
    try:
        describe_stream(stream, "a.safetensors", len(stream.getvalue()))
    except InputError as error:
        said = str(error)
    assert not said or said.startswith("a.safetensors: ")


SMALL = {
    "a.weight": {"dtype": "F16", "shape": [4, 4], "data_offsets": [0, 32]},
    "b.qweight": {"dtype": "I32", "shape": [4, 4], "data_offsets": [32, 96]},
    "b.scales": {"dtype": "F16", "shape": [1, 4], "data_offsets": [96, 104]},
    "b.qzeros": {"dtype": "I32", "shape": [1, 1], "data_offsets": [104, 108]},
    "__metadata__": {"format": "pt"},
}


def with_header(header: dict[str, Any]) -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(64)


@pytest.mark.parametrize(
    ("tensors", "data", "said"),
    [
        ('"a": [0, 8], "b": [0, 8]', 8, "no readable"),  # one place for two
        ('"a": [0, 8], "b": [16, 24]', 24, "no readable"),  # a hole
        ('"a": [0, 8], "a": [8, 16]', 16, "no readable"),  # one name for two
        ('"a": [0, 8]', 24, "where its tensors end at"),
        ("", 0, "holds no weights"),
    ],
)
def test_tensors_that_do_not_fill_their_file_are_told(tensors: str, data: int, said: str) -> None:
    text = re.sub(r"(\[\d+, \d+\])", r'{"dtype": "F16", "shape": [4], "data_offsets": \1}', tensors)
    header = f"{{{text}}}".encode()
    file = len(header).to_bytes(8, "little") + header + bytes(data)
    with pytest.raises(InputError, match=said):
        describe_stream(io.BytesIO(file), "a.safetensors", len(file))


@pytest.mark.parametrize("name", ["weight", "dqweight"])
def test_rotations_beside_master_weights_are_no_weights(
    name: str, tmp_path: Path, llama: Tensors, exact: int
) -> None:
    """FP-Quant's linear layer with master weights: rotations and scales beside them."""
    tensors = {}
    for key, tensor in llama.items():
        base = key.removesuffix(".weight")
        if not base.endswith("_proj"):
            tensors[key] = tensor
            continue
        tensors |= {
            f"{base}.{name}": tensor,
            f"{base}.forward_hadamard_matrix": zeros(128, 128),
            f"{base}.backward_hadamard_matrix": zeros(128, 128),
            f"{base}.weight_global_scale": zeros(1, kind=torch.float32),
            f"{base}.act_global_scale": zeros(1, kind=torch.float32),
        }
    assert describe(folder(tmp_path / "m", tensors)).parameters == exact
    layer = "model.layers.0.mlp.up_proj"
    both = {
        f"{layer}.weight": llama[f"{layer}.weight"].clone(),
        f"{layer}.dqweight": zeros(256, 128),
    }
    found = describe(folder(tmp_path / "both", tensors | both))
    assert found.parameters is None
    assert layer in (found.parameters_missing or "")
    packed_too = {f"{layer}.qweight": zeros(256, 64, kind=torch.uint8)}
    assert describe(folder(tmp_path / "packed", tensors | packed_too)).parameters is None
