"""``server:``: a llama-server of the user's own, under the limits and the meter of the embedded
engine. Most is tried on a stand-in with llama-server's flags and routes (fake_llama_server)."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl
import psutil
import pytest

from distilbench.engines import EngineSettings
from distilbench.engines._binary import Binary, devices_of, find_program, flags_of, version_of
from distilbench.engines._completion import Sampling
from distilbench.engines._llama_cpp import LlamaCpp
from distilbench.engines._process import EngineDied, EngineError
from distilbench.errors import InputError
from distilbench.runner import plan, run_suite
from distilbench.suite import Model, Suite
from tests.fake_llama_server import written
from tests.tiny_gguf import tiny_gguf

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX")
PLAIN = "{%- for message in messages -%}{{ message.content }}{%- endfor -%}"


def suite_of(folder: Path, **model: Any) -> Suite:
    """One model on its own questions; ``model`` changes its fields."""
    rows = [f'{{"question": "What is {n} + 1?", "answer": "{n + 1}"}}' for n in (1, 2, 13, 4)]
    (folder / "sums.jsonl").write_text("\n".join(rows))
    fields = {"source": f"server:{folder / 'llama-server'}", "model": "tiny.gguf", **model}
    return Suite.model_validate(
        {
            "name": "s",
            "models": [{name: value for name, value in fields.items() if value is not None}],
            "tasks": [{"file": str(folder / "sums.jsonl"), "extract": "last_number"}],
            "profiles": [{"slots": 2, "context": 128, "threads": 1}],
        }
    )


@pytest.fixture(autouse=True)
def _trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = (tmp_path, tmp_path / "elsewhere", os.environ["PATH"])
    monkeypatch.setenv("PATH", os.pathsep.join(map(str, folders)))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny_gguf(tmp_path / "tiny.gguf", template=PLAIN)


def test_a_suite_names_program_and_model(tmp_path: Path, model: Path) -> None:
    program = written(tmp_path / "llama-server")
    (cell,) = plan(suite_of(tmp_path), tmp_path, "s.yaml")
    assert cell.model.name == "tiny-llama-server"
    assert (cell.program, cell.file) == (program, model)
    assert cell.file_sha256
    assert cell.shape  # FLOPs as of any file
    # Another program, or other flags of it, is another cell; another place of it is not.
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    shutil.copy2(program, moved / "llama-server")
    same = suite_of(tmp_path, source=f"server:{moved / 'llama-server'}")
    assert plan(same, tmp_path, "s.yaml")[0].config_hash == cell.config_hash
    flagged = suite_of(tmp_path, args={"flash-attn": "on"})
    assert plan(flagged, tmp_path, "s.yaml")[0].config_hash != cell.config_hash
    program.write_text(program.read_text() + "\n")
    assert plan(suite_of(tmp_path), tmp_path, "s.yaml")[0].config_hash != cell.config_hash


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"source": "server:x"}, "needs 'model'"),
        ({"source": "server:x", "model": "inspect:openai/gpt"}, "needs 'model'"),
        ({"source": "a.gguf", "model": "b.gguf"}, "'model' goes with"),
        ({"source": "server:x", "model": "b.gguf", "base_url": "http://h"}, "'base_url' goes"),
    ],
)
def test_what_does_not_go_together_is_refused(fields: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Model.model_validate(fields)


def test_a_program_is_a_path_from_the_suite_on_or_a_name_on_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    program = written(tmp_path / "bin" / "llama-server")
    with pytest.raises(InputError, match=r"no file .* nor is it on PATH; correct"):
        find_program("llama-server-of-nobody", tmp_path, "s")
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    assert find_program("llama-server", tmp_path, "s") == program
    assert find_program("bin/llama-server", tmp_path, "s") == program
    with pytest.raises(InputError, match="is a folder"):
        find_program("bin", tmp_path, "s")
    program.chmod(0o644)
    with pytest.raises(InputError, match="is not executable; chmod"):
        find_program("bin/llama-server", tmp_path, "s")


@pytest.mark.parametrize("listed", ["", ".", "bin"])
def test_a_suite_alone_does_not_decide_what_is_run(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch, listed: str
) -> None:
    (tmp_path / "bin").mkdir()
    ran = tmp_path / "ran"
    program = tmp_path / "bin" / "llama-server"
    program.write_text(f"#!/bin/sh\ntouch {ran}\n")
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", os.pathsep.join(filter(None, [listed, "/usr/bin"])))
    said = rf"bin/llama-server is in no folder of PATH.*; .*PATH={tmp_path / 'bin'}:\$PATH"
    with pytest.raises(InputError, match=said):
        run_suite(suite_of(tmp_path, source="server:bin/llama-server"), tmp_path / "runs")
    assert not ran.exists()
    (tmp_path / "link").symlink_to(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(tmp_path / "link"))
    assert find_program("bin/llama-server", tmp_path, "s") == program


def test_what_it_says_of_itself_is_read(tmp_path: Path) -> None:
    program = written(tmp_path / "llama-server")
    assert {"--flash-attn", "-fa", "--no-jinja"} <= flags_of(program, "s")
    assert version_of(program) == (
        "6789 (abcdef), built with cc (Debian) 12.2 for x86_64-linux-gnu"
    )
    (device,) = devices_of(program, "s")
    assert (device.name, device.memory_bytes) == ("NVIDIA Test", 24125 << 20)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({"flash-atn": "on"}, "is no flag of this llama-server; use .*flash-attn"),
        ({"ctx-size": 4096}, "set by the profile; give 'context' there"),
        ({"np": 4}, "give 'slots' there"),
        ({"port": 1}, "distilbench sets it itself"),
        ({"model-draft": "d.gguf"}, "loads a further file"),
        ({"lora": "l.gguf"}, "loads a further file"),
        ({"flash_attn": ["on"]}, r"is \['on'\]; give a text or a number"),
        ({"no_webui": False}, "there is no --no-no-webui"),
    ],
)
def test_a_flag_that_it_cannot_be_given_is_refused(
    tmp_path: Path, args: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        Binary(written(tmp_path / "llama-server"), args).check("s.yaml: field 'models[0].source'")


def test_flags_are_given_in_the_words_of_the_build(tmp_path: Path) -> None:
    program = written(tmp_path / "llama-server")
    args = {"flash_attn": "on", "jinja": False}
    settings = {
        "path": "m.gguf", "slots": 3, "context": 100, "threads": 2, "gpu_layers": 0,
        "scratch": "/s/", "keep_window": True, "checkpoints": 2,
    }  # fmt: skip
    told = Binary(program, args).command(settings, 8080)
    pairs = dict(zip(told, [*told[1:], ""], strict=True))
    assert pairs["--ctx-size"] == "300"
    assert pairs["--parallel"] == "3"
    assert pairs["--flash-attn"] == "on"
    assert {"--no-mmap", "--no-jinja", "--no-webui"} <= set(told)
    assert not {"--load-mode", "--device", "--swa-full"} & set(told)  # it lists none of these


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: written(path, "other program"), "is no llama-server of 2025 or later"),
        (lambda path: path.write_bytes(b"\x7fELF but not quite"), "cannot be started"),
        (lambda path: path.write_text("#!/bin/sh\necho no libcuda.so.1 >&2; exit 127\n"),
         "exit code 127 .*no libcuda.so.1"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_llama_server_is_told_before_any_work(
    tmp_path: Path, model: Path, make: Any, said: str
) -> None:
    make(tmp_path / "llama-server")
    (tmp_path / "llama-server").chmod(0o755)
    with pytest.raises(InputError, match=rf"models\[0\]\.source.*{said}"):
        run_suite(suite_of(tmp_path, model=str(model)), tmp_path / "runs")
    assert not (tmp_path / "runs" / "s").exists()


def with_server(program: Path, model: Path, **settings: Any) -> LlamaCpp:
    chosen = EngineSettings(**{"slots": 2, "context": 128, "threads": 1, **settings})
    return LlamaCpp(model, chosen, binary=Binary(program, {}))


def test_it_is_asked_as_the_embedded_engine_is_and_ends_with_it(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLAMA_ARG_CTX_SIZE", "7")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted")

    async def ask() -> None:
        with with_server(written(tmp_path / "llama-server"), model) as engine:
            assert engine.pid
            process = psutil.Process(engine.pid)
            assert "--slot-save-path" in process.cmdline()
            assert engine.address[1] not in " ".join(process.cmdline())  # the key
            told = process.environ()
            assert not {"LLAMA_ARG_CTX_SIZE", "OPENAI_API_KEY"} & set(told)
            done = await engine.complete("What is 2 + 3?", Sampling())
            await engine.aclose()
            assert done.text == "answer: 5"
            assert (done.timing.input_tokens, done.timing.cached_tokens) == (7, 2)
            assert done.timing.decode_s == pytest.approx(0.04)
            assert engine.usage.peak_memory_bytes
            assert engine.load_s
        assert not process.is_running()

    asyncio.run(ask())


@pytest.mark.parametrize(
    ("how", "error", "said"),
    [
        ("dies", EngineError, "error loading model: unknown architecture"),
        ("short", EngineError, "has 2 slots of 64 tokens, not 2 slots of 128"),
        ("child", EngineError, "begin the last command of the script with 'exec'"),
    ],
)
def test_a_server_that_does_not_do_what_it_is_told_is_not_measured(
    tmp_path: Path, model: Path, how: str, error: type[Exception], said: str
) -> None:
    program = written(tmp_path / "llama-server", how)
    with pytest.raises(error, match=said):
        with_server(program, model).load()
    until = time.monotonic() + 10  # a child is killed with its parent, and gone a moment later
    while (left := of_program(program)) and time.monotonic() < until:
        time.sleep(0.05)
    assert left == []


def of_program(program: Path) -> list[int]:
    found = psutil.process_iter(["cmdline"])
    return [p.pid for p in found if str(program) in (p.info["cmdline"] or [])]


def test_a_server_that_never_answers_is_given_up(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("distilbench.engines._process._STUCK_S", 2.0)
    started = time.monotonic()
    with pytest.raises(EngineError, match="did not answer at /health in 2 s"):
        with_server(written(tmp_path / "llama-server", "deaf"), model).load()
    assert time.monotonic() - started < 20


def test_a_question_of_which_it_dies_twice_is_to_blame(tmp_path: Path, model: Path) -> None:
    async def ask() -> list[str]:
        said = []
        with with_server(written(tmp_path / "llama-server", "dies at 13"), model) as engine:
            for number in (2, 13, 4):
                try:
                    done = await engine.complete(f"What is {number} + 1?", Sampling())
                    said.append(done.text)
                except EngineDied as death:
                    said.append(death.failure)
            await engine.aclose()
        return said

    assert asyncio.run(ask()) == ["answer: 3", "crash", "answer: 5"]


def test_a_run_measures_it_as_the_embedded_engine(tmp_path: Path, model: Path) -> None:
    written(tmp_path / "llama-server")
    result = run_suite(
        suite_of(tmp_path, model=str(model), args={"flash-attn": "on"}), tmp_path / "runs"
    )
    assert result.complete
    assert not result.failed
    samples = pl.read_parquet(result.run_dir / "samples.parquet")
    assert samples["score"].to_list() == [1.0] * 4
    assert samples["flops"].null_count() == 0
    assert samples["decode_s"].to_list() == [pytest.approx(0.04)] * 4
    cell = pl.read_parquet(result.run_dir / "cells.parquet").row(0, named=True)
    assert cell["engine"] == "llama.cpp (llama-server)"
    assert cell["engine_version"].startswith("6789 (abcdef)")
    assert cell["engine_build"] == "CPU: SSE3, AVX2; CUDA: ARCHS=800"
    assert cell["engine_package"] is None
    assert cell["runs_on"] == "the run's machine"
    assert cell["spin_count"] is None  # it has no libgomp
    for known in ("peak_memory_bytes", "load_s", "predicted_memory_bytes", "model_sha256"):
        assert cell[known], known


@pytest.mark.long
@pytest.mark.model
def test_a_real_llama_server_answers_as_the_embedded_engine(smollm2: str) -> None:
    """``make -C benchmarks llama-server`` builds one; its path in LLAMA_SERVER, or on PATH."""
    found = os.environ.get("LLAMA_SERVER") or shutil.which("llama-server")
    if not found:
        pytest.skip("there is no llama-server here")
    binary = Binary(Path(found), {"flash-attn": "on"})
    binary.check("test")
    settings = EngineSettings(slots=2, context=512, threads=1, cpus=1, memory_bytes=1 << 30)

    async def answers(engine: LlamaCpp) -> list[tuple[str, int | None]]:
        with engine:
            said = []
            shared = "Answer with one word. " * 6
            asked = [f"{shared}What is the capital of {c}?" for c in ("France", "Italy", "Peru")]
            prompts = [await engine.prompt([{"role": "user", "content": a}]) for a in asked]
            assert (await engine.warm_up(prompts)).tokens > 30
            for prompt in prompts:
                done = await engine.complete(prompt, Sampling(n_predict=12))
                said.append((done.text, done.timing.input_tokens))
                assert done.timing.cached_tokens
            await engine.aclose()
            assert engine.usage.peak_memory_bytes
            return said

    embedded = asyncio.run(answers(LlamaCpp(Path(smollm2), settings)))
    assert asyncio.run(answers(LlamaCpp(Path(smollm2), settings, binary=binary))) == embedded
    meagre = settings.model_copy(update={"memory_bytes": 96 << 20})
    with pytest.raises(EngineDied, match="out of memory"):
        LlamaCpp(Path(smollm2), meagre, binary=binary).load()
