"""Models that run whatever their shape, and shapes that their tensors contradict."""

from __future__ import annotations

import asyncio
import re
import struct
import subprocess
import sys
from pathlib import Path

import gguf
import pytest

from distilbench.architecture import describe
from distilbench.engines import (
    EngineSettings,
    locate_model,
)
from distilbench.engines._completion import Sampling
from distilbench.engines._llama_cpp import LlamaCpp
from distilbench.runner._plan import models_without_flops, plan
from distilbench.source import Source
from distilbench.suite import load_suite
from tests.tiny_gguf import LLAMA_WEIGHTS, tiny_gguf


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
    first = locate_model(Source.parse("a-00003-of-00003.gguf"), tmp_path, "model")
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
    assert (found.architecture, found.parameters) == (None, LLAMA_WEIGHTS)
    # Four columns more in three matrices of two blocks: 1,536 weights of 78,400.
    said = found.architecture_missing or ""
    assert re.search(rf"its tensors hold {LLAMA_WEIGHTS:,} \([12]\.\d% apart\)", said), said
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


def cli(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from distilbench.cli import main; main()", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)
