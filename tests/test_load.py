"""Serving load: AIPerf's records, saturation, the command with a stand-in, and AIPerf itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from distilbench.cache import cache_folder
from distilbench.engines import EngineSettings
from distilbench.errors import InputError
from distilbench.load import (
    Objective,
    Target,
    Workload,
    is_saturated,
    read_requests,
    serving,
    summarise,
    sweep,
)
from distilbench.load._generator import AIPERF, PYTHON_VARIABLE, generator_python
from distilbench.load._sweep import prompts
from distilbench.load._telemetry import EXPORT, read_telemetry
from distilbench.report import write_load_report
from tests.tiny_gguf import tiny_gguf

STUB = Path(__file__).parent / "data" / "stub_generator"
INSTALLED = cache_folder() / AIPERF.replace("==", "-") / "installed"
needs_aiperf = pytest.mark.skipif(
    not (os.environ.get(PYTHON_VARIABLE) or INSTALLED.exists()),
    reason="AIPerf (1.2 GB) is not installed: run 'distilbench load MODEL' once",
)
RECORDED = Path(__file__).parent / "data" / "aiperf_requests.jsonl"
KEY = "sk-planted-load-key-0123456789"


def requests(rows: list[dict[str, Any]]) -> pl.DataFrame:
    usual = {"ok": True, "input_tokens": 10, "output_tokens": 20, "inter_token_s": 0.01}
    return pl.DataFrame([{**usual, **row} for row in rows])


def test_aiperf_records_are_read_as_aiperf_wrote_them() -> None:
    """The values of the first recorded request, as they stand in the file."""
    line = json.loads(RECORDED.read_text().splitlines()[0])
    first = read_requests(RECORDED).row(0, named=True)
    assert first["ok"] is True
    assert first["latency_s"] == line["metrics"]["request_latency"]["value"] / 1e3
    assert first["ttft_s"] == line["metrics"]["time_to_first_token"]["value"] / 1e3
    assert first["output_tokens"] == line["metrics"]["usage_completion_tokens"]["value"]
    passed = first["ended_s"] - first["begun_s"]
    assert passed == pytest.approx(first["latency_s"], abs=0.02)


def test_failed_and_cancelled_requests_and_warm_up_are_told_apart(tmp_path: Path) -> None:
    line = json.loads(RECORDED.read_text().splitlines()[0])
    error = {**line, "metrics": {}, "error": {"type": "ServerDisconnectedError"}}
    cancelled = {**line, "metadata": {**line["metadata"], "was_cancelled": True}}
    warming = {**line, "metadata": {**line["metadata"], "benchmark_phase": "warmup"}}
    path = tmp_path / "requests.jsonl"
    path.write_text("\n".join(json.dumps(part) for part in (line, error, cancelled, warming)))
    assert read_requests(path)["ok"].to_list() == [True, False, False]


def test_rates_percentiles_and_goodput_by_hand() -> None:
    """Four requests in 10 s, one failed; two of three keep to the objective."""
    table = requests(
        [
            {"begun_s": 0.0, "ended_s": 2.0, "ttft_s": 0.5, "latency_s": 2.0},
            {"begun_s": 1.0, "ended_s": 5.0, "ttft_s": 0.7, "latency_s": 4.0},
            {"begun_s": 2.0, "ended_s": 10.0, "ttft_s": 2.0, "latency_s": 8.0},
            {"begun_s": 3.0, "ended_s": 4.0, "ttft_s": None, "latency_s": None, "ok": False},
        ]
    )
    figures = summarise(table, Objective(ttft_s=1.0))
    assert (figures["requests"], figures["failed"]) == (4, 1)
    assert figures["requests_per_s"] == pytest.approx(0.3)
    assert figures["output_tokens_per_s"] == pytest.approx(6.0)
    assert figures["goodput_requests_per_s"] == pytest.approx(0.2)
    assert figures["latency_p50_s"] == 4.0
    assert figures["ttft_p99_s"] == pytest.approx(0.7 + 0.98 * 1.3)
    strict = summarise(table, Objective(ttft_s=1.0, latency_s=3.0))
    assert strict["goodput_requests_per_s"] == pytest.approx(0.1)


def steady(wait_s: Sequence[float], tokens: Sequence[int]) -> pl.DataFrame:
    """One user's requests, one behind the other."""
    ends = list(accumulate(wait_s))
    return requests(
        [
            {"begun_s": end - took, "ended_s": end, "ttft_s": took / 2, "latency_s": took,
             "output_tokens": n}
            for took, end, n in zip(wait_s, ends, tokens, strict=True)
        ]
    )  # fmt: skip


