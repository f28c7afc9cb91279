"""An engine that another package brings: found by its scheme, run like any other."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from distilbench import source
from distilbench.engines import Engine, engine_of
from distilbench.engines.kinds.file import Embedded
from distilbench.engines.kinds.inspect import Served
from distilbench.errors import InputError
from distilbench.runner import run_suite
from distilbench.source import Source

ENGINE = '''
from inspect_ai.model import ModelOutput, ModelUsage, get_model

from distilbench.engines import Engine


class Echo(Engine):
    """Says what stands behind the scheme, whatever it is asked."""

    def __init__(self, asked):
        self._asked, self._model = asked, None

    @property
    def model(self):
        return self._model

    def load(self):
        said = self._asked.source.rest
        if said == "broken":
            raise RuntimeError("no weights on a Friday, key planted-echo-5f2c9a71")
        self._model = get_model("mockllm/echo", memoize=False)
        self._model.api.outputs = lambda *asked: ModelOutput.from_content("echo", said).model_copy(
            update={"usage": ModelUsage(input_tokens=3, output_tokens=1)}
        )

    def close(self):
        pass

    def facts(self):
        return {"engine": "echo", "engine_version": "1", "threads": self._asked.settings.threads}
'''
SUITE = """
models: [{source: "echo:42", card: gpt-4o-mini}, {source: "echo:broken"}]
tasks: [{file: q.jsonl, extract: last_number}]
profiles: [{slots: 1, memory: 1GiB, machine_usd_per_hour: 3}]
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed packages with one that brings an engine, for us and for workers."""
    folder = tmp_path / "site"
    about = folder / "echo_engine-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: echo-engine\nVersion: 1\n")
    (about / "entry_points.txt").write_text(
        "[distilbench.engines]\necho = echo_engine:Echo\nlost = no_such_module:Lost\n"
    )
    (folder / "echo_engine.py").write_text(ENGINE)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", ":".join([str(folder), *filter(None, sys.path)]))
    source._others.cache_clear()
    yield folder
    source._others.cache_clear()
    sys.modules.pop("echo_engine", None)


def test_the_scheme_selects_the_engine(site: Path) -> None:
    names = {
        text: engine_of(Source.parse(text), "model").__name__
        for text in ("m.gguf", "hf:o/n/f.gguf", "pypi:m", "inspect:vllm/m", "echo:m")
    }
    assert list(names.values()) == ["Embedded"] * 3 + ["Served", "Echo"]


def test_both_of_our_own_are_whole() -> None:
    asked = {name for name in vars(Engine) if not name.startswith("_")}
    assert {"load", "warm_up", "facts", "begin", "enforcement", "close", "check"} <= asked
    for one in (Embedded, Served):
        assert all(hasattr(one, name) for name in asked)
        assert not one.__abstractmethods__


def test_a_package_that_cannot_be_imported_is_one_sentence(site: Path) -> None:
    with pytest.raises(InputError, match=r"^package echo-engine: its engine 'lost' cannot be"):
        engine_of(Source.parse("lost:m"), "here")
    with pytest.raises(InputError, match="no installed engine runs 'gone' sources"):
        engine_of(Source("gone", "m"), "here")


def test_it_runs_a_suite_and_what_it_does_not_say_is_not_known(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECHO_API_KEY", "planted-echo-5f2c9a71")
    rows = [{"question": f"{n} + 0?", "answer": str(n)} for n in (41, 42)]
    (tmp_path / "q.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "s.yaml").write_text(SUITE)
    events: list[Any] = []
    result = run_suite(tmp_path / "s.yaml", tmp_path / "runs", events.append)
    assert result.complete
    assert not result.failed
    samples = pl.read_parquet(result.run_dir / "samples.parquet")
    answered = samples.filter(pl.col("model") == "42").sort("sample_id")
    assert answered["score"].to_list() == [0.0, 1.0]
    assert answered["energy_j"].null_count() == 2
    refused = samples.filter(pl.col("model") == "broken")
    assert set(refused["outcome"]) == {"error"}
    (said,) = set(refused["error"])
    assert "could not be loaded: no weights on a Friday" in said
    assert "planted-echo" not in said
    cell = pl.read_parquet(result.run_dir / "cells.parquet").filter(pl.col("model") == "42")
    assert cell["engine"].item() == "echo"
    for unknown in ("runs_on", "peak_memory_bytes", "load_s", "clock", "model_sha256"):
        assert cell[unknown].item() is None, unknown


def test_what_it_cannot_be_told_is_refused(site: Path, tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_text('{"question": "1?", "answer": "1"}\n')
    (tmp_path / "s.yaml").write_text(SUITE + "generation: {top_k: 5}\n")
    with pytest.raises(InputError, match="'top_k' cannot be sent to 'echo'"):
        run_suite(tmp_path / "s.yaml", tmp_path / "runs")
    (tmp_path / "s.yaml").write_text(SUITE.replace('"echo:42"', '"echo:42", quantization: Q8_0'))
    with pytest.raises(InputError, match=r"models\[0\].source.* cannot be quantized"):
        run_suite(tmp_path / "s.yaml", tmp_path / "runs")
