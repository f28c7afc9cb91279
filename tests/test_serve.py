"""``distilbench serve``: the same answers as the embedded engine, under a key, until a signal.

Compared with 16-bit weights: with 4-bit ones, a token may depend on what else is in its batch.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import psutil
import pytest

from distilbench.cli._serve import _url
from distilbench.engines import quantized
from distilbench.runner import run_suite
from tests.test_served import artefacts

pytestmark = [pytest.mark.model, pytest.mark.cold]

KEY = "planted-server-key-0815"


@contextmanager
def served(model: str, folder: Path) -> Iterator[str]:
    """URL of ``distilbench serve MODEL``; checks that it ends cleanly on SIGTERM."""
    command = [sys.executable, "-m", "distilbench", "serve", model, "--port", "0"]
    options = ["--slots", "2", "--context", "512", "--threads", "1", "--spin-count", "500"]
    process = subprocess.Popen(
        [*command, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        env={**os.environ, "DISTILBENCH_API_KEY": KEY},
    )
    assert process.stdout is not None
    said = process.stdout.readline()
    assert "serving" in said, said
    engines = psutil.Process(process.pid).children()  # hence cold: nothing else may be below
    assert [engine.environ()["GOMP_SPINCOUNT"] for engine in engines] == ["500"]
    try:
        yield said.split(" at ")[1].split()[0]
    finally:
        process.send_signal(signal.SIGTERM)
        rest = process.communicate(timeout=60)[0]
    assert process.returncode == 0
    assert rest.endswith("stopped\n")
    assert KEY not in said + rest


@pytest.mark.parametrize("model", ["smollm2", pytest.param("gemma3", marks=pytest.mark.long)])
def test_the_server_answers_as_the_embedded_engine_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, model: str
) -> None:
    monkeypatch.setenv("LOCAL_API_KEY", KEY)
    file = str(quantized(Path(request.getfixturevalue(model)), "F16", "test"))
    suite = tmp_path / "both.yaml"
    with served(file, tmp_path) as url:
        suite.write_text(f"""
models:
  - {{source: "{file}", name: embedded}}
  - {{source: inspect:openai-api/local/m, name: served, base_url: "{url}"}}
tasks:
  - {{reasoning_gym: chain_sum, name: sums, questions: 4, fewshot: 3, instruction: Add.,
     params: {{min_terms: 2, max_terms: 2, min_digits: 1, max_digits: 1}}}}
  - {{reasoning_gym: spell_backward, name: spell, questions: 3, fewshot: 2,
     params: {{min_word_len: 3, max_word_len: 6}}}}
profiles: [{{slots: 2, context: 512, threads: 1}}]
limits: {{max_tokens: 12}}
""")
        result = run_suite(suite, tmp_path / "runs")
    samples = pl.read_parquet(result.run_dir / "samples.parquet")
    same = ["task", "sample_id", "answer", "outcome", "score", "input_tokens", "output_tokens"]
    embedded, over_http = (
        samples.filter(model=name).select(same).sort("task", "sample_id")
        for name in ("embedded", "served")
    )
    assert result.complete
    assert embedded.height == 7
    assert embedded.equals(over_http)
    assert embedded["output_tokens"].sum() > embedded.height
    assert completions(result.run_dir, "embedded") == completions(result.run_dir, "served")
    assert samples.filter(model="served")["ttft_s"].null_count() == 0
    texts = dict(artefacts(result.run_dir))
    assert not [name for name, text in texts.items() if KEY in text]


def completions(run_dir: Path, model: str) -> dict[tuple[str, str], str]:
    """What a model wrote, by task and question, as the logs hold it. A base model's answer begins
    with the space after ``Answer:``, which the chat route trims where it is asked as a chat."""
    from inspect_ai.log import read_eval_log

    logs = [read_eval_log(str(p)) for p in (run_dir / "cells").glob(f"{model}--*/logs/*.eval")]
    return {
        (log.eval.task, str(s.id)): s.output.completion.strip()
        for log in logs
        for s in log.samples or ()
    }


@pytest.mark.parametrize(
    ("host", "url"),
    [("::1", "http://[::1]:80/v1"), ("127.0.0.1", "http://127.0.0.1:80/v1")],
)
def test_the_address_that_is_printed_is_a_url(host: str, url: str) -> None:
    assert _url(host, 80) == url


def test_a_server_open_to_others_needs_a_key(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "distilbench", "serve", "none.gguf", "--host", "0.0.0.0"]
    environment = {k: v for k, v in os.environ.items() if k != "DISTILBENCH_API_KEY"}
    ran = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False
    )
    assert ran.returncode == 2
    assert "DISTILBENCH_API_KEY" in ran.stderr
