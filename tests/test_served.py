"""Models behind a server: a real one on loopback that fails as told; its latencies, its keys."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
import zipfile_zstd  # noqa: F401  .eval logs are zip files packed by zstd, which this teaches zipfile

from distilbench.catalog import load_catalog
from distilbench.errors import InputError
from distilbench.meter import inference_flops
from distilbench.runner import run_suite
from distilbench.suite import load_suite
from tests.loopback_server import FAULTS, RETRY_AFTER_S, SLOW_GAP_S, Server, serving

KEYS = {
    "FAULTY_API_KEY": "planted-faulty-5f2c9a71",
    "OPENAI_API_KEY": "sk-planted-openai-91b7c3d5e0",
    "ANTHROPIC_API_KEY": "sk-ant-planted-77aa88bb99cc",
    "HF_TOKEN": "hf_planted0123456789abcdef",
}
CARD = "qwen2.5-1.5b-instruct"  # what the server says it has
RETRIES = 2
QUESTIONS = 12
LATE_FAULTS = ("always failing", "refused with an echo of the key")


def suite_text(url: str, extra: str = "") -> str:
    return f"""
models: [{{source: inspect:openai-api/faulty/m, base_url: "{url}", card: {CARD}}}]
tasks: [{{file: sums.jsonl, extract: last_number, instruction: Add the two numbers.}}]
profiles: [{{slots: 4}}]
limits: {{retries: {RETRIES}, request_timeout_s: 60}}
{extra}
"""


def write_suite(folder: Path, url: str, numbers: range, extra: str = "") -> Path:
    rows = [{"question": f"What is {a} + 100?", "answer": str(a + 100)} for a in numbers]
    (folder / "sums.jsonl").write_text("\n".join(map(json.dumps, rows)))
    path = folder / "faults.yaml"
    path.write_text(suite_text(url, extra))
    return path


@dataclass
class Done:
    run_dir: Path
    samples: pl.DataFrame
    server: Server
    said: str

    def struck_by(self, fault: str) -> dict[str, object]:
        number = next(n for n, (name, _) in FAULTS.items() if name == fault)
        return self.samples.filter(pl.col("sample_id") == f"sums-{number}").row(0, named=True)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """One run by the command line, keys planted, every fault injected once."""
    folder = tmp_path_factory.mktemp("served")
    with serving() as server:
        suite = write_suite(folder, server.url, range(1, QUESTIONS + 1))
        ran = subprocess.run(
            [sys.executable, "-m", "distilbench", "run", str(suite), "--out", "runs"],
            cwd=folder,
            env={**os.environ, **KEYS},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert ran.returncode == 0, ran.stderr
    run_dir = folder / "runs" / "faults"
    samples = pl.read_parquet(run_dir / "samples.parquet")
    return Done(run_dir, samples, server, ran.stdout + ran.stderr)


def test_every_question_is_answered_right_or_ends_in_an_error(done: Done) -> None:
    assert done.samples.height == QUESTIONS
    failed = done.samples.filter(pl.col("outcome") == "error")
    assert set(failed["sample_id"]) == {done.struck_by(f)["sample_id"] for f in LATE_FAULTS}
    assert (failed["score"] == 0).all()
    answered = done.samples.filter(pl.col("outcome") == "stop")
    assert answered.height == QUESTIONS - len(LATE_FAULTS)
    assert (answered["answer"] == answered["target"]).all()
    assert (answered["score"] == 1).all()


def test_retries_are_bounded_and_counted(done: Done) -> None:
    for number in range(1, QUESTIONS + 1):
        fault = FAULTS.get(number, ("none", 0))[0]
        asked = done.server.requests[f"What is {number} + 100?"]
        expected = {
            "none": 1,
            "slow stream": 1,
            "answers with the key": 1,
            "refused with an echo of the key": 1,  # no use in asking again
            "always failing": 1 + RETRIES,
        }.get(fault, 2)
        assert asked == expected, fault
        sample = done.samples.filter(pl.col("sample_id") == f"sums-{number}").row(0, named=True)
        assert sample["retries"] == expected - 1, fault
    error = str(done.struck_by("always failing")["error"])
    assert "500" in error
    assert f"{1 + RETRIES} attempts" in error


def test_retry_after_is_honoured(done: Done) -> None:
    first, second = done.server.times["What is 1 + 100?"]
    assert second - first >= RETRY_AFTER_S


def test_latency_is_that_of_the_attempt_that_answered(done: Done) -> None:
    limited = done.struck_by("rate limit")
    assert limited["retry_s"] >= RETRY_AFTER_S
    retried = done.samples.filter((pl.col("retries") > 0) & (pl.col("outcome") == "stop"))
    assert retried.height == 5
    # A retry is at least half a second away.
    assert (retried["retry_s"] >= 0.5).all()
    parts_fit_in_the_whole(done.run_dir, retried)
    assert (done.samples.filter(retries=0, outcome="stop")["retry_s"] == 0).all()
    assert done.samples.filter(outcome="error")["total_s"].null_count() == len(LATE_FAULTS)


def parts_fit_in_the_whole(run_dir: Path, samples: pl.DataFrame) -> None:
    """A latency that held the failed attempts too would count their seconds twice."""
    from inspect_ai.log import read_eval_log

    logs = [read_eval_log(str(path)) for path in run_dir.glob("cells/*/logs/*.eval")]
    whole = {str(s.id): s.total_time or 0 for log in logs for s in log.samples or ()}
    for row in samples.to_dicts():
        assert 0 < row["total_s"] + row["retry_s"] <= whole[row["sample_id"]] + 0.02


def test_flops_follow_from_the_architecture_on_the_card(done: Done) -> None:
    stated = load_catalog().card(CARD).architecture
    assert stated
    for row in done.samples.filter(outcome="stop").iter_rows(named=True):
        expected = inference_flops(stated.shape, row["input_tokens"], row["output_tokens"])
        assert row["flops"] == expected.prefill + expected.decode > 0
    source = pl.read_parquet(done.run_dir / "cells.parquet")["flops_source"].item()
    assert source.startswith(f"card {CARD} (")
    assert source in (done.run_dir / "report" / "report.md").read_text("utf-8")


def test_a_card_that_is_not_there_is_told_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAULTY_API_KEY", "planted")
    path = write_suite(tmp_path, "http://127.0.0.1:1/v1", range(2))
    path.write_text(path.read_text().replace(CARD, "qwen2.5-1.5b-instruc"))
    with pytest.raises(InputError, match=rf"models\[0\]\.card.*{CARD}"):
        run_suite(path, tmp_path / "runs")


def test_streams_give_time_to_first_token_and_between_tokens(done: Done) -> None:
    assert all(done.server.streamed)
    answered = done.samples.filter(outcome="stop")
    measured = ("ttft_s", "decode_s", "total_s", "inter_token_s", "inter_token_p99_s")
    assert answered.select(measured).null_count().sum_horizontal().item() == 0
    assert (answered["ttft_s"] >= 0.1).all()
    assert (answered["ttft_s"] + answered["decode_s"] <= answered["total_s"]).all()
    slow = done.struck_by("slow stream")
    assert slow["total_s"] >= 0.1 + 11 * SLOW_GAP_S
    assert slow["inter_token_p99_s"] >= 0.9 * SLOW_GAP_S
    counted = answered.select("input_tokens", "cached_tokens", "output_tokens").row(0)
    assert counted == (20, 8, 11)
    clock = pl.read_parquet(done.run_dir / "cells.parquet")["clock"].item()
    assert "client's clock" in clock
    assert "first streamed event" in clock
    page = (done.run_dir / "report" / "report.md").read_text()
    table = page.partition("Latency over HTTP")[2].partition("\n\n## ")[0]
    lost = done.samples["retry_s"].sum()
    assert f"| {done.samples['retries'].sum()} | {lost:.1f} |" in table


def test_no_artefact_holds_a_key(done: Done) -> None:
    texts = dict(artefacts(done.run_dir)) | {"the command's words": done.said}
    assert any(name.endswith(".json") and ".eval" in name for name in texts)
    for name, text in texts.items():
        for variable, key in KEYS.items():
            assert key not in text, f"{variable} in {name}"
    # The server did send it, in errors and in an answer, so there was something to find.
    assert "[key removed]" in str(done.struck_by("always failing")["error"])
    assert "[key removed]" in str(done.struck_by("refused with an echo of the key")["error"])
    assert "[key removed]" in "".join(t for n, t in texts.items() if "sums-9" in n)


def artefacts(folder: Path) -> Iterator[tuple[str, str]]:
    """Name and text of every file, unpacked."""
    for path in folder.rglob("*"):
        if path.suffix == ".eval":
            with zipfile.ZipFile(path) as packed:
                for name in packed.namelist():
                    yield f"{path}/{name}", packed.read(name).decode("utf-8", "replace")
        elif path.suffix == ".parquet":
            yield str(path), pl.read_parquet(path).write_json()
        elif path.is_file():
            yield str(path), path.read_bytes().decode("utf-8", "replace")


def test_a_finished_run_asks_nothing_again(done: Done, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAULTY_API_KEY", "planted")
    suite = done.run_dir.parents[1] / "faults.yaml"
    again = run_suite(suite, done.run_dir.parent)  # the server is gone
    assert again.complete


def test_role_card_and_price_may_change_and_nothing_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAULTY_API_KEY", "planted")
    events: list[str] = []
    with serving() as server:
        suite = write_suite(tmp_path, server.url, range(20, 23))
        run_dir = run_suite(suite, tmp_path / "runs").run_dir
    before = pl.read_parquet(run_dir / "samples.parquet")
    other, price = "qwen2.5-7b-instruct", "{provider: Lab, date: 2025-01-01, input_usd_per_mtok: 3"
    said = f"card: {other}, role: distilled, price: {price}, output_usd_per_mtok: 4}}"
    suite.write_text(suite.read_text().replace(f"card: {CARD}", said))
    run_suite(suite, run_dir.parent, lambda event: events.append(event.event))  # no server
    assert events == ["planned", "collected"]
    cell = pl.read_parquet(run_dir / "cells.parquet").row(0, named=True)
    assert (cell["role"], cell["card"], cell["input_usd_per_mtok"]) == ("distilled", other, 3)
    assert cell["flops_source"].startswith(f"card {other} (")
    after = pl.read_parquet(run_dir / "samples.parquet")
    assert (after["flops"] > 3 * before["flops"]).all()
    rest = [name for name in before.columns if "flops" not in name]
    assert after.select(rest).equals(before.select(rest))


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("base_url:", "api_key: abc, base_url:", "models[0].api_key"),
        ("base_url:", "args: {default_headers: {Authorization: x}}, base_url:", "Authorization"),
        ("http://", "http://me:password@", "models[0].base_url"),
        ("http://", "http://0123456789abcdefghij@", "models[0].base_url"),
        ("http://", "ftp://0123456789abcdefghij@", "models[0].base_url"),
        ("/v1", "/v1?token=0123456789abcdefghij", "'token'"),
        ("/v1", "/v1?a=1;X-Amz-Signature=0123456789abcdefghij", "'X-Amz-Signature'"),
        ("/v1", "/v1?%61uth=0123456789abcdefghij", "'auth'"),
        ("/v1", "/v1#sig=0123456789abcdefghij", "'sig'"),
        ("base_url:", 'args: {proxy: "http://me@host"}, base_url:', "models[0].args.proxy"),
        ("limits:", "# sk-proj-0123456789abcdefghij\nlimits:", "line 5"),
        ("limits:", "# planted-faulty-5f2c9a71\nlimits:", "line 5"),
    ],
)
def test_a_suite_with_a_key_is_refused_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, field: str
) -> None:
    monkeypatch.setenv("FAULTY_API_KEY", KEYS["FAULTY_API_KEY"])
    path = write_suite(tmp_path, "http://127.0.0.1:1/v1", range(1))
    assert load_suite(path).models[0].base_url
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        load_suite(path)
    assert field in str(caught.value)
    assert "keyring" in str(caught.value)
    assert KEYS["FAULTY_API_KEY"] not in str(caught.value)
    assert "0123456789abcdefghij" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://[::1", "http://host:0123456789abcdefghij", "http://"])
def test_a_base_url_that_is_none_is_refused_and_not_repeated(tmp_path: Path, url: str) -> None:
    path = write_suite(tmp_path, url, range(1))
    with pytest.raises(InputError, match=r"models\[0\]\.base_url.*http://host:port") as caught:
        load_suite(path)
    assert "0123456789abcdefghij" not in str(caught.value)


def test_a_base_url_may_have_parameters_that_are_no_secret(tmp_path: Path) -> None:
    url = "https://[::1]:8080/@cf/v1?api-version=2024-02-01&max_tokens=5&design=a"
    assert load_suite(write_suite(tmp_path, url, range(1))).models[0].base_url == url


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("inspect:openai-api/faulty/m", "FAULTY_API_KEY"),
        ("inspect:no-such-provider/m", "no-such-provider"),
        ("inspect:mistral/m", "mistral"),
    ],
)
def test_a_provider_that_cannot_be_asked_is_told_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, said: str
) -> None:
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    path = write_suite(tmp_path, "http://127.0.0.1:1/v1", range(2))
    path.write_text(path.read_text().replace("inspect:openai-api/faulty/m", source))
    with pytest.raises(InputError, match=r"models\[0\]\.source") as caught:
        run_suite(path, tmp_path / "runs")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


KEYRING = """
from keyring.backend import KeyringBackend

class Planted(KeyringBackend):
    priority = 1

    def get_password(self, service, username):
        asked = (service, username) == ("distilbench", "FAULTY_API_KEY")
        return "planted-in-keyring-42" if asked else None

    def set_password(self, service, username, password):
        raise NotImplementedError
"""


def test_a_key_is_taken_from_the_keyring(tmp_path: Path) -> None:
    (tmp_path / "planted_keyring.py").write_text(KEYRING)
    environment = {
        **os.environ,
        "PYTHON_KEYRING_BACKEND": "planted_keyring.Planted",
        "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path]),
    }
    with serving() as server:
        suite = write_suite(tmp_path, server.url, range(8, 11))
        ran = subprocess.run(
            [sys.executable, "-m", "distilbench", "run", str(suite), "--out", "runs"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert ran.returncode == 0, ran.stderr
    assert server.requests.total() == 3
    assert server.keys == {"Bearer planted-in-keyring-42"}
    texts = dict(artefacts(tmp_path / "runs")) | {"words": ran.stdout + ran.stderr}
    assert not [name for name, text in texts.items() if "planted-in-keyring-42" in text]