def test_intervals_of_rates_and_percentiles_by_hand() -> None:
    """Ten requests of 1 s: stretches of a second with 10 or 30 tokens, five each."""
    figures = summarise(steady([1.0] * 10, [10, 30] * 5), Objective())
    assert figures["output_tokens_per_s"] == pytest.approx(20)
    distance = 2.262157 * (1000 / 9) ** 0.5 / 10**0.5  # Student's t, 9 degrees of freedom
    low, high = (figures[f"output_tokens_per_s_{end}"] for end in ("low", "high"))
    assert (low, high) == pytest.approx((20 - distance, 20 + distance))
    assert figures["requests_per_s_low"] == pytest.approx(1)
    assert figures["goodput_requests_per_s_high"] == pytest.approx(1)
    # Of ten values the median lies between the second and the ninth (the sign test); the 99th
    # percentile is below the ninth in 0.4% (8 or fewer of 10 below it); nothing bounds it above.
    some = summarise(steady([1.0 + n / 100 for n in range(10)], [10] * 10), Objective())
    assert (some["latency_p50_s_low"], some["latency_p50_s_high"]) == pytest.approx((1.01, 1.08))
    assert (some["latency_p99_s_low"], some["latency_p99_s_high"]) == (pytest.approx(1.08), None)
    assert [some[f"inter_token_p50_s_{end}"] for end in ("low", "high")] == [0.01, 0.01]


def test_few_requests_have_no_interval_of_a_rate() -> None:
    four = summarise(steady([1.0] * 4, [10] * 4), Objective())
    assert four["output_tokens_per_s"] == pytest.approx(10)
    assert four["output_tokens_per_s_low"] is None
    one_long = summarise(steady([9.0, *[1.0] * 10], [10] * 11), Objective())
    assert one_long["requests_per_s_high"] is None  # as long as half of it all
    failed = steady([1.0] * 10, [10] * 10).with_columns(ok=pl.lit(value=False))
    none = summarise(failed, Objective(ttft_s=1.0))
    assert (none["requests_per_s"], none["requests_per_s_low"]) == (0, None)


@pytest.mark.long
def test_intervals_of_rates_cover() -> None:
    """Four users of a server whose requests take log-normal times: 93% and more of the intervals
    hold the rate of a long run."""
    chance = np.random.default_rng(7)
    spread, hit = 0.5, 0
    expected = 4 * 20 / np.exp(spread**2 / 2)
    for _ in range(400):
        users = []
        for _user in range(4):
            took = chance.lognormal(0, spread, 50)
            ends = np.cumsum(took)
            users += [
                {"begun_s": e - t, "ended_s": e, "ttft_s": t, "latency_s": t}
                for t, e in zip(took, ends, strict=True) if e < 40
            ]  # fmt: skip
        figures = summarise(requests(users), Objective())
        low, high = (figures[f"output_tokens_per_s_{end}"] for end in ("low", "high"))
        hit += low <= expected <= high
    assert hit / 400 > 0.9


def level(concurrency: int, rate: float, failed: int = 0) -> dict[str, Any]:
    figures = {"output_tokens_per_s": rate, "requests": 10, "failed": failed}
    return {"concurrency": concurrency, **figures}


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([level(1, 10)], False),
        ([level(1, 10), level(2, 18)], False),
        ([level(1, 10), level(2, 10.4)], True),
        ([level(1, 10), level(2, 18), level(4, 12)], True),
        ([level(1, 10), level(2, 30, failed=6)], True),
        ([level(1, 0, failed=10)], True),
        ([level(8, 18), level(4, 10)], False),
        ([level(8, 10.4), level(4, 10)], True),
        ([level(8, 18), level(9, 18)], False),
        ([level(4, 10), level(8, 18), level(9, 18)], False),
        ([level(4, 10), level(8, 10), level(9, 10.2)], True),
    ],
)
def test_saturation_is_growth_under_a_twentieth_at_twice_the_users_or_failure(
    levels: list[dict[str, Any]], expected: bool
) -> None:
    assert is_saturated(levels) is expected


def test_prompts_repeat_with_their_seed_and_share_no_beginning() -> None:
    drawn = prompts(8, 30, seed=1)
    assert drawn == prompts(8, 30, seed=1)
    assert {len(prompt.split()) for prompt in drawn} == {30}
    assert len({tuple(prompt.split()[:4]) for prompt in drawn}) == 8


class Refusing(BaseHTTPRequestHandler):
    """A server that fails every request."""

    def do_POST(self) -> None:
        self.send_error(500, "broken")

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@pytest.fixture
def refusing() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.mark.model
def test_the_command_sweeps_the_embedded_engine(tmp_path: Path) -> None:
    """As a user would, with a stand-in for AIPerf that sends real requests."""
    stubbed = {
        PYTHON_VARIABLE: sys.executable,
        "PYTHONPATH": os.pathsep.join([str(STUB), *sys.path]),
    }
    command = (
        "load pypi:smollm2-135m-instruct --concurrency 1,2 --prompt-tokens 24 --output-tokens 8"
        " --requests 4 --ttft-s 60 --latency-s 0.000001 --gpu-telemetry pynvml --out swept --json"
    )
    done = subprocess.run(
        [sys.executable, "-m", "distilbench", *command.split()],
        capture_output=True, text=True, check=False, cwd=tmp_path, env={**os.environ, **stubbed},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [level["concurrency"] for level in told["levels"]] == [1, 2]
    for level in told["levels"]:
        assert level["requests"] == 5 * level["concurrency"]
        assert level["failed"] == 0
        assert level["output_tokens"] == 8
        assert 0 < level["ttft_p50_s"] < level["latency_p50_s"] <= level["latency_p99_s"]
        assert level["requests_per_s"] > level["goodput_requests_per_s"] == 0
        assert (level["gpus"], level["gpu_energy_j"], level["gpu_power_w"]) == (1, 16_500, 348.5)
        assert (level["gpu_utilization"], level["gpu_memory_bytes"]) == (0.45, 92.5e9)
    assert "time of a whole request ≤ 1e-06 s" in (tmp_path / told["report"]).read_text()
    assert pl.read_parquet(tmp_path / "swept" / "load.parquet").to_dicts() == told["levels"]


def test_telemetry_of_several_gpus_is_summed_and_of_none_is_null(tmp_path: Path) -> None:
    def gpu(name: str, joules: Any, watts: float) -> dict[str, Any]:
        metrics = {"nvidia_energy_consumption": joules, "nvidia_power_usage": {"avg": watts}}
        metrics["nvidia_power_usage"]["unit"] = "W"
        return {"gpu_uuid": name, "metrics": metrics}

    def told(*gpus: dict[str, Any]) -> dict[str, Any]:
        endpoints = {f"e{n}": {"gpus": {"gpu_0": one}} for n, one in enumerate(gpus)}
        export = {"telemetry_data": {"endpoints": endpoints}}
        (tmp_path / EXPORT).write_text(json.dumps(export))
        return read_telemetry(tmp_path)

    counter = {"avg": 0.5, "unit": "MJ"}
    gauge = {"avg": 7.0, "min": 6.0, "max": 8.0, "unit": "MJ"}  # as early versions had it
    both = told(gpu("a", counter, 100.0), gpu("b", gauge, 50.0))
    assert (both["gpus"], both["gpu_energy_j"], both["gpu_power_w"]) == (2, 2.5e6, 150.0)
    assert both["gpu_memory_bytes"] is None
    assert told(gpu("a", counter, 100.0), gpu("a", counter, 100.0))["gpus"] == 1
    partly = told(gpu("a", counter, 100.0), gpu("b", {"avg": 1.0, "unit": "hogsheads"}, 50.0))
    assert (partly["gpu_energy_j"], partly["gpu_power_w"]) == (None, 150.0)
    for text in ("{}", "[]", "not JSON", '{"telemetry_data": null}'):
        (tmp_path / EXPORT).write_text(text)
        assert set(read_telemetry(tmp_path).values()) == {None}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["metrics.csv"], "is 'metrics.csv'; give pynvml, amdsmi"),
        (["dashboard"], "is 'dashboard'"),
        (["pynvml", "host:9400"], "pynvml or amdsmi alone"),
        ([f"http://user:{KEY}@host:9400"], "holds"),
    ],
)
def test_telemetry_that_is_none_is_refused(asked: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        Workload(gpu_telemetry=tuple(asked))
    assert KEY not in str(caught.value)


def test_an_environment_that_cannot_be_made_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(PYTHON_VARIABLE, raising=False)
    monkeypatch.setenv("DISTILBENCH_CACHE", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(InputError, match=rf"{AIPERF}.*could not be installed.*{PYTHON_VARIABLE}"):
        generator_python()


def generator(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """A stand-in for AIPerf that runs ``body`` with ``out``, its folder of results, at hand."""
    (folder / "aiperf").mkdir(parents=True)
    (folder / "aiperf" / "__init__.py").touch()
    (folder / "aiperf" / "cli.py").write_text(
        "import pathlib, sys\n"
        "def app():\n"
        "    out = pathlib.Path(sys.argv[sys.argv.index('--artifact-dir') + 1])\n" + body
    )
    monkeypatch.setenv(PYTHON_VARIABLE, sys.executable)
    monkeypatch.setenv("PYTHONPATH", str(folder))


FAILS = "    sys.exit(f'no tokenizer, says {sys.argv[-1]}')\n"
CUT_SHORT = "    (out / 'profile_export.jsonl').write_text('{{\"metadata\":')\n" + FAILS
ANSWERS = (
    f"    lines = pathlib.Path({str(RECORDED)!r}).read_text() * 50\n"
    "    (out / 'profile_export.jsonl').write_text(lines)\n"
)


@pytest.mark.parametrize("body", [FAILS, CUT_SHORT])
def test_a_generator_that_fails_is_one_sentence_and_no_old_result_is_shown_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    generator(tmp_path / "fails", monkeypatch, body)
    old = tmp_path / "out" / "concurrency-1" / "profile_export.jsonl"
    old.parent.mkdir(parents=True)
    old.write_bytes(RECORDED.read_bytes())
    target = Target("http://127.0.0.1:1", "m", KEY)
    with pytest.raises(InputError, match=r"exit code 1 .*no tokenizer.*aiperf\.log") as caught:
        sweep(target, Workload(), Objective(), tmp_path / "out", [1])
    assert KEY not in str(caught.value)
    assert not (tmp_path / "out" / "load.json").exists()


def test_a_level_of_which_every_request_was_sent_counts_whatever_the_generator_ends_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator(tmp_path / "ends", monkeypatch, ANSWERS + FAILS)
    table = sweep(Target("http://x", "m"), Workload(), Objective(), tmp_path / "out", [1])
    assert table["requests"].to_list() == [50 * read_requests(RECORDED).height]


def test_a_key_that_begins_with_a_dash_is_no_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusing: str
) -> None:
    """One in 64 keys of the embedded engine does."""
    monkeypatch.setenv(PYTHON_VARIABLE, sys.executable)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(STUB), *sys.path]))
    with pytest.raises(InputError, match="answered no request"):
        sweep(Target(refusing, "m", f"-{KEY}"), Workload(), Objective(), tmp_path, [1])


def test_no_sweep_sends_prompts_of_an_earlier_one_and_its_seed_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server's prefix cache would answer for the model."""
    generator(tmp_path / "answers", monkeypatch, ANSWERS)
    work = Workload(prompt_tokens=13)
    sent: list[str] = []
    for name in ("one", "two"):
        out = tmp_path / name
        table = sweep(Target("http://x", "m"), work, Objective(), out, [2, 1, 2])
        assert table["concurrency"].to_list() == [1, 2]
        seed = json.loads((out / "load.json").read_text())["seed"]
        for users in (1, 2):
            lines = (out / f"concurrency-{users}" / "prompts.jsonl").read_text().splitlines()
            texts = [json.loads(line)["text"] for line in lines]
            assert texts == prompts(20 + users, 10, seed + users)
            sent += texts
    assert len(set(sent)) == len(sent) == 2 * (21 + 22)


@pytest.mark.parametrize(
    "url",
    [
        f"http://user:{KEY}@127.0.0.1:1", f"HTTPS://{KEY}@host/v1", f"http://host?token={KEY}",
        f"http://host/{KEY}/v1", f"http://host:{KEY}", f"http://me:{KEY}@[::1",
    ],
)  # fmt: skip
def test_a_url_with_a_secret_is_refused_and_written_nowhere(tmp_path: Path, url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "distilbench", "load", url, "--model", "m"],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("error: the URL of the server")
    assert done.stderr.count("\n") == 1
    assert KEY not in done.stderr + done.stdout
    assert not list(tmp_path.iterdir())


def test_a_generator_that_is_not_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PYTHON_VARIABLE, "/nope")
    with pytest.raises(InputError, match=f"{PYTHON_VARIABLE}=/nope.*Python that has AIPerf"):
        generator_python()


@needs_aiperf
@pytest.mark.model
def test_a_sweep_of_the_embedded_engine(tmp_path: Path) -> None:
    """The real generator; its own summary and ours of the same requests must agree."""
    work = Workload(prompt_tokens=24, output_tokens=8, requests=4)
    with serving("pypi:smollm2-135m-instruct", EngineSettings(spin_count=500), 2, work) as target:
        table = sweep(target, work, Objective(ttft_s=60), tmp_path, concurrencies=[1, 2])
        secret = target.key
    assert table["concurrency"].to_list() == [1, 2]
    assert table["failed"].to_list() == [0, 0]
    assert table["requests"].to_list() == [5, 10]
    assert table["output_tokens"].to_list() == [8.0, 8.0]
    assert (table["goodput_requests_per_s"] == table["requests_per_s"]).all()
    for row in table.iter_rows(named=True):
        folder = tmp_path / f"concurrency-{row['concurrency']}"
        theirs = json.loads((folder / "profile_export_aiperf.json").read_text())
        assert row["latency_p50_s"] == pytest.approx(theirs["request_latency"]["p50"] / 1e3)
        assert row["ttft_p99_s"] == pytest.approx(theirs["time_to_first_token"]["p99"] / 1e3)
        rate = theirs["output_token_throughput"]["avg"]
        assert row["output_tokens_per_s"] == pytest.approx(rate, rel=0.1)
    facts = json.loads((tmp_path / "load.json").read_text())
    assert (facts["slots"], facts["spin_count"]) == (2, 500)
    page = write_load_report(tmp_path).read_text()
    assert "tokens a second" in page
    assert secret
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes(), path


@needs_aiperf
@pytest.mark.model
def test_a_server_that_answers_nothing_is_one_sentence_and_its_key_is_nowhere(
    tmp_path: Path, refusing: str
) -> None:
    work = Workload(prompt_tokens=8, output_tokens=4, requests=5)
    with pytest.raises(InputError, match="answered no request") as caught:
        sweep(Target(refusing, "m", KEY), work, Objective(), tmp_path, [1])
    assert KEY not in str(caught.value)
    failed = read_requests(tmp_path / "concurrency-1" / "profile_export.jsonl")
    assert failed["ok"].to_list() == [False] * 5
    assert (tmp_path / "concurrency-1" / "aiperf.log").stat().st_size > 0
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path


def test_a_model_that_does_not_load_is_one_sentence(tmp_path: Path) -> None:
    tiny_gguf(tmp_path / "broken.gguf", "alien")
    done = subprocess.run(
        [sys.executable, "-m", "distilbench", "load", "broken.gguf"],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("error: llama.cpp could not load broken.gguf")
    assert done.stderr.count("\n") == 1


def test_a_folder_without_a_sweep_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="distilbench load"):
        write_load_report(tmp_path)
